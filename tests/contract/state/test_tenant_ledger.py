from datetime import timedelta

import pytest

from platform_assets.core.engine.units import UnitOutcome, UnitRecord, UnitState
from platform_assets.core.errors import PermanentError
from platform_assets.tenants.tenant import MonthStatus, TenantType, name_cell
from resources.state.database import StateDatabase
from resources.state.engines import create_state_engine
from resources.state.urls import parse_state_url
from tests.contract.state.tenant_values import (
    MONTHS,
    ONE,
    STALE,
    TWO,
    World,
    cells_of,
    claim,
    count_statements,
    done,
    failed,
    given_back,
    make_tenant,
    record,
    states,
)
from tests.fakes.clock import START, FakeClock

RUNNING = UnitState.RUNNING
SEPTEMBER, OCTOBER, NOVEMBER = cells_of("acme")


@pytest.fixture
def world(database: StateDatabase) -> World:
    return World(database)


def complete(world: World, *cells: str) -> None:
    for cell in cells:
        ledger = world.run(cell)
        assert states(claim(ledger, cell)) == {cell: RUNNING}
        assert record(ledger, done(cell)) == set()


def test_the_cells_of_a_run_are_its_units(world: World):
    world.add_existing()
    complete(world, SEPTEMBER)
    ledger = world.run(OCTOBER, SEPTEMBER, NOVEMBER, SEPTEMBER, skip=[NOVEMBER])
    units = ledger.read_units(ledger.plan)
    assert [(r.unit.unit_id, r.state, r.detail) for r in units] == [
        (OCTOBER, UnitState.PENDING, None),
        (SEPTEMBER, UnitState.PENDING, None),
        (NOVEMBER, UnitState.DONE, {}),
    ]
    assert units[0].unit.payload == {"tenant": "acme", "month": "2026-10"}
    assert (ledger.plan.scope.pipeline, ledger.plan.scope.partition) == ("tenants/months", "run-1")


def test_what_is_no_cell_is_refused_at_once(world: World):
    with pytest.raises(PermanentError) as caught:
        world.run(SEPTEMBER, "2026-09")
    assert caught.value.kind == "bad_partition"


def test_a_claimed_month_is_running_under_its_attempt(world: World, clock: FakeClock):
    world.add_existing()
    clock.advance(5)
    ledger = world.run(SEPTEMBER, run_id="run-7")
    assert claim(ledger, SEPTEMBER) == [
        UnitRecord(ledger.read_units(ledger.plan)[0].unit, RUNNING, attempts=1)
    ]
    month = world.month(SEPTEMBER)
    assert month.status is MonthStatus.RUNNING
    assert (month.attempt_id, month.owner, month.run_id) == (ONE.attempt_id, ONE.owner, "run-7")
    assert month.started_at == month.heartbeat_at == month.created_at == clock.now()


def test_cells_are_granted_in_the_order_asked_for_until_the_limit_is_reached(world: World):
    world.add_existing("acme")
    world.add_existing("zeta")
    other = world.run("2026-10|zeta", limit=3)
    claim(other, "2026-10|zeta", by=TWO)
    ledger = world.run(NOVEMBER, SEPTEMBER, OCTOBER, limit=3)
    assert list(states(claim(ledger, NOVEMBER, SEPTEMBER, OCTOBER))) == [NOVEMBER, SEPTEMBER]
    assert claim(ledger, OCTOBER) == []
    record(ledger, done(SEPTEMBER))
    assert list(states(claim(ledger, OCTOBER))) == [OCTOBER]
    assert world.months.count_by_status()[MonthStatus.RUNNING] == 3


def test_a_month_that_another_run_works_on_is_left_out(world: World, clock: FakeClock):
    world.add_existing()
    claim(world.run(SEPTEMBER), SEPTEMBER)
    clock.advance(STALE - 1)
    other = world.run(SEPTEMBER, OCTOBER, run_id="run-2")
    assert states(claim(other, SEPTEMBER, OCTOBER, by=TWO)) == {OCTOBER: RUNNING}
    assert world.month(SEPTEMBER).attempt_id == ONE.attempt_id


