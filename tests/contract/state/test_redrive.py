"""Redrive over the state database: units of the ledger, and tenant-months."""

import pytest

from platform_assets.core.engine.units import Scope, UnitState
from platform_assets.core.redrive import FailureCount, FailureFilter, Requeued
from platform_assets.tenants.state.redrive import TenantRedriver
from platform_assets.tenants.tenant import MonthStatus
from resources.state.database import StateDatabase
from resources.state.ledger import SqlLedger
from resources.state.ledger_redrive import LedgerRedriver
from tests.contract.state.tenant_values import World, cells_of, claim, done, failed, record
from tests.contract.state.test_ledger_queries import run_plan
from tests.fakes.clock import START, FakeClock

ANY = FailureFilter()
RAW, OTHER = Scope("games/raw_games", "", "2026-11-20"), Scope("gamesters", "", "2026-11-20")


@pytest.fixture
def world(database: StateDatabase) -> World:
    return World(database)


@pytest.fixture
def tenants(world: World) -> TenantRedriver:
    return TenantRedriver(world.months)


def fail_month(world: World, cell: str) -> None:
    ledger = world.run(cell)
    assert len(claim(ledger, cell)) == 1
    record(ledger, failed(cell))


def scope_of(cell: str) -> Scope:
    return Scope("tenants", cell.partition("|")[2], cell)


def test_a_pipeline_of_the_ledger_takes_its_own_units_and_no_others(database: StateDatabase):
    ledger = SqlLedger(database, lambda _owner: False)
    redriver = LedgerRedriver(database, "games", "run it")
    plan, other = run_plan(ledger, RAW, [None, "timeout"]), run_plan(ledger, OTHER, ["timeout"])
    assert redriver.count(ANY) == [FailureCount(RAW, "timeout", 1)]
    (failure,) = redriver.find(ANY, 10)
    assert (failure.scope, failure.unit_id, failure.failed_at) == (RAW, "unit-1", START)
    assert failure.message == "timeout of unit-1"
    assert redriver.redrive(ANY, dry_run=True) == [Requeued(RAW, 1)]
    assert redriver.redrive(ANY, dry_run=False) == [Requeued(RAW, 1)]
    assert redriver.redrive(ANY, dry_run=False) == []
    assert [unit.state for unit in ledger.read_units(plan)] == [UnitState.DONE, UnitState.PENDING]
    assert ledger.read_units(other)[0].state is UnitState.FAILED


def test_a_redriven_unit_can_be_claimed_and_counts_its_attempts_anew(database: StateDatabase):
    ledger = SqlLedger(database, lambda _owner: False)
    plan = run_plan(ledger, RAW, ["timeout"])
    LedgerRedriver(database, "games", "run it").redrive(ANY, dry_run=False)
    again = run_plan(ledger, RAW, [None])
    assert again.plan_id == plan.plan_id
    assert [(u.state, u.attempts) for u in ledger.read_units(plan)] == [(UnitState.DONE, 1)]


def test_what_was_left_with_a_plan_that_is_closed_is_no_failure_any_more(
    database: StateDatabase, clock: FakeClock
):
    ledger = SqlLedger(database, lambda _owner: False)
    redriver = LedgerRedriver(database, "games", "run it")
    run_plan(ledger, RAW, ["timeout"])
    clock.advance(86_400)
    assert ledger.close_abandoned(clock.now()) == 1
    assert redriver.count(ANY) == redriver.find(ANY, 10) == []
    assert redriver.redrive(ANY, dry_run=True) == redriver.redrive(ANY, dry_run=False) == []


def test_failed_months_become_pending_by_kind_tenant_and_month(
    world: World, tenants: TenantRedriver
):
    for tenant_id in ("acme", "zeta"):
        world.add_existing(tenant_id)
    first, second, third = cells_of("acme")
    (zetas, *_) = cells_of("zeta")
    for cell in (first, second, zetas):
        fail_month(world, cell)
    ledger = world.run(third)
    claim(ledger, third)
    record(ledger, done(third))
    (kind,) = {failure.error_kind for failure in tenants.find(ANY, 10)}
    assert tenants.count(FailureFilter(tenant="acme")) == [
        FailureCount(scope_of(first), kind, 1),
        FailureCount(scope_of(second), kind, 1),
    ]
    assert len(tenants.find(ANY, 2)) == 2
    assert tenants.redrive(FailureFilter(error_kind="another"), dry_run=False) == []
    wanted = FailureFilter(tenant="acme", error_kind=kind, unit_ids=frozenset({"2026-09"}))
    assert tenants.redrive(wanted, dry_run=True) == [Requeued(scope_of(first), 1)]
    assert world.months.get("acme", "2026-09").status is MonthStatus.FAILED
    assert tenants.redrive(wanted, dry_run=False) == [Requeued(scope_of(first), 1)]
    month = world.months.get("acme", "2026-09")
    assert (month.status, month.retry_count) == (MonthStatus.PENDING, 0)
    rest = tenants.redrive(ANY, dry_run=False)
    assert rest == [Requeued(scope_of(second), 1), Requeued(scope_of(zetas), 1)]
    assert world.months.get("acme", "2026-11").status is MonthStatus.COMPLETED
    assert tenants.count(ANY) == []


def test_months_of_a_tenant_that_is_not_active_are_listed_and_left_alone(
    world: World, tenants: TenantRedriver
):
    world.add_existing("acme")
    (cell, *_) = cells_of("acme")
    fail_month(world, cell)
    world.tenants.deactivate("acme", "contract ended")
    assert [failure.scope for failure in tenants.find(ANY, 10)] == [scope_of(cell)]
    assert tenants.redrive(ANY, dry_run=True) == tenants.redrive(ANY, dry_run=False) == []
    assert world.months.reset_failed([("acme", "2026-09")]) == []
    assert world.months.get("acme", "2026-09").status is MonthStatus.FAILED
