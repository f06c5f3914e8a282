"""Several runs at once on the same tenant-months, each with connections (on SQLite: write locks) of its own."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

import pytest

from platform_assets.core.engine.units import Attempt, UnitState
from platform_assets.core.errors import PermanentError
from platform_assets.tenants.state.rows import (
    is_held,
    lock_months,
    lock_tenant,
    write_months,
    write_tenants,
)
from platform_assets.tenants.tenant import MonthStatus, name_cell
from platform_assets.tenants.transitions import disable
from resources.state.database import StateDatabase, open_state
from tests.contract.state.tenant_values import (
    MONTHS,
    STALE,
    World,
    cells_of,
    claim,
    done,
    failed,
    given_back,
    make_tenant,
    record,
    states,
)
from tests.fakes.clock import START, FakeClock

T = TypeVar("T")

WORKERS = 8
ENDS = (done, failed, given_back)


@pytest.fixture
def worlds(database: StateDatabase, state_url: str, clock: FakeClock) -> Iterator[list[World]]:
    """The same database as several processes see it."""
    with ExitStack() as stack:
        others = [stack.enter_context(open_state(state_url, clock)) for _ in range(3)]
        yield [World(each) for each in (database, *others)]


def race(worlds: Sequence[World], work: Callable[[World, Attempt], T]) -> list[T]:
    """Runs `work` in threads that begin together; what one raises is raised."""
    start = threading.Barrier(WORKERS)

    def begin(number: int) -> T:
        start.wait()
        return work(worlds[number % len(worlds)], Attempt(f"attempt-{number}", f"owner-{number}"))

    with ThreadPoolExecutor(WORKERS) as pool:
        return [job.result() for job in [pool.submit(begin, n) for n in range(WORKERS)]]


def test_each_cell_is_claimed_by_one_and_the_limit_holds(worlds: list[World]):
    tenants = [make_tenant(f"t{number}") for number in range(40)]
    worlds[0].tenants.import_tenants(tenants)
    cells = [name_cell(tenant.tenant_id, "2026-11") for tenant in tenants]

    def claim_all(world: World, by: Attempt) -> list[str]:
        ledger = world.run(*cells, limit=25)
        # Each begins elsewhere, so that without an order of locks they would wait for each other.
        begin = 5 * int(by.attempt_id.removeprefix("attempt-"))
        wanted = [*cells[begin:], *cells[:begin]]
        claimed: list[str] = []
        for some in (wanted[:13], wanted[13:]):
            answers = claim(ledger, *some, by=by)
            assert {record.state for record in answers} <= {UnitState.RUNNING}
            claimed += [record.unit.unit_id for record in answers]
        return claimed

    claimed = [cell for mine in race(worlds, claim_all) for cell in mine]
    assert len(claimed) == len(set(claimed)) == 25
    assert worlds[0].months.count_by_status()[MonthStatus.RUNNING] == 25


class TickingClock(FakeClock):
    """Goes on by a microsecond with every look at it, so that what came later is later."""

    def __init__(self) -> None:
        super().__init__()
        self._ticks = count()

    def now(self) -> datetime:
        return START + timedelta(microseconds=next(self._ticks))


def test_every_month_of_new_tenants_is_done_once_and_in_order(
    database: StateDatabase, state_url: str
):
    clock = TickingClock()
    names = ["a", "b", "c", "d", "e"]
    cells = [cell for name in names for cell in cells_of(name)]
    with ExitStack() as stack:
        databases = [stack.enter_context(open_state(state_url, clock)) for _ in range(4)]
        worlds = [World(each) for each in databases]
        for name in names:
            worlds[0].add_new(name)
        ledgers = {id(world): world.run(*cells, limit=3) for world in worlds}

        def drain(world: World, by: Attempt) -> list[str]:
            """Claims whatever is to be had and does it, until nothing is left or nothing moves."""
            ledger = ledgers[id(world)]
            mine: list[str] = []
            for _ in range(1000):
                left = [c for c in cells if c not in ledger.read_done(ledger.plan, cells)]
                for answer in claim(ledger, *left, by=by) if left else ():
                    assert answer.state is UnitState.RUNNING
                    running = world.months.find(MonthStatus.RUNNING)
                    assert len(running) <= 3
                    assert max(Counter(month.tenant_id for month in running).values()) == 1
                    mine.append(answer.unit.unit_id)
                    assert record(ledger, done(answer.unit.unit_id), by=by) == set()
                if not left:
                    break
            return mine

        did = [cell for mine in race(worlds, drain) for cell in mine]
        tenants, months = worlds[0].tenants.read_all()
    assert sorted(did) == sorted(cells)
    assert {month.status for month in months} == {MonthStatus.COMPLETED}
    assert {t.last_completed_month for t in tenants if t.backfill_completed} == {MONTHS[-1]}
    ends = sorted((month.tenant_id, month.completed_at) for month in months)
    assert [end for _, end in ends] == [month.completed_at for month in months]


def test_one_of_several_registrations_wins(worlds: list[World]):
    def register(world: World, _by: Attempt) -> bool:
        with suppress(PermanentError):
            world.add_new("acme")
            return True
        return False

    assert sum(race(worlds, register)) == 1
    assert list(worlds[0].statuses()) == list(MONTHS)


def test_a_stale_month_is_given_up_once(worlds: list[World], clock: FakeClock):
    cells = [name_cell(f"t{number}", "2026-11") for number in range(10)]
    for number in range(10):
        worlds[0].add_existing(f"t{number}")
    assert len(claim(worlds[0].run(*cells), *cells)) == 10
    clock.advance(STALE)
    expired = race(worlds, lambda world, _by: world.months.expire(STALE, lambda _month: False))
    assert sorted(name_cell(m.tenant_id, m.month) for some in expired for m in some) == sorted(
        cells
    )
    assert {month.deaths for month in worlds[0].months.find()} == {1}


def test_a_claim_waits_for_a_change_of_its_tenant_and_sees_it(worlds: list[World]):
    worlds[0].add_existing()
    cell = cells_of("acme")[0]
    with ThreadPoolExecutor(1) as pool:
        with worlds[1].database.write() as connection:
            tenant = lock_tenant(connection, "acme")
            answers = pool.submit(claim, worlds[0].run(cell), cell)
            wait_a_moment()
            write_tenants(connection, [disable(tenant, "asked us", tenant.updated_at)])
        assert states(answers.result()) == {cell: "tenant_disabled"}
    assert worlds[0].statuses() == {}


def test_a_heartbeat_that_is_just_being_written_counts(worlds: list[World], clock: FakeClock):
    worlds[0].add_existing()
    cell = cells_of("acme")[0]
    holder = Attempt("attempt-1", "owner-1")
    claim(worlds[0].run(cell), cell, by=holder)
    clock.advance(STALE)
    with ThreadPoolExecutor(2) as pool:
        with worlds[1].database.write() as connection:
            (month,) = lock_months(connection, *is_held(holder))
            write_months(connection, [replace(month, heartbeat_at=clock.now())])
            other = worlds[0].run(cell, run_id="run-2")
            answers = pool.submit(claim, other, cell, by=Attempt("attempt-2", "owner-2"))
            expired = pool.submit(worlds[2].months.expire, STALE, lambda _month: False)
            wait_a_moment()
        assert answers.result() == []
        assert expired.result() == []
    assert worlds[0].month(cell).attempt_id == holder.attempt_id


def wait_a_moment() -> None:
    """For real: whether another thread waits for a lock cannot be asked alike on both databases."""
    threading.Event().wait(0.2)


def test_nobody_waits_for_each_other_for_ever(worlds: list[World]):
    """Every kind of change at once, on the same few rows: a deadlock would be raised as `state_busy`."""
    names = ["a", "b", "c", "d"]
    for name in names:
        worlds[0].add_existing(name, MONTHS)
    cells = [cell for name in names for cell in cells_of(name)]

    def work(world: World, by: Attempt) -> int:
        draw = random.Random(by.attempt_id)
        ledger = world.run(*cells, limit=9)
        recorded = 0
        for _ in range(25):
            answers = claim(ledger, *draw.sample(cells, 6), by=by)
            ledger.renew(ledger.plan, by, 60)
            outcomes = [draw.choice(ENDS)(answer.unit.unit_id) for answer in answers]
            draw.shuffle(outcomes)
            recorded += len(outcomes) - len(record(ledger, *outcomes, by=by))
            with suppress(PermanentError):  # deleted by another one, or there already
                change_tenant(world, draw.choice(names), draw.randrange(4))
        return recorded

    assert sum(race(worlds, work)) > 0
    assert len(worlds[0].months.find(MonthStatus.RUNNING)) <= 9


def change_tenant(world: World, name: str, how: int) -> None:
    match how:
        case 0:
            world.tenants.delete(name)
        case 1:
            world.add_existing(name, MONTHS)
        case 2:
            world.months.expire(STALE, lambda month: month.tenant_id == name)
        case _:
            world.tenants.activate(name)
