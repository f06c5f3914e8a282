# pyright: standard
"""Cycles over sources as people have them: times in every form, sources of which nothing can be read, secrets."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import NoReturn

import dagster as dg
import pytest

from platform_assets.tenants.glue import EVENTS, SUMMARY
from platform_assets.tenants.registration import plan_tenant
from platform_assets.tenants.tenant import MonthStatus, SourceSettings, TenantType
from tests.glue.tenants_rig import Rig
from tests.glue.tenants_shops import BROKEN, MONTHS, write_shops
from tests.real_data.conftest import find_data

OpenRig = Callable[..., AbstractContextManager[Rig]]
TABLE = "CREATE TABLE events (event_id TEXT, event_at, customer_id TEXT, amount NUMERIC);"


@pytest.fixture
def open_rig(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> OpenRig:
    home = tmp_path / "home"
    home.mkdir()
    return partial(Rig.opened, home, write_shops(tmp_path_factory.getbasetemp()))


@pytest.fixture
def rig(open_rig: OpenRig) -> Iterator[Rig]:
    with open_rig(tenants_first_month="2024-01") as rig:
        yield rig


def add_tenant(rig: Rig, path: Path, script: str, start: str = MONTHS[0]) -> str:
    """A NEW tenant whose events a script writes; its id is the file's name."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    register(rig, path.stem, f"sqlite:///{path}", start)
    return path.stem


def register(rig: Rig, tenant_id: str, url: str, start: str = MONTHS[0]) -> None:
    tenant, months = plan_tenant(
        tenant_id,
        "",
        TenantType.NEW,
        SourceSettings(url),
        now=rig.clock.now(),
        first_month=rig.services.settings.tenants_first_month,
        backfill_start=start,
    )
    rig.services.tenants.register(tenant, months)
    rig.instance.add_dynamic_partitions("tenants", [tenant_id])


def insert(*times: object, prefix: str = "e") -> str:
    rows = ", ".join(f"('{prefix}{n}', {at!r}, 'c{n}', 10)" for n, at in enumerate(times))
    return f"INSERT INTO events VALUES {rows};"


def counts(rig: Rig, tenant_id: str) -> dict[str, tuple[int, int]]:
    """Month -> good and bad events, of the months that have any."""
    return {
        month.month: (month.processed_records, month.failed_records)
        for month in rig.services.tenants.months(tenant_id)
        if month.processed_records or month.failed_records
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("seconds", {"2024-01": (2, 0), "2024-03": (1, 0)}),
        ("milliseconds", {"2024-01": (2, 0), "2024-03": (2, 0)}),
    ],
)
def test_times_that_sqlite_keeps_as_numbers_are_read_into_their_months(
    rig: Rig,
    tmp_path: Path,
    name: str,
    expected: dict[str, tuple[int, int]],
    give_up: Callable[[str], NoReturn],
):
    data = find_data()
    case = data and data.parent / "cases" / "03-sqlite-times-as-numbers" / f"{name}.sql"
    if case is None or not case.is_file():
        give_up("no shared/cases beside the repository")
    tenant_id = add_tenant(rig, tmp_path / f"{name}.db", case.read_text(), "2024-01")
    assert rig.run_cycle().success
    assert counts(rig, tenant_id) == expected
    assert rig.services.tenants.get(tenant_id).tenant_type is TenantType.EXISTING


def test_dots_slashes_and_korean_times_are_read_into_their_months(rig: Rig, tmp_path: Path):
    times = (
        "2026.03.31 23:59:59",
        "2026/04/01",
        "2026. 5. 5. 오후 3:20:11",
        "20260601",
        "2026-3-1",
    )
    tenant_id = add_tenant(rig, tmp_path / "written.db", TABLE + insert(*times))
    assert rig.run_cycle().success
    assert counts(rig, tenant_id) == {
        "2026-03": (2, 0),
        "2026-04": (1, 0),
        "2026-05": (1, 0),
        "2026-06": (1, 0),
    }


