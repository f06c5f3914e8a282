"""The account's caps, enforced without mercy: a strict sliding window over accepted requests, and open slots.

Pure: the time is an argument. Strict means that of any `rate + 1` accepted requests in a row the last arrived at least
one window after the first; it is the hardest of the limiters that an upstream may have.
"""

from collections import deque
from enum import StrEnum


class Verdict(StrEnum):
    """What the gate says to a request."""

    ACCEPTED = "accepted"
    RATE = "rate"
    OPEN = "open"


class Gate:
    """Both caps of one account. A request that one of them rejects leaves no trace in the other.

    Args:
        rate: Accepted requests in any window; IGDB allows 4 (api-docs.igdb.com).
        window_seconds: Length of the window; 1 s unless time is scaled.
        open_limit: Requests in progress at once; IGDB allows 8.
    """

    def __init__(self, *, rate: int, window_seconds: float, open_limit: int) -> None:
        self._rate = rate
        self._window_seconds = window_seconds
        self._open_limit = open_limit
        self._accepted_at: deque[float] = deque(maxlen=rate)
        self._open = 0
        self.max_in_window = 0
        self.max_open = 0

    def admit(self, now: float) -> Verdict:
        """Judges a request that arrived at `now` (monotonic seconds); an accepted one holds a slot until `release`."""
        recent = self._accepted_at
        while recent and now - recent[0] >= self._window_seconds:
            recent.popleft()
        if len(recent) >= self._rate:
            return Verdict.RATE
        if self._open >= self._open_limit:
            return Verdict.OPEN
        recent.append(now)
        self._open += 1
        self.max_in_window = max(self.max_in_window, len(recent))
        self.max_open = max(self.max_open, self._open)
        return Verdict.ACCEPTED

    def release(self) -> None:
        """Gives the slot of one accepted request back."""
        self._open -= 1

    def reset(self) -> None:
        """Forgets the highest values; the window and the open slots stay as they are."""
        self.max_in_window = 0
        self.max_open = self._open
