"""A source in memory that understands the queries of games/query.py: ids, ranges, since, order, limit."""

import asyncio
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(frozen=True)
class FakeReply:
    body: bytes
    total: int | None


@dataclass
class FakeTraffic:
    requests: int = 0
    retries: int = 0
    throttled: int = 0


@dataclass
class FakeSource:
    """Serves `records` (by id). `before` runs before each query: it may change the records or raise."""

    records: dict[int, dict[str, Any]]
    before: Callable[[str], None] | None = None
    latency: Callable[[str], float] = lambda query: 0.0
    says_total: bool = True
    queries: list[str] = field(default_factory=list[str])
    traffic: FakeTraffic = field(default_factory=FakeTraffic)

    async def fetch(self, endpoint: str, query: str) -> FakeReply:
        self.queries.append(query)
        self.traffic.requests += 1
        await asyncio.sleep(self.latency(query))
        if self.before is not None:
            self.before(query)
        ids = self._select(query)
        limit = int(_number(r"limit (\d+)", query) or 10)
        body = msgspec.json.encode([self.records[key] for key in ids[:limit]])
        return FakeReply(body, len(ids) if self.says_total else None)

    async def count(self, endpoint: str, query: str) -> int:
        self.traffic.requests += 1
        return len(self.records)

    def _select(self, query: str) -> list[int]:
        after = _number(r"id > (\d+)", query)
        upto = _number(r"id <= (\d+)", query)
        since = _number(r"updated_at > (-?\d+)", query)
        ids = sorted(self.records)
        first = 0 if after is None else bisect_right(ids, after)
        ids = ids[first : len(ids) if upto is None else bisect_right(ids, upto)]
        if since is not None:
            ids = [key for key in ids if self.records[key].get("updated_at", 0) > since]
        return ids[::-1] if "sort id desc" in query else ids


def _number(pattern: str, query: str) -> int | None:
    match = re.search(pattern, query)
    return int(match[1]) if match else None


def make_records(ids: list[int], **extra: Any) -> dict[int, dict[str, Any]]:
    """Small games by id, each changed at second 1,700,000,000 + id."""
    return {
        n: {"id": n, "name": f"game {n}", "updated_at": 1_700_000_000 + n, **extra} for n in ids
    }
