import json
from itertools import pairwise
from pathlib import Path

import pytest

from platform_assets.core.errors import RefusedError
from sandbox.tenants.databases import Placement
from sandbox.tenants.generated import GeneratedTenants, Shape
from sandbox.tenants.months import list_months
from sandbox.tenants.oddities import OddKind
from sandbox.tenants.truth import Truth, read_truth
from sandbox.tenants.writing import write_tenants
from tests.unit.sandbox.tenants.recount import Row, figures, read_rows, recount

SHAPE = Shape(count=3, months=list_months("2025-02", 6), events_per_month=400, dirt=0.25, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tenants")
    truth = Truth("generated", SHAPE.seed)
    write_tenants(GeneratedTenants(SHAPE), truth, Placement(folder, None))
    truth.write(folder)
    return folder


@pytest.fixture(scope="module")
def truth(folder: Path) -> Truth:
    return read_truth(folder)


@pytest.mark.parametrize("tenant_id", ["tenant-0001", "tenant-0002", "tenant-0003"])
def test_the_truth_is_what_a_recount_of_the_table_finds(folder: Path, truth: Truth, tenant_id: str):
    rows = read_rows(folder / f"{tenant_id}.db")
    known = truth.tenant(tenant_id).months
    assert sum(month.rows for month in known.values()) == len(rows)
    months = list_months("2026-01", 24)
    for month, after in pairwise(months):
        if month in known:
            assert recount(rows, month, after) == figures(known[month]), month
        else:
            assert recount(rows, month, after)[:3] == (0, 0, 0), month


def is_kind(kind: OddKind, row: Row) -> bool:
    event_id, customer, at, event_type, _, quantity, amount, updated_at = row
    return {
        OddKind.NULL_ID: event_id is None,
        OddKind.BLANK_ID: event_id == "",
        OddKind.NO_SUCH_DAY: "-32 " in at,
        OddKind.UNPADDED_DATE: len(at) < 19,
        OddKind.NAN_AMOUNT: amount == "NaN",
        OddKind.WORD_QUANTITY: quantity == "some",
        OddKind.ANONYMOUS: customer is None,
        OddKind.CANCELLED: event_type == "cancellation" and amount < 0 and quantity < 0,
        OddKind.RESTATED: updated_at is not None,
    }[kind]


@pytest.mark.parametrize("kind", [kind for kind in OddKind if kind is not OddKind.COPIED])
def test_each_kind_of_oddity_is_in_the_table_as_often_as_the_truth_says(
    folder: Path, truth: Truth, kind: OddKind
):
    rows = read_rows(folder / "tenant-0001.db")
    # A restated event has one row or two of the kind; each counts once.
    found = {row[0] or n for n, row in enumerate(rows) if is_kind(kind, row)}
    said = sum(month.odd[kind] for month in truth.tenant("tenant-0001").months.values())
    assert len(found) == said > 0


def test_copies_are_in_the_table_as_often_as_the_truth_says(folder: Path, truth: Truth):
    rows = [row for row in read_rows(folder / "tenant-0001.db") if row[0]]
    copied = {row for row in rows if rows.count(row) > 1}
    said = sum(m.odd[OddKind.COPIED] for m in truth.tenant("tenant-0001").months.values())
    assert len(copied) == said > 0


def test_rows_are_the_sum_of_good_bad_and_duplicates_in_the_file(folder: Path):
    written = json.loads((folder / "truth.json").read_text())
    for tenant in written["tenants"].values():
        assert tenant["months"].keys() >= {*SHAPE.months}
        for month in tenant["months"].values():
            assert month["rows"] == month["good"] + month["bad"] + month["duplicates"]


def test_a_truth_that_was_written_is_read_back_as_it_was(
    folder: Path, truth: Truth, tmp_path: Path
):
    truth.write(tmp_path)
    assert (tmp_path / "truth.json").read_text() == (folder / "truth.json").read_text()
    assert read_truth(tmp_path) == truth


def test_a_folder_without_a_truth_is_refused(tmp_path: Path):
    with pytest.raises(RefusedError, match="write tenants there first"):
        read_truth(tmp_path)
