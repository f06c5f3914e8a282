"""What the sandbox counts about one host."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sandbox.naver.pace import Pace


@dataclass(slots=True)
class HostStats:
    """Counters since the start or the last reset.

    Attributes:
        requests: All that arrived.
        kinds: Requests by kind of page.
        pages: Requests by `kind keyword`.
        statuses: Replies by HTTP status; a dropped connection has none.
        faults: Injected faults by kind.
        blocked: Requests that got the block page because too many started too early.
        starts: When requests arrived, in seconds since the sandbox started.
    """

    requests: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    pages: Counter[str] = field(default_factory=Counter[str])
    statuses: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    blocked: int = 0
    starts: list[float] = field(default_factory=list[float])

    def count_arrival(self, kind: str, keyword: str, at_seconds: float) -> None:
        """Counts a request."""
        self.requests += 1
        self.kinds[kind] += 1
        self.pages[f"{kind} {keyword}"] += 1
        self.starts.append(round(at_seconds, 4))

    def describe(self, pace: Pace) -> dict[str, Any]:
        """Everything as JSON sends it."""
        return {
            "requests": self.requests,
            "by_kind": dict(self.kinds),
            "by_page": dict(self.pages),
            "by_status": dict(self.statuses),
            "faults": dict(self.faults),
            "violations": pace.violations,
            "blocked": self.blocked,
            "smallest_gap": pace.smallest_gap,
            "starts": self.starts,
        }
