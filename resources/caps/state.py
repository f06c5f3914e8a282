"""The stored form of a cap's window: one small JSON object per cap, and where it is kept (`CapStates`).

What the numbers mean for the next grant is `window.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import msgspec

from platform_assets.core.engine.units import JsonObject
from platform_assets.core.errors import RefusedError

T = TypeVar("T")


class CapStates(Protocol):
    """Where the states of all caps are kept. Implementation: `resources/state/cap_states.py`, and a fake in memory.

    Methods are synchronous and may block on a database; the limiter calls them in a thread of its own.
    """

    def change(
        self, name: str, decide: Callable[[JsonObject | None, float], tuple[JsonObject, T]]
    ) -> T:
        """Runs `decide(state or None, now)` under the lock of the cap's row and stores the state that it returns.

        `now` is the database's clock in epoch seconds, read after the lock was taken: all processes that share the
        row see it grow. `decide` may run again when a transaction is repeated; only the last run counts.

        Returns:
            The second part of what `decide` returned.

        Raises:
            TransientError: The database is busy or away.
        """
        ...


@dataclass(slots=True)
class Send:
    """One request in the window: stamped at its grant, moved to its write when that is known.

    Attributes:
        at: Epoch seconds.
        grant_id: The grant while it is unknown when (and whether) the request was written; None after.
    """

    at: float
    grant_id: str | None = None


@dataclass(slots=True)
class OpenGrant:
    """An open request: who holds it, and until when it counts without a sign of life (epoch seconds)."""

    process: str
    until: float


@dataclass(slots=True)
class Waiter:
    """A process that waits.

    Attributes:
        expected_at: When it was told to come back, epoch seconds.
        missed: Turns that it lost by coming late; each doubles the grace of the next.
        absent: It lost its turn and has not come back yet.
    """

    expected_at: float
    missed: int = 0
    absent: bool = False


@dataclass(slots=True)
class CapState:
    """Everything that processes share about one cap. Times are epoch seconds by the database's clock.

    Attributes:
        sends: Requests of the last window.
        open: Open requests by grant id.
        waiting: Processes that wait.
        served: When a process got its last grant.
        learnt_guard: What 429s added to the cap's own guard.
        guard_at: When `learnt_guard` last changed.
        paused_until: No grants before.
        day: ISO date of the day that `used` counts.
        used: Grants of that day.
        granted: Grants ever.
        throttled: 429s ever.
    """

    sends: list[Send] = field(default_factory=list[Send])
    open: dict[str, OpenGrant] = field(default_factory=dict[str, OpenGrant])
    waiting: dict[str, Waiter] = field(default_factory=dict[str, Waiter])
    served: dict[str, float] = field(default_factory=dict[str, float])
    learnt_guard: float = 0.0
    guard_at: float = 0.0
    paused_until: float = 0.0
    day: str = ""
    used: int = 0
    granted: int = 0
    throttled: int = 0


def load_state(stored: JsonObject | None) -> CapState:
    """The state as stored; a fresh one for None.

    Raises:
        RefusedError: It is not in this form.
    """
    if stored is None:
        return CapState()
    try:
        return msgspec.convert(stored, CapState)
    except msgspec.ValidationError as error:
        raise RefusedError(
            f"the stored state of a cap cannot be read ({error}): delete its row in cap_states while nothing runs",
            kind="bad_cap_state",
        ) from error


def dump_state(state: CapState) -> JsonObject:
    """The JSON object to store."""
    return msgspec.to_builtins(state)
