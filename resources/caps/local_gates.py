"""Gates that need no shared state: `NoCap` for an upstream without limits, `LocalGate` for a cap of one event loop."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any

from aiolimiter import AsyncLimiter

from platform_assets.core.errors import RefusedError
from resources.caps.gate import GateCounters, GateStats, Grant
from resources.caps.limits import LARGEST_GUARD, Cap
from resources.caps.window import GUARD_STEP, LONGEST_PAUSE_SECONDS


class _AlwaysOpen(AbstractAsyncContextManager[Any]):
    """Opened with `async with` like any gate, though there is nothing to open."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


class NoCap(_AlwaysOpen):
    """The gate of an upstream without limits: everything passes. Satisfies `Gate`."""

    def __init__(self) -> None:
        self._counters = GateCounters(waits_from_seconds=1.0)

    @property
    def window_seconds(self) -> float:
        """What to wait after a 429 that names no time."""
        return 1.0

    @property
    def in_flight(self) -> int | None:
        """No bound."""
        return None

    @property
    def stats(self) -> GateStats:
        """Counters so far."""
        return self._counters.freeze(guard=0.0)

    @asynccontextmanager
    async def enter(self) -> AsyncGenerator[Grant]:
        """Lets the caller through."""
        self._counters.count_grant(0.0)
        yield Grant()

    def throttled(self, retry_after: float | None = None) -> None:  # noqa: ARG002 - the client itself waits
        """Counts the 429; nobody else is held back."""
        self._counters.throttles += 1


class LocalGate(_AlwaysOpen):
    """A cap that one event loop has for itself: even pacing by aiolimiter, open slots by a semaphore.

    Satisfies `Gate`. Grants are stamped when they are given, not when the request is written: keep the guard at 2 % or
    more where connections are made anew (docs/adr/0007-caps-are-a-state-machine-over-one-row.md).

    Args:
        cap: The cap.

    Raises:
        RefusedError: The cap has a budget per day, which only a shared state can keep.
    """

    def __init__(self, cap: Cap) -> None:
        if cap.per_day is not None:
            raise RefusedError(
                f"cap {cap.name!r} has a budget per day, which a local gate cannot keep: use the shared state",
                kind="bad_cap",
            )
        self._cap = cap
        self._guard = cap.guard
        self._pacer = self._make_pacer()
        self._slots = asyncio.Semaphore(cap.in_flight)
        # One at a time in the pacer: it can be replaced by a slower one without both of them letting tasks through.
        self._turn = asyncio.Lock()
        self._paused_until = 0.0
        self._counters = GateCounters(waits_from_seconds=cap.spacing_seconds / 10)

    @property
    def window_seconds(self) -> float:
        """Length of the cap's window."""
        return self._cap.per_seconds

    @property
    def in_flight(self) -> int | None:
        """How many requests may be open at once."""
        return self._cap.in_flight

    @property
    def stats(self) -> GateStats:
        """Counters so far."""
        return self._counters.freeze(self._guard)

    @asynccontextmanager
    async def enter(self) -> AsyncGenerator[Grant]:
        """Waits for an open slot, then for the pace: the other way round, grants get stale and leave in bursts."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with self._slots:
            async with self._turn:
                await self._sit_out_pause()
                await self._pacer.acquire()
            self._counters.count_grant(loop.time() - started)
            yield Grant()

    def throttled(self, retry_after: float | None = None) -> None:
        """All pause, and the pace gets slower by a step, once for each burst of 429s."""
        self._counters.throttles += 1
        now = asyncio.get_running_loop().time()
        if now >= self._paused_until:
            self._guard = min(self._guard + GUARD_STEP, LARGEST_GUARD)
            self._pacer = self._make_pacer()
        pause = max(self._cap.per_seconds * (1 + self._guard), retry_after or 0.0)
        self._paused_until = max(self._paused_until, now + min(pause, LONGEST_PAUSE_SECONDS))

    async def _sit_out_pause(self) -> None:
        time = asyncio.get_running_loop().time
        # Another 429 may prolong the pause meanwhile.
        while (pause := self._paused_until - time()) > 0:  # noqa: ASYNC110 - the end of a pause is a time, no event
            await asyncio.sleep(pause)

    def _make_pacer(self) -> AsyncLimiter:
        # One per spacing: a bucket of n would let 2n through in its first window.
        return AsyncLimiter(1, self._cap.spacing_seconds * (1 + self._guard))
