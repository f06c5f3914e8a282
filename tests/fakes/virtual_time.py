"""An event loop whose time jumps to the next timer when nothing else is ready: tests of waiting do not wait.

    def test_a_minute_passes_at_once():
        assert run_virtual(sleep_and_tell_time()) == 60.0

or as a decorator that keeps fixtures working:

    @virtual_time
    async def test_a_minute_passes_at_once(): ...

`loop.time()` starts at 0. Work for threads (`asyncio.to_thread`, `run_in_executor`) runs in the loop, whatever executor
is named, in no virtual time. Other threads and real sockets may wake the loop; they are looked at before time jumps.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

REAL_SECONDS_WITHOUT_TIMER = 5.0
"""How long a loop without timers waits for a thread or a socket before it gives up."""

BUSY_TURNS = 1000
"""Turns of the loop at one moment after which a microsecond passes."""


class _JumpingSelector(selectors.DefaultSelector):
    """Does not wait for a timer: moves the time to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            if ready := super().select(REAL_SECONDS_WITHOUT_TIMER):
                return ready
            raise RuntimeError("virtual time: every task waits, and no timer is set")
        ready = super().select(0)
        if not ready:
            self._pass_time(timeout)
        return ready

    def _pass_time(self, timeout: float) -> None:
        self._turns = 0 if timeout > 0 else self._turns + 1
        if self._turns >= BUSY_TURNS:
            # A timer that is off by a rounding error sets itself again and again: with real time it gets there.
            timeout, self._turns = 1e-6, 0
        self.now += timeout


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The event loop; see the module."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now

    def run_in_executor(  # pyright: ignore[reportIncompatibleMethodOverride] - typeshed's form differs per version
        self, executor: object, func: Callable[..., T], *args: object
    ) -> asyncio.Future[T]:
        """Runs `func` in the loop, at its next turn."""
        future: asyncio.Future[T] = self.create_future()
        self.call_soon(_run_into, future, func, args)
        return future


def _run_into(future: asyncio.Future[T], func: Callable[..., T], args: tuple[object, ...]) -> None:
    if future.cancelled():
        return
    try:
        result = func(*args)
    except Exception as error:  # noqa: BLE001 - as an executor does: it is the caller's
        future.set_exception(error)
    else:
        future.set_result(result)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Makes an async test run in virtual time; its fixtures are handed through."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_virtual(test(*args, **kwargs))

    return run
