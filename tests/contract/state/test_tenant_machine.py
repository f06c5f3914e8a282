"""Any sequence of what runs, sensors and people do to tenant-months, with the rules that must hold after each step.

The machine remembers only who holds what since when; everything else is read back from the tables.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine

from platform_assets.core.engine.units import Attempt, UnitOutcome, UnitState
from platform_assets.core.errors import PermanentError
from platform_assets.tenants.state.ledger import SqlTenantLedger
from platform_assets.tenants.tenant import (
    MonthStatus,
    Tenant,
    TenantMonth,
    TenantType,
    name_cell,
)
from platform_assets.tenants.transitions import is_exhausted
from resources.state.database import StateDatabase
from resources.state.engines import create_state_engine
from resources.state.urls import parse_state_url
from tests.contract.state.conftest import empty_tables
from tests.contract.state.tenant_values import STALE, World, cells_of, done, failed, given_back
from tests.fakes.clock import FakeClock

LIMIT = 2
NAMES = ("new", "old")
MONTHS = ("2026-10", "2026-11")
CELLS = [cell for name in NAMES for cell in cells_of(name, (*MONTHS, "2026-12"))]
ENDS = {UnitState.DONE: done, UnitState.FAILED: failed, UnitState.PENDING: given_back}

names = st.sampled_from(NAMES)
cells = st.lists(st.sampled_from(CELLS), unique=True, min_size=1)
one_cell = st.sampled_from(CELLS)
ends = st.sampled_from(list(ENDS))
passed = st.sampled_from([1.0, STALE / 2, STALE, 12 * 86_400.0])

_numbers = count()


@dataclass(frozen=True)
class Run:
    """A run with its attempt; one that lost its months stays around as a zombie."""

    ledger: SqlTenantLedger
    attempt: Attempt
    run_id: str

    def record(self, *outcomes: UnitOutcome) -> set[str]:
        return self.ledger.record(self.ledger.plan, self.attempt, outcomes)


@dataclass(frozen=True)
class Hold:
    """Who holds a cell, and its last sign of life."""

    run: Run
    beat: float


class TenantMachine(RuleBasedStateMachine):
    runs: Bundle[Run] = Bundle("runs")

    def __init__(self, engine: Engine, happened: Counter[str]) -> None:
        super().__init__()
        self.clock = FakeClock()
        database = StateDatabase(engine, self.clock)
        empty_tables(database)
        self.world = World(database)
        self.world.add_new("new", MONTHS)
        self.world.add_existing("old")
        self.happened = happened
        self.holds: dict[str, Hold] = {}

    @rule(target=runs, wanted=st.just(CELLS) | cells)
    def start(self, wanted: list[str]) -> Run:
        number = next(_numbers)
        ledger = self.world.run(*wanted, run_id=f"run-{number}", limit=LIMIT)
        return Run(ledger, Attempt(f"attempt-{number}", f"owner-{number}"), f"run-{number}")

    @rule(run=runs, wanted=cells)
    def claim(self, run: Run, wanted: list[str]) -> None:
        self.take(run, wanted)

    def take(self, run: Run, wanted: list[str]) -> list[str]:
        """Claims, and checks each answer against what is known."""
        tenants = {tenant.tenant_id: tenant for tenant in self.world.tenants.read_all()[0]}
        lost = self.lost()
        answers = run.ledger.claim(run.ledger.plan, wanted, run.attempt, 60)
        granted = [a.unit.unit_id for a in answers if a.state is UnitState.RUNNING]
        assert {a.unit.unit_id for a in answers} <= set(wanted)
        assert len(answers) == len({a.unit.unit_id for a in answers})
        for cell in granted:
            assert tenants[cell.partition("|")[2]].active
            assert cell not in self.holds or cell in lost or self.is_held(cell, run)
            self.happened["taken over"] += cell in lost
            if cell not in self.holds or cell in lost:
                self.holds[cell] = Hold(run, self.clock.monotonic())
        self.happened.update(a.error_kind for a in answers if a.error_kind)
        for cell in lost & set(wanted) - set(granted):
            self.forget_if_given_up(cell)
        return granted

    @rule(run=runs, cell=one_cell, end=ends)
    def work(self, run: Run, cell: str, end: UnitState) -> None:
        """Claims one month and ends it at once."""
        for granted in self.take(run, [cell]):
            self.end(run, [granted], end)

    @rule(run=runs, end=ends)
    def work_on_all(self, run: Run, end: UnitState) -> None:
        """Claims what there is and ends it, four times: enough to complete a history, or to exhaust a month."""
        for _ in range(4):
            self.clock.advance(1)
            for granted in self.take(run, CELLS):
                self.end(run, [granted], end)

    @rule(run=runs, cell=one_cell, crash=st.booleans(), mend=st.booleans())
    def fail_too_often(self, run: Run, cell: str, crash: bool, mend: bool) -> None:
        for _ in range(5):
            self.clock.advance(STALE)
            if self.take(run, [cell]) and not crash:
                self.end(run, [cell], UnitState.FAILED)
        if mend:
            self.change_tenant(cell.partition("|")[2], "on")

    @rule(run=runs, other=runs, cell=one_cell)
    def fall_asleep(self, run: Run, other: Run, cell: str) -> None:
        self.take(run, [cell])
        self.clock.advance(STALE)
        self.take(other, [cell])

    @rule(run=runs, wanted=cells, end=ends)
    def end(self, run: Run, wanted: list[str], end: UnitState) -> None:
        mine = {cell for cell in wanted if self.is_held(cell, run)}
        before = self.world.tenants.read_all()
        refused = run.record(*(ENDS[end](cell) for cell in wanted))
        assert refused == set(wanted) - mine
        after = self.world.tenants.read_all()
        if not mine:
            assert after == before
            self.happened["refused"] += 1
        for cell in mine:
            del self.holds[cell]
            self.happened[end] += 1
        turned = [
            now.tenant_id
            for then, now in zip(before[0], after[0], strict=True)
            if then.tenant_type is not now.tenant_type
        ]
        self.happened["turned EXISTING"] += len(turned)
        self.happened["added months"] += len(after[1]) > len(before[1])

    @rule(run=runs)
    def beat(self, run: Run) -> None:
        mine = {cell for cell in self.holds if self.is_held(cell, run)}
        assert run.ledger.renew(run.ledger.plan, run.attempt, 60) == mine
        self.holds.update({cell: Hold(run, self.clock.monotonic()) for cell in mine})

    @rule(run=runs, wanted=cells)
    def check(self, run: Run, wanted: list[str]) -> None:
        before = self.world.tenants.read_all()
        checkpoints = {cell: {"page": 1} for cell in wanted}
        refused = run.ledger.save_checkpoints(run.ledger.plan, run.attempt, checkpoints)
        assert refused == {cell for cell in wanted if not self.is_held(cell, run)}
        assert self.world.tenants.read_all() == before

    @rule(seconds=passed)
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(run=runs)
    def die(self, run: Run) -> None:
        self.world.dead.add(run.attempt.owner)

    @rule()
    def expire(self) -> None:
        self.expect_expired(self.lost(), self.world.months.expire(STALE, lambda _month: False))

    @rule(run=runs)
    def lose_run(self, run: Run) -> None:
        """The run is gone from Dagster; its process may still work, for all that is known."""
        gone = {cell for cell in self.holds if self.is_held(cell, run)}
        expired = self.world.months.expire(STALE, lambda month: month.run_id == run.run_id)
        self.expect_expired(self.lost() | gone, expired)

    @rule(name=names, change=st.sampled_from(["on", "on", "off", "anew"]))
    def change_tenant(self, name: str, change: str) -> None:
        if change == "on":
            before = self.world.tenants.months(name)
            self.happened["reset by activation"] += any(is_exhausted(month) for month in before)
            assert self.world.tenants.activate(name).active
            assert not any(is_exhausted(month) for month in self.world.tenants.months(name))
        elif change == "off":
            assert self.world.tenants.deactivate(name, "asked us").disabled_reason == "asked us"
        else:
            self.delete_and_register(name)

    @rule(cell=one_cell)
    def reset(self, cell: str) -> None:
        month, _, name = cell.partition("|")
        before = {m.month: m for m in self.world.tenants.months(name)}
        if month in before and before[month].status is MonthStatus.FAILED:
            after = self.world.months.reset(name, month)
            assert (after.status, after.retry_count) == (MonthStatus.PENDING, 0)
            return
        with pytest.raises(PermanentError) as caught:
            self.world.months.reset(name, month)
        assert caught.value.kind == ("not_failed" if month in before else "unknown_month")

    def delete_and_register(self, name: str) -> None:
        self.world.tenants.delete(name)
        if name == "new":
            self.world.add_new(name, MONTHS)
        else:
            self.world.add_existing(name)
        for cell in [cell for cell in self.holds if cell.endswith(f"|{name}")]:
            del self.holds[cell]

    @invariant()
    def the_rules_hold(self) -> None:
        tenants, months = self.world.tenants.read_all()
        self.check_holders([month for month in months if month.status is MonthStatus.RUNNING])
        for tenant in tenants:
            mine = [month for month in months if month.tenant_id == tenant.tenant_id]
            self.check_failures(tenant, mine)
            self.check_order(tenant, mine)

    def check_holders(self, running: Sequence[TenantMonth]) -> None:
        assert {name_cell(m.tenant_id, m.month): m.attempt_id for m in running} == {
            cell: hold.run.attempt.attempt_id for cell, hold in self.holds.items()
        }
        assert len(running) <= LIMIT

    def check_failures(self, tenant: Tenant, months: Sequence[TenantMonth]) -> None:
        assert tenant.active is (tenant.disabled_reason is None)
        assert all(0 <= month.retry_count <= month.max_retries + 1 for month in months)
        if any(is_exhausted(month) for month in months):
            assert not tenant.active

    def check_order(self, tenant: Tenant, months: Sequence[TenantMonth]) -> None:
        if tenant.tenant_type is TenantType.NEW:
            for month in months:
                if month.status is MonthStatus.RUNNING:
                    earlier = {m.status for m in months if m.month < month.month}
                    assert earlier <= {MonthStatus.COMPLETED}
        elif tenant.tenant_id == "new":
            assert tenant.backfill_completed
            assert all(month.completed_at for month in months if month.month in MONTHS)

    def lost(self) -> set[str]:
        """Cells that nobody works on any more."""
        now = self.clock.monotonic()
        return {
            cell
            for cell, hold in self.holds.items()
            if now - hold.beat >= STALE or hold.run.attempt.owner in self.world.dead
        }

    def is_held(self, cell: str, run: Run) -> bool:
        return cell in self.holds and self.holds[cell].run is run

    def forget_if_given_up(self, cell: str) -> None:
        """A claim gives up what nobody works on, unless it did not come so far: the tenant is off."""
        month, _, name = cell.partition("|")
        if self.world.months.get(name, month).status is not MonthStatus.RUNNING:
            del self.holds[cell]

    def expect_expired(self, expected: set[str], expired: Sequence[TenantMonth]) -> None:
        assert {name_cell(month.tenant_id, month.month) for month in expired} == expected
        assert {month.status for month in expired} <= {MonthStatus.PENDING, MonthStatus.FAILED}
        for cell in expected:
            del self.holds[cell]
        self.happened["expired"] += len(expired)


@pytest.fixture
def engine(state_url: str, database: StateDatabase) -> Iterator[Engine]:
    engine = create_state_engine(parse_state_url(state_url))
    yield engine
    engine.dispose()


def test_no_sequence_breaks_the_rules(engine: Engine, backend: str):
    happened: Counter[str] = Counter()

    class Machine(TenantMachine):
        def __init__(self) -> None:
            super().__init__(engine, happened)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=300 if backend == "sqlite" else 40,
            stateful_step_count=30,
            deadline=None,
            database=None,
            derandomize=True,
        ),
    )
    expected = {*ENDS, "taken over", "refused", "expired", "month_order", "tenant_disabled"}
    if backend == "sqlite":
        expected |= {"exhausted", "turned EXISTING", "added months"}
        expected |= {"reset by activation"}
    never = {word for word in expected if not happened[word]}
    assert not never, f"the rules above are too weak: no sequence came to {sorted(never)}"