def test_a_heartbeat_keeps_what_the_attempt_works_on(world: World, clock: FakeClock):
    world.add_existing()
    ledger = world.run(SEPTEMBER, OCTOBER, NOVEMBER)
    claim(ledger, SEPTEMBER, OCTOBER)
    claim(ledger, NOVEMBER, by=TWO)
    record(ledger, done(OCTOBER))
    clock.advance(STALE - 1)
    assert ledger.renew(ledger.plan, ONE, 60) == {SEPTEMBER}
    assert world.month(SEPTEMBER).heartbeat_at == clock.now()
    assert world.month(NOVEMBER).heartbeat_at == START
    clock.advance(1)
    assert states(claim(ledger, SEPTEMBER, NOVEMBER, by=TWO)) == {NOVEMBER: RUNNING}


@pytest.mark.parametrize("reason", ["stale", "dead"])
def test_a_month_that_nobody_works_on_is_taken_over_and_did_not_fail(
    world: World, clock: FakeClock, reason: str
):
    world.add_existing()
    ledger = world.run(SEPTEMBER)
    claim(ledger, SEPTEMBER)
    if reason == "stale":
        clock.advance(STALE)
    else:
        world.dead.add(ONE.owner)
    other = world.run(SEPTEMBER, run_id="run-2", limit=1)
    (taken,) = claim(other, SEPTEMBER, by=TWO)
    assert (taken.state, taken.attempts) == (RUNNING, 1)
    month = world.month(SEPTEMBER)
    assert (month.retry_count, month.deaths, month.attempt_id) == (0, 1, TWO.attempt_id)
    assert month.error_message is not None
    assert month.error_message.startswith(f"{reason}: ")
    before = world.tenants.read_all()
    assert ledger.renew(ledger.plan, ONE, 60) == set()
    assert ledger.save_checkpoints(ledger.plan, ONE, {SEPTEMBER: {"a": 1}}) == {SEPTEMBER}
    assert record(ledger, done(SEPTEMBER)) == {SEPTEMBER}
    assert record(ledger, given_back(SEPTEMBER)) == {SEPTEMBER}
    assert world.tenants.read_all() == before
    assert other.save_checkpoints(other.plan, TWO, {SEPTEMBER: {"a": 1}}) == set()


def test_a_month_that_is_taken_over_once_too_often_disables_its_tenant(
    world: World, clock: FakeClock
):
    world.add_existing()
    ledger = world.run(SEPTEMBER, OCTOBER)
    for _ in range(7):
        assert states(claim(ledger, SEPTEMBER)) == {SEPTEMBER: RUNNING}
        clock.advance(STALE)
    assert states(claim(ledger, SEPTEMBER, OCTOBER)) == {
        SEPTEMBER: "exhausted",
        OCTOBER: "tenant_disabled",
    }
    assert world.month(SEPTEMBER).status is MonthStatus.FAILED
    assert world.month(SEPTEMBER).retry_count == 4
    tenant = world.tenants.get("acme")
    assert not tenant.active
    assert tenant.disabled_reason is not None
    assert tenant.disabled_reason.startswith("2026-09 failed 4 times, last: worker_died")


def test_a_stale_month_gives_its_place_to_the_next_even_when_it_is_exhausted(
    world: World, clock: FakeClock
):
    world.add_existing("acme")
    world.add_existing("zeta")
    ledger = world.run(SEPTEMBER, "2026-09|zeta", limit=1)
    for _ in range(7):
        assert states(claim(ledger, SEPTEMBER, "2026-09|zeta")) == {SEPTEMBER: RUNNING}
        clock.advance(STALE)
    assert states(claim(ledger, SEPTEMBER, "2026-09|zeta")) == {
        SEPTEMBER: "exhausted",
        "2026-09|zeta": RUNNING,
    }


def test_what_was_in_hand_at_a_death_is_had_alone(world: World):
    world.add_existing("acme")
    world.add_existing("zeta")
    first = world.run(SEPTEMBER, OCTOBER)
    claim(first, SEPTEMBER, OCTOBER)
    world.dead.add(ONE.owner)
    other = "2026-09|zeta"
    later = world.run(SEPTEMBER, OCTOBER, other)
    assert states(claim(later, other, SEPTEMBER, OCTOBER, by=TWO)) == {other: RUNNING}
    record(later, done(other), by=TWO)
    assert states(claim(later, SEPTEMBER, OCTOBER, by=TWO)) == {SEPTEMBER: RUNNING}
    assert states(claim(later, OCTOBER, by=TWO)) == {}
    record(later, done(SEPTEMBER), by=TWO)
    assert states(claim(later, OCTOBER, by=TWO)) == {OCTOBER: RUNNING}
    assert world.month(SEPTEMBER).deaths == 0


