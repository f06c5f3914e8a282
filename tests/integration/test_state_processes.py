"""Several real processes on one state database: first open, claims, a killed holder."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Protocol

import pytest

from platform_assets.core.clock import SystemClock
from platform_assets.core.engine.units import Attempt, Plan, Scope, Unit, UnitOutcome, UnitState
from platform_assets.core.processes.owner import describe_owner
from resources.state.cap_states import SqlCapStates
from resources.state.database import StateDatabase, open_state
from resources.state.engines import create_state_engine
from resources.state.leases import SqlLeases
from resources.state.ledger import SqlLedger
from resources.state.schema import newest_revision, read_revision
from resources.state.urls import parse_state_url
from tests.contract.state.postgres import temporary_schema

SPAWN = multiprocessing.get_context("spawn")
SCOPE = Scope("games/raw", "", "2026-11-20")
ANSWER_SECONDS = 600


class Barrier(Protocol):
    def wait(self, timeout: float | None = None) -> int: ...


class Queue(Protocol):
    def put(self, obj: object) -> None: ...
    def get(self, block: bool = True, timeout: float | None = None) -> Any: ...


@contextmanager
def started(
    target: Callable[..., None], *args: object, count: int = 1
) -> Generator[list[SpawnProcess]]:
    """Processes that are ended with the block, whatever happens."""
    processes = [SPAWN.Process(target=target, args=args, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.join()


def answers(queue: Queue, count: int) -> list[Any]:
    return [queue.get(timeout=ANSWER_SECONDS) for _ in range(count)]


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state.db"
    else:
        with temporary_schema() as url:
            yield url


def open_together(urls: list[str], barrier: Barrier, queue: Queue) -> None:
    for url in urls:
        barrier.wait(ANSWER_SECONDS)
        try:
            engine = create_state_engine(parse_state_url(url))
            migrated = StateDatabase(engine, SystemClock()).ensure_schema()
            with engine.connect() as connection:
                queue.put((url, migrated, read_revision(connection)))
            engine.dispose()
        except Exception as error:  # noqa: BLE001 (the parent shows what went wrong)
            queue.put((url, repr(error), None))


@pytest.mark.slow
def test_six_processes_that_open_a_fresh_database_at_once_migrate_it_once(tmp_path: Path):
    with ExitStack() as schemas:
        urls = [f"sqlite:///{tmp_path}/{i}/state.db" for i in range(8)]
        urls += [schemas.enter_context(temporary_schema()) for _ in range(4)]
        queue: Queue = SPAWN.Queue()
        with started(open_together, urls, SPAWN.Barrier(6), queue, count=6):
            results = answers(queue, 6 * len(urls))
    for url in urls:
        of_url = sorted((result[1:] for result in results if result[0] == url), key=str)
        newest = newest_revision()
        assert of_url == [(False, newest)] * 5 + [(True, newest)]


def claim_all(url: str, plan: Plan, barrier: Barrier, queue: Queue) -> None:
    """Claims 16 units at a time, in plan order as all the others do, until none is left."""
    attempt = Attempt(f"attempt-{os.getpid()}", describe_owner())
    claimed: list[str] = []
    with open_state(url, SystemClock()) as database:
        ledger = SqlLedger(database)
        left = [record.unit.unit_id for record in ledger.read_units(plan)]
        barrier.wait(ANSWER_SECONDS)
        while left:
            taken = [r.unit.unit_id for r in ledger.claim(plan, left[:16], attempt, 60)]
            outcomes = [UnitOutcome(unit_id, UnitState.DONE) for unit_id in taken]
            assert ledger.record(plan, attempt, outcomes) == set()
            claimed += taken
            left = left[16:]
    queue.put(claimed)


def test_four_processes_that_claim_from_one_plan_share_it_without_overlap(state_url: str):
    units = [Unit(f"unit-{i}", {"i": i}) for i in range(500)]
    with open_state(state_url, SystemClock()) as database:
        ledger = SqlLedger(database)
        plan = ledger.open_plan(SCOPE, units, {})
        queue: Queue = SPAWN.Queue()
        with started(claim_all, state_url, plan, SPAWN.Barrier(4), queue, count=4):
            claimed = [unit_id for ids in answers(queue, 4) for unit_id in ids]
        assert sorted(claimed) == sorted(unit.unit_id for unit in units)
        assert {record.attempts for record in ledger.read_units(plan)} == {1}
        assert ledger.close_plan(plan) is True


def open_plan_together(url: str, barrier: Barrier, queue: Queue) -> None:
    with open_state(url, SystemClock()) as database:
        barrier.wait(ANSWER_SECONDS)
        units = [Unit(f"{os.getpid()}-{i}", {}) for i in range(50)]
        queue.put(SqlLedger(database).open_plan(SCOPE, units, {"pid": os.getpid()}))


def test_four_processes_that_open_a_plan_at_once_get_the_same(state_url: str):
    with open_state(state_url, SystemClock()) as database:
        queue: Queue = SPAWN.Queue()
        with started(open_plan_together, state_url, SPAWN.Barrier(4), queue, count=4):
            plans: list[Plan] = answers(queue, 4)
        records = SqlLedger(database).read_units(plans[0])
    assert all(plan == plans[0] for plan in plans)
    assert [r.unit.unit_id for r in records] == [
        f"{plans[0].context['pid']}-{i}" for i in range(50)
    ]


def hold_for_ever(url: str, plan: Plan, unit_ids: list[str], queue: Queue) -> None:
    attempt = Attempt("attempt-of-the-killed", describe_owner())
    with open_state(url, SystemClock()) as database:
        claimed = SqlLedger(database).claim(plan, unit_ids, attempt, 3600)
        queue.put((len(claimed), SqlLeases(database).acquire("merge", attempt, 3600)))
        signal.pause()


def test_what_a_killed_process_held_is_free_at_once_on_this_host(state_url: str):
    ids = [f"unit-{i}" for i in range(20)]
    mine = Attempt("attempt-of-the-heir", describe_owner())
    with open_state(state_url, SystemClock()) as database:
        ledger, leases = SqlLedger(database), SqlLeases(database)
        plan = ledger.open_plan(SCOPE, [Unit(unit_id, {}) for unit_id in ids], {})
        queue: Queue = SPAWN.Queue()
        with started(hold_for_ever, state_url, plan, ids, queue) as (holder,):
            assert answers(queue, 1) == [(20, 1)]
            assert ledger.claim(plan, ids, mine, 60) == []
            assert leases.acquire("merge", mine, 60) is None
            assert holder.pid is not None
            os.kill(holder.pid, signal.SIGKILL)
            # Waits for its end without collecting it: a zombie holds nothing either.
            os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
            assert [r.attempts for r in ledger.claim(plan, ids, mine, 60)] == [2] * 20
            assert leases.acquire("merge", mine, 60) == 2


def count_up(url: str, count: int, barrier: Barrier, queue: Queue) -> None:
    with open_state(url, SystemClock()) as database:
        caps = SqlCapStates(database)
        barrier.wait(ANSWER_SECONDS)
        for _ in range(count):
            caps.change("igdb", lambda state, _now: ({"n": (state or {"n": 0})["n"] + 1}, None))
    queue.put(count)


def test_no_change_of_a_cap_is_lost_between_processes(state_url: str):
    with open_state(state_url, SystemClock()) as database:
        queue: Queue = SPAWN.Queue()
        with started(count_up, state_url, 100, SPAWN.Barrier(3), queue, count=3):
            answers(queue, 3)
        assert SqlCapStates(database).read("igdb") == {"n": 300}
