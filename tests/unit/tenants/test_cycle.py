"""Many tenant-months in one engine run, on a real ledger and a local store, with sources that a test writes."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.units import Progress, Report, UnitOutcome, UnitState
from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.core.objects import ObjectInfo
from platform_assets.tenants.cycle import Processor, chain_cells, run_months
from platform_assets.tenants.outputs import customers_key, month_key, read_summary
from platform_assets.tenants.process import TABLES, EventSource
from platform_assets.tenants.state.ledger import SqlTenantLedger
from platform_assets.tenants.state.months import SqlTenantMonths
from platform_assets.tenants.state.tenants import SqlTenants
from platform_assets.tenants.tenant import (
    MonthStatus,
    SourceSettings,
    TenantMonth,
    TenantType,
    split_cell,
)
from resources.objects.local import LocalObjectStore
from resources.state.database import StateDatabase, open_state
from tests.fakes.clock import FakeClock
from tests.fakes.event_source import FakeEventSource, MemoryLetters, make_row
from tests.unit.tenants.builders import NOW, make_tenant

MONTHS = ("2025-12", "2026-01", "2026-02")
STALE_SECONDS = 1800.0
CELL = "2026-02|acme"
COMPLETED, FAILED, PENDING = MonthStatus.COMPLETED, MonthStatus.FAILED, MonthStatus.PENDING

BROKEN = PermanentError("the disk is on fire", kind="fire")


class Sources:
    """Opens what was put there under a table's name; an error is raised."""

    def __init__(self) -> None:
        self.found: dict[str, FakeEventSource | Exception] = {}

    def open(self, source: SourceSettings) -> EventSource:
        found = self.found[source.table]
        if isinstance(found, Exception):
            raise found
        return found


class CallingStore(LocalObjectStore):
    """Calls back before each write."""

    def __init__(self, root: Path, clock: FakeClock) -> None:
        super().__init__(root, clock=clock)
        self.root = root
        self.before_put: Callable[[str], object] = lambda key: None

    def put_if(self, key: str, data: bytes, etag: str | None) -> ObjectInfo:
        self.before_put(key)
        return super().put_if(key, data, etag)


@dataclass
class World:
    """Tenants, their sources, and where their tables go."""

    database: StateDatabase
    clock: FakeClock
    store: CallingStore
    sources: Sources = field(default_factory=Sources)
    letters: MemoryLetters = field(default_factory=MemoryLetters)
    outcomes: list[UnitOutcome] = field(default_factory=list[UnitOutcome])
    policy: RunPolicy = field(
        default_factory=lambda: RunPolicy(
            concurrency=4, retry=RetryPolicy(attempts=1), wait_for_others=False
        )
    )

    def __post_init__(self) -> None:
        self.tenants = SqlTenants(self.database)
        self.months = SqlTenantMonths(self.database)

    def add(
        self,
        tenant_id: str = "acme",
        source: FakeEventSource | Exception | None = None,
        tenant_type: TenantType = TenantType.EXISTING,
        months: Sequence[str] = (),
    ) -> None:
        settings = SourceSettings("sqlite:////db", tenant_id)
        self.tenants.register(
            make_tenant(tenant_id, tenant_type=tenant_type, source=settings), months
        )
        self.sources.found[tenant_id] = source or source_of(tenant_id)

    def processor(self) -> Processor:
        return Processor(
            tenants=self.tenants,
            sources=self.sources,
            objects=self.store,
            letters=self.letters,
            clock=self.clock,
            policy=self.policy,
            slice_records=10,
            chunk_records=5,
        )

    def ledger(self, *cells: str, run_id: str = "run") -> SqlTenantLedger:
        return SqlTenantLedger(
            self.database, cells, run_id=run_id, limit=20, stale_seconds=STALE_SECONDS
        )

    def run(self, *cells: str, run_id: str = "run", force: bool = True) -> Report:
        return asyncio.run(
            run_months(
                self.processor(),
                self.ledger(*cells, run_id=run_id),
                self._note,
                force=force,
            )
        )

    def _note(self, event: UnitOutcome | Progress) -> None:
        if isinstance(event, UnitOutcome):
            self.outcomes.append(event)

    def row(self, cell: str = CELL) -> TenantMonth:
        return self.months.get(*split_cell(cell))

    def statuses(self) -> dict[str, MonthStatus]:
        return {f"{row.month}|{row.tenant_id}": row.status for row in self.tenants.read_all()[1]}

    def tables(self, cell: str = CELL) -> list[bytes]:
        """The three tables; none where they are not all there."""
        keys = [month_key(*split_cell(cell), table) for table in TABLES]
        if any(self.store.head(key) is None for key in keys):
            return []
        return [self.store.get(key) for key in keys]