def test_a_claim_that_is_repeated_is_answered_again(world: World):
    world.add_existing()
    ledger = world.run(SEPTEMBER)
    for _ in range(2):
        assert states(claim(ledger, SEPTEMBER)) == {SEPTEMBER: RUNNING}
    assert (world.month(SEPTEMBER).retry_count, world.month(SEPTEMBER).deaths) == (0, 0)


def test_a_fault_of_the_platform_puts_a_month_off_and_is_no_failure(world: World, clock: FakeClock):
    world.add_existing()
    ledger = world.run(SEPTEMBER)
    fault = UnitOutcome(
        SEPTEMBER, UnitState.PENDING, error_kind="object_store_full", error_message="no room"
    )
    for faults, minutes in enumerate((1, 2, 4, 8, 15, 15), start=1):
        claim(ledger, SEPTEMBER)
        record(ledger, fault)
        month = world.month(SEPTEMBER)
        assert (month.status, month.retry_count, month.faults) == (MonthStatus.PENDING, 0, faults)
        assert month.next_attempt_at == clock.now() + timedelta(minutes=minutes)
        assert month.error_message == "object_store_full: no room"
    claim(ledger, SEPTEMBER)
    record(ledger, done(SEPTEMBER))
    assert (world.month(SEPTEMBER).faults, world.month(SEPTEMBER).error_message) == (0, None)


def test_what_can_never_be_claimed_is_answered_with_its_reason(world: World):
    world.add_existing("acme")
    world.add_new("new")
    world.tenants.register(make_tenant("off", active=False), [])
    reasons = {
        "2026-09|nobody": "unknown_tenant",
        "2026-09|no\0body\ud800": "unknown_tenant",
        "2026-12|acme": "bad_month",
        "2026-13|acme": "bad_month",
        "soon|acme": "bad_month",
        "2026-08|new": "bad_month",
        "2026-10|new": "month_order",
        "2026-09|off": "tenant_disabled",
        "2020-01|acme": RUNNING,
    }
    ledger = world.run(*reasons)
    answers = claim(ledger, *reasons)
    assert states(answers) == reasons
    assert all(r.error_message for r in answers if r.state is UnitState.FAILED)
    texts = {r.unit.unit_id: r.error_message or "" for r in answers}
    assert "the current month is 2026-11" in texts["2026-12|acme"]
    assert "(left)" in texts["2026-09|off"]
    assert "2026-09 is PENDING" in texts["2026-10|new"]
    assert world.months.count_by_status()[MonthStatus.RUNNING] == 1


def test_an_exhausted_month_is_refused_while_its_tenant_is_active_all_the_same(world: World):
    world.add_existing()
    world.fail_until_disabled(SEPTEMBER)
    assert states(claim(world.run(SEPTEMBER), SEPTEMBER)) == {SEPTEMBER: "tenant_disabled"}
    # As a person might with SQL; `activate` resets the month too.
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE tenants SET active = true")
    (refused,) = claim(world.run(SEPTEMBER), SEPTEMBER)
    assert refused.error_kind == "exhausted"
    assert "no such table" in (refused.error_message or "")


def test_a_month_that_is_new_to_an_existing_tenant_gets_its_row(world: World):
    world.add_existing()
    assert world.statuses() == {}
    complete(world, SEPTEMBER)
    assert world.statuses() == {"2026-09": MonthStatus.COMPLETED}


def test_a_month_begins_at_midnight_of_the_platforms_timezone(world: World, clock: FakeClock):
    world.add_existing()
    clock.advance((START.replace(day=30, hour=15) - START).total_seconds() - 1)
    ledger = world.run("2026-12|acme")
    assert states(claim(ledger, "2026-12|acme")) == {"2026-12|acme": "bad_month"}
    clock.advance(1)
    assert states(claim(ledger, "2026-12|acme")) == {"2026-12|acme": RUNNING}


