"""Any sequence of claims, renewals, records, expiries and deaths, on a database and in memory side by side."""

from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from platform_assets.core.engine.units import Attempt, Scope, Unit, UnitOutcome, UnitState
from resources.state.database import StateDatabase
from resources.state.ledger import SqlLedger
from resources.state.ledger_queries import LedgerQueries, UnitFilter
from tests.fakes.clock import FakeClock
from tests.fakes.memory_ledger import MemoryLedger

UNITS = [Unit(f"unit-{i}", {"i": i}) for i in range(4)]
ATTEMPTS = [Attempt(f"attempt-{name}", f"owner-{name}") for name in "abc"]

attempts = st.sampled_from(ATTEMPTS)
unit_ids = st.lists(st.sampled_from([u.unit_id for u in UNITS]), unique=True, min_size=1)
seconds = st.sampled_from([10.0, 30.0])
end_states = st.sampled_from([UnitState.DONE, UnitState.FAILED, UnitState.PENDING])

_partitions = count()


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self, database: StateDatabase, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.dead: set[str] = set()
        self.sql = SqlLedger(database, self.dead.__contains__)
        self.memory = MemoryLedger(clock, self.dead.__contains__)
        scope = Scope("fencing", "", str(next(_partitions)))
        self.plan = self.sql.open_plan(scope, UNITS, {})
        self.memory_plan = self.memory.open_plan(scope, UNITS, {})
        self.holders: dict[str, str] = {}
        self.done: set[str] = set()

    @rule(attempt=attempts, wanted=unit_ids, lease=seconds)
    def claim(self, attempt: Attempt, wanted: list[str], lease: float) -> None:
        claimed = self.sql.claim(self.plan, wanted, attempt, lease)
        assert claimed == self.memory.claim(self.memory_plan, wanted, attempt, lease)
        taken = {r.unit.unit_id for r in claimed if r.state is UnitState.RUNNING}
        self.holders.update(dict.fromkeys(taken, attempt.attempt_id))
        for record in self.sql.read_units(self.plan):
            if record.state is not UnitState.RUNNING:  # a worker's death was noted, nobody has it
                self.holders.pop(record.unit.unit_id, None)
        assert not self.done & taken

    @rule(attempt=attempts, lease=seconds)
    def renew(self, attempt: Attempt, lease: float) -> None:
        held = self.sql.renew(self.plan, attempt, lease)
        assert held == self.memory.renew(self.memory_plan, attempt, lease)
        assert held == {u for u, holder in self.holders.items() if holder == attempt.attempt_id}

    @rule(attempt=attempts, wanted=unit_ids, state=end_states)
    def record(self, attempt: Attempt, wanted: list[str], state: UnitState) -> None:
        outcomes = [UnitOutcome(u, state, checkpoint={"by": attempt.attempt_id}) for u in wanted]
        refused = self.sql.record(self.plan, attempt, outcomes)
        assert refused == self.memory.record(self.memory_plan, attempt, outcomes)
        for unit_id in set(wanted) - refused:
            assert unit_id not in self.done
            assert self.holders.pop(unit_id) == attempt.attempt_id
            if state is UnitState.DONE:
                self.done.add(unit_id)

    @rule(attempt=attempts, wanted=unit_ids)
    def save_checkpoints(self, attempt: Attempt, wanted: list[str]) -> None:
        checkpoints = {u: {"saved": attempt.attempt_id} for u in wanted}
        refused = self.sql.save_checkpoints(self.plan, attempt, checkpoints)
        assert refused == self.memory.save_checkpoints(self.memory_plan, attempt, checkpoints)

    @rule(passed=st.sampled_from([1.0, 10.0, 29.0]))
    def advance(self, passed: float) -> None:
        self.clock.advance(passed)

    @rule(attempt=attempts)
    def die(self, attempt: Attempt) -> None:
        self.dead.add(attempt.owner)

    @invariant()
    def both_tell_the_same(self) -> None:
        assert self.sql.read_units(self.plan) == self.memory.read_units(self.memory_plan)


def test_no_sequence_lets_two_attempts_record_one_unit(database: StateDatabase, clock: FakeClock):
    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(database, clock)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40, stateful_step_count=30, deadline=None, database=None, derandomize=True
        ),
    )
    counts = LedgerQueries(database).count_units(UnitFilter(state=UnitState.DONE))
    assert counts, "no sequence came as far as recording a unit: the rules above are too weak"
