from dataclasses import replace

import pytest

from platform_assets.core.engine.units import (
    Attempt,
    Plan,
    PlanState,
    Scope,
    Unit,
    UnitOutcome,
    UnitRecord,
    UnitState,
)
from tests.contract.state.conftest import LedgerCase

SCOPE = Scope("games/raw", "", "2026-11-20")
ONE = Attempt("attempt-1", "owner-1")
TWO = Attempt("attempt-2", "owner-2")


def plan_units(count: int) -> list[Unit]:
    # Ids that do not sort in plan order.
    return [Unit(f"unit-{count - i}", {"from": i, "name": "포켓몬"}) for i in range(count)]


def open_plan(case: LedgerCase, count: int = 3) -> tuple[Plan, list[str]]:
    units = plan_units(count)
    return case.ledger.open_plan(SCOPE, units, {"mode": "full"}), [u.unit_id for u in units]


def done(unit_id: str) -> UnitOutcome:
    return UnitOutcome(unit_id, UnitState.DONE, seconds=1.5, detail={"rows": 500})


def failed(unit_id: str) -> UnitOutcome:
    return UnitOutcome(unit_id, UnitState.FAILED, error_kind="timeout", error_message="no answer")


def read_unit(case: LedgerCase, plan: Plan, unit_id: str) -> UnitRecord:
    return next(r for r in case.ledger.read_units(plan) if r.unit.unit_id == unit_id)


def test_a_scope_without_plans_has_no_plan(case: LedgerCase):
    assert case.ledger.find_plan(SCOPE) is None


def test_a_new_plan_is_found_again(case: LedgerCase):
    plan, _ = open_plan(case)
    assert plan.generation == 1
    assert plan.state is PlanState.OPEN
    assert plan.context == {"mode": "full"}
    assert case.ledger.find_plan(SCOPE) == plan
    assert case.ledger.find_plan(replace(SCOPE, tenant="acme")) is None


def test_units_are_read_as_they_were_planned_in_plan_order(case: LedgerCase):
    plan, _ = open_plan(case, 12)
    assert case.ledger.read_units(plan) == [
        UnitRecord(unit, UnitState.PENDING) for unit in plan_units(12)
    ]


def test_an_open_plan_keeps_its_first_grid(case: LedgerCase):
    plan, ids = open_plan(case)
    again = case.ledger.open_plan(SCOPE, [Unit("other", {})], {"mode": "update"})
    assert again == plan
    assert [r.unit.unit_id for r in case.ledger.read_units(again)] == ids


@pytest.mark.parametrize(
    "units",
    [
        [Unit("same", {}), Unit("same", {"a": 1})],
        [Unit("x" * 201, {})],
        [Unit("", {})],
    ],
)
def test_units_that_cannot_be_told_apart_are_refused(case: LedgerCase, units: list[Unit]):
    with pytest.raises(ValueError, match=r"unique|characters"):
        case.ledger.open_plan(SCOPE, units, {})
    assert case.ledger.find_plan(SCOPE) is None


def test_a_plan_with_units_left_stays_open(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids[:2], ONE, 60)
    case.ledger.record(plan, ONE, [done(ids[0]), failed(ids[1])])
    assert case.ledger.close_plan(plan) is False
    found = case.ledger.find_plan(SCOPE)
    assert found is not None
    assert found.state is PlanState.OPEN


