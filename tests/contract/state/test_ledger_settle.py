"""Units that are told of rather than worked on: ended in one step, also after they have ended."""

import threading

import pytest

from platform_assets.core.engine.units import (
    Attempt,
    Plan,
    Scope,
    Unit,
    UnitOutcome,
    UnitRecord,
    UnitState,
)
from tests.contract.state.conftest import LedgerCase

ME = Attempt("me", "here")
FAILED = UnitOutcome("1", UnitState.FAILED, error_kind="batch_failed", error_message="why")


def done(count: int) -> UnitOutcome:
    return UnitOutcome("1", UnitState.DONE, detail={"count": count})


def open_plan(case: LedgerCase) -> Plan:
    return case.ledger.open_plan(
        Scope("products/batches", "musinsa", "2026-11-20"), [Unit("1", {}), Unit("2", {})], {}
    )


def read(case: LedgerCase, plan: Plan, unit_id: str = "1") -> UnitRecord:
    return next(each for each in case.ledger.read_units(plan) if each.unit.unit_id == unit_id)


def test_a_unit_ends_as_was_decided_from_what_it_was(case: LedgerCase):
    plan = open_plan(case)
    seen: list[UnitRecord] = []

    def decide(record: UnitRecord) -> UnitOutcome:
        seen.append(record)
        return FAILED

    assert case.ledger.settle(plan, "1", decide)
    assert [(each.unit.unit_id, each.state) for each in seen] == [("1", UnitState.PENDING)]
    found = read(case, plan)
    assert (found.state, found.error_kind, found.error_message) == (
        UnitState.FAILED,
        "batch_failed",
        "why",
    )
    assert read(case, plan, "2").state is UnitState.PENDING


@pytest.mark.parametrize("closed", [False, True])
def test_a_unit_that_is_done_gets_another_detail(case: LedgerCase, closed: bool):
    plan = open_plan(case)
    for unit_id in ("1", "2") if closed else ("1",):
        case.ledger.settle(
            plan, unit_id, lambda each: UnitOutcome(each.unit.unit_id, UnitState.DONE)
        )
    assert case.ledger.close_plan(plan) is closed
    assert case.ledger.settle(plan, "1", lambda _: done(2))
    assert read(case, plan).detail == {"count": 2}


def test_what_was_decided_to_be_left_is_left(case: LedgerCase):
    plan = open_plan(case)
    case.ledger.settle(plan, "1", lambda _: done(1))
    assert not case.ledger.settle(plan, "1", lambda _: None)
    assert read(case, plan).detail == {"count": 1}


def test_a_unit_that_the_plan_does_not_have_is_not_decided(case: LedgerCase):
    plan = open_plan(case)
    asked: list[UnitRecord] = []
    assert not case.ledger.settle(plan, "3", asked.append)
    assert asked == []


def test_a_unit_that_somebody_holds_is_taken_from_him(case: LedgerCase):
    plan = open_plan(case)
    case.ledger.claim(plan, ["1"], ME, 60)
    assert case.ledger.settle(plan, "1", lambda _: done(1))
    assert case.ledger.record(plan, ME, [FAILED]) == {"1"}
    assert read(case, plan).state is UnitState.DONE


def test_of_many_at_once_each_sees_what_the_one_before_has_written(case: LedgerCase):
    plan, start = open_plan(case), threading.Barrier(8)

    def count_on(record: UnitRecord) -> UnitOutcome:
        return done((record.detail or {"count": 0})["count"] + 1)

    def settle() -> None:
        start.wait()
        for _ in range(5):
            case.ledger.settle(plan, "1", count_on)

    threads = [threading.Thread(target=settle) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(case, plan).detail == {"count": 40}