def test_a_completed_month_keeps_its_numbers(world: World, clock: FakeClock):
    world.add_existing()
    ledger = world.run(SEPTEMBER)
    claim(ledger, SEPTEMBER)
    record(ledger, failed(SEPTEMBER))
    claim(ledger, SEPTEMBER)
    clock.advance(9)
    assert record(ledger, done(SEPTEMBER, watermark='{"count":4}')) == set()
    month = world.month(SEPTEMBER)
    assert month.status is MonthStatus.COMPLETED
    assert (month.processed_records, month.failed_records) == (3, 1)
    assert (month.watermark, month.completed_at) == ('{"count":4}', clock.now())
    assert (month.retry_count, month.error_message, month.next_attempt_at) == (0, None, None)
    tenant = world.tenants.get("acme")
    assert (tenant.last_completed_month, tenant.current_processing_month) == ("2026-09", "2026-09")


def test_the_last_completed_month_does_not_go_back(world: World):
    world.add_existing()
    complete(world, OCTOBER, SEPTEMBER)
    assert world.tenants.get("acme").last_completed_month == "2026-10"
    world.tenants.import_tenants([make_tenant("zeta", last="2026-10")])
    complete(world, "2026-01|zeta")
    assert world.tenants.get("zeta").last_completed_month == "2026-10"


def test_a_completed_month_can_be_done_again(world: World):
    world.add_existing()
    complete(world, SEPTEMBER, SEPTEMBER)
    ledger = world.run(SEPTEMBER)
    claim(ledger, SEPTEMBER)
    assert world.month(SEPTEMBER).watermark == "3 events"


def test_failures_wait_longer_each_time_and_the_fourth_disables_the_tenant(
    world: World, clock: FakeClock
):
    world.add_existing()
    ledger = world.run(SEPTEMBER)
    for failures, minutes in ((1, 1), (2, 2), (3, 4), (4, None)):
        claim(ledger, SEPTEMBER)
        assert record(ledger, failed(SEPTEMBER)) == set()
        month = world.month(SEPTEMBER)
        assert (month.status, month.retry_count) == (MonthStatus.FAILED, failures)
        assert month.next_attempt_at == (
            None if minutes is None else clock.now() + timedelta(minutes=minutes)
        )
        assert month.error_message == "source_table_missing: no such table"
        clock.advance(600)
    tenant = world.tenants.get("acme")
    assert (tenant.active, tenant.disabled_reason) == (
        False,
        "2026-09 failed 4 times, last: source_table_missing: no such table",
    )


def test_what_runs_of_a_disabled_tenant_comes_to_its_end(world: World):
    world.add_existing()
    ledger = world.run(SEPTEMBER, OCTOBER)
    claim(ledger, SEPTEMBER, OCTOBER)
    world.tenants.deactivate("acme", "asked us")
    assert record(ledger, done(SEPTEMBER), failed(OCTOBER)) == set()
    tenant = world.tenants.get("acme")
    assert (tenant.active, tenant.disabled_reason) == (False, "asked us")
    assert tenant.last_completed_month == "2026-09"


def test_a_month_that_is_given_back_did_not_fail(world: World):
    world.add_existing()
    ledger = world.run(SEPTEMBER)
    claim(ledger, SEPTEMBER)
    assert record(ledger, given_back(SEPTEMBER)) == set()
    month = world.month(SEPTEMBER)
    assert (month.status, month.retry_count, month.attempt_id) == (MonthStatus.PENDING, 0, None)
    assert states(claim(world.run(SEPTEMBER), SEPTEMBER, by=TWO)) == {SEPTEMBER: RUNNING}


def test_an_end_is_written_once(world: World):
    world.add_existing()
    ledger = world.run(SEPTEMBER, OCTOBER)
    claim(ledger, SEPTEMBER)
    assert record(ledger, done(SEPTEMBER)) == set()
    before = world.tenants.read_all()
    assert record(ledger, failed(SEPTEMBER), done(OCTOBER), done("2026-01|x")) == {
        SEPTEMBER,
        OCTOBER,
        "2026-01|x",
    }
    assert record(ledger) == set()
    assert world.tenants.read_all() == before


def test_text_that_a_database_refuses_does_not_lose_the_batch(world: World):
    world.add_existing()
    ledger = world.run(SEPTEMBER, OCTOBER)
    claim(ledger, SEPTEMBER, OCTOBER)
    broken = failed(SEPTEMBER, "bad \x00 byte and \ud800 half" + "!" * 2000)
    assert record(ledger, broken, done(OCTOBER, watermark="\0")) == set()
    message = world.month(SEPTEMBER).error_message
    assert message is not None
    assert message.startswith("source_table_missing: bad ")
    assert len(message) == 1000
    assert world.month(OCTOBER).status is MonthStatus.COMPLETED


