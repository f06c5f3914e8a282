"""`CapGate`: where the tasks of one process wait for grants of a cap that all processes share.

The rules are `window.py`. Here is the waiting: tasks queue up in order, one pump asks the shared state for the
head of the queue only, sleeps until the time that it was told, and carries the news (written, finished, throttled)
along. 80 waiting tasks cost the database as much as one.
"""

import asyncio
import contextlib
import math
import statistics
from collections import deque
from collections.abc import AsyncGenerator, Callable
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from platform_assets.core.engine.ledger_writer import WRITE_WAITS
from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from platform_assets.core.processes import owner
from resources.caps.client import CapDesk, News
from resources.caps.gate import GateCounters, GateStats, Grant
from resources.caps.limits import Cap
from resources.caps.local_gates import LocalGate, NoCap
from resources.caps.messages import BudgetUsed, Granted, Outcome, Wait, Why
from resources.caps.state import CapStates
from resources.caps.window import LEASE_SECONDS

log = structlog.get_logger(__name__)

LAZY_SECONDS = 0.25
"""How long news may wait for the next question to ride along with, and the same share of the window if that is shorter.
A send that is not told yet counts as in the window, so late news is safe; told before the window has passed it holds
nobody up. Longer saves little and makes slots look taken that are free."""

LAGS = 31
"""Times from due to write that are remembered: grants come earlier by their mean, so that writes come in time."""

RETRY_SECONDS = 1.0
"""Pause after the state could not be changed, before the news is tried again."""