def source_of(name: str, count: int = 3, month: str = "2026-02") -> FakeEventSource:
    rows = [make_row(f"{name}-{n}", f"{month}-0{n + 1} 10:00:00") for n in range(count)]
    return FakeEventSource([*rows, make_row("", f"{month}-01")], print=f"{count} of {name}")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = FakeClock(NOW)
    with open_state(f"sqlite:///{tmp_path}/state.db", clock) as database:
        yield World(database, clock, CallingStore(tmp_path / "objects", clock))


# Many cells.


def test_one_run_does_many_cells_and_tells_each(world: World):
    tenants = [f"shop-{number}" for number in range(9)]
    for number, tenant_id in enumerate(tenants):
        world.add(tenant_id, source_of(tenant_id, number))
    cells = [f"2026-02|{tenant_id}" for tenant_id in tenants]
    report = world.run(*cells, run_id="run-7")
    assert (report.total, report.done, report.failed) == (9, 9, 0)
    assert sorted(outcome.unit_id for outcome in world.outcomes) == cells
    for number, cell in enumerate(cells):
        row = world.row(cell)
        assert (row.status, row.run_id) == (COMPLETED, "run-7")
        assert (row.processed_records, row.failed_records) == (number, 1)
        assert row.watermark == f"{number} of shop-{number}"
        assert read_summary(world.store, f"shop-{number}", "2026-02")["events"] == number


def test_an_outcome_carries_the_numbers_of_its_month(world: World):
    world.add()
    world.run(CELL)
    (outcome,) = world.outcomes
    assert outcome.detail is not None
    assert outcome.detail["processed_records"] == 3
    assert outcome.detail["revenue"] == "30.0000"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BROKEN, "fire"),
        (TransientError("away", kind="source_unreachable"), "source_unreachable"),
        (ZeroDivisionError("a defect"), "unexpected"),
    ],
)
def test_a_cell_that_fails_leaves_the_others_alone(world: World, error: Exception, kind: str):
    world.add("bad", error)
    world.add("good")
    report = world.run("2026-02|bad", "2026-02|good")
    assert [(unit.unit_id, unit.kind) for unit in report.failures] == [("2026-02|bad", kind)]
    assert world.statuses() == {"2026-02|bad": FAILED, "2026-02|good": COMPLETED}
    row = world.row("2026-02|bad")
    assert (row.retry_count, (row.error_message or "").split(":")[0]) == (1, kind)
    assert row.next_attempt_at is not None


def test_a_month_is_not_tried_again_inside_a_run(world: World):
    source = source_of("acme")
    opened: list[int] = []

    def fail(number: int) -> None:
        opened.append(number)
        raise TransientError("away", kind="source_unreachable")

    source.before_slice = fail
    world.add("acme", source)
    assert world.run(CELL).failed == 1
    assert opened == [0]


def test_a_cell_that_the_ledger_refuses_is_told_and_its_source_is_not_asked(world: World):
    source = source_of("acme")
    world.add("acme", source)
    world.tenants.deactivate("acme", "left us")
    report = world.run(CELL, "2026-02|nobody")
    assert {unit.unit_id: unit.kind for unit in report.failures} == {
        CELL: "tenant_disabled",
        "2026-02|nobody": "unknown_tenant",
    }
    assert {outcome.unit_id for outcome in world.outcomes} == {CELL, "2026-02|nobody"}
    assert (source.reads, world.statuses(), world.tables()) == (0, {}, [])


