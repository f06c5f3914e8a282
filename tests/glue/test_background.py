"""`Background`: what its work tells, how either side ends, and that no thread of it stays."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, cast

import pytest

from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.glue import Background

PATIENCE = 600.0
"""Seconds after which something that must come is given up."""

Tell = Callable[[int], None]
Work = Callable[[Tell], Coroutine[Any, Any, None]]


class Endless:
    """Work that tells 1 and goes on until it is cancelled; then it may tell 2, or fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.ended = False
        self._error = error

    async def __call__(self, tell: Tell) -> None:
        tell(1)
        try:
            await asyncio.Event().wait()
        finally:
            tell(2)
            await asyncio.sleep(0)
            self.ended = True
            if self._error:
                raise self._error


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    yield
    assert [each for each in threading.enumerate() if each.name.startswith("background")] == []


def follow(work: Work, seen: list[int]) -> None:
    for told in Background(work).follow():
        seen.append(told)  # noqa: PERF402 - what was told before an error must be seen


# The work ends.


def test_what_is_told_comes_in_its_order_until_the_work_ends():
    async def work(tell: Tell) -> None:
        for number in range(1000):
            tell(number)
            if number % 100 == 0:
                await asyncio.sleep(0)

    seen: list[int] = []
    follow(work, seen)
    assert seen == list(range(1000))


def test_what_is_told_comes_while_the_work_goes_on():
    answered = threading.Event()

    async def work(tell: Tell) -> None:
        tell(1)
        assert await asyncio.to_thread(answered.wait, PATIENCE), "1 was not seen before the end"
        tell(2)

    seen: list[int] = []
    for told in Background(work).follow():
        seen.append(told)
        answered.set()
    assert seen == [1, 2]


def test_work_that_tells_nothing_is_waited_for():
    ended: list[bool] = []

    async def work(_: Tell) -> None:
        await asyncio.sleep(0)
        ended.append(True)

    seen: list[int] = []
    follow(work, seen)
    assert (seen, ended) == ([], [True])


def test_what_is_told_elsewhere_comes_out_in_the_thread_that_follows():
    threads: list[threading.Thread] = []

    async def work(tell: Tell) -> None:
        threads.append(threading.current_thread())
        tell(1)

    for _ in Background(work).follow():
        threads.append(threading.current_thread())
    assert threads[0] is not threads[1]
    assert threads[1] is threading.current_thread()


@pytest.mark.parametrize(
    "error", [TransientError("away"), ValueError("a defect")], ids=["ours", "a defect"]
)
def test_the_error_of_the_work_comes_after_all_that_it_told(error: Exception):
    async def work(tell: Tell) -> None:
        tell(1)
        tell(2)
        raise error

    seen: list[int] = []
    with pytest.raises(type(error)) as raised:
        follow(work, seen)
    assert raised.value is error
    assert seen == [1, 2]


def test_work_that_cancels_itself_is_not_taken_for_done():
    async def work(tell: Tell) -> None:
        tell(1)
        raise asyncio.CancelledError

    seen: list[int] = []
    with pytest.raises(asyncio.CancelledError):
        follow(work, seen)
    assert seen == [1]


def test_of_errors_that_came_together_the_first_is_raised_and_the_others_are_its_cause():
    async def fail(error: Exception) -> None:
        raise error

    first, second = PermanentError("a table is broken"), ValueError("another")

    async def work(_: Tell) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(first))
            group.create_task(fail(second))

    with pytest.raises(PermanentError) as raised:
        follow(work, [])
    assert raised.value is first
    assert isinstance(raised.value.__cause__, ExceptionGroup)
    assert raised.value.__cause__.exceptions == (first, second)


def test_work_that_cannot_begin_raises_its_error_and_does_not_hang():
    def work(_: Tell) -> Coroutine[Any, Any, None]:
        raise TypeError("an argument too many")

    raised: list[BaseException] = []

    def run() -> None:
        try:
            follow(work, [])
        except TypeError as error:
            raised.append(error)

    # Whoever follows work that never says that it is ready could wait for ever.
    following = threading.Thread(target=run, daemon=True)
    following.start()
    following.join(PATIENCE)
    assert [str(error) for error in raised] == ["an argument too many"]


# The follower leaves.


def test_a_follower_that_leaves_has_the_work_cancelled_before_it_goes_on():
    work = Endless()
    seen: list[int] = []
    for told in Background(work).follow():
        seen.append(told)
        break
    assert work.ended
    assert seen == [1]


@pytest.mark.parametrize("error", [None, ValueError("while it cleaned up")])
def test_the_error_of_the_follower_is_what_is_raised_when_the_work_has_ended(
    error: Exception | None,
):
    work = Endless(error)

    def fail() -> None:
        for _ in Background(work).follow():
            raise KeyError("the event log is away")

    with pytest.raises(KeyError, match="the event log is away"):
        fail()
    assert work.ended


def test_a_follower_can_leave_before_it_has_heard_of_the_end():
    ended = threading.Event()

    async def work(tell: Tell) -> None:
        tell(1)
        tell(2)
        ended.set()

    following = Background(work).follow()
    assert next(following) == 1
    assert ended.wait(PATIENCE)
    following.close()
    assert list(following) == []


def test_a_follower_can_leave_while_the_loop_of_the_work_is_being_closed():
    closed, asked = threading.Event(), threading.Event()

    async def work(tell: Tell) -> None:
        loop = cast("Any", asyncio.get_running_loop())
        close, call = loop.close, loop.call_soon_threadsafe

        def close_and_wait() -> None:
            close()
            closed.set()
            asked.wait(PATIENCE)

        def call_once_closed(*arguments: Any) -> asyncio.Handle:
            if closed.is_set():
                asked.set()
            return call(*arguments)

        loop.close, loop.call_soon_threadsafe = close_and_wait, call_once_closed
        tell(1)

    following = Background(work).follow()
    assert next(following) == 1
    assert closed.wait(PATIENCE)
    following.close()
    assert asked.is_set()


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
def test_an_interrupt_while_nothing_is_told_ends_the_work():
    work = Endless()
    asked = threading.Event()

    async def interrupt_then_wait(tell: Tell) -> None:
        tell(0)
        await asyncio.to_thread(asked.wait, PATIENCE)
        os.kill(os.getpid(), signal.SIGUSR1)
        await work(lambda _: None)

    def run() -> None:
        for _ in Background(interrupt_then_wait).follow():
            asked.set()

    with pytest.raises(Terminated):
        run()
    assert work.ended