def test_a_source_of_which_no_time_can_be_read_fails_by_name_and_is_no_complete_history(
    rig: Rig, tmp_path: Path
):
    tenant_id = add_tenant(
        rig, tmp_path / "american.db", TABLE + insert("05/06/2026", "05/07/2026")
    )
    text, _ = rig.run_cycle().failure
    assert f"{MONTHS[0]}|{tenant_id} (source_times)" in text
    assert "column event_at" in text
    assert "'05/06/2026'" in text
    assert rig.services.tenants.get(tenant_id).tenant_type is TenantType.NEW
    assert rig.states(tenant_id)[f"{MONTHS[0]}|{tenant_id}"] is MonthStatus.FAILED


def results(rig: Rig) -> list[dg.AssetCheckEvaluation]:
    """Evaluations of the check, the newest first."""
    found = rig.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(EVENTS, "rows_kept"), limit=50
    )
    evaluations = []
    for record in found:
        assert record.event is not None
        assert record.event.dagster_event is not None
        evaluations.append(record.event.dagster_event.event_specific_data)
    return evaluations


def test_a_month_of_which_nothing_could_be_kept_fails_one_check_with_its_kinds_and_alerts(
    rig: Rig, tmp_path: Path
):
    bad = "".join(
        f"INSERT INTO events VALUES (NULL, '{month}-05', 'c', 10);"
        for month in MONTHS
        for _ in range(3)
    )
    tenant_id = add_tenant(rig, tmp_path / "nameless.db", TABLE + bad)
    rig.add_existing("tenant-0001")
    run = rig.run_cycle()
    assert run.success
    assert counts(rig, tenant_id) == dict.fromkeys(MONTHS, (0, 3))
    (result,) = results(rig)
    assert not result.passed
    cells = [f"{month}|{tenant_id}" for month in MONTHS]
    assert result.metadata["failing_cells"].value == cells
    assert result.metadata["kinds"].value == {cell: {"missing_event_id": 3} for cell in cells}
    alerts = rig.services.notes.find("alerts/")
    assert sorted(alerts["alerts/records_lost"]["told"]) == cells
    rig.services.decide_tenants(())
    finished = rig.services.notes.find("alerts/").get("alerts/backfill_finished", {"told": {}})
    assert tenant_id not in finished["told"], "a history of which nothing was kept is not complete"
    assert rig.services.tenants.get(tenant_id).active
    with closing(sqlite3.connect(tmp_path / "nameless.db")) as connection:
        connection.executescript("UPDATE events SET event_id = rowid")
    assert rig.run_cycle(cells, force=True).success
    assert results(rig)[0].passed
    assert rig.services.notes.find("alerts/")["alerts/records_lost"]["told"] == {}


def test_a_run_of_the_assets_records_the_check_too(rig: Rig):
    rig.add_existing("tenant-0001")
    assert rig.run_cell(f"{MONTHS[0]}|tenant-0001").success
    (result,) = results(rig)
    assert result.passed


def test_a_tenant_that_is_disabled_is_alerted_of_by_the_run_that_disables_it(rig: Rig):
    rig.add_existing(BROKEN)
    for failures in range(4):
        assert "alerts/tenant_disabled" not in rig.services.notes.find("alerts/"), failures
        rig.run_cycle([f"{MONTHS[-1]}|{BROKEN}"])
    assert list(rig.services.notes.find("alerts/")["alerts/tenant_disabled"]["told"]) == [BROKEN]


def test_what_dagster_shows_of_a_month_has_its_rows_its_object_and_a_watermark_in_words(rig: Rig):
    rig.add_existing("tenant-0001")
    cell = f"{MONTHS[-1]}|tenant-0001"
    run = rig.run_cycle([cell])
    shown = run.finished(EVENTS)[cell]
    assert shown["dagster/row_count"] == shown["processed_records"] > 0
    assert rig.services.objects.head(shown["object"]) is not None
    assert " rows, newest event 2026-06-" in run.finished(SUMMARY)[cell]["watermark"]
