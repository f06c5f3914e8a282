"""What a client asks of the gate of a cap. Gates: `limiter.CapGate` (shared), `local_gates.LocalGate` and `NoCap`.

    async with gate.enter() as grant:     # waits for an open slot and a grant, both at once
        ...                               # the request; grant.sent() when it was written to the socket

Everything that waits for its own reasons (a retry, a token) waits outside the gate.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


class Grant:
    """Permission to send one request. Call `sent` at the moment when it was written; safe to call again."""

    __slots__ = ("_on_sent",)

    def __init__(self, on_sent: Callable[[], None] | None = None) -> None:
        self._on_sent = on_sent

    def sent(self) -> None:
        """The request was written just now. Never blocks.

        A grant that ends without it counts as written at its end, and blocks a place in the window until then.
        """
        on_sent, self._on_sent = self._on_sent, None
        if on_sent is not None:
            on_sent()


@dataclass(frozen=True, slots=True)
class GateStats:
    """What a gate did since it was made, in this process.

    Attributes:
        grants: Requests let through.
        waits: Those of them that waited a tenth of the cap's spacing or longer.
        throttles: 429s that were reported to it.
        wait_seconds: Time that tasks waited, summed over tasks.
        guard: The guard in force, as last known.
    """

    grants: int
    waits: int
    throttles: int
    wait_seconds: float
    guard: float


class GateCounters:
    """The counters behind `GateStats`.

    Args:
        waits_from_seconds: A shorter wait is not counted as one.
    """

    def __init__(self, waits_from_seconds: float) -> None:
        self._waits_from_seconds = waits_from_seconds
        self._grants = self._waits = 0
        self._wait_seconds = 0.0
        self.throttles = 0

    def count_grant(self, waited_seconds: float) -> None:
        """One request was let through."""
        self._grants += 1
        self._waits += waited_seconds >= self._waits_from_seconds
        self._wait_seconds += waited_seconds

    def freeze(self, guard: float) -> GateStats:
        """The counters as a value."""
        return GateStats(self._grants, self._waits, self.throttles, self._wait_seconds, guard)


class Gate(Protocol):
    """Where requests to one upstream wait for their turn."""

    @property
    def window_seconds(self) -> float:
        """Length of the cap's window: what to wait after a 429 that names no time."""
        ...

    @property
    def in_flight(self) -> int | None:
        """How many requests may be open at once; None for no bound."""
        ...

    @property
    def stats(self) -> GateStats:
        """Counters so far."""
        ...

    def enter(self) -> AbstractAsyncContextManager[Grant]:
        """Waits for a grant; the open slot is given back at the end of the block.

        Raises:
            RefusedError: The day's budget is used up (kind `budget_used`).
            TransientError: The shared state cannot be reached.
        """
        ...

    def throttled(self, retry_after: float | None = None) -> None:
        """A 429 came: all pause for a window, or for `retry_after` seconds if that is longer. Never blocks."""
        ...
