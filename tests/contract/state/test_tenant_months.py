from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from platform_assets.core.errors import PermanentError, RefusedError
from platform_assets.tenants.tenant import MonthStatus, TenantMonth
from resources.state.database import StateDatabase
from resources.state.engines import create_state_engine
from resources.state.urls import parse_state_url
from tests.contract.state.tenant_values import (
    ONE,
    STALE,
    TWO,
    World,
    cells_of,
    claim,
    count_statements,
    done,
    failed,
    record,
)
from tests.fakes.clock import START, FakeClock

SEPTEMBER, OCTOBER, NOVEMBER = cells_of("acme")


@pytest.fixture
def world(database: StateDatabase) -> World:
    return World(database)


@pytest.fixture
def running(world: World) -> World:
    """Three months of two tenants are RUNNING, in two runs."""
    world.add_existing("acme")
    world.add_existing("zeta")
    assert len(claim(world.run(SEPTEMBER, OCTOBER), SEPTEMBER, OCTOBER)) == 2
    assert len(claim(world.run("2026-11|zeta", run_id="run-2"), "2026-11|zeta", by=TWO)) == 1
    return world


def alive(_month: TenantMonth) -> bool:
    return False


def gone(*run_ids: str) -> Callable[[TenantMonth], bool]:
    return lambda month: month.run_id in run_ids


def test_months_are_counted_by_status(running: World):
    running.add_new("beta")
    ledger = running.run(SEPTEMBER)
    record(ledger, done(SEPTEMBER))
    assert running.months.count_by_status() == {
        MonthStatus.PENDING: 3,
        MonthStatus.RUNNING: 2,
        MonthStatus.COMPLETED: 1,
        MonthStatus.FAILED: 0,
    }


def test_an_empty_installation_counts_zero_of_everything(world: World):
    assert set(world.months.count_by_status().values()) == {0}
    assert world.months.find() == []


def test_months_are_found_by_status_in_order(running: World):
    found = running.months.find(MonthStatus.RUNNING)
    assert [(row.tenant_id, row.month, row.run_id) for row in found] == [
        ("acme", "2026-09", "run-1"),
        ("acme", "2026-10", "run-1"),
        ("zeta", "2026-11", "run-2"),
    ]
    assert running.months.find(MonthStatus.RUNNING, limit=1) == found[:1]
    assert running.months.find() == found
    assert running.months.find(MonthStatus.FAILED) == []


def test_one_month_is_read(running: World):
    assert running.months.get("acme", "2026-09") == running.months.find()[0]


@pytest.mark.parametrize(
    ("tenant_id", "month", "kind"),
    [
        ("nobody", "2026-09", "unknown_tenant"),
        ("acme", "2026-11", "unknown_month"),
        ("acme", "x\0y", "unknown_month"),
    ],
)
def test_what_is_not_there_is_said_to_be_unknown(
    running: World, tenant_id: str, month: str, kind: str
):
    for ask in (running.months.get, running.months.reset):
        with pytest.raises(PermanentError) as caught:
            ask(tenant_id, month)
        assert caught.value.kind == kind


def test_a_failed_month_is_reset(world: World, clock: FakeClock):
    world.add_existing()
    world.fail_until_disabled(SEPTEMBER)
    clock.advance(60)
    month = world.months.reset("acme", "2026-09")
    assert month == world.month(SEPTEMBER)
    assert (month.status, month.retry_count, month.next_attempt_at) == (
        MonthStatus.PENDING,
        0,
        None,
    )
    assert month.updated_at == START + timedelta(seconds=60)


def test_only_a_failed_month_is_reset(running: World):
    record(running.run(SEPTEMBER), done(SEPTEMBER))
    before = running.tenants.read_all()
    for month in ("2026-09", "2026-10"):
        with pytest.raises(PermanentError, match="only a FAILED month") as caught:
            running.months.reset("acme", month)
        assert caught.value.kind == "not_failed"
    assert running.tenants.read_all() == before


def test_a_month_without_heartbeat_is_given_back_and_is_no_failure(
    running: World, clock: FakeClock
):
    clock.advance(STALE - 1)
    assert running.months.expire(STALE, alive) == []
    ledger = running.run("2026-11|zeta")
    assert ledger.renew(ledger.plan, TWO, 60) == {"2026-11|zeta"}
    clock.advance(1)
    expired = running.months.expire(STALE, alive)
    assert [(row.tenant_id, row.month) for row in expired] == [
        ("acme", "2026-09"),
        ("acme", "2026-10"),
    ]
    assert expired == running.tenants.months("acme")
    month = expired[0]
    assert (month.status, month.retry_count, month.deaths) == (MonthStatus.PENDING, 0, 1)
    assert month.next_attempt_at is None
    assert month.error_message == (
        "stale: no heartbeat for 1800 s, the last at 2026-11-20 09:00:00 UTC"
    )
    assert running.months.expire(STALE, alive) == []


