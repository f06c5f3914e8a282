"""The table of caps: what each upstream account allows, and where the numbers come from.

From this table come the limiters, the Dagster pool limits and the docs' table. How a cap is held is `window.py`
(the rules) and `limiter.py` (the waiting). The environment is not read here: overrides come in as values.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from platform_assets.core.errors import RefusedError

LARGEST_GUARD = 0.13
"""Upper bound of a guard, learnt or configured: enough for 20 ms of mean network jitter at 4 requests a second
(docs/adr/0007-caps-are-a-state-machine-over-one-row.md: zero 429s need 6.5 times the mean jitter)."""


SHOP_GUARD = 0.05
"""Of shops: with 0.01 the sandbox counted one or two requests in a hundred pages that came too early."""


@dataclass(frozen=True, slots=True)
class Cap:
    """What one upstream account allows, over all tasks, runs, processes and machines.

    Attributes:
        name: Name of the cap, of its Dagster pool and of its row in the state database.
        requests: Requests allowed in any window of `per_seconds`.
        per_seconds: Length of the sliding window.
        in_flight: Requests that may be open at the same time.
        pool_limit: Steps that Dagster may run at the same time against this upstream.
        per_day: Requests allowed per day; None for no budget.
        source: Where the numbers come from.
        guard: Share by which the window is stretched, for jitter between our socket and the upstream's limiter.
        day_zone: IANA name of the timezone whose midnight starts a new day's budget.

    Raises:
        RefusedError: A number is out of its range; the text says which and what would do.
    """

    name: str
    requests: int
    per_seconds: float
    in_flight: int
    pool_limit: int
    per_day: int | None
    source: str
    guard: float = 0.01
    day_zone: str = "UTC"

    def __post_init__(self) -> None:
        for field, least in (("requests", 1), ("in_flight", 1), ("pool_limit", 1)):
            self._require(field, getattr(self, field) >= least, f"at least {least}")
        self._require("name", bool(self.name), "not empty")
        seconds = self.per_seconds
        self._require("per_seconds", math.isfinite(seconds) and seconds > 0, "above 0 and finite")
        self._require("per_day", self.per_day is None or self.per_day >= 1, "at least 1, or None")
        self._require("guard", 0 <= self.guard <= LARGEST_GUARD, f"from 0 to {LARGEST_GUARD}")

    def _require(self, field: str, holds: bool, rule: str) -> None:  # noqa: FBT001 - a checked condition
        if not holds:
            raise RefusedError(
                f"cap {self.name!r}: {field} is {getattr(self, field)!r} and must be {rule}: correct the setting",
                kind="bad_cap",
            )

    @property
    def spacing_seconds(self) -> float:
        """Time from one request to the next at the full rate, without the guard."""
        return self.per_seconds / self.requests


def _make_shop_cap(name: str, per_second: int, in_flight: int) -> Cap:
    """Of a shop, which publishes no limit."""
    return Cap(
        name=name,
        requests=per_second,
        per_seconds=1.0,
        in_flight=in_flight,
        pool_limit=1,
        per_day=None,
        source="no published limit, our own choice: a person's pace where a browser is needed; Hwahae answered 13 % of "
        "requests with HTTP 500 at 30 open ones",
        guard=SHOP_GUARD,
    )


def _make_page_cap(name: str) -> Cap:
    """Of a host of Naver's pages: one request after another, two open so that a slow page holds nobody up."""
    return Cap(
        name=name,
        requests=1,
        per_seconds=2.0,
        in_flight=2,
        pool_limit=1,
        per_day=None,
        source="no published limit, our own choice: 2 seconds between two requests of a host (CRAWL_DELAY_SECONDS)",
    )


CAPS: Mapping[str, Cap] = MappingProxyType(
    {
        cap.name: cap
        for cap in (
            Cap(
                name="igdb",
                requests=4,
                per_seconds=1.0,
                in_flight=8,
                pool_limit=4,
                per_day=None,
                source="api-docs.igdb.com, Rate Limits: 4 requests a second and 8 open requests",
            ),
            *(_make_shop_cap(name, 5, 8) for name in ("hwahae", "musinsa", "zigzag")),
            *(_make_shop_cap(name, 2, 4) for name in ("ably", "kurly", "oliveyoung")),
            *(_make_page_cap(name) for name in ("naver_search", "naver_map")),
            Cap(
                name="naver_openapi",
                requests=5,
                per_seconds=1.0,
                in_flight=4,
                pool_limit=2,
                per_day=25_000,
                source="developers.naver.com: 25,000 search calls a day; the pace of 5 a second is our own choice",
                day_zone="Asia/Seoul",
            ),
        )
    }
)
"""Caps by name. A new upstream is one entry."""


def find_cap(name: str) -> Cap:
    """The cap of that name in `CAPS`.

    Raises:
        RefusedError: There is none.
    """
    cap = CAPS.get(name)
    if cap is None:
        raise RefusedError(
            f"there is no cap {name!r}: use one of {', '.join(CAPS)}, or add it to resources/caps/limits.py",
            kind="bad_cap",
        )
    return cap


def shop_cap(name: str) -> Cap:
    """The cap of a shop; of one that the table does not have, which was declared in a file, that of a small shop."""
    return CAPS.get(name) or _make_shop_cap(name, 2, 4)


def override_cap(
    cap: Cap, *, requests_per_second: float | None = None, open_requests: int | None = None
) -> Cap:
    """`cap` with numbers from the settings; what is None stays.

    A rate becomes whole requests per window: 3.5 is 3 per 3/3.5 s, 0.5 is 1 per 2 s.

    Raises:
        RefusedError: A number is out of its range.
    """
    if requests_per_second is not None:
        cap = _with_rate(cap, requests_per_second)
    if open_requests is not None:
        cap = replace(cap, in_flight=open_requests)
    return cap


def _with_rate(cap: Cap, rate: float) -> Cap:
    if not (math.isfinite(rate) and rate > 0):
        raise RefusedError(
            f"cap {cap.name!r}: requests per second is {rate!r} and must be above 0 and finite: correct the setting",
            kind="bad_cap",
        )
    requests = max(1, math.floor(rate))
    return replace(cap, requests=requests, per_seconds=requests / rate)
