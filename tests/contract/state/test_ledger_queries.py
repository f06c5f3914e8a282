from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from platform_assets.core.engine.units import Attempt, Plan, Scope, Unit, UnitOutcome, UnitState
from resources.state.database import StateDatabase
from resources.state.ledger import SqlLedger
from resources.state.ledger_queries import LedgerQueries, UnitCount, UnitFilter
from tests.fakes.clock import START, FakeClock

GAMES = Scope("games/raw", "", "2026-11-20")
ACME = Scope("tenants/events", "acme", "2026-10")
ONE = Attempt("attempt-1", "owner-1")


@pytest.fixture
def ledger(database: StateDatabase) -> SqlLedger:
    return SqlLedger(database, lambda _owner: False)


@pytest.fixture
def queries(database: StateDatabase) -> LedgerQueries:
    return LedgerQueries(database)


def run_plan(ledger: SqlLedger, scope: Scope, kinds: list[str | None]) -> Plan:
    """A plan with one unit per entry: done, or failed with that kind."""
    ids = [f"unit-{i}" for i in range(len(kinds))]
    plan = ledger.open_plan(scope, [Unit(u, {}) for u in ids], {})
    ledger.claim(plan, ids, ONE, 60)
    outcomes = [
        UnitOutcome(u, UnitState.DONE)
        if kind is None
        else UnitOutcome(u, UnitState.FAILED, error_kind=kind, error_message=f"{kind} of {u}")
        for u, kind in zip(ids, kinds, strict=True)
    ]
    ledger.record(plan, ONE, outcomes)
    return plan


def test_units_are_counted_by_cell_state_and_kind(ledger: SqlLedger, queries: LedgerQueries):
    run_plan(ledger, GAMES, [None, None, "timeout"])
    run_plan(ledger, ACME, ["timeout", "schema", "schema"])
    assert queries.count_units(UnitFilter()) == [
        UnitCount(GAMES, UnitState.DONE, None, 2),
        UnitCount(GAMES, UnitState.FAILED, "timeout", 1),
        UnitCount(ACME, UnitState.FAILED, "schema", 2),
        UnitCount(ACME, UnitState.FAILED, "timeout", 1),
    ]


@pytest.mark.parametrize(
    ("wanted", "total"),
    [
        (UnitFilter(), 6),
        (UnitFilter(pipeline="games/raw"), 3),
        (UnitFilter(tenant="acme"), 3),
        (UnitFilter(tenant=""), 3),
        (UnitFilter(partition="2026-10"), 3),
        (UnitFilter(state=UnitState.FAILED), 4),
        (UnitFilter(error_kind="timeout"), 2),
        (UnitFilter(tenant="acme", error_kind="timeout", state=UnitState.FAILED), 1),
        (UnitFilter(pipeline="nothing"), 0),
    ],
)
def test_a_filter_takes_what_matches_every_field(
    ledger: SqlLedger, queries: LedgerQueries, wanted: UnitFilter, total: int
):
    run_plan(ledger, GAMES, [None, None, "timeout"])
    run_plan(ledger, ACME, ["timeout", "schema", "schema"])
    assert sum(row.count for row in queries.count_units(wanted)) == total


def test_generations_of_a_cell_are_counted_together(ledger: SqlLedger, queries: LedgerQueries):
    assert ledger.close_plan(run_plan(ledger, GAMES, [None, None]))
    run_plan(ledger, GAMES, [None])
    assert queries.count_units(UnitFilter()) == [UnitCount(GAMES, UnitState.DONE, None, 3)]


def test_failed_units_are_listed_newest_plan_first(ledger: SqlLedger, queries: LedgerQueries):
    run_plan(ledger, GAMES, ["timeout", None])
    acme = run_plan(ledger, ACME, ["schema", "timeout"])
    rows = queries.failed_units(UnitFilter())
    assert [(row.scope, row.record.unit.unit_id, row.record.error_kind) for row in rows] == [
        (ACME, "unit-0", "schema"),
        (ACME, "unit-1", "timeout"),
        (GAMES, "unit-0", "timeout"),
    ]
    assert (rows[0].plan_id, rows[0].failed_at) == (acme.plan_id, START)
    assert len(queries.failed_units(UnitFilter(), limit=2)) == 2
    assert len(queries.failed_units(UnitFilter(error_kind="timeout"))) == 2


