"""Faults on order: which ones, how often, and which request gets one.

A faults file is JSON; every key may be left out:

    {
      "seed": 1,
      "rates": {
        "http_404": 0.0,            not found, though the product is there
        "http_500": 0.01, "http_503": 0.0, "http_429": 0.0,
        "blocked": 0.0,             status 403 and a block page
        "captcha": 0.0,             status 200 and a captcha page
        "slow": 0.01,               the body takes `slow_seconds`
        "drop": 0.01,               the connection is closed before any byte
        "truncate": 0.0,            the connection is closed in the middle of the body
        "changed_structure": 0.0,   status 200, all keys of the JSON have other names
        "no_price": 0.0             a product is on sale without a price
      },
      "platforms": {"musinsa": {"http_500": 0.5}},   rates of one shop instead of `rates`
      "products": {"musinsa": {"1000042": "http_500"}},   every request for this product gets this
      "slow_seconds": 5.0
    }

Rates are shares of the accepted requests; together they are at most 1. A page's script gets no faults of its own: what
was drawn for the page spoils the data if it concerns data.
"""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from typing import Annotated

import msgspec

from sandbox.fault_files import decode_plan, read_plan
from sandbox.igdb.hashing import salt_of

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Amount = Annotated[float, msgspec.Meta(ge=0)]


class Fault(StrEnum):
    """What can go wrong with an accepted request."""

    HTTP_404 = "http_404"
    HTTP_500 = "http_500"
    HTTP_503 = "http_503"
    HTTP_429 = "http_429"
    BLOCKED = "blocked"
    CAPTCHA = "captcha"
    SLOW = "slow"
    DROP = "drop"
    TRUNCATE = "truncate"
    CHANGED_STRUCTURE = "changed_structure"
    NO_PRICE = "no_price"


OF_DATA = frozenset({Fault.CHANGED_STRUCTURE, Fault.NO_PRICE})
"""Those that spoil what is said, not how it is sent."""

Rates = dict[Fault, _Share]


class FaultPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A faults file; the module's docstring describes its keys."""

    seed: int = 0
    rates: Rates = {}
    platforms: dict[str, Rates] = {}
    products: dict[str, dict[str, Fault]] = {}
    slow_seconds: _Amount = 5.0


def decode_faults(data: bytes, source: str) -> FaultPlan:
    """Reads and checks a plan.

    Args:
        data: JSON.
        source: Names it in errors.

    Raises:
        RefusedError: It is not JSON, has an unknown key or a value out of range.
    """
    return decode_plan(data, source, FaultPlan, lambda plan: (plan.rates, *plan.platforms.values()))


def read_faults(path: Path) -> FaultPlan:
    """Reads and checks a faults file.

    Raises:
        RefusedError: It is not there, or wrong.
    """
    return read_plan(path, decode_faults)


class FaultDice:
    """Decides which request to one shop gets which fault.

    From (seed, the request, how often it came): a retry draws anew.
    """

    def __init__(self, plan: FaultPlan, platform: str) -> None:
        rates = plan.platforms.get(platform, plan.rates)
        self._seed = plan.seed
        self._platform = platform
        self._products: Mapping[str, Fault] = plan.products.get(platform, {})
        self._edges = list(zip(rates, accumulate(rates.values()), strict=True))
        self._seen: Counter[str] = Counter()

    def draw(self, request: str, product_id: str = "") -> Fault | None:
        """The fault of this request; None for most.

        Args:
            request: Its words; the same request has the same.
            product_id: Which product it is about; empty for none.
        """
        if product_id in self._products:
            return self._products[product_id]
        if not self._edges:
            return None
        self._seen[request] += 1
        draw = salt_of(self._seed, self._platform, request, self._seen[request]) / 2**64
        return next((fault for fault, edge in self._edges if draw < edge), None)
