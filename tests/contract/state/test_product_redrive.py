"""Redrive of products: their batches wait again, whatever became of them, and say since when."""

import pytest

from platform_assets.core.engine.units import (
    Attempt,
    PlanState,
    Scope,
    Unit,
    UnitOutcome,
    UnitState,
)
from platform_assets.core.redrive import FailureFilter, Requeued
from platform_assets.products.batches import (
    DAY_PIPELINE,
    SCAN_PIPELINE,
    PlannedBatch,
    find_day,
    mark_batch,
    split_day,
)
from platform_assets.products.state.redrive import ProductRedriver
from resources.state.database import StateDatabase
from resources.state.ledger import SqlLedger
from tests.fakes.clock import START, FakeClock

DAY = "2026-11-20"
ME = Attempt("me", "here")
IDS = [str(number) for number in range(1000, 1100)]
FIRST, SECOND = f"musinsa/{DAY}/1-of-2", f"musinsa/{DAY}/2-of-2"
ANY = FailureFilter()


class Day:
    """A day of two batches in the ledger."""

    def __init__(self, database: StateDatabase) -> None:
        self.ledger = SqlLedger(database)
        self.batches = split_day(self.ledger, "musinsa", DAY, IDS, START.isoformat())

    def read(self, number: int, **failed: str) -> None:
        """Reads the products of a batch; those that are named fail with that kind."""
        batch = self.batches[number]
        scope = Scope(SCAN_PIPELINE, "musinsa", batch.batch.key)
        plan = self.ledger.open_plan(scope, [Unit(each, {}) for each in batch.products], {})
        self.ledger.claim(plan, batch.products, ME, 60)
        outcomes = [
            UnitOutcome(
                each,
                UnitState.FAILED if f"p{each}" in failed else UnitState.DONE,
                error_kind=failed.get(f"p{each}"),
            )
            for each in batch.products
        ]
        self.ledger.record(plan, ME, outcomes)

    def mark(self, number: int, state: UnitState, reason: str | None = None) -> None:
        mark_batch(self.ledger, self.batches[number].batch, state, {}, reason)

    def found(self) -> list[PlannedBatch]:
        return find_day(self.ledger, "musinsa", DAY)

    def states(self) -> list[str]:
        return [each.state.value for each in self.found()]


@pytest.fixture
def day(database: StateDatabase) -> Day:
    return Day(database)


@pytest.fixture
def redriver(database: StateDatabase) -> ProductRedriver:
    return ProductRedriver(database)


def scan_of(key: str, count: int = 1) -> Requeued:
    return Requeued(Scope(SCAN_PIPELINE, "musinsa", key), count)


@pytest.mark.parametrize("closed", [False, True])
def test_a_done_batch_waits_again_if_one_of_its_products_does(
    day: Day, redriver: ProductRedriver, clock: FakeClock, closed: bool
):
    day.read(0, p1003="no_price")
    day.mark(0, UnitState.DONE)
    if closed:
        day.mark(1, UnitState.DONE)
    plan = day.ledger.find_plan(Scope(DAY_PIPELINE, "musinsa", DAY))
    assert plan is not None
    assert plan.state is (PlanState.CLOSED if closed else PlanState.OPEN)
    clock.advance(60)
    taken = redriver.redrive(FailureFilter(error_kind="no_price"), dry_run=False)
    assert taken == [scan_of(FIRST)]
    assert day.states() == ["pending", "done" if closed else "pending"]
    assert [each.reopened_at for each in day.found()] == [clock.now(), None]


def test_a_batch_that_ends_after_its_redrive_is_done_again(day: Day, redriver: ProductRedriver):
    day.read(0, p1003="no_price")
    day.mark(0, UnitState.DONE)
    redriver.redrive(ANY, dry_run=False)
    day.mark(0, UnitState.DONE)
    assert day.states() == ["done", "pending"]
    assert redriver.redrive(ANY, dry_run=False) == []


def test_a_failed_batch_waits_again_with_its_products(
    day: Day, redriver: ProductRedriver, clock: FakeClock
):
    day.read(0, p1003="timeout")
    day.mark(0, UnitState.FAILED, "the shop is down")
    redriver.redrive(FailureFilter(error_kind="timeout"), dry_run=False)
    assert day.states() == ["pending", "pending"]
    assert day.found()[0].reopened_at == clock.now()


def test_a_failed_batch_that_is_redriven_as_such_says_since_when_it_waits(
    day: Day, redriver: ProductRedriver, clock: FakeClock
):
    day.mark(1, UnitState.FAILED, "the shop is down")
    taken = redriver.redrive(FailureFilter("products/batches"), dry_run=False)
    assert taken == [Requeued(Scope(DAY_PIPELINE, "musinsa", DAY), 1)]
    assert day.states() == ["pending", "pending"]
    assert [each.reopened_at for each in day.found()] == [None, clock.now()]


def test_a_dry_run_tells_the_same_and_opens_nothing(day: Day, redriver: ProductRedriver):
    day.read(0, p1003="timeout", p1004="timeout")
    day.mark(0, UnitState.FAILED, "the shop is down")
    day.read(1, p1050="timeout")
    day.mark(1, UnitState.DONE)
    told = redriver.redrive(ANY, dry_run=True)
    assert day.states() == ["failed", "done"]
    assert redriver.redrive(ANY, dry_run=False) == told
    assert day.states() == ["pending", "pending"]
    assert scan_of(FIRST, 2) in told
    assert scan_of(SECOND) in told


def test_batches_of_which_nothing_matches_are_left_alone(day: Day, redriver: ProductRedriver):
    day.read(0, p1003="no_price")
    day.mark(0, UnitState.DONE)
    day.mark(1, UnitState.FAILED, "the shop is down")
    wanted = FailureFilter(error_kind="timeout")
    assert redriver.redrive(wanted, dry_run=False) == []
    assert day.states() == ["done", "failed"]


def test_products_of_a_purged_day_are_pending_without_a_batch(
    database: StateDatabase, redriver: ProductRedriver
):
    ledger = SqlLedger(database)
    plan = ledger.open_plan(Scope(SCAN_PIPELINE, "musinsa", FIRST), [Unit("1", {})], {})
    ledger.claim(plan, ["1"], ME, 60)
    ledger.record(plan, ME, [UnitOutcome("1", UnitState.FAILED, error_kind="timeout")])
    assert redriver.redrive(ANY, dry_run=False) == [scan_of(FIRST)]
    assert ledger.read_units(plan)[0].state is UnitState.PENDING
