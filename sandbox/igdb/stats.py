"""What the sandbox counts, and how it tells."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sandbox.igdb.limits import Gate, Verdict
from sandbox.igdb.table import Changed


@dataclass(slots=True)
class Stats:
    """Counters since the start or the last reset. `requests` are those to the API, tokens excluded.

    Attributes:
        requests: Requests to `/v4/`, with their body read.
        accepted: Those that passed authorization and both caps.
        tokens_issued: Tokens given out.
        endpoints: Requests by endpoint (`games`, `games/count`, `multiquery`); `unknown` for others.
        statuses: Replies by HTTP status; a dropped connection has none.
        verdicts: Judgements of the gate.
        faults: Injected faults by kind.
        clients: Accepted requests by `X-Sandbox-Client`.
        rows: Rows `deleted`, `changed` and `added`, on order or by themselves.
    """

    requests: int = 0
    accepted: int = 0
    tokens_issued: int = 0
    endpoints: Counter[str] = field(default_factory=Counter[str])
    statuses: Counter[str] = field(default_factory=Counter[str])
    verdicts: Counter[Verdict] = field(default_factory=Counter[Verdict])
    faults: Counter[str] = field(default_factory=Counter[str])
    clients: Counter[str] = field(default_factory=Counter[str])
    rows: Counter[str] = field(default_factory=Counter[str])

    def count_rows(self, changed: Changed) -> None:
        """Adds what a change did."""
        self.rows["deleted"] += len(changed.deleted)
        self.rows["changed"] += len(changed.changed)
        self.rows["added"] += len(changed.added)

    def describe(self, gate: Gate) -> dict[str, Any]:
        """Everything as JSON sends it."""
        rate, slots = self.verdicts[Verdict.RATE], self.verdicts[Verdict.OPEN]
        return {
            "requests": self.requests,
            "accepted": self.accepted,
            "by_endpoint": dict(self.endpoints),
            "by_status": dict(self.statuses),
            "rejected_rate": rate,
            "rejected_open": slots,
            "violations": rate + slots,
            "max_in_window": gate.max_in_window,
            "max_open": gate.max_open,
            "tokens_issued": self.tokens_issued,
            "faults": dict(self.faults),
            "clients": dict(self.clients),
            "rows": dict(self.rows),
        }
