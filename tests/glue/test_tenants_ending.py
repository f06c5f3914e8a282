# pyright: standard
"""Runs of tenant-months that are ended from outside, and how many months run at once over several runs."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from platform_assets.core.engine.loop_thread import LoopThread
from platform_assets.core.engine.units import Report, UnitOutcome
from platform_assets.tenants.cycle import MonthLedger, run_months
from platform_assets.tenants.tenant import MonthStatus
from tests.glue.tenants_rig import Rig, cells_of
from tests.glue.tenants_shops import MONTHS, write_shops

ONE, TWO = "tenant-0001", "tenant-0002"
COMPLETED, PENDING = MonthStatus.COMPLETED, MonthStatus.PENDING
SECONDS = 600.0
"""More than anything here takes: what waits for it has failed."""

OpenRig = Callable[..., AbstractContextManager[Rig]]


@pytest.fixture
def open_rig(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> OpenRig:
    return partial(Rig.opened, tmp_path, write_shops(tmp_path_factory.getbasetemp()))


@pytest.fixture
def rig(open_rig: OpenRig) -> Iterator[Rig]:
    with open_rig() as rig:
        rig.add_existing(ONE, TWO)
        yield rig


@contextmanager
def blocked(rig: Rig, shop: str, then: Callable[[], object] = lambda: None) -> Iterator[None]:
    """The shop's source does not answer until the end of the block; `then` is called when it is asked.

    At the end its threads have come to theirs.
    """
    answer = threading.Event()

    def wait(asked: str, month: str) -> None:
        if asked == shop:
            then()
            assert answer.wait(SECONDS)

    rig.watch.on_read = wait
    before = set(threading.enumerate())
    try:
        yield
    finally:
        answer.set()
        for thread in set(threading.enumerate()) - before:
            thread.join(SECONDS)


def until_shown(rig: Rig, cell: str) -> None:
    """Waits until the state table has a cell as complete."""
    for _ in range(int(SECONDS / 0.02)):
        if rig.states().get(cell) is COMPLETED:
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"{cell} was not completed")


def run_until_interrupted(rig: Rig, ledger: MonthLedger) -> None:
    with LoopThread() as loop:
        work = partial(run_months, rig.services.month_processor, ledger, force=True)
        for events in loop.run(work):
            if any(isinstance(event, UnitOutcome) for event in events):
                raise KeyboardInterrupt


def test_a_terminated_run_keeps_what_it_finished_and_gives_the_rest_back(rig: Rig):
    cells = [f"{MONTHS[0]}|{ONE}", f"{MONTHS[0]}|{TWO}"]

    def terminate() -> None:
        until_shown(rig, cells[0])
        os.kill(os.getpid(), signal.SIGINT)

    with blocked(rig, TWO, terminate):
        run = rig.run_cycle(cells)
        assert run.run.status in {DagsterRunStatus.CANCELED, DagsterRunStatus.FAILURE}
        assert rig.states() == {cells[0]: COMPLETED, cells[1]: PENDING}
    month = rig.services.tenant_months.get(TWO, MONTHS[0])
    assert (month.retry_count, month.attempt_id, month.error_message) == (0, None, None)
    assert not rig.has_tables(TWO, MONTHS[0]), "its source answered afterwards: nothing is written"
    rig.watch.on_read = lambda shop, month: None
    assert rig.run_cycle(cells, repeats=run).success
    assert rig.shown(cells) == dict.fromkeys(cells, "MATERIALIZED")
    assert rig.watch.reads[ONE, MONTHS[0]] == 1


def test_a_step_that_breaks_while_it_tells_dagster_gives_its_cells_back(rig: Rig):
    cells = [f"{MONTHS[0]}|{ONE}", *cells_of(TWO)]
    ledger = rig.services.month_ledger(cells, "run", skip=(), in_order=True)
    with blocked(rig, TWO):
        with pytest.raises(KeyboardInterrupt):
            run_until_interrupted(rig, ledger)
        states = rig.states()
        assert states.pop(cells[0]) is COMPLETED
        assert set(states.values()) == {PENDING}
    assert not any(rig.has_tables(TWO, month) for month in MONTHS)


def test_a_run_that_breaks_ends_with_its_error(rig: Rig):
    ledger = rig.services.month_ledger([f"{MONTHS[0]}|{ONE}"], "run", skip=(), in_order=True)

    def refuse(*_: object) -> None:
        raise ValueError("a defect")

    ledger.read_units = refuse  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="a defect"):
        run_until_interrupted(rig, ledger)


def test_over_all_runs_no_more_months_are_running_than_the_limit(open_rig: OpenRig):
    tenants = [f"shop-{number}" for number in range(8)]
    with open_rig(tenants_in_flight=3, tenants_concurrency=4) as rig:
        rig.add_existing(*tenants, shop=ONE)
        running: list[int] = []
        together = threading.Event()

        def look(shop: str, month: str) -> None:
            running.append(len(rig.services.tenant_months.find(MonthStatus.RUNNING)))
            if rig.watch.most > 1 and running[-1] > 1:
                together.set()
            assert together.wait(SECONDS), "only one month was running"

        rig.watch.on_read = look

        def run(number: int) -> Report:
            cells = [f"{MONTHS[0]}|{tenant_id}" for tenant_id in tenants[number::2]]
            ledger = rig.services.month_ledger(cells, f"run-{number}", skip=(), in_order=True)
            return asyncio.run(run_months(rig.services.month_processor, ledger, force=True))

        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(run, range(2)))
        assert [report.done for report in reports] == [4, 4]
        assert 1 < rig.watch.most <= 3
        assert 1 < max(running) <= 3
        assert set(rig.states().values()) == {COMPLETED}


def test_two_runs_that_want_the_same_month_do_it_once(rig: Rig):
    cell = f"{MONTHS[0]}|{ONE}"
    ledgers = [
        rig.services.month_ledger([cell], f"run-{n}", skip=(), in_order=True) for n in range(2)
    ]

    together = threading.Barrier(2, timeout=SECONDS)

    def run(number: int) -> Report:
        together.wait()
        return asyncio.run(run_months(rig.services.month_processor, ledgers[number], force=True))

    rig.watch.on_read = lambda shop, month: threading.Event().wait(0.3)
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(run, range(2)))
    assert sorted((report.done, report.skipped) for report in reports) == [(0, 1), (1, 0)]
    assert rig.watch.reads[ONE, MONTHS[0]] == 1
