# pyright: standard
"""Cycles: what is due, processed in one run over many tenants, and what follows for each of them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from platform_assets.core.engine.units import Attempt
from platform_assets.core.errors import PermanentError
from platform_assets.tenants.glue import CUSTOMERS, EVENTS
from platform_assets.tenants.outputs import customers_key
from platform_assets.tenants.state.rows import insert_months
from platform_assets.tenants.tenant import MonthStatus, TenantType
from platform_assets.tenants.transitions import claim, new_month
from tests.glue.tenants_rig import Rig, cells_of, cycle_config
from tests.glue.tenants_shops import BROKEN, MONTHS, write_shops

ONE, TWO, THREE = "tenant-0001", "tenant-0002", "tenant-0003"
NOW = MONTHS[-1]
COMPLETED, FAILED, PENDING = MonthStatus.COMPLETED, MonthStatus.FAILED, MonthStatus.PENDING

OpenRig = Callable[..., AbstractContextManager[Rig]]


@pytest.fixture
def open_rig(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> OpenRig:
    return partial(Rig.opened, tmp_path, write_shops(tmp_path_factory.getbasetemp()))


@pytest.fixture
def rig(open_rig: OpenRig) -> Iterator[Rig]:
    with open_rig() as rig:
        yield rig


def break_month(rig: Rig, shop: str, month: str = NOW) -> None:
    rig.watch.failing[shop, month] = PermanentError("the disk is on fire", kind="fire")


def test_a_cycle_without_cells_decides_what_is_due(rig: Rig):
    rig.add_existing(ONE, TWO)
    run = rig.run_cycle()
    assert run.success
    assert rig.states() == {f"{NOW}|{ONE}": COMPLETED, f"{NOW}|{TWO}": COMPLETED}
    assert set(rig.shown([f"{NOW}|{ONE}", f"{NOW}|{TWO}"]).values()) == {"MATERIALIZED"}
    assert f"yes {ONE} {NOW}: " in run.messages
    rig.watch.reads.clear()
    assert rig.run_cycle().success
    assert rig.watch.reads.total() == 0, "there are no new events"


def test_a_cycle_of_nothing_succeeds(rig: Rig):
    run = rig.run_cycle()
    assert run.success
    assert run.finished() == {}


def test_a_cycle_does_the_cells_that_it_is_given_and_no_others(rig: Rig):
    rig.add_existing(ONE, TWO)
    run = rig.run_cycle([f"{MONTHS[0]}|{TWO}"])
    assert run.success
    truth = rig.shops.truth.tenants[TWO].months[MONTHS[0]]
    metadata = run.finished(EVENTS)[f"{MONTHS[0]}|{TWO}"]
    assert metadata["processed_records"] == truth.good
    assert rig.states() == {f"{MONTHS[0]}|{TWO}": COMPLETED}


@pytest.mark.parametrize(("force", "reads"), [(False, 1), (True, 2)])
def test_a_month_whose_source_did_not_change_is_read_again_only_by_force(
    rig: Rig, force: bool, reads: int
):
    rig.add_existing(ONE)
    cell = f"{NOW}|{ONE}"
    first = rig.run_cycle([cell])
    again = rig.run_cycle([cell], force=force)
    assert again.success
    assert rig.watch.reads[ONE, NOW] == reads
    counted = [run.finished(EVENTS)[cell]["processed_records"] for run in (first, again)]
    assert counted[0] == counted[1] > 0


def test_a_failing_cell_of_a_cycle_shows_as_failed_until_it_is_done(rig: Rig):
    rig.add_existing(ONE, TWO)
    break_month(rig, ONE)
    cells = [f"{NOW}|{ONE}", f"{NOW}|{TWO}"]
    run = rig.run_cycle(cells)
    text, metadata = run.failure
    assert f"{NOW}|{ONE} (fire): the disk is on fire" in text
    assert metadata["failed_cells"] == cells[:1]
    assert rig.shown(cells) == {cells[0]: "FAILED", cells[1]: "MATERIALIZED"}
    rig.watch.failing.clear()
    assert rig.run_cycle(cells[:1]).success
    assert rig.shown(cells) == dict.fromkeys(cells, "MATERIALIZED")


def test_a_reexecuted_cycle_does_only_the_rest(rig: Rig):
    rig.add_existing(ONE, TWO)
    break_month(rig, ONE)
    cells = [f"{NOW}|{ONE}", f"{NOW}|{TWO}"]
    failed = rig.run_cycle(cells)
    rig.watch.failing.clear()
    rig.watch.reads.clear()
    assert rig.run_cycle(cells, repeats=failed).success
    assert dict(rig.watch.reads) == {(ONE, NOW): 1}


def test_a_retry_of_dagster_leaves_out_what_a_late_run_has_finished_all_the_same(rig: Rig):
    rig.add_existing(ONE, TWO)
    cells = [f"{NOW}|{ONE}", f"{NOW}|{TWO}"]
    late = rig.run_cycle(cells)
    assert late.success
    rig.watch.reads.clear()
    retry = {"dagster/retry_number": "1"}
    config = cycle_config(cells, force=True)
    assert rig.run_job("tenant_cycle", retry, config, repeats=late).success
    assert rig.watch.reads.total() == 0
    assert rig.run_cycle(cells, force=True, repeats=late).success, "a person wants it all again"
    assert rig.watch.reads.total() > 0


def test_a_cycle_that_leaves_months_to_a_silent_process_of_another_host_fails_and_names_them(
    rig: Rig,
):
    rig.add_existing(ONE, TWO)
    elsewhere = Attempt("elsewhere", "other-host|boot|namespace|1|1")
    with rig.services.state.write() as connection:
        month = claim(new_month(ONE, NOW, rig.clock.now()), elsewhere, "", rig.clock.now())
        insert_months(connection, [month])
    assert rig.run_cycle().success, "it has just been heard of"
    rig.clock.advance(2 * 60)
    text, metadata = (run := rig.run_cycle()).failure
    assert metadata["kind"] == "silent_months"
    assert f"{NOW}|{ONE} on other-host, last heard of at " in text
    assert rig.states()[f"{NOW}|{TWO}"] is COMPLETED
    rig.clock.advance(30 * 60)
    assert not run.success
    assert rig.run_cycle().success
    assert rig.states() == {f"{NOW}|{ONE}": COMPLETED, f"{NOW}|{TWO}": COMPLETED}


def test_a_reexecuted_cycle_that_decides_again_leaves_out_nothing_that_is_due(rig: Rig):
    rig.add_existing(ONE, TWO)
    break_month(rig, ONE)
    failed = rig.run_cycle()
    rig.watch.failing.clear()
    rig.watch.reads.clear()
    rig.services.tenants.update_source(
        TWO, rig.services.tenants.get(ONE).source
    )  # other events: due again
    rig.clock.advance(60)
    assert rig.run_cycle(repeats=failed).success
    assert dict(rig.watch.reads) == {(ONE, NOW): 2}


# A new tenant.


def test_the_months_of_a_new_tenant_are_done_in_order_and_at_the_end_it_is_existing(rig: Rig):
    rig.add_new("newcomer", shop=ONE)
    rig.add_existing(TWO)
    order: list[str] = []
    rig.watch.on_read = lambda shop, month: order.append(month) if shop == ONE else None
    run = rig.run_cycle()
    assert run.success
    assert order == list(MONTHS)
    assert rig.states("newcomer") == dict.fromkeys(cells_of("newcomer"), COMPLETED)
    tenant = rig.services.tenants.get("newcomer")
    assert (tenant.tenant_type, tenant.backfill_completed) == (TenantType.EXISTING, True)
    assert tenant.last_completed_month == NOW


def test_a_new_tenant_stops_at_the_month_that_fails_and_goes_on_from_there(rig: Rig):
    rig.add_new("newcomer", shop=ONE)
    break_month(rig, ONE, MONTHS[1])
    text, _ = rig.run_cycle().failure
    assert text.startswith("1 of 4 tenant-months are complete, 1 failed, 2 are left")
    assert list(rig.states("newcomer").values()) == [COMPLETED, FAILED, PENDING, PENDING]
    rig.watch.failing.clear()
    rig.watch.reads.clear()
    rig.clock.advance(60)
    assert rig.run_cycle().success
    assert dict(rig.watch.reads) == {(ONE, month): 1 for month in MONTHS[1:]}
    assert rig.services.tenants.get("newcomer").tenant_type is TenantType.EXISTING


# Customers.


def test_after_a_cycle_the_customers_of_its_tenants_are_new(rig: Rig):
    rig.add_existing(ONE, TWO)
    run = rig.run_cycle()
    found = run.finished(CUSTOMERS)
    assert sorted(found) == [ONE, TWO]
    for tenant_id, metadata in found.items():
        assert metadata["dagster/row_count"] > 0
        assert rig.services.objects.head(customers_key(tenant_id)) is not None
    assert rig.run_cycle().finished(CUSTOMERS) == {}, "no month of theirs is newer"


def test_a_failing_tenant_does_not_keep_others_from_their_customers(rig: Rig):
    rig.add_existing(ONE, TWO)
    break_month(rig, ONE)
    assert list(rig.run_cycle().finished(CUSTOMERS)) == [TWO]


def test_customers_that_cannot_be_built_keep_no_other_tenant_from_its_own(rig: Rig):
    rig.add_existing(ONE, TWO)
    rig.run_cycle()
    rig.clock.advance(60)
    for info in list(rig.services.objects.list(f"tenants/{ONE}/")):
        rig.services.objects.delete(info.key)
    first = rig.services.tenants.get(ONE).customers_at
    assert first is not None
    rig.services.tenants.mark_customers(ONE, first.replace(year=2020))
    rig.services.tenants.mark_customers(TWO, first.replace(year=2020))
    run = rig.run_job(
        "tenant_cycle",
        config={"ops": {"run_cycle": {"config": {"customers": [ONE, TWO]}}}},
    )
    assert list(run.finished(CUSTOMERS)) == [TWO]
    assert f"{ONE} has no processed month yet" in run.failure[0]


# Refused.


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (ONE, f"partition '{ONE}' is no tenant-month"),
        (f"2026-13|{ONE}", "'2026-13' is no month"),
        (f"{NOW}|a b", "'a b' is no tenant id"),
    ],
)
def test_a_cycle_with_a_malformed_cell_does_none_of_its_cells(rig: Rig, cell: str, words: str):
    rig.add_existing(ONE)
    run = rig.run_cycle([f"{NOW}|{ONE}", cell])
    assert words in run.failure[0]
    assert rig.watch.reads.total() == 0
    assert rig.states() == {}


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (f"{NOW}|nobody", "(unknown_tenant): there is no tenant 'nobody', or not any more"),
        (f"2026-07|{ONE}", "(bad_month): 2026-07 is still to come"),
        (f"{NOW}|{THREE}", "(tenant_disabled): tenant tenant-0003 is not active (left us)"),
        (f"{MONTHS[1]}|newcomer", "(month_order): months of tenant newcomer are processed in"),
    ],
)
def test_a_cell_that_nobody_may_do_is_refused_with_the_reason_and_the_others_are_done(
    rig: Rig, cell: str, words: str
):
    rig.add_existing(ONE, THREE)
    rig.add_new("newcomer", shop=TWO)
    rig.services.tenants.deactivate(THREE, "left us")
    run = rig.run_cycle([f"{NOW}|{ONE}", cell])
    assert f"{cell} {words}" in run.failure[0]
    assert dict(rig.watch.reads) == {(ONE, NOW): 1}
    assert rig.states().get(cell, PENDING) is PENDING


# One that always fails, among many.


def test_a_tenant_that_always_fails_is_tried_after_1_2_and_4_minutes_then_disabled_and_the_others_complete(
    rig: Rig,
):
    others = [f"shop-{number:02}" for number in range(49)]
    rig.add_existing(*others, shop=TWO)
    rig.add_existing(BROKEN)
    cell = f"{NOW}|{BROKEN}"

    first = rig.run_cycle()
    assert first.failure[1]["failed_cells"] == [cell]
    assert all(rig.states(*others).values())
    assert set(rig.states(*others).values()) == {COMPLETED}
    assert len(first.finished(CUSTOMERS)) == 49

    for minutes in (1, 2, 4):
        rig.clock.advance(minutes * 60 - 1)
        assert rig.services.decide_tenants(()).lanes == (), f"due before {minutes} minutes"
        rig.clock.advance(1)
        assert rig.services.tenants.get(BROKEN).active
        assert rig.run_cycle().failure[1]["failed_cells"] == [cell]

    tenant = rig.services.tenants.get(BROKEN)
    assert not tenant.active
    assert f"{NOW} failed 4 times, last: source_table_missing" in (tenant.disabled_reason or "")
    rig.clock.advance(86_400)
    lanes = rig.services.decide_tenants(()).lanes
    assert BROKEN not in {lane.tenant_id for lane in lanes}
    assert rig.shown([cell]) == {cell: "FAILED"}
    refused = rig.run_cycle([cell])
    assert "(tenant_disabled)" in refused.failure[0]


def test_a_disabled_tenant_that_is_activated_starts_anew(rig: Rig):
    rig.add_existing(BROKEN)
    for _ in range(4):
        rig.run_cycle([f"{NOW}|{BROKEN}"])
    assert not rig.services.tenants.get(BROKEN).active
    rig.services.tenants.activate(BROKEN)
    rig.services.tenants.update_source(BROKEN, rig_source(rig, ONE))
    assert rig.run_cycle().success
    assert rig.states(BROKEN) == {f"{NOW}|{BROKEN}": COMPLETED}


def rig_source(rig: Rig, shop: str) -> Any:
    rig.add_existing(shop)
    return rig.services.tenants.get(shop).source


def test_a_run_records_who_processed_a_month(rig: Rig):
    rig.add_existing(ONE)
    run = rig.run_cycle([f"{NOW}|{ONE}"])
    assert rig.services.tenant_months.get(ONE, NOW).run_id == run.run_id
    assert run.run.status is dg.DagsterRunStatus.SUCCESS