def test_months_completed_since_the_run_began_are_told_whoever_did_them(
    world: World, clock: FakeClock
):
    world.add_existing()
    complete(world, SEPTEMBER)
    clock.advance(1)
    ledger = world.run(SEPTEMBER, OCTOBER, NOVEMBER)
    complete(world, OCTOBER)
    assert ledger.read_done(ledger.plan, [SEPTEMBER, OCTOBER, NOVEMBER, "unknown"]) == {OCTOBER}
    assert ledger.read_done(ledger.plan, []) == set()


def test_a_month_that_another_run_did_meanwhile_is_not_done_again(world: World, clock: FakeClock):
    world.add_existing()
    ledger = world.run(SEPTEMBER, OCTOBER)
    clock.advance(1)
    complete(world, SEPTEMBER)
    assert states(claim(ledger, SEPTEMBER, OCTOBER)) == {OCTOBER: RUNNING}
    assert ledger.read_done(ledger.plan, [SEPTEMBER]) == {SEPTEMBER}
    later = world.run(SEPTEMBER)
    assert states(claim(later, SEPTEMBER)) == {SEPTEMBER: RUNNING}


def test_the_months_of_a_new_tenant_are_claimed_one_after_another(world: World):
    world.add_new()
    ledger = world.run(*cells_of("acme"))
    for number, cell in enumerate(cells_of("acme")):
        left = cells_of("acme")[number:]
        assert states(claim(ledger, *left)) == {cell: RUNNING}
        assert claim(ledger, *left, by=TWO) == []
        record(ledger, done(cell))
    tenant = world.tenants.get("acme")
    assert tenant.tenant_type is TenantType.EXISTING
    assert (tenant.backfill_completed, tenant.last_completed_month) == (True, "2026-11")
    assert states(claim(ledger, *cells_of("acme"))) == dict.fromkeys(cells_of("acme"), RUNNING)


def test_the_month_that_is_next_follows_the_backfill(world: World):
    world.add_new()
    assert world.tenants.get("acme").current_processing_month == "2026-09"
    complete(world, SEPTEMBER)
    tenant = world.tenants.get("acme")
    assert (tenant.current_processing_month, tenant.last_completed_month) == ("2026-10", "2026-09")
    assert tenant.tenant_type is TenantType.NEW
    assert not tenant.backfill_completed


def test_months_that_began_during_a_backfill_are_added_to_it(world: World, clock: FakeClock):
    world.add_new()
    complete(world, SEPTEMBER, OCTOBER)
    ledger = world.run(NOVEMBER)
    claim(ledger, NOVEMBER)
    clock.advance(45 * 86_400)
    assert record(ledger, done(NOVEMBER)) == set()
    tenant = world.tenants.get("acme")
    assert tenant.tenant_type is TenantType.NEW
    assert tenant.current_processing_month == "2026-12"
    assert list(world.statuses()) == [*MONTHS, "2026-12", "2027-01"]
    complete(world, "2026-12|acme", "2027-01|acme")
    assert world.tenants.get("acme").tenant_type is TenantType.EXISTING


def test_a_person_may_have_the_months_of_a_new_tenant_in_any_order(world: World, clock: FakeClock):
    world.add_new()
    clock.advance(45 * 86_400)
    ledger = world.run("2027-01|acme", OCTOBER, "2026-08|acme", in_order=False)
    assert states(claim(ledger, "2027-01|acme", OCTOBER, "2026-08|acme")) == {
        "2027-01|acme": RUNNING,
        OCTOBER: RUNNING,
        "2026-08|acme": "bad_month",
    }
    assert claim(world.run(SEPTEMBER), SEPTEMBER) == []
    assert record(ledger, done("2027-01|acme"), done(OCTOBER)) == set()
    tenant = world.tenants.get("acme")
    assert (tenant.current_processing_month, tenant.last_completed_month) == ("2026-09", "2027-01")
    assert list(world.statuses()) == [*MONTHS, "2026-12", "2027-01"]
    complete(world, SEPTEMBER, NOVEMBER)
    assert world.tenants.get("acme").tenant_type is TenantType.NEW
    complete(world, "2026-12|acme")
    assert world.tenants.get("acme").tenant_type is TenantType.EXISTING