def test_a_done_plan_is_closed_and_followed_by_a_new_generation(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    case.ledger.record(plan, ONE, [done(unit_id) for unit_id in ids])
    assert case.ledger.close_plan(plan) is True
    assert case.ledger.close_plan(plan) is True
    assert case.ledger.find_plan(SCOPE) == replace(plan, state=PlanState.CLOSED)
    following = case.ledger.open_plan(SCOPE, [Unit("next", {})], {})
    assert following.generation == 2
    assert [r.unit.unit_id for r in case.ledger.read_units(following)] == ["next"]


def test_a_plan_without_units_can_be_closed(case: LedgerCase):
    plan = case.ledger.open_plan(SCOPE, [], {})
    assert case.ledger.read_units(plan) == []
    assert case.ledger.close_plan(plan) is True


def test_a_claim_answers_with_running_units_in_plan_order(case: LedgerCase):
    plan, ids = open_plan(case, 5)
    claimed = case.ledger.claim(plan, [ids[4], ids[1], "unknown"], ONE, 60)
    assert [r.unit.unit_id for r in claimed] == [ids[1], ids[4]]
    assert {(r.state, r.attempts) for r in claimed} == {(UnitState.RUNNING, 1)}
    assert claimed[0].unit.payload == {"from": 1, "name": "포켓몬"}


def test_a_held_unit_is_not_claimed_by_another_and_a_repeated_claim_is_answered_again(
    case: LedgerCase,
):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids[:2], ONE, 60)
    case.clock.advance(59)
    assert [r.unit.unit_id for r in case.ledger.claim(plan, ids, TWO, 60)] == [ids[2]]
    again = case.ledger.claim(plan, ids[:2], ONE, 60)
    assert [(r.unit.unit_id, r.state, r.attempts) for r in again] == [
        (unit_id, UnitState.RUNNING, 1) for unit_id in ids[:2]
    ]


