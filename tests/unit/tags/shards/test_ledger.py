"""The tables of a shard as units: done is what has an up-to-date receipt."""

from pathlib import Path

import pytest

from platform_assets.core.engine.units import Attempt, UnitOutcome, UnitState
from platform_assets.tags.shards.ledger import ShardLedger
from platform_assets.tags.tables import RawTable
from tests.unit.tags.table_rig import PLACE, TableRig

ME = Attempt("me", "here|boot|ns|1|1")
OTHER = Attempt("other", "here|boot|ns|2|2")


@pytest.fixture
def rig(tmp_path: Path) -> TableRig:
    return TableRig(tmp_path)


def open_ledger(rig: TableRig, *tables: RawTable) -> ShardLedger:
    return ShardLedger(rig.objects, PLACE, "07", tables, rig.steps.versions)


def states(ledger: ShardLedger) -> dict[str, UnitState]:
    return {record.unit.unit_id: record.state for record in ledger.read_units(ledger.plan)}


def test_only_tables_with_an_up_to_date_receipt_are_done(rig: TableRig):
    done, new, replaced = rig.put("done", "apple"), rig.put("new"), rig.put("replaced")
    rig.do(done)
    rig.do(replaced)
    replaced = rig.put("replaced", "pear")
    ledger = open_ledger(rig, done, new, replaced)
    assert states(ledger) == {
        "done": UnitState.DONE,
        "new": UnitState.PENDING,
        "replaced": UnitState.PENDING,
    }
    (record, *_) = ledger.read_units(ledger.plan)
    tagged = {"rows_read": 1, "rows_tagged": 1, "mentions": 1, "personal": 0}
    converted = {"rows": 1, "dead_letters": 0, "unread_dates": 0, "unsure_syllables": 0}
    assert record.detail == {**converted, **tagged}
    rig.upgrade(dictionary="v2")
    assert set(states(open_ledger(rig, done)).values()) == {UnitState.PENDING}


def test_units_are_in_the_order_of_the_tables(rig: TableRig):
    ledger = open_ledger(rig, rig.put("b"), rig.put("a"))
    assert list(states(ledger)) == ["b", "a"]


def test_what_is_done_or_held_is_not_claimed(rig: TableRig):
    done, new = rig.put("done"), rig.put("new")
    rig.do(done)
    ledger = open_ledger(rig, done, new)
    (claimed,) = ledger.claim(ledger.plan, ["done", "new"], ME, 60)
    assert (claimed.unit.unit_id, claimed.state, claimed.attempts) == ("new", UnitState.RUNNING, 1)
    assert ledger.claim(ledger.plan, ["new"], OTHER, 60) == []
    assert ledger.renew(ledger.plan, ME, 60) == {"new"}
    assert ledger.renew(ledger.plan, OTHER, 60) == set()


def test_outcomes_are_taken_from_the_one_that_holds_the_unit(rig: TableRig):
    ledger = open_ledger(rig, rig.put("a"), rig.put("b"))
    ledger.claim(ledger.plan, ["a", "b"], ME, 60)
    outcomes = [
        UnitOutcome("a", UnitState.DONE, detail={"rows": 3}),
        UnitOutcome("b", UnitState.FAILED, error_kind="broken", error_message="it is"),
    ]
    assert ledger.record(ledger.plan, OTHER, outcomes) == {"a", "b"}
    assert ledger.record(ledger.plan, ME, outcomes) == set()
    assert ledger.record(ledger.plan, ME, outcomes) == {"a", "b"}, "it holds them no more"
    assert ledger.read_done(ledger.plan, ["a", "b"]) == {"a"}
    assert states(ledger) == {"a": UnitState.DONE, "b": UnitState.FAILED}
    first, second = ledger.read_units(ledger.plan)
    assert (first.detail, second.error_kind) == ({"rows": 3}, "broken")


def test_a_unit_that_failed_or_was_given_back_can_be_claimed_again(rig: TableRig):
    ledger = open_ledger(rig, rig.put("a"))
    for state in (UnitState.FAILED, UnitState.PENDING):
        assert len(ledger.claim(ledger.plan, ["a"], ME, 60)) == 1
        ledger.record(ledger.plan, ME, [UnitOutcome("a", state)])
    (record,) = ledger.claim(ledger.plan, ["a"], ME, 60)
    assert record.attempts == 3


def test_checkpoints_are_refused_only_from_others(rig: TableRig):
    ledger = open_ledger(rig, rig.put("a"))
    ledger.claim(ledger.plan, ["a"], ME, 60)
    assert ledger.save_checkpoints(ledger.plan, ME, {"a": {}}) == set()
    assert ledger.save_checkpoints(ledger.plan, OTHER, {"a": {}}) == {"a"}
