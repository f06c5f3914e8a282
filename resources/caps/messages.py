"""What passes between a process and a cap's window: the visit, and the answers. Values only.

The rules are `window.py`, the waiting is `limiter.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Why(StrEnum):
    """What a process waits for."""

    PACE = "pace"
    """The window or the gap to the last send."""
    PAUSED = "paused"
    """The pause after a 429."""
    OPEN_SLOTS = "open_slots"
    """As many requests are open as may be."""
    UNSENT = "unsent"
    """Granted requests of which nobody knows yet when they are written."""
    TURN = "turn"
    """Another process goes first."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again after `seconds`."""

    seconds: float
    why: Why


@dataclass(frozen=True, slots=True)
class Granted:
    """One request may be sent now.

    Attributes:
        grant_id: Names the grant.
        then: The wait of the process's next task; None when it has none.
        late: Seconds since the grant came due.
    """

    grant_id: str
    then: Wait | None
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class BudgetUsed:
    """The day's budget is used up; it starts anew in `seconds`, at `resets_at` (aware, the cap's timezone)."""

    seconds: float
    resets_at: datetime


Answer = Granted | Wait | BudgetUsed


@dataclass(frozen=True, slots=True)
class Visit:
    """What a process tells and asks in one change of the state.

    Attributes:
        process: Unique name of the process (of its gate).
        held: All grants that it holds. Others under its name have ended; those named get a new lease.
        sent: Grants whose request was written, with the seconds since then.
        returned: Grants that were never handed out: their place in the window is given back.
        throttled: One entry for each 429: the seconds that the upstream asked to wait, or None.
        ask: Id for the grant that it asks for; None to ask for nothing.
        queued: Its tasks that wait, the asking one included.
        lead: Seconds from when a grant comes due to the write of its request, as this process has seen it. A grant may
            come that much early: what must keep its distance is the write.
    """

    process: str
    held: frozenset[str] = frozenset()
    sent: tuple[tuple[str, float], ...] = ()
    returned: tuple[str, ...] = ()
    throttled: tuple[float | None, ...] = ()
    ask: str | None = None
    queued: int = 0
    lead: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes back.

    Attributes:
        answer: None when nothing was asked.
        guard: The guard in force.
        slots_scarce: Other processes wait and most slots are taken: tell soon when one comes free.
    """

    answer: Answer | None
    guard: float
    slots_scarce: bool
