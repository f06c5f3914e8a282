"""Units that come after others, units that the ledger will not have worked on, and the bound on what is held."""

from collections.abc import Sequence
from dataclasses import replace

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.run import Work, run_units
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import (
    Attempt,
    JsonObject,
    Plan,
    Report,
    Scope,
    Unit,
    UnitOutcome,
    UnitRecord,
    UnitState,
)
from platform_assets.core.errors import PermanentError
from tests.fakes.clock import FakeClock
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.virtual_time import run_virtual

SCOPE = Scope("tests", "", "2026-11-20")
POLICY = RunPolicy(concurrency=4, retry=RetryPolicy(attempts=1, jitter=0.0))
OTHER = Attempt("other", "elsewhere|boot|ns|1|1")


class RefusingLedger(MemoryLedger):
    """Answers claims of some units as FAILED, and counts what is held."""

    def __init__(self, clock: FakeClock, refused: set[str]) -> None:
        super().__init__(clock)
        self.refused = refused
        self.held = 0
        self.most_held = 0

    def claim(
        self, plan: Plan, unit_ids: Sequence[str], attempt: Attempt, lease_seconds: float
    ) -> list[UnitRecord]:
        free = [unit_id for unit_id in unit_ids if unit_id not in self.refused]
        claimed = super().claim(plan, free, attempt, lease_seconds)
        self.held += len(claimed)
        self.most_held = max(self.held, self.most_held)
        return claimed + [
            UnitRecord(
                Unit(unit_id, {}), UnitState.FAILED, error_kind="disabled", error_message="no"
            )
            for unit_id in unit_ids
            if unit_id in self.refused
        ]


class Chain:
    """Three lanes of four units, each after the one before it in its lane."""

    def __init__(self, refused: set[str] | None = None) -> None:
        self.clock = FakeClock()
        self.ledger = RefusingLedger(self.clock, refused or set())
        self.ids = [f"{lane}{n}" for n in range(4) for lane in "abc"]
        self.plan = self.ledger.open_plan(SCOPE, [Unit(i, {}) for i in self.ids], {})
        self.after = {f"{lane}{n}": f"{lane}{n - 1}" for lane in "abc" for n in range(1, 4)}
        self.worked: list[str] = []
        self.outcomes: list[UnitOutcome] = []

    async def work(self, unit: Unit, run: UnitRun) -> JsonObject | None:
        done = {
            record.unit.unit_id
            for record in self.ledger.read_units(self.plan)
            if record.state is UnitState.DONE
        }
        first = self.after.get(unit.unit_id)
        assert first is None or first in done, f"{unit.unit_id} began before {first} was done"
        self.worked.append(unit.unit_id)
        self.ledger.held -= 1
        return None

    def run(self, work: Work | None = None, policy: RunPolicy = POLICY) -> Report:
        return run_virtual(
            run_units(
                self.plan,
                work or self.work,
                ledger=self.ledger,
                policy=policy,
                clock=self.clock,
                draw=lambda: 0.0,
                after=self.after,
                on_outcome=self.outcomes.append,
            )
        )


def test_a_unit_starts_only_when_the_ledger_knows_that_the_one_before_it_is_done():
    chain = Chain()
    report = chain.run()
    assert report.complete
    assert sorted(chain.worked) == sorted(chain.ids)
    assert [unit for unit in chain.worked if unit[0] == "b"] == ["b0", "b1", "b2", "b3"]


def test_what_comes_after_a_failed_unit_is_left_and_other_lanes_go_on():
    chain = Chain()

    async def work(unit: Unit, run: UnitRun) -> JsonObject | None:
        if unit.unit_id == "b1":
            raise PermanentError("broken", kind="broken")
        return await chain.work(unit, run)

    report = chain.run(work)
    assert (report.done, report.failed, report.left) == (9, 1, 2)
    assert not {"b2", "b3"} & set(chain.worked)


def test_a_second_run_continues_a_chain_where_the_first_one_broke():
    chain = Chain()

    async def work(unit: Unit, run: UnitRun) -> JsonObject | None:
        if unit.unit_id == "b1":
            raise PermanentError("broken", kind="broken")
        return await chain.work(unit, run)

    chain.run(work)
    chain.worked.clear()
    report = chain.run()
    assert report.complete
    assert chain.worked == ["b1", "b2", "b3"]


def test_a_unit_that_the_ledger_refuses_is_reported_as_failed_and_nobody_works_on_it():
    chain = Chain(refused={"a0"})
    report = chain.run()
    assert (report.done, report.failed, report.left) == (8, 1, 3)
    assert [(unit.unit_id, unit.kind) for unit in report.failures] == [("a0", "disabled")]
    assert not [unit for unit in chain.worked if unit[0] == "a"]


def test_what_another_run_finishes_releases_what_comes_after_it():
    chain = Chain()
    (held,) = chain.ledger.claim(chain.plan, ["a0"], OTHER, 60)

    async def work(unit: Unit, run: UnitRun) -> JsonObject | None:
        if unit.unit_id == "c3":
            outcome = UnitOutcome(held.unit.unit_id, UnitState.DONE)
            chain.ledger.record(chain.plan, OTHER, [outcome])
        return await chain.work(unit, run)

    report = chain.run(work)
    assert report.complete
    assert report.skipped == 1
    assert [unit for unit in chain.worked if unit[0] == "a"] == ["a1", "a2", "a3"]


def test_a_run_that_does_not_wait_for_others_leaves_what_comes_after_their_units():
    chain = Chain()
    chain.ledger.claim(chain.plan, ["a0"], OTHER, 60)
    report = chain.run(policy=replace(POLICY, wait_for_others=False))
    assert (report.done, report.left) == (8, 4)


def test_a_chain_does_not_wait_for_the_ledgers_batches():
    chain = Chain()
    report = chain.run()
    assert report.complete
    assert report.seconds < 0.1, "three hand-overs of a quarter of a second each"


def test_never_more_units_are_held_than_the_hold_limit():
    clock = FakeClock()
    ledger = RefusingLedger(clock, set())
    plan = ledger.open_plan(SCOPE, [Unit(f"u{n:03}", {}) for n in range(40)], {})

    async def work(unit: Unit, run: UnitRun) -> JsonObject | None:
        ledger.held -= 1
        return None

    policy = replace(POLICY, hold_limit=4)
    report = run_virtual(
        run_units(plan, work, ledger=ledger, policy=policy, clock=clock, draw=lambda: 0.0)
    )
    assert report.complete
    assert ledger.most_held <= 4


def test_each_ended_unit_is_told_once_the_ledger_has_it():
    chain = Chain(refused={"a0"})
    chain.run()
    assert len(chain.outcomes) == 9
    assert {outcome.unit_id for outcome in chain.outcomes} == {
        "a0",
        *(unit for unit in chain.ids if unit[0] != "a"),
    }
