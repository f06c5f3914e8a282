# pyright: standard
"""Runs of the tenant-month assets: one partition or a rectangle, what is shown of each cell, and what is refused."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.tenants.glue import EVENTS, MONTH_NUMBERS, PROFILES, SUMMARY
from platform_assets.tenants.tenant import MonthStatus
from tests.glue.tenants_rig import Rig, cells_of, range_tags
from tests.glue.tenants_shops import EMPTY_MONTH, MONTHS, write_shops

ONE, TWO = "tenant-0001", "tenant-0002"
FIRST, LAST = f"{MONTHS[0]}|{ONE}", f"{MONTHS[-1]}|{TWO}"
CELLS = [*cells_of(ONE), *cells_of(TWO)]
FAILING = f"{MONTHS[1]}|{ONE}"


@pytest.fixture
def rig(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig.opened(tmp_path, write_shops(tmp_path_factory.getbasetemp())) as rig:
        rig.add_existing(ONE, TWO)
        yield rig


def break_one(rig: Rig) -> None:
    rig.watch.failing[ONE, MONTHS[1]] = PermanentError("the disk is on fire", kind="fire")


def test_one_run_materializes_every_cell_in_all_three_assets_with_its_numbers(rig: Rig):
    run = rig.run_range(FIRST, LAST)
    assert run.success
    assert set(rig.shown(CELLS).values()) == {"MATERIALIZED"}
    for key, names in MONTH_NUMBERS.items():
        found = run.finished(key)
        assert sorted(found) == sorted(CELLS), key
        numbers = set(names) - {"watermark", "revenue", "unchanged"}
        for cell, metadata in found.items():
            assert all(isinstance(metadata[name], int) for name in numbers), (key, cell, metadata)
    for cell, metadata in run.finished(EVENTS).items():
        month, tenant_id = cell.split("|")
        truth = rig.shops.truth.tenants[tenant_id].months[month]
        assert metadata["processed_records"] == truth.good, cell
        assert (metadata["failed_records"], metadata["duplicates"]) == (truth.bad, truth.duplicates)
        assert run.finished(SUMMARY)[cell]["revenue"] == float(truth.revenue)
    for metadata in run.finished(PROFILES).values():
        assert metadata["new_customers"] + metadata["returning_customers"] == metadata["customers"]


def test_of_a_range_exactly_the_failing_cell_shows_as_failed_and_the_run_lists_it(rig: Rig):
    break_one(rig)
    run = rig.run_range(FIRST, LAST)
    assert run.run.is_failure
    shown = rig.shown(CELLS)
    assert shown.pop(FAILING) == "FAILED"
    assert set(shown.values()) == {"MATERIALIZED"}
    text, metadata = run.failure
    assert text.startswith("7 of 8 tenant-months are complete, 1 failed")
    assert f"{FAILING} (fire): the disk is on fire" in text
    assert metadata["failed_cells"] == [FAILING]
    assert (metadata["units"], metadata["units_done"], metadata["units_failed"]) == (8, 7, 1)
    assert rig.states()[FAILING] is MonthStatus.FAILED


def test_a_reexecution_reads_only_what_its_run_did_not_complete(rig: Rig):
    break_one(rig)
    failed = rig.run_range(FIRST, LAST)
    rig.watch.failing.clear()
    rig.watch.reads.clear()
    again = rig.run_range(FIRST, LAST, repeats=failed)
    assert again.success
    assert dict(rig.watch.reads) == {(ONE, MONTHS[1]): 1}
    assert set(rig.shown(CELLS).values()) == {"MATERIALIZED"}


def test_a_cell_that_a_reexecution_skips_keeps_its_numbers(rig: Rig):
    break_one(rig)
    failed = rig.run_range(FIRST, LAST)
    again = rig.run_range(FIRST, LAST, repeats=failed)
    before, after = failed.finished(EVENTS), again.finished(EVENTS)
    assert after.keys() == before.keys()
    for name in ("processed_records", "failed_records"):
        assert {c: m[name] for c, m in after.items()} == {c: m[name] for c, m in before.items()}


def test_a_reexecution_of_a_reexecution_knows_what_both_have_done(rig: Rig):
    break_one(rig)
    rig.watch.failing[TWO, MONTHS[2]] = PermanentError("flooded", kind="flood")
    first = rig.run_range(FIRST, LAST)
    del rig.watch.failing[TWO, MONTHS[2]]
    second = rig.run_range(FIRST, LAST, repeats=first)
    third = rig.run_range(FIRST, LAST, repeats=second)
    rig.watch.failing.clear()
    rig.watch.reads.clear()
    assert [run.success for run in (second, third)] == [False, False]
    assert rig.run_range(FIRST, LAST, repeats=third).success
    assert dict(rig.watch.reads) == {(ONE, MONTHS[1]): 1}


def test_a_reexecution_of_a_run_that_succeeded_does_all_of_it_again(rig: Rig):
    done = rig.run_range(FIRST, f"{MONTHS[0]}|{TWO}")
    rig.watch.reads.clear()
    assert rig.run_range(FIRST, f"{MONTHS[0]}|{TWO}", repeats=done).success
    assert dict(rig.watch.reads) == {(ONE, MONTHS[0]): 1, (TWO, MONTHS[0]): 1}


def test_a_cell_without_events_is_materialized_with_no_rows(rig: Rig):
    cell = f"{EMPTY_MONTH}|{ONE}"
    run = rig.run_cell(cell)
    assert run.success
    assert run.finished(EVENTS)[cell]["processed_records"] == 0
    assert run.finished(PROFILES)[cell]["customers"] == 0
    assert rig.shown([cell]) == {cell: "MATERIALIZED"}
    assert rig.has_tables(ONE, EMPTY_MONTH)


@pytest.mark.parametrize(
    "tags",
    [
        {"dagster/partition": FIRST},
        {
            "dagster/partition": FIRST,
            "dagster/partition/month": MONTHS[0],
            "dagster/partition/tenant": ONE,
        },
    ],
    ids=["plain", "with both dimensions"],
)
def test_a_cell_is_named_by_one_tag_or_by_all_three(rig: Rig, tags: dict[str, str]):
    run = rig.run_job("tenant_months", tags)
    assert run.success
    assert list(run.finished()) == [FIRST]
    assert rig.shown([FIRST]) == {FIRST: "MATERIALIZED"}


@pytest.mark.parametrize("key", [FIRST, dg.MultiPartitionKey({"month": MONTHS[0], "tenant": ONE})])
def test_a_partition_key_may_be_a_text_or_a_multi_partition_key(rig: Rig, key: str):
    job = rig.definitions.resolve_job_def("tenant_months")
    result = job.execute_in_process(partition_key=key, instance=rig.instance)
    assert result.success
    assert rig.shown([FIRST]) == {FIRST: "MATERIALIZED"}


def test_months_of_a_new_tenant_may_be_chosen_freely_by_a_person(rig: Rig):
    rig.add_new("newcomer", shop=ONE)
    chosen = cells_of("newcomer", MONTHS[1:3])
    assert rig.run_range(chosen[0], chosen[1]).success
    assert [c for c, s in rig.states("newcomer").items() if s is MonthStatus.COMPLETED] == chosen


# Refused.


def assert_nothing_was_done(rig: Rig) -> None:
    assert rig.watch.reads.total() == 0
    assert rig.states() == {}
    assert list(rig.services.objects.list("")) == []


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({}, "no partition was given: run it for `YYYY-MM|tenant`"),
        ({"dagster/partition": ONE}, f"partition '{ONE}' is no tenant-month"),
        ({"dagster/partition": f"2026-13|{ONE}"}, "'2026-13' is no month"),
        ({"dagster/partition": f"2026-3|{ONE}"}, "'2026-3' is no month"),
        ({"dagster/partition": f"{MONTHS[0]}|a/b"}, "'a/b' is no tenant id"),
        ({"dagster/partition": f"{MONTHS[0]}|"}, "is no tenant-month"),
        (
            {"dagster/partition": f"{MONTHS[0]}|nobody"},
            f"{MONTHS[0]}|nobody (unknown_tenant): there is no tenant 'nobody'",
        ),
        (
            {"dagster/partition": f"2026-07|{ONE}"},
            "(bad_month): 2026-07 is still to come: the current month is 2026-06",
        ),
        ({"dagster/partition": f"2999-01|{ONE}"}, "(bad_month): 2999-01 is still to come"),
    ],
    ids=lambda value: "|".join(value.values()) if isinstance(value, dict) else "",
)
def test_what_is_no_cell_is_refused_before_anything_is_done(
    rig: Rig, tags: dict[str, str], words: str
):
    run = rig.run_job("tenant_months", tags)
    assert run.run.is_failure
    assert words in run.failure[0]
    assert_nothing_was_done(rig)


def test_a_disabled_tenant_is_refused_and_the_others_of_the_range_are_done(rig: Rig):
    rig.services.tenants.deactivate(ONE, "left us")
    run = rig.run_range(FIRST, f"{MONTHS[0]}|{TWO}")
    assert f"{FIRST} (tenant_disabled): tenant {ONE} is not active (left us)" in run.failure[0]
    assert dict(rig.watch.reads) == {(TWO, MONTHS[0]): 1}
    assert rig.states() == {f"{MONTHS[0]}|{TWO}": MonthStatus.COMPLETED}
    assert rig.shown([FIRST, f"{MONTHS[0]}|{TWO}"]) == {
        FIRST: "FAILED",
        f"{MONTHS[0]}|{TWO}": "MATERIALIZED",
    }


def test_a_range_of_a_tenant_that_dagster_does_not_know_is_refused_by_dagster(rig: Rig):
    with pytest.raises(dg.DagsterInvalidInvocationError, match="nobody"):
        rig.run_range(f"{MONTHS[0]}|nobody", f"{MONTHS[1]}|nobody")
    assert_nothing_was_done(rig)


# Customers.


def test_the_customers_of_a_tenant_are_built_from_its_months(rig: Rig):
    rig.run_range(FIRST, f"{MONTHS[-1]}|{ONE}")
    run = rig.run_job("tenant_customers", {"dagster/partition": ONE})
    assert run.success
    (metadata,) = run.finished(dg.AssetKey(["tenants", "customers"])).values()
    assert metadata["dagster/row_count"] > 0
    assert metadata["months"] == len(MONTHS)
    segments = [n for name, n in metadata.items() if name.startswith("segment ")]
    assert sum(segments) == metadata["dagster/row_count"]
    assert rig.services.tenants.get(ONE).customers_at == rig.clock.now()


@pytest.mark.parametrize(
    ("tenant_id", "words"),
    [
        ("nobody", "'nobody'"),
        ("a|b", "'a|b' is no tenant id"),
        (TWO, "has no processed month yet"),
    ],
)
def test_customers_that_cannot_be_built_are_refused_with_the_reason(
    rig: Rig, tenant_id: str, words: str
):
    run = rig.run_job("tenant_customers", {"dagster/partition": tenant_id})
    assert words in run.failure[0]
    assert_nothing_was_done(rig)


def test_range_tags_are_what_dagster_reads():
    assert range_tags("a", "b").keys() == {
        "dagster/asset_partition_range_start",
        "dagster/asset_partition_range_end",
    }
