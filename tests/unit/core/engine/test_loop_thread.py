"""`LoopThread`: what work emits, how either side ends, when sources close, and that no thread stays."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from types import FrameType
from typing import Any

import pytest

from platform_assets.core.engine import loop_thread
from platform_assets.core.engine.loop_thread import BATCH_EVENTS, Emit, LoopThread
from platform_assets.core.errors import PermanentError, TransientError

PATIENCE = 600.0
"""Seconds after which something that must come is given up."""

Work = Callable[[Emit[int]], Coroutine[Any, Any, None]]


class Endless:
    """Work that emits 1 and goes on until it is cancelled; then it emits 2, and may fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.ended = False
        self._error = error

    async def __call__(self, emit: Emit[int]) -> None:
        emit(1)
        try:
            await asyncio.Event().wait()
        finally:
            emit(2)
            await asyncio.sleep(0)
            self.ended = True
            if self._error:
                raise self._error


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    yield
    assert [each for each in threading.enumerate() if each.name.startswith("loop-thread")] == []


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first batch only full ones come, and the last."""
    monkeypatch.setattr(loop_thread, "BATCH_SECONDS", PATIENCE)


def collect(work: Work, seen: list[int]) -> None:
    with LoopThread() as loop:
        for events in loop.run(work):
            seen += events


# The work ends.


@pytest.mark.usefixtures("unhurried")
def test_events_come_in_their_order_and_in_batches_that_are_full():
    async def work(emit: Emit[int]) -> None:
        for number in range(1000):
            emit(number)
            if number % 100 == 0:
                await asyncio.sleep(0)

    with LoopThread() as loop:
        first, *batches = loop.run(work)
    assert [*first, *(number for batch in batches for number in batch)] == list(range(1000))
    assert {len(batch) for batch in batches[:-1]} == {BATCH_EVENTS}


@pytest.mark.usefixtures("unhurried")
def test_a_few_events_after_a_batch_wait_for_more():
    seen = threading.Event()

    async def work(emit: Emit[int]) -> None:
        emit(1)
        assert await asyncio.to_thread(seen.wait, PATIENCE)
        for number in (2, 3, 4):
            emit(number)
            await asyncio.sleep(0.01)

    batches: list[list[int]] = []
    with LoopThread() as loop:
        for events in loop.run(work):
            batches.append(events)
            seen.set()
    assert batches == [[1], [2, 3, 4]]


@pytest.mark.usefixtures("unhurried")
def test_a_full_batch_comes_at_once():
    seen = threading.Event()
    full = threading.Event()

    async def work(emit: Emit[int]) -> None:
        emit(-1)
        assert await asyncio.to_thread(seen.wait, PATIENCE)
        for number in range(BATCH_EVENTS):
            emit(number)
        assert await asyncio.to_thread(full.wait, PATIENCE), "it came at the end only"

    batches: list[list[int]] = []
    with LoopThread() as loop:
        for events in loop.run(work):
            batches.append(events)
            (full if seen.is_set() else seen).set()
    assert batches == [[-1], list(range(BATCH_EVENTS))]


def test_an_event_comes_while_the_work_goes_on():
    seen: list[int] = []
    steps = [threading.Event(), threading.Event()]

    async def work(emit: Emit[int]) -> None:
        for number, step in enumerate(steps):
            emit(number)
            assert await asyncio.to_thread(step.wait, PATIENCE), "it was not seen before the end"

    with LoopThread() as loop:
        for events in loop.run(work):
            seen += events
            for number in events:
                steps[number].set()
    assert seen == [0, 1]


def test_work_that_emits_nothing_is_waited_for_and_gives_its_result():
    async def work(_: Emit[int]) -> str:
        await asyncio.sleep(0)
        return "done"

    with LoopThread() as loop:
        run = loop.run(work)
        assert list(run) == []
        assert run.result == "done"


def test_a_coroutine_is_called_for_its_result():
    async def work() -> int:
        return 7

    with LoopThread() as loop:
        assert loop.call(work()) == 7


def test_a_run_is_finished_with_a_word_about_each_event():
    async def work(emit: Emit[int]) -> str:
        emit(1)
        emit(2)
        return "done"

    seen: list[int] = []
    with LoopThread() as loop:
        assert loop.run(work).finish(seen.append) == "done"
        assert loop.run(work).finish() == "done"
    assert seen == [1, 2]


def test_a_result_that_is_not_there_yet_is_refused():
    with LoopThread() as loop:
        run = loop.run(Endless())
        with pytest.raises(RuntimeError, match="the run has not ended: iterate over it"):
            _ = run.result


def test_a_run_is_iterated_over_once():
    async def work(_: Emit[int]) -> None: ...

    with LoopThread() as loop:
        run = loop.run(work)
        assert list(run) == []
        with pytest.raises(RuntimeError, match="once"):
            list(run)


def test_events_come_out_in_the_thread_that_iterates():
    threads: list[threading.Thread] = []

    async def work(emit: Emit[int]) -> None:
        threads.append(threading.current_thread())
        emit(1)

    with LoopThread() as loop:
        for _ in loop.run(work):
            threads.append(threading.current_thread())
    assert threads[0] is not threads[1]
    assert threads[1] is threading.current_thread()


@pytest.mark.parametrize(
    "error", [TransientError("away"), ValueError("a defect")], ids=["ours", "a defect"]
)
def test_the_error_of_the_work_comes_after_all_its_events(error: Exception):
    async def work(emit: Emit[int]) -> None:
        emit(1)
        emit(2)
        raise error

    seen: list[int] = []
    with pytest.raises(type(error)) as raised:
        collect(work, seen)
    assert raised.value is error
    assert seen == [1, 2]


def test_work_that_cancels_itself_is_not_taken_for_done():
    async def work(emit: Emit[int]) -> None:
        emit(1)
        raise asyncio.CancelledError

    seen: list[int] = []
    with pytest.raises(asyncio.CancelledError):
        collect(work, seen)
    assert seen == [1]


def test_of_errors_that_came_together_the_first_is_raised_and_the_others_are_its_cause():
    async def fail(error: Exception) -> None:
        raise error

    first, second = PermanentError("a table is broken"), ValueError("another")

    async def work(_: Emit[int]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(first))
            group.create_task(fail(second))

    with pytest.raises(PermanentError) as raised:
        collect(work, [])
    assert raised.value is first
    assert isinstance(raised.value.__cause__, ExceptionGroup)
    assert raised.value.__cause__.exceptions == (first, second)


def test_work_that_cannot_begin_raises_its_error_and_does_not_hang():
    def work(_: Emit[int]) -> Coroutine[Any, Any, None]:
        raise TypeError("an argument too many")

    with pytest.raises(TypeError, match="an argument too many"):
        collect(work, [])


def test_work_may_come_after_work_that_failed():
    async def fail() -> None:
        raise TransientError("away")

    async def work() -> int:
        return 7

    with LoopThread() as loop:
        with pytest.raises(TransientError):
            loop.call(fail())
        assert loop.call(work()) == 7


# The caller leaves.


def test_a_caller_that_leaves_the_loop_has_the_work_cancelled_before_it_goes_on():
    work = Endless()
    seen: list[int] = []
    with LoopThread() as loop:
        for events in loop.run(work):
            seen += events
            break
        assert work.ended
    assert seen == [1]


def test_a_block_that_is_left_has_its_work_cancelled():
    work = Endless()

    def fail() -> None:
        with LoopThread() as loop:
            iterator = iter(loop.run(work))
            next(iterator)
            raise KeyError("the event log is away")

    with pytest.raises(KeyError, match="the event log is away"):
        fail()
    assert work.ended


@pytest.mark.parametrize("error", [None, ValueError("while it cleaned up")])
def test_the_error_of_the_caller_is_what_is_raised_when_the_work_has_ended(
    error: Exception | None,
):
    work = Endless(error)

    def fail() -> None:
        with LoopThread() as loop:
            for _ in loop.run(work):
                raise KeyError("the event log is away")

    with pytest.raises(KeyError, match="the event log is away"):
        fail()
    assert work.ended


def test_what_work_gives_back_is_not_cut_off_by_the_end_of_the_block():
    given_back = threading.Event()
    leaving = threading.Event()

    async def work(emit: Emit[int]) -> None:
        emit(1)
        try:
            await asyncio.Event().wait()
        finally:
            leaving.set()
            await asyncio.sleep(0.05)
            given_back.set()

    def interrupt() -> None:
        with LoopThread() as loop:
            run = iter(loop.run(work))
            next(run)
            # As when another signal comes while the first one's is being done.
            threading.Thread(target=run.close).start()  # type: ignore[attr-defined]
            assert leaving.wait(PATIENCE)

    interrupt()
    assert given_back.is_set()


def test_a_caller_can_leave_before_it_has_heard_of_the_end():
    ended = threading.Event()

    async def work(emit: Emit[int]) -> None:
        emit(1)
        emit(2)
        ended.set()

    with LoopThread() as loop:
        run = iter(loop.run(work))
        next(run)
        assert ended.wait(PATIENCE)
        run.close()  # type: ignore[attr-defined]
        assert list(run) == []


class Terminated(BaseException):
    """What a signal's handler raises, as Dagster's does."""


@pytest.fixture
def on_signal() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGUSR1, interrupt)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("on_signal")
def test_an_interrupt_while_nothing_is_emitted_ends_the_work():
    work = Endless()
    asked = threading.Event()

    async def interrupt_then_wait(emit: Emit[int]) -> None:
        emit(0)
        await asyncio.to_thread(asked.wait, PATIENCE)
        os.kill(os.getpid(), signal.SIGUSR1)
        await work(lambda _: None)

    def run() -> None:
        with LoopThread() as loop:
            for _ in loop.run(interrupt_then_wait):
                asked.set()

    with pytest.raises(Terminated):
        run()
    assert work.ended


@pytest.fixture
def on_sigterm() -> Iterator[Callable[[Any], object]]:
    before = signal.getsignal(signal.SIGTERM)
    yield partial(signal.signal, signal.SIGTERM)
    signal.signal(signal.SIGTERM, before)


def test_sigterm_that_nobody_handles_is_an_interrupt_within_the_block_only(
    on_sigterm: Callable[[Any], object],
):
    on_sigterm(signal.SIG_DFL)
    work = Endless()

    def run() -> None:
        with LoopThread() as loop:
            for _ in loop.run(work):
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert work.ended
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_sigterm_that_somebody_handles_stays_as_it_is(on_sigterm: Callable[[Any], object]):
    def handle(_number: int, _frame: FrameType | None) -> None: ...

    on_sigterm(handle)
    with LoopThread():
        assert signal.getsignal(signal.SIGTERM) is handle
    assert signal.getsignal(signal.SIGTERM) is handle


# Sources.


class Source:
    """A source that notes when and in which task it is entered and left."""

    def __init__(self, name: str, notes: list[str], error: Exception | None = None) -> None:
        self._name = name
        self._notes = notes
        self._error = error

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[str]:
        task = asyncio.current_task()
        if self._error is not None and self._name == "shut":
            raise self._error
        try:
            yield self._name
        finally:
            assert asyncio.current_task() is task
            self._notes.append(self._name)
            if self._error is not None:
                raise self._error


def test_sources_close_after_the_work_the_last_one_first():
    notes: list[str] = []

    async def work(emit: Emit[int]) -> None:
        emit(1)
        try:
            await asyncio.Event().wait()
        finally:
            notes.append("work")

    with LoopThread() as loop:
        names = [loop.open(Source(name, notes).open()) for name in ("first", "second")]
        assert names == ["first", "second"]
        run = iter(loop.run(work))
        next(run)
        assert notes == []
    assert notes == ["work", "second", "first"]


def test_a_source_that_cannot_be_opened_raises_its_error_and_the_others_close():
    notes: list[str] = []

    def run() -> None:
        with LoopThread() as loop:
            loop.open(Source("first", notes).open())
            loop.open(Source("shut", notes, TransientError("no browser")).open())

    with pytest.raises(TransientError, match="no browser"):
        run()
    assert notes == ["first"]


def test_a_source_that_cannot_be_closed_raises_its_error_when_the_others_are_closed():
    notes: list[str] = []

    def run(error: Exception | None = None) -> None:
        with LoopThread() as loop:
            loop.open(Source("first", notes).open())
            loop.open(Source("second", notes, TransientError("it hangs")).open())
            if error is not None:
                raise error

    with pytest.raises(TransientError, match="it hangs"):
        run()
    assert notes == ["second", "first"]
    with pytest.raises(KeyError, match="of the block"):
        run(KeyError("of the block"))


@pytest.mark.usefixtures("on_signal")
def test_an_interrupt_while_a_source_opens_ends_the_opening():
    ended: list[bool] = []

    @asynccontextmanager
    async def open_slowly() -> AsyncGenerator[None]:
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
            await asyncio.Event().wait()
            yield
        finally:
            ended.append(True)

    def run() -> None:
        with LoopThread() as loop:
            loop.open(open_slowly())

    with pytest.raises(Terminated):
        run()
    assert ended == [True]