def test_a_run_without_cells_ends_at_once(world: World):
    report = world.run()
    assert (report.total, report.complete) == (0, True)


@pytest.mark.parametrize(("force", "reads"), [(True, 2), (False, 1)])
def test_a_month_is_read_again_if_forced_or_if_its_source_has_changed(
    world: World, force: bool, reads: int
):
    source = source_of("acme")
    world.add("acme", source)
    world.run(CELL, force=False)
    before = world.tables()
    assert world.run(CELL, force=force).done == 1
    assert (source.reads, world.tables()) == (reads, before)
    source.print = "changed"
    assert world.run(CELL, force=False).done == 1
    assert source.reads == reads + 1
    assert world.row().watermark == "changed"


def test_the_source_is_read_in_slices_of_the_size_that_is_set(world: World):
    slices: list[int] = []
    rows = [make_row(f"e{n}", "2026-02-01") for n in range(25)]
    world.add("acme", FakeEventSource(rows, before_slice=slices.append))
    assert world.run(CELL).done == 1
    assert slices == [0, 1, 2]
    assert world.row().processed_records == 25


# The months of a new tenant.


def test_only_months_of_new_tenants_are_chained_each_to_the_one_before():
    cells = ["2026-02|new", "2025-12|new", "2026-01|old", "2026-01|newer", "2026-01|new"]
    assert chain_cells(cells, {"new", "newer"}.__contains__) == {
        "2026-01|new": "2025-12|new",
        "2026-02|new": "2026-01|new",
    }


def test_months_that_are_not_neighbours_are_chained_too():
    assert chain_cells(["2024-01|a", "2026-02|a"], lambda _: True) == {"2026-02|a": "2024-01|a"}


def test_months_of_a_new_tenant_are_done_one_after_another_and_make_it_existing(world: World):
    world.add("acme", tenant_type=TenantType.NEW, months=MONTHS)
    world.add("other")
    cells = [f"{month}|acme" for month in reversed(MONTHS)]
    report = world.run("2026-02|other", *cells)
    assert report.done == 4
    told = [outcome.unit_id for outcome in world.outcomes]
    assert [cell for cell in told if cell in cells] == sorted(cells)
    assert world.tenants.get("acme").tenant_type is TenantType.EXISTING


def test_after_a_month_that_fails_the_later_ones_of_a_new_tenant_are_left(world: World):
    world.add("acme", BROKEN, TenantType.NEW, MONTHS)
    report = world.run(*(f"{month}|acme" for month in MONTHS))
    assert (report.failed, report.left) == (1, 2)
    assert list(world.statuses().values()) == [FAILED, PENDING, PENDING]


# Attempts that end too late.


def take_over(world: World) -> tuple[list[bytes], TenantMonth]:
    """Half an hour passes, the month is given up, and another run completes it with other events."""
    world.clock.advance(STALE_SECONDS)
    (expired,) = world.months.expire(STALE_SECONDS, lambda month: False)
    assert expired.status is PENDING
    later = World(
        world.database,
        world.clock,
        CallingStore(world.store.root, world.clock),
        letters=world.letters,
    )
    later.sources.found["acme"] = source_of("later", 5)
    assert later.run(CELL, run_id="later").done == 1
    return later.tables(), later.row()


@dataclass
class Once:
    """Does something the first time."""

    do: Callable[[], object]
    done: bool = False
    result: object = None

    def __call__(self, *_: object) -> None:
        if not self.done:
            self.done = True
            self.result = self.do()


def at_table(name: str) -> Callable[[World, Once], None]:
    def arrange(world: World, once: Once) -> None:
        world.store.before_put = lambda key: once() if key.endswith(f"{name}.parquet") else None

    return arrange


def at_slice(world: World, once: Once) -> None:
    source = world.sources.found["acme"]
    assert isinstance(source, FakeEventSource)
    source.before_slice = once


