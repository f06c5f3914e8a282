"""Where a process tells and asks the shared state of a cap: one visit at a time, in a thread of its own.

When to visit is `limiter.py`; what the state answers is `window.py`.
"""

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

from platform_assets.core.engine.units import JsonObject
from resources.caps.limits import Cap
from resources.caps.messages import Outcome, Visit
from resources.caps.state import CapStates
from resources.caps.window import decide_visit


@dataclass(slots=True)
class News:
    """What happened in a process since its last visit.

    Attributes:
        sent: Grants whose request was written, with the event loop's time of it.
        returned: Grants that nobody took.
        throttled: For each 429 the seconds that the upstream asked to wait, or None.
    """

    sent: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    returned: list[str] = field(default_factory=list[str])
    throttled: list[float | None] = field(default_factory=list[float | None])

    def prepend(self, earlier: Self) -> None:
        """Takes up news that could not be told."""
        self.sent[:0] = earlier.sent
        self.returned[:0] = earlier.returned
        self.throttled[:0] = earlier.throttled


class CapDesk:
    """One process's side of a cap's shared state.

    Args:
        cap: The cap.
        states: Where its state is kept. Called in a thread of the desk's own, so that the event loop never waits for a
            database and no other work waits in front of a grant.
        process: The process as `core/processes/owner.py` describes it.
        is_dead: Whether such a process is known to be gone.
        time: The event loop's clock. Safe to call from a thread.
    """

    def __init__(
        self,
        cap: Cap,
        states: CapStates,
        process: str,
        is_dead: Callable[[str], bool],
        time: Callable[[], float],
    ) -> None:
        self._cap = cap
        self._states = states
        # One process may have several desks, one per event loop.
        self._name = f"{process}#{uuid.uuid4().hex[:8]}"
        self._is_dead = is_dead
        self._time = time
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"cap-{cap.name}")

    async def visit(
        self, news: News, held: frozenset[str], *, asks: bool, queued: int, lead: float = 0.0
    ) -> tuple[Outcome, float]:
        """Tells the news and what is held, asks for a grant if `asks`; `lead` as in `Visit`.

        Returns:
            The outcome, and the event loop's time when it was decided: waits count from there.

        Raises:
            PlatformError: The state cannot be read or written.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._change, news, held, uuid.uuid4().hex if asks else None, queued, lead
        )

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown(wait=False)

    def _change(
        self, news: News, held: frozenset[str], ask: str | None, queued: int, lead: float
    ) -> tuple[Outcome, float]:
        def decide(
            stored: JsonObject | None, now: float
        ) -> tuple[JsonObject, tuple[Outcome, float]]:
            at = self._time()
            visit = Visit(
                process=self._name,
                held=held,
                sent=tuple((grant_id, at - written_at) for grant_id, written_at in news.sent),
                returned=tuple(news.returned),
                throttled=tuple(news.throttled),
                ask=ask,
                queued=queued,
                lead=lead,
            )
            state, outcome = decide_visit(self._cap, stored, now, visit, self._judge)
            return state, (outcome, at)

        return self._states.change(self._cap.name, decide)

    def _judge(self, name: str) -> bool:
        return self._is_dead(name.rpartition("#")[0])
