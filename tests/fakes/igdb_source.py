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
    """Serves `records` (by id). `before` runs before each query: it may change the records or raise.

    Attributes:
        page_size: Most rows of a reply, whatever the query's limit is.
        bodies: What some records look like instead, by id.
        counted: What `/count` says instead of the truth.
    """

    records: dict[int, dict[str, Any]]
    before: Callable[[str], None] | None = None
    latency: Callable[[str], float] = lambda query: 0.0
    says_total: bool = True
    page_size: int = 500
    bodies: dict[int, bytes] = field(default_factory=dict[int, bytes])
    counted: int | None = None
    queries: list[str] = field(default_factory=list[str])
    traffic: FakeTraffic = field(default_factory=FakeTraffic)

    async def fetch(self, endpoint: str, query: str) -> FakeReply:
        self.queries.append(query)
        self.traffic.requests += 1
        await asyncio.sleep(self.latency(query))
        if self.before is not None:
            self.before(query)
        ids = self._select(query)
        limit = min(int(_number(r"limit (\d+)", query) or 10), self.page_size)
        body = b"[" + b",".join(self._write(self.records[key]) for key in ids[:limit]) + b"]"
        return FakeReply(body, len(ids) if self.says_total else None)

    async def count(self, endpoint: str, query: str) -> int:
        self.traffic.requests += 1
        return len(self.records) if self.counted is None else self.counted

    def _write(self, row: dict[str, Any]) -> bytes:
        return self.bodies.get(row["id"]) or msgspec.json.encode(row)

    def _select(self, query: str) -> list[int]:
        after = _number(r"id > (\d+)", query)
        upto = _number(r"id <= (\d+)", query)
        since = _number(r"updated_at > (-?\d+)", query)
        listed = re.search(r"id = \(([\d,]+)\)", query)
        again = {int(each) for each in listed[1].split(",")} if listed else set[int]()
        ids = sorted(self.records)
        first = 0 if after is None else bisect_right(ids, after)
        ids = ids[first : len(ids) if upto is None else bisect_right(ids, upto)]
        if since is not None:
            changed = {key for key in ids if self.records[key].get("updated_at", 0) > since}
            ids = [key for key in ids if key in changed or key in again]
        return ids[::-1] if "sort id desc" in query else ids


def _number(pattern: str, query: str) -> int | None:
    match = re.search(pattern, query)
    return int(match[1]) if match else None


def make_records(ids: list[int], **extra: Any) -> dict[int, dict[str, Any]]:
    """Small games by id, each changed at second 1,700,000,000 + id."""
    return {
        n: {"id": n, "name": f"game {n}", "updated_at": 1_700_000_000 + n, **extra} for n in ids
    }
