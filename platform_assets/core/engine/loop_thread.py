"""`LoopThread`: where synchronous code (a step, a command) runs the engine's asynchronous work. No Dagster.

    with LoopThread() as loop:
        source = loop.open(client.open())
        run = loop.run(partial(fetch, source, keys))
        for events in run:              # in the caller's own thread, while the work goes on
            record(events)
        finish(run.result)

The work has the event loop of another thread, because what a step writes to Dagster's event log must come from the
step's own: two threads on one SQLite instance can block each other for ever (dagster 1.13.27). However the block is
left, also by the exception of a signal, the work is cancelled and has given back what it holds before the sources
close and the block ends. SIGTERM, where nobody handles it (`dagster job execute` does not), counts as an interrupt
meanwhile.
"""

import asyncio
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

E = TypeVar("E")
R = TypeVar("R")
S = TypeVar("S")

Emit = Callable[[E], None]
"""Hands an event to whoever iterates over the run. Called in the loop's thread; never waits."""

BATCH_EVENTS = 60
"""Most events of a batch: so many rows of Dagster's event log stay well under a second."""

BATCH_SECONDS = 0.5
"""Least time between two batches that are not full: one by one, events cost Dagster's log ten times as much."""

WAKE_SECONDS = 1.0
"""How late a signal can be noticed that comes just before a wait begins."""