class CapGate:
    """One process's gate to a cap. Satisfies `Gate`. Belongs to one event loop; open it there with `async with`.

    Args:
        cap: The cap.
        states: Where its state is kept.
        process: The process as `core/processes/owner.py` describes it; by default the calling one.
        is_dead: Whether such a process is known to be gone.
    """

    def __init__(
        self,
        cap: Cap,
        states: CapStates,
        *,
        process: str | None = None,
        is_dead: Callable[[str], bool] = owner.is_dead,
    ) -> None:
        self._cap = cap
        self._open_desk = partial(CapDesk, cap, states, process or owner.describe_owner(), is_dead)
        self._lazy = LAZY_SECONDS * min(1.0, cap.per_seconds)
        self._queue: deque[asyncio.Future[str]] = deque()
        self._held: set[str] = set()
        self._due_at: dict[str, float] = {}
        self._lags = deque[float](maxlen=LAGS)
        self._lead = 0.0
        self._news = News()
        self._counters = GateCounters(waits_from_seconds=cap.spacing_seconds / 10)
        self._guard = cap.guard
        self._slots_scarce = False
        self._used_up: tuple[float, str] | None = None

        # When the pump acts next, by the event loop's clock.
        self._misses = 0
        self._ask_at = 0.0
        self._tell_at = math.inf
        self._waits_for = Why.PACE
        self._wake = asyncio.Event()
        self._open = False

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
        """Counters of this gate; the guard is the shared one, as last seen."""
        return self._counters.freeze(self._guard)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._desk = self._open_desk(self._loop.time)
        self._pump = asyncio.create_task(self._run(), name=f"cap {self._cap.name}")
        self._pump.add_done_callback(self._shut)
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tells the last news and gives back what is held. Tasks that still wait get a RuntimeError."""
        self._open = False
        self._wake.set()
        try:
            await self._pump
        finally:
            self._desk.close()

    @contextlib.asynccontextmanager
    async def enter(self) -> AsyncGenerator[Grant]:
        """Waits for an open slot and a grant; gives the slot back at the end. Raises as `Gate.enter` says."""
        if not self._open:
            raise RuntimeError(f"the gate of cap {self._cap.name!r} is not open: use `async with`")
        started = self._loop.time()
        grant_id = await self._queue_up()
        self._counters.count_grant(self._loop.time() - started)
        try:
            yield Grant(partial(self._note_sent, grant_id))
        finally:
            self._note_finished(grant_id)

    def throttled(self, retry_after: float | None = None) -> None:
        """A 429 came: told at once, so that all processes pause."""
        self._counters.throttles += 1
        self._news.throttled.append(retry_after)
        self._tell_within(0.0)

    # Tasks call these; nothing blocks.

    async def _queue_up(self) -> str:
        if self._used_up and self._loop.time() < self._used_up[0]:
            raise RefusedError(self._used_up[1], kind="budget_used")
        turn: asyncio.Future[str] = self._loop.create_future()
        self._queue.append(turn)
        self._wake.set()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._return(turn.result())
            # If nobody waits here any more, other processes need not wait for this one's turn.
            self._tell_within(0.0)
            raise

    def _note_sent(self, grant_id: str) -> None:
        now = self._loop.time()
        self._news.sent.append((grant_id, now))
        if (due_at := self._due_at.pop(grant_id, None)) is not None:
            self._lags.append(now - due_at)
            if len(self._lags) == LAGS:
                self._lead = statistics.fmean(self._lags)
        self._ask_if_waiting_for(Why.UNSENT)
        self._tell_within(self._lazy)

    def _note_finished(self, grant_id: str) -> None:
        # That it is not held any more is all that the state needs to see.
        self._held.discard(grant_id)
        self._due_at.pop(grant_id, None)
        self._ask_if_waiting_for(Why.OPEN_SLOTS)
        self._tell_within(self._cap.spacing_seconds / 4 if self._slots_scarce else self._lazy)

    def _return(self, grant_id: str) -> None:
        self._held.discard(grant_id)
        self._due_at.pop(grant_id, None)
        self._news.returned.append(grant_id)
        self._tell_within(0.0)

    def _ask_if_waiting_for(self, why: Why) -> None:
        if self._waits_for is why:
            self._ask_at = 0.0

    def _tell_within(self, seconds: float) -> None:
        self._tell_at = min(self._tell_at, self._loop.time() + seconds)
        self._wake.set()

    # The pump calls these; one visit at a time.

    async def _run(self) -> None:
        while self._open:
            await self._visit()
            await self._sleep_until_due()
        self._held.clear()
        self._shut(self._pump)
        await self._visit()

    async def _sleep_until_due(self) -> None:
        while self._open:
            self._wake.clear()
            delay = self._find_due() - self._loop.time()
            if delay <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if delay == math.inf else delay):
                    await self._wake.wait()

    def _find_due(self) -> float:
        while self._queue and self._queue[0].done():
            self._queue.popleft()
        return min(self._ask_at if self._queue else math.inf, self._tell_at)

    async def _visit(self) -> None:
        """Tells the news, asks if it is time, and acts on the answer."""
        news, self._news = self._news, News()
        # Every visit renews the leases of what is held: the next one comes before they run out.
        self._tell_at = self._loop.time() + LEASE_SECONDS / 3 if self._held else math.inf
        asks = bool(self._queue) and self._ask_at <= self._loop.time()
        try:
            outcome, at = await self._desk.visit(
                news,
                frozenset(self._held),
                asks=asks,
                queued=len(self._queue),
                lead=self._lead,
            )
        except PlatformError as error:
            self._recover(news, error, asked=asks)
        else:
            self._settle(outcome, at)

    def _settle(self, outcome: Outcome, at: float) -> None:
        self._misses = 0
        self._guard = outcome.guard
        self._slots_scarce = outcome.slots_scarce
        match outcome.answer:
            case Granted(grant_id, then, late):
                if late < self._cap.spacing_seconds / 4:  # else it was due before anybody asked
                    self._due_at[grant_id] = at - late
                self._hand_over(grant_id)
                self._wait_for(then, at)
            case Wait() as wait:
                self._wait_for(wait, at)
            case BudgetUsed() as used_up:
                self._refuse_until(used_up, at)
            case None:
                pass

    def _hand_over(self, grant_id: str) -> None:
        self._held.add(grant_id)
        if turn := self._pop_turn():
            turn.set_result(grant_id)
        else:
            self._return(grant_id)

    def _wait_for(self, wait: Wait | None, at: float) -> None:
        self._ask_at = at + wait.seconds if wait else 0.0
        self._waits_for = wait.why if wait else Why.PACE

    def _refuse_until(self, used_up: BudgetUsed, at: float) -> None:
        message = (
            f"cap {self._cap.name!r}: the {self._cap.per_day} requests of today are used up; "
            f"run again after {used_up.resets_at.isoformat()}"
        )
        self._used_up = at + used_up.seconds, message
        while turn := self._pop_turn():
            turn.set_exception(RefusedError(message, kind="budget_used"))

    def _recover(self, news: News, error: PlatformError, *, asked: bool) -> None:
        """The state could not be changed: the task that asked hears of it, the news is kept."""
        log.warning("cap_state_failed", cap=self._cap.name, kind=error.kind, error=error.message)
        self._news.prepend(news)
        self._tell_at = self._loop.time() + RETRY_SECONDS
        if asked and isinstance(error, TransientError) and self._misses < len(WRITE_WAITS):
            # One connection that died ends nobody's request: it is asked again, the grant that was lost has ended.
            self._ask_at = self._loop.time() + WRITE_WAITS[self._misses]
            self._misses += 1
            return
        if asked and (turn := self._pop_turn()):
            turn.set_exception(error)

    def _pop_turn(self) -> asyncio.Future[str] | None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                return turn
        return None

    def _shut(self, pump: asyncio.Task[None]) -> None:
        """The pump has ended, by `__aexit__` or by an error: nobody waits for it for ever."""
        self._open = False
        cause = pump.exception() if pump.done() and not pump.cancelled() else None
        while turn := self._pop_turn():
            turn.set_exception(
                RuntimeError(f"the gate of cap {self._cap.name!r} was closed: {cause!r}")
            )


def choose_gate(cap: Cap | None, states: CapStates | None) -> CapGate | LocalGate | NoCap:
    """The gate for a client; each satisfies `Gate` and is opened with `async with`.

    Args:
        cap: None for an upstream without limits.
        states: None for a cap that this event loop has for itself.
    """
    if cap is None:
        return NoCap()
    return LocalGate(cap) if states is None else CapGate(cap, states)
