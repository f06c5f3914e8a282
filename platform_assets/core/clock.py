"""Time as a value that is handed in: the wall clock, and a stopwatch.

Only this module asks the machine for the time. Waiting is `asyncio.sleep`, so that a test's event loop with virtual
time drives it; there is no `sleep` here.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What code that needs the time takes as an argument."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from a fixed but unknown start; never goes back."""
        ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from a fixed but unknown start; never goes back."""
        return time.monotonic()