def test_redrive_makes_failed_units_pending_with_fresh_attempts(
    ledger: SqlLedger, queries: LedgerQueries
):
    games = run_plan(ledger, GAMES, ["timeout", None])
    acme = run_plan(ledger, ACME, ["timeout", "schema"])
    assert queries.redrive(UnitFilter(tenant="acme", error_kind="timeout")) == {ACME: 1}
    assert [r.state for r in ledger.read_units(acme)] == [UnitState.PENDING, UnitState.FAILED]
    assert ledger.read_units(acme)[0].attempts == 0
    assert ledger.read_units(acme)[0].error_kind == "timeout", "why it failed is still known"
    assert ledger.read_units(games)[0].state is UnitState.FAILED
    assert queries.redrive(UnitFilter()) == {GAMES: 1, ACME: 1}
    assert queries.redrive(UnitFilter()) == {}


def test_redrive_counts_by_cell(ledger: SqlLedger, queries: LedgerQueries):
    cells = [replace(GAMES, partition=f"2026-11-{day:02}") for day in range(1, 4)]
    for number, cell in enumerate(cells):
        run_plan(ledger, cell, ["timeout"] * number + [None])
    assert queries.redrive(UnitFilter()) == {cells[1]: 1, cells[2]: 2}


def test_a_filter_takes_the_named_units_alone(ledger: SqlLedger, queries: LedgerQueries):
    plan = run_plan(ledger, GAMES, ["timeout", "timeout", None])
    wanted = UnitFilter(unit_ids=frozenset({"unit-1", "unit-2", "unit-9"}))
    assert queries.redrive(wanted) == {GAMES: 1}
    assert [r.state for r in ledger.read_units(plan)] == [
        UnitState.FAILED,
        UnitState.PENDING,
        UnitState.DONE,
    ]


@pytest.mark.parametrize(
    ("pipeline", "with_parts", "total"),
    [
        ("games", True, 1),
        ("games", False, 0),
        ("games/raw", True, 1),
        ("games/raw", False, 1),
        ("games/ra", True, 0),
        ("Games", True, 0),
        ("game_", True, 0),
        ("%", True, 0),
    ],
)
def test_a_pipeline_is_asked_for_with_its_parts_or_alone(
    ledger: SqlLedger, queries: LedgerQueries, pipeline: str, with_parts: bool, total: int
):
    run_plan(ledger, GAMES, [None])
    run_plan(ledger, ACME, [None])
    wanted = UnitFilter(pipeline=pipeline, with_parts=with_parts)
    assert sum(row.count for row in queries.count_units(wanted)) == total


def test_redrive_leaves_units_that_did_not_fail(ledger: SqlLedger, queries: LedgerQueries):
    plan = run_plan(ledger, GAMES, [None, None])
    assert queries.redrive(UnitFilter(state=UnitState.DONE)) == {}
    assert ledger.read_done(plan, ["unit-0", "unit-1"]) == {"unit-0", "unit-1"}


def test_purge_deletes_old_closed_plans_with_their_units(
    ledger: SqlLedger, queries: LedgerQueries, clock: FakeClock
):
    for i in range(45):
        assert ledger.close_plan(run_plan(ledger, replace(GAMES, partition=str(i)), [None]))
    still_open = run_plan(ledger, ACME, ["timeout"])
    clock.advance(86_400)
    recent = run_plan(ledger, GAMES, [None])
    assert ledger.close_plan(recent)
    assert queries.purge(START + timedelta(hours=1)) == 45
    assert queries.purge(START + timedelta(hours=1)) == 0
    assert len(ledger.read_units(still_open)) == 1
    assert len(ledger.read_units(recent)) == 1
    assert sum(row.count for row in queries.count_units(UnitFilter())) == 2


def test_after_a_purge_generations_go_on_from_the_newest_plan(
    ledger: SqlLedger, queries: LedgerQueries
):
    for _ in range(3):
        ledger.close_plan(run_plan(ledger, GAMES, [None]))
    assert queries.purge(datetime(2027, 1, 1, tzinfo=UTC)) == 3
    newest = ledger.find_plan(GAMES)
    assert newest is not None
    assert (newest.generation, ledger.read_units(newest)) == (3, [])
    assert run_plan(ledger, GAMES, [None]).generation == 4
