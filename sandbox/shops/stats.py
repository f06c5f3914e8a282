"""What the sandbox counts about one shop."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sandbox.igdb.limits import Gate, Verdict


@dataclass(slots=True)
class ShopStats:
    """Counters since the start or the last reset.

    Attributes:
        requests: All that arrived, those of pages' scripts included.
        by_script: Those of pages' scripts, which are outside the limits: their page was counted.
        kinds: Accepted requests by what they ask for (product, list, search, unknown).
        statuses: Replies by HTTP status; a dropped connection has none.
        fetches: Product -> accepted requests for it; a page and what its script fetches count once.
        verdicts: Judgements of the limits; `open` also where the shop suffers it without refusing.
        faults: Injected faults by kind.
        crowded: Replies with status 500 because too many requests were open.
    """

    requests: int = 0
    by_script: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    statuses: Counter[str] = field(default_factory=Counter[str])
    fetches: Counter[str] = field(default_factory=Counter[str])
    verdicts: Counter[Verdict] = field(default_factory=Counter[Verdict])
    faults: Counter[str] = field(default_factory=Counter[str])
    crowded: int = 0

    def describe(self, gate: Gate) -> dict[str, Any]:
        """Everything as JSON sends it."""
        rate, slots = self.verdicts[Verdict.RATE], self.verdicts[Verdict.OPEN]
        return {
            "requests": self.requests,
            "by_script": self.by_script,
            "by_kind": dict(self.kinds),
            "by_status": dict(self.statuses),
            "by_product": dict(self.fetches),
            "over_rate": rate,
            "over_open": slots,
            "violations": rate + slots,
            "max_in_window": gate.max_in_window,
            "max_open": gate.max_open,
            "faults": dict(self.faults),
            "crowded": self.crowded,
        }