def test_a_month_of_a_dead_process_is_given_back_at_once(running: World):
    running.dead.add(TWO.owner)
    (month,) = running.months.expire(STALE, alive)
    assert (month.tenant_id, month.status) == ("zeta", MonthStatus.PENDING)
    assert month.error_message is not None
    assert month.error_message.startswith("dead: ")


def test_a_month_whose_run_is_gone_is_given_up(running: World):
    expired = running.months.expire(STALE, gone("run-1"))
    assert [row.month for row in expired] == ["2026-09", "2026-10"]
    assert expired[0].error_message == "gone: run run-1 has ended without a word"
    assert running.month("2026-11|zeta").status is MonthStatus.RUNNING


def test_what_was_given_up_can_write_nothing_when_it_wakes_up(running: World, clock: FakeClock):
    ledger = running.run(SEPTEMBER, OCTOBER)
    clock.advance(STALE)
    running.months.expire(STALE, alive)
    before = running.tenants.read_all()
    assert ledger.renew(ledger.plan, ONE, 60) == set()
    assert ledger.save_checkpoints(ledger.plan, ONE, {SEPTEMBER: {}}) == {SEPTEMBER}
    assert record(ledger, done(SEPTEMBER), failed(OCTOBER)) == {SEPTEMBER, OCTOBER}
    assert running.tenants.read_all() == before


def test_a_month_that_was_heard_of_while_its_run_was_asked_for_is_left_alone(
    running: World, clock: FakeClock
):
    """Between the look at the months and the lock: one ends, one is taken by another attempt, one sends a heartbeat."""
    ledger = running.run(SEPTEMBER, OCTOBER, run_id="run-3")
    other = running.run("2026-11|zeta")
    clock.advance(STALE)
    assert ledger.renew(ledger.plan, ONE, 60) == {SEPTEMBER, OCTOBER}
    asked: list[str] = []

    def is_gone(month: TenantMonth) -> bool:
        if not asked:
            record(ledger, done(SEPTEMBER), failed(OCTOBER))
            claim(ledger, OCTOBER, by=replace(ONE, attempt_id="attempt-3"))
            other.renew(other.plan, TWO, 60)
        asked.append(month.month)
        return True

    assert running.months.expire(STALE, is_gone) == []
    assert asked == ["2026-09", "2026-10"]
    assert running.statuses() == {
        "2026-09": MonthStatus.COMPLETED,
        "2026-10": MonthStatus.RUNNING,
    }
    assert running.statuses("zeta") == {"2026-11": MonthStatus.RUNNING}


def test_runs_are_asked_for_outside_of_a_transaction(running: World):
    def is_gone(_month: TenantMonth) -> bool:
        running.add_existing(f"other-{len(running.tenants.ids())}")  # would wait for the lock
        return False

    assert running.months.expire(STALE, is_gone) == []
    assert len(running.tenants.ids()) == 5


def test_a_month_that_kills_each_worker_that_has_it_alone_fails_and_at_last_disables_its_tenant(
    world: World, clock: FakeClock
):
    world.add_existing()
    ledger = world.run(SEPTEMBER)
    for deaths in range(1, 8):
        claim(ledger, SEPTEMBER)
        clock.advance(STALE)
        (month,) = world.months.expire(STALE, alive)
        assert (month.deaths, month.retry_count) == (deaths, max(0, deaths - 3))
        assert month.status is (MonthStatus.PENDING if deaths <= 3 else MonthStatus.FAILED)
        assert world.tenants.get("acme").active is (deaths < 7)
    assert world.month(SEPTEMBER).next_attempt_at is None
    reason = world.tenants.get("acme").disabled_reason
    assert reason is not None
    assert reason.startswith("2026-09 failed 4 times, last: worker_died: 6 workers")


@pytest.mark.parametrize("column", ["tenants.tenant_type", "tenant_month_states.status"])
def test_a_state_that_nobody_wrote_is_a_damage_with_a_name(running: World, column: str):
    table, _, name = column.partition(".")
    with running.database.write() as connection:
        connection.execute(text(f"UPDATE {table} SET {name} = 'DOND' WHERE tenant_id = 'acme'"))
    with pytest.raises(RefusedError, match="reads 'DOND'") as caught:
        running.tenants.read_all()
    assert caught.value.kind == "state_damaged"


def test_looking_for_stale_months_is_one_small_read_when_all_is_well(
    running: World, state_url: str, clock: FakeClock
):
    engine = create_state_engine(parse_state_url(state_url))
    seen = count_statements(engine)
    assert World(StateDatabase(engine, clock)).months.expire(STALE, alive) == []
    assert len([statement for statement in seen if statement.startswith("SELECT")]) == 1
    engine.dispose()