def test_a_later_month_waits_while_an_earlier_one_runs_elsewhere(world: World):
    world.add_new()
    first = world.run(SEPTEMBER)
    claim(first, SEPTEMBER)
    second = world.run(OCTOBER, run_id="run-2")
    assert claim(second, OCTOBER, by=TWO) == []
    record(first, done(SEPTEMBER))
    assert states(claim(second, OCTOBER, by=TWO)) == {OCTOBER: RUNNING}


def test_a_later_month_is_refused_once_an_earlier_one_failed(world: World):
    world.add_new()
    ledger = world.run(SEPTEMBER, OCTOBER)
    claim(ledger, SEPTEMBER)
    record(ledger, failed(SEPTEMBER))
    (refused,) = claim(ledger, OCTOBER)
    assert refused.error_kind == "month_order"
    assert "2026-09 is FAILED" in (refused.error_message or "")


def test_a_later_month_is_refused_once_the_run_cannot_do_the_earlier_one(world: World):
    world.add_new("acme", ["2026-09", "2026-10"])
    assert states(claim(world.run(OCTOBER), OCTOBER)) == {OCTOBER: "month_order"}
    skipping = world.run(SEPTEMBER, OCTOBER, skip=[SEPTEMBER])
    assert states(claim(skipping, OCTOBER)) == {OCTOBER: "month_order"}


def test_a_later_month_waits_for_one_that_the_run_has_still_to_do(world: World):
    world.add_new()
    world.add_existing("zeta")
    ledger = world.run(SEPTEMBER, OCTOBER, "2026-09|zeta", limit=1)
    claim(ledger, "2026-09|zeta")
    assert claim(ledger, OCTOBER, SEPTEMBER) == []
    record(ledger, done("2026-09|zeta"))
    assert claim(ledger, OCTOBER) == []
    assert states(claim(ledger, SEPTEMBER)) == {SEPTEMBER: RUNNING}
    record(ledger, given_back(SEPTEMBER))
    assert claim(ledger, OCTOBER) == []


def test_an_early_month_that_is_done_again_holds_back_the_next_one(world: World):
    world.add_new()
    complete(world, SEPTEMBER)
    ledger = world.run(SEPTEMBER, OCTOBER)
    assert states(claim(ledger, SEPTEMBER, OCTOBER)) == {SEPTEMBER: RUNNING}
    assert claim(ledger, OCTOBER) == []


def test_an_early_month_is_not_done_again_while_a_later_one_runs(world: World):
    world.add_new()
    complete(world, SEPTEMBER)
    second = world.run(OCTOBER)
    claim(second, OCTOBER)
    again = world.run(SEPTEMBER)
    assert claim(again, SEPTEMBER, by=TWO) == []
    record(second, done(OCTOBER))
    assert states(claim(again, SEPTEMBER, by=TWO)) == {SEPTEMBER: RUNNING}
    assert claim(world.run(NOVEMBER), NOVEMBER) == []


def test_a_slice_of_twenty_is_a_few_statements(
    database: StateDatabase, state_url: str, clock: FakeClock
):
    """The number of round trips does not grow with the cells."""
    engine = create_state_engine(parse_state_url(state_url))
    world = World(StateDatabase(engine, clock))
    for number in range(20):
        world.add_new(f"t{number}")
    cells = [name_cell(f"t{number}", "2026-09") for number in range(20)]
    ledger = world.run(*cells)
    seen = count_statements(engine)
    assert len(claim(ledger, *cells)) == 20
    assert len(seen) <= 7
    seen.clear()
    assert len(ledger.renew(ledger.plan, ONE, 60)) == 20
    assert len(seen) <= 3
    seen.clear()
    assert record(ledger, *(done(cell) for cell in cells)) == set()
    assert len(seen) <= 6
    engine.dispose()


def test_more_cells_than_a_statement_has_variables_work(world: World):
    tenants = [make_tenant(f"t{number:04}") for number in range(2000)]
    world.tenants.import_tenants(tenants)
    cells = [name_cell(tenant.tenant_id, "2026-11") for tenant in tenants]
    ledger = world.run(*cells, limit=1900)
    assert list(states(claim(ledger, *cells))) == cells[:1900]
    assert record(ledger, *(done(cell) for cell in cells)) == set(cells[1900:])
    assert ledger.read_done(ledger.plan, cells) == set(cells[:1900])