def test_an_expired_lease_is_claimable(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    case.clock.advance(60)
    claimed = case.ledger.claim(plan, ids, TWO, 60)
    assert [(r.unit.unit_id, r.attempts) for r in claimed] == [(u, 2) for u in ids]


def test_a_dead_owners_units_are_claimable_at_once(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 3600)
    case.dead.add(ONE.owner)
    assert len(case.ledger.claim(plan, ids, TWO, 60)) == 3


def test_renewing_keeps_a_lease_alive(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids[:2], ONE, 60)
    case.clock.advance(50)
    assert case.ledger.renew(plan, ONE, 60) == set(ids[:2])
    case.clock.advance(50)
    assert [r.unit.unit_id for r in case.ledger.claim(plan, ids, TWO, 60)] == [ids[2]]


def test_renewing_tells_which_units_were_lost(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    case.clock.advance(61)
    case.ledger.claim(plan, ids[:1], TWO, 60)
    assert case.ledger.renew(plan, ONE, 60) == set(ids[1:])
    case.ledger.record(plan, ONE, [done(ids[1])])
    assert case.ledger.renew(plan, ONE, 60) == {ids[2]}


def test_outcomes_are_stored(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    outcomes = [done(ids[0]), failed(ids[1]), UnitOutcome(ids[2], UnitState.PENDING)]
    assert case.ledger.record(plan, ONE, outcomes) == set()
    units = plan_units(3)
    assert case.ledger.read_units(plan) == [
        UnitRecord(units[0], UnitState.DONE, attempts=1, detail={"rows": 500}),
        UnitRecord(
            units[1],
            UnitState.FAILED,
            attempts=1,
            error_kind="timeout",
            error_message="no answer",
        ),
        UnitRecord(units[2], UnitState.PENDING, attempts=1),
    ]


def test_attempts_count_the_tries_inside_a_run(case: LedgerCase):
    plan, ids = open_plan(case, 1)
    case.ledger.claim(plan, ids, ONE, 60)
    case.ledger.record(plan, ONE, [replace(failed(ids[0]), tries=3)])
    claimed = case.ledger.claim(plan, ids, TWO, 60)
    assert claimed[0].attempts == 4


def test_a_unit_that_is_given_back_keeps_its_last_error(case: LedgerCase):
    plan, ids = open_plan(case, 1)
    case.ledger.claim(plan, ids, ONE, 60)
    case.ledger.record(plan, ONE, [failed(ids[0])])
    case.ledger.claim(plan, ids, TWO, 60)
    case.ledger.record(plan, TWO, [UnitOutcome(ids[0], UnitState.PENDING)])
    assert read_unit(case, plan, ids[0]).error_kind == "timeout"


def test_a_done_unit_has_no_error(case: LedgerCase):
    plan, ids = open_plan(case, 1)
    case.ledger.claim(plan, ids, ONE, 60)
    case.ledger.record(plan, ONE, [failed(ids[0])])
    case.ledger.claim(plan, ids, TWO, 60)
    case.ledger.record(plan, TWO, [done(ids[0])])
    record = read_unit(case, plan, ids[0])
    assert (record.error_kind, record.error_message) == (None, None)


def test_a_late_writer_is_refused(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    case.clock.advance(61)
    case.ledger.claim(plan, ids[:1], TWO, 60)
    assert case.ledger.record(plan, ONE, [failed(u) for u in ids]) == {ids[0]}
    assert read_unit(case, plan, ids[0]).state is UnitState.RUNNING
    assert case.ledger.record(plan, TWO, [done(ids[0])]) == set()


def test_an_expired_lease_that_nobody_took_can_still_be_recorded(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    case.clock.advance(3600)
    assert case.ledger.record(plan, ONE, [done(ids[0])]) == set()


def test_an_outcome_is_written_once(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    case.ledger.record(plan, ONE, [done(ids[0])])
    assert case.ledger.record(plan, ONE, [failed(ids[0])]) == {ids[0]}
    assert read_unit(case, plan, ids[0]).state is UnitState.DONE


def test_a_done_unit_is_never_claimed_again(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    case.ledger.record(plan, ONE, [done(ids[0])])
    case.clock.advance(3600)
    case.dead.add(ONE.owner)
    assert ids[0] not in {r.unit.unit_id for r in case.ledger.claim(plan, ids, TWO, 60)}


def test_units_that_were_never_claimed_or_planned_are_refused(case: LedgerCase):
    plan, ids = open_plan(case)
    assert case.ledger.record(plan, ONE, [done(ids[0]), done("unknown")]) == {ids[0], "unknown"}
    assert case.ledger.save_checkpoints(plan, ONE, {ids[0]: {"page": 1}}) == {ids[0]}
    assert case.ledger.record(plan, ONE, []) == set()
    assert read_unit(case, plan, ids[0]) == UnitRecord(plan_units(3)[0], UnitState.PENDING)


def test_a_checkpoint_is_handed_to_the_next_attempt(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    assert case.ledger.save_checkpoints(plan, ONE, {ids[0]: {"page": 3}}) == set()
    case.ledger.record(plan, ONE, [failed(ids[0])])
    claimed = case.ledger.claim(plan, ids[:1], TWO, 60)
    assert claimed[0].checkpoint == {"page": 3}
    case.ledger.record(plan, TWO, [replace(failed(ids[0]), checkpoint={"page": 9})])
    assert read_unit(case, plan, ids[0]).checkpoint == {"page": 9}


def test_a_late_checkpoint_is_refused(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    case.clock.advance(61)
    case.ledger.claim(plan, ids[:1], TWO, 60)
    late = {ids[0]: {"page": 3}, ids[1]: {"page": 4}}
    assert case.ledger.save_checkpoints(plan, ONE, late) == {ids[0]}
    assert read_unit(case, plan, ids[0]).checkpoint is None
    assert read_unit(case, plan, ids[1]).checkpoint == {"page": 4}


def test_done_units_are_told_whoever_did_them(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    case.ledger.record(plan, ONE, [done(ids[0]), failed(ids[1])])
    assert case.ledger.read_done(plan, [*ids, "unknown"]) == {ids[0]}
    assert case.ledger.read_done(plan, []) == set()


def test_what_was_wrongly_done_is_taken_back_and_can_be_claimed_again(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    case.ledger.record(plan, ONE, [done(ids[0]), failed(ids[1])])
    assert case.ledger.take_back(plan, [*ids, "unknown"]) == 1
    taken = read_unit(case, plan, ids[0])
    assert (taken.state, taken.detail, taken.attempts) == (UnitState.PENDING, None, 1)
    assert read_unit(case, plan, ids[1]).state is UnitState.FAILED
    assert read_unit(case, plan, ids[2]).state is UnitState.RUNNING
    assert [r.unit.unit_id for r in case.ledger.claim(plan, [ids[0]], TWO, 60)] == [ids[0]]


def test_nothing_is_taken_back_from_a_closed_plan(case: LedgerCase):
    plan, ids = open_plan(case, 1)
    case.ledger.claim(plan, ids, ONE, 60)
    case.ledger.record(plan, ONE, [done(ids[0])])
    assert case.ledger.close_plan(plan)
    assert case.ledger.take_back(plan, ids) == 0
    assert case.ledger.read_done(plan, ids) == set(ids)


def test_an_open_plan_grows_by_what_it_does_not_have(case: LedgerCase):
    plan = case.ledger.open_plan(SCOPE, [Unit("a", {"n": 1}), Unit("b", {})], {})
    assert case.ledger.extend_plan(plan, [Unit("c", {}), Unit("a", {"n": 2}), Unit("d", {})]) == 2
    assert case.ledger.extend_plan(plan, [Unit("c", {})]) == 0
    records = case.ledger.read_units(plan)
    assert [record.unit.unit_id for record in records] == ["a", "b", "c", "d"]
    assert records[0].unit.payload == {"n": 1}
    assert {record.state for record in records} == {UnitState.PENDING}


def test_a_closed_plan_does_not_grow(case: LedgerCase):
    plan = case.ledger.open_plan(SCOPE, [], {})
    assert case.ledger.close_plan(plan)
    assert case.ledger.extend_plan(plan, [Unit("a", {})]) == 0
    assert case.ledger.read_units(plan) == []


def test_two_units_that_share_an_id_extend_nothing(case: LedgerCase):
    plan = case.ledger.open_plan(SCOPE, [], {})
    with pytest.raises(ValueError, match="share"):
        case.ledger.extend_plan(plan, [Unit("a", {}), Unit("a", {})])
    assert case.ledger.read_units(plan) == []


def test_more_units_than_a_statement_has_variables_work(case: LedgerCase):
    plan, ids = open_plan(case, 2000)
    claimed = case.ledger.claim(plan, ids, ONE, 60)
    assert [r.unit.unit_id for r in claimed] == ids
    assert case.ledger.save_checkpoints(plan, ONE, {u: {"page": 1} for u in ids}) == set()
    assert case.ledger.record(plan, ONE, [done(u) for u in ids]) == set()
    assert case.ledger.read_done(plan, ids) == set(ids)


def test_equal_units_of_two_plans_do_not_touch_each_other(case: LedgerCase):
    plan, ids = open_plan(case)
    other = case.ledger.open_plan(replace(SCOPE, tenant="acme"), plan_units(3), {})
    case.ledger.claim(plan, ids, ONE, 60)
    assert case.ledger.record(other, ONE, [done(ids[0])]) == {ids[0]}
    assert len(case.ledger.claim(other, ids, ONE, 60)) == 3
    case.ledger.record(other, ONE, [done(u) for u in ids])
    assert case.ledger.read_done(plan, ids) == set()
    assert case.ledger.renew(plan, ONE, 60) == set(ids)


def test_text_that_a_database_refuses_does_not_lose_the_batch(case: LedgerCase):
    plan, ids = open_plan(case)
    case.ledger.claim(plan, ids, ONE, 60)
    broken = replace(failed(ids[0]), error_message="bad \x00 byte and \ud800 half")
    assert case.ledger.record(plan, ONE, [broken, done(ids[1])]) == set()
    message = read_unit(case, plan, ids[0]).error_message
    assert message is not None
    assert message.startswith("bad ")
    assert case.ledger.read_done(plan, ids) == {ids[1]}