@pytest.mark.parametrize(
    "arrange",
    [at_slice, *map(at_table, TABLES)],
    ids=["while it reads", *(f"before {table}" for table in TABLES)],
)
def test_an_attempt_that_wakes_up_after_another_took_over_changes_nothing(
    world: World, arrange: Callable[[World, Once], None]
):
    world.add("acme", source_of("early"))
    once = Once(lambda: take_over(world))
    arrange(world, once)
    report = world.run(CELL, run_id="early")
    assert isinstance(once.result, tuple)
    tables, row = once.result
    assert (report.done, report.failed) == (0, 0)
    assert world.outcomes == []
    assert world.tables() == tables
    assert world.row() == row
    assert (row.run_id, row.processed_records, row.watermark) == ("later", 5, "5 of later")
    assert len(world.letters.kept["acme", "2026-02"]) == 1


def test_an_attempt_that_was_given_up_writes_nothing(world: World):
    world.add("acme", source_of("early"))

    def give_up() -> None:
        world.clock.advance(STALE_SECONDS)
        assert len(world.months.expire(STALE_SECONDS, lambda month: False)) == 1

    at_slice(world, Once(give_up))
    report = world.run(CELL)
    assert (report.done, report.failed, report.left) == (0, 0, 1)
    row = world.row()
    assert (row.status, row.retry_count) == (PENDING, 0)
    assert (row.error_message or "").startswith("stale: no heartbeat")
    assert (world.tables(), world.letters.kept) == ([], {})


def test_a_month_whose_tenant_is_removed_meanwhile_leaves_nothing_behind(world: World):
    world.add("acme", source_of("early"))
    at_slice(world, Once(lambda: world.tenants.delete("acme")))
    report = world.run(CELL)
    assert (report.done, report.left) == (0, 1)
    assert world.tenants.read_all() == ([], [])
    assert world.tables() == []
    assert world.store.head(customers_key("acme")) is None


# Runs that end early.


@dataclass
class Blocked:
    """A source's slice that comes when it is told to."""

    asked: Callable[[], object]
    come: threading.Event = field(default_factory=threading.Event)

    def __call__(self, number: int) -> None:
        self.asked()
        assert self.come.wait(600)

    def end(self) -> None:
        """Lets the slice come, and waits for the thread that waited for it."""
        self.come.set()
        for thread in threading.enumerate():
            if thread.name.startswith("AnyIO worker"):
                thread.join(20)


def test_a_run_that_is_cancelled_gives_back_what_it_holds_and_writes_nothing_later(world: World):
    source = source_of("acme")
    world.add("acme", source)
    world.add("other", source_of("other"))

    async def run() -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        source.before_slice = blocked
        blocked.asked = lambda: loop.call_soon_threadsafe(task.cancel)
        ledger = world.ledger(CELL, "2026-01|acme", "2025-12|acme")
        await run_months(world.processor(), ledger, force=True)

    blocked = Blocked(lambda: None)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert set(world.statuses().values()) == {PENDING}
    rows = world.tenants.months("acme")
    blocked.end()
    assert world.tenants.months("acme") == rows
    assert all(row.retry_count == 0 and row.attempt_id is None for row in rows)
    assert list(world.store.list("")) == []


def test_a_month_that_takes_too_long_fails_and_writes_nothing_later(world: World):
    source = source_of("acme")
    source.before_slice = blocked = Blocked(lambda: None)
    world.add("acme", source)
    world.policy = replace(world.policy, unit_timeout_seconds=0.05)
    report = world.run(CELL)
    assert [(unit.unit_id, unit.kind) for unit in report.failures] == [(CELL, "timeout")]
    row = world.row()
    assert row.status is FAILED
    blocked.end()
    assert world.row() == row
    assert list(world.store.list("")) == []


def test_a_cell_that_another_run_works_on_is_left_to_it(world: World):
    source = source_of("acme")
    world.add("acme", source)
    reports: list[Report] = []
    at_slice(world, Once(lambda: reports.append(world.run(CELL, run_id="second"))))
    assert world.run(CELL, run_id="first").done == 1
    assert [(report.done, report.left) for report in reports] == [(0, 1)]
    assert (world.row().run_id, source.reads) == ("first", 1)
    assert [outcome.state for outcome in world.outcomes] == [UnitState.DONE]