class LoopThread:
    """An event loop in a thread of its own, for the time of a `with` block."""

    def __init__(self) -> None:
        self._thread = threading.Thread(target=self._serve, name="loop-thread")
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sources: list[_Source] = []
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop = self._ready.result()
        self._interrupts = _terminable()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cancels what still runs, then closes the sources, the last one first.

        Raises:
            BaseException: A source could not be closed; the error of the block goes before it.
        """
        with suppress(RuntimeError):  # the loop has broken by itself
            self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()
        if self._interrupts:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if error is None and self._failure is not None:
            raise self._failure

    def open(self, manager: AbstractAsyncContextManager[S]) -> S:
        """Enters an asynchronous context manager, which is left at the end of the block.

        Returns:
            What it gives.

        Raises:
            BaseException: What it could not be entered for.
        """
        source = _Source(manager)
        self._loop.call_soon_threadsafe(self._hold, source)
        return source.entered.result()

    def run(self, work: Callable[[Emit[E]], Coroutine[Any, Any, R]]) -> "Run[E, R]":
        """Work that begins when somebody iterates over its run.

        Args:
            work: Makes the coroutine; its argument emits events.
        """
        return Run(self._loop, self._tasks, work)

    def call(self, work: Coroutine[Any, Any, R]) -> R:
        """Runs a coroutine to its end. Left early, it is cancelled.

        Raises:
            BaseException: What it ended with.
        """

        async def run(_: Emit[None]) -> R:
            return await work

        return self.run(run).finish()

    def _hold(self, source: "_Source") -> None:
        source.task = self._loop.create_task(source.hold())
        self._sources.append(source)

    def _serve(self) -> None:
        try:
            asyncio.run(self._serve_until_left())
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            self._failure = error
            if not self._ready.done():
                self._ready.set_exception(error)

    async def _serve_until_left(self) -> None:
        self._ending = asyncio.Event()
        self._ready.set_result(asyncio.get_running_loop())
        await self._ending.wait()
        for task in self._tasks:
            if not task.cancelling():  # a second time would cut off what it gives back
                task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        for source in reversed(self._sources):
            await source.leave()
        for source in self._sources:
            if source.failure is not None:
                raise source.failure


def _terminable() -> bool:
    """Where SIGTERM would end the process on the spot, lets it raise KeyboardInterrupt; whether it did."""
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return False
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return True


@dataclass(slots=True, eq=False)
class _Source:
    """A context manager that one task enters and leaves: a cancel scope belongs to the task that made it."""

    manager: AbstractAsyncContextManager[Any]
    entered: "Future[Any]" = field(default_factory=Future)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    failure: BaseException | None = None

    async def hold(self) -> None:
        try:
            async with self.manager as source:
                self.entered.set_result(source)
                await self.left.wait()
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            if self.entered.done():
                self.failure = error
            else:
                self.entered.set_exception(error)

    async def leave(self) -> None:
        assert self.task is not None
        self.left.set()
        if not self.entered.done():  # whoever waited for it was interrupted
            self.task.cancel()
        await asyncio.wait([self.task])


class Run(Generic[E, R]):
    """Work in a loop thread. Iterated over, it gives its events in batches, in the caller's own thread.

    Args:
        loop: The loop of the thread.
        tasks: What runs in it; the run is among them from its first to its last moment.
        work: Makes the coroutine.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tasks: set[asyncio.Task[Any]],
        work: Callable[[Emit[E]], Coroutine[Any, Any, R]],
    ) -> None:
        self._loop = loop
        self._tasks = tasks
        self._work = work
        self._begun = False
        self._events: deque[E] = deque()
        self._news = threading.Event()
        self._due = 0.0
        self._future: Future[R] = Future()

    def __iter__(self) -> Iterator[list[E]]:
        """Begins the work and gives what it emits until it ends: batches of 1 to `BATCH_EVENTS`, in order.

        Left early, the work is cancelled, and has ended when this returns.

        Raises:
            BaseException: What the work ended with, after its last event; of several errors that came together, the
                first.
        """
        self._begin()
        try:
            while batch := self._take():
                yield batch
        finally:
            self._cancel()
        _ = self.result

    def finish(self, on_event: Callable[[E], None] | None = None) -> R:
        """Does the work to its end.

        Args:
            on_event: Called with each event, in the caller's thread.

        Raises:
            BaseException: What the work ended with.
        """
        for batch in self:
            if on_event is not None:
                for event in batch:
                    on_event(event)
        return self.result

    @property
    def result(self) -> R:
        """What the work returned.

        Raises:
            BaseException: What it ended with.
            RuntimeError: It has not ended.
        """
        if not self._future.done():
            raise RuntimeError("the run has not ended: iterate over it, then ask for its result")
        try:
            return self._future.result()
        except BaseExceptionGroup as group:
            # Dagster would show "unhandled errors in a TaskGroup" and no more.
            raise group.exceptions[0] from group

    def _begin(self) -> None:
        if self._begun:
            raise RuntimeError("a run can be iterated over once")
        self._begun = True
        self._loop.call_soon_threadsafe(self._start)

    def _start(self) -> None:
        self._task = self._loop.create_task(self._execute())
        self._tasks.add(self._task)
        self._task.add_done_callback(self._end)

    async def _execute(self) -> R:
        return await self._work(self._emit)

    def _emit(self, event: E) -> None:
        self._events.append(event)
        if len(self._events) in {1, BATCH_EVENTS}:
            self._news.set()

    def _end(self, task: asyncio.Task[R]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            self._future.set_exception(asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            self._future.set_exception(error)
        else:
            self._future.set_result(task.result())
        self._news.set()

    def _take(self) -> list[E]:
        """The next batch, when it is full or due; nothing once the work has ended and all was given."""
        while not self._is_ready():
            left = self._due - time.monotonic() if self._events else WAKE_SECONDS
            self._news.wait(min(max(left, 0.0), WAKE_SECONDS))
            self._news.clear()
        self._due = time.monotonic() + BATCH_SECONDS
        return [self._events.popleft() for _ in range(min(len(self._events), BATCH_EVENTS))]

    def _is_ready(self) -> bool:
        # In this order: what is emitted before the end is there when the end is seen.
        if self._future.done() or len(self._events) >= BATCH_EVENTS:
            return True
        return bool(self._events) and time.monotonic() >= self._due

    def _cancel(self) -> None:
        """Has the work cancelled if it still runs, and waits until it has ended."""
        if not self._future.done():
            with suppress(RuntimeError):  # the loop was closed meanwhile, and the work with it
                self._loop.call_soon_threadsafe(lambda: self._task.cancel())  # noqa: PLW0108 - it may not be there yet
        self._future.exception()
