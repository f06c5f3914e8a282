"""The pace that a host demands: so much time between two starts of requests; who is too fast too often is blocked.

Pure: the time is an argument.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum


class Host(StrEnum):
    """Real hosts; each path belongs to one, whichever port it is asked on."""

    SEARCH = "search.naver.com"
    MOBILE = "m.search.naver.com"
    MAP = "pcmap.place.naver.com"
    OPENAPI = "openapi.naver.com"


@dataclass(frozen=True, slots=True)
class PaceRules:
    """What a host demands.

    Attributes:
        delay_seconds: Between the starts of two requests.
        slack_seconds: Arrivals may be so much too early: they take different times on their way.
        block_after: Violations within `block_window_seconds` that lead to a block; 0 for never.
        block_window_seconds: See `block_after`.
        block_seconds: How long a block lasts.
    """

    delay_seconds: float
    slack_seconds: float = 0.05
    block_after: int = 10
    block_window_seconds: float = 60.0
    block_seconds: float = 30.0


class Verdict(StrEnum):
    """What a host says to a request."""

    IN_TIME = "in_time"
    TOO_EARLY = "too_early"
    BLOCKED = "blocked"


class Pace:
    """The pace of one host.

    Args:
        rules: What it demands.

    Attributes:
        violations: Requests that started too early, those while blocked included.
        smallest_gap: Seconds between two starts; None before the second.
    """

    def __init__(self, rules: PaceRules) -> None:
        self.rules = rules
        self._last: float | None = None
        self._violations: deque[float] = deque(maxlen=max(1, rules.block_after))
        self._blocked_until = float("-inf")
        self.smallest_gap: float | None = None
        self.violations = 0

    def judge(self, now: float) -> Verdict:
        """Judges a request that arrived at `now` (monotonic seconds), whatever became of the one before."""
        gap = None if self._last is None else now - self._last
        self._last = now
        early = False
        if gap is not None:
            self.smallest_gap = gap if self.smallest_gap is None else min(gap, self.smallest_gap)
            early = gap < self.rules.delay_seconds - self.rules.slack_seconds
        if early:
            self._note_violation(now)
        if now < self._blocked_until:
            return Verdict.BLOCKED
        return Verdict.TOO_EARLY if early else Verdict.IN_TIME

    def reset(self) -> None:
        """Forgets everything, a block too."""
        self._last = self.smallest_gap = None
        self.violations = 0
        self._violations.clear()
        self._blocked_until = float("-inf")

    def _note_violation(self, now: float) -> None:
        self.violations += 1
        recent, rules = self._violations, self.rules
        recent.append(now)
        is_full = rules.block_after > 0 and len(recent) == rules.block_after
        if is_full and now - recent[0] <= rules.block_window_seconds:
            self._blocked_until = now + rules.block_seconds
