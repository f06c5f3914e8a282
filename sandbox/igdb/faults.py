"""Faults on order: which ones, how often, and which request gets one.

A faults file is JSON; every key may be left out:

    {
      "seed": 1,
      "rates": {
        "http_500": 0.01, "http_503": 0.0,   replies with these statuses
        "http_429": 0.0,                     a 429 although the caps are kept
        "http_401": 0.0,                     the token is forgotten
        "drop": 0.008,                       the connection is closed before any byte
        "slow": 0.01,                        the body takes `slow_seconds`
        "truncate": 0.0,                     the connection is closed in the middle of the body
        "invalid_json": 0.0,                 status 200, half of the JSON
        "not_a_list": 0.0                    status 200, an object that says nothing
      },
      "first": {"multiquery": ["drop"]},   the first accepted requests to this endpoint get these, one each
      "slow_seconds": 5.0,
      "changes": {"delete_per_second": 1, "change_per_second": 0, "add_per_second": 0}
    }

Rates are shares of the accepted requests; together they are at most 1. `changes` happen to games while they are read.
"""

from collections import Counter
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from typing import Annotated

import msgspec

from sandbox.fault_files import decode_plan, read_plan
from sandbox.igdb.hashing import salt_of
from sandbox.igdb.table import Change

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Amount = Annotated[float, msgspec.Meta(ge=0)]


class Fault(StrEnum):
    """What can go wrong with an accepted request."""

    HTTP_500 = "http_500"
    HTTP_503 = "http_503"
    HTTP_429 = "http_429"
    HTTP_401 = "http_401"
    DROP = "drop"
    SLOW = "slow"
    TRUNCATE = "truncate"
    INVALID_JSON = "invalid_json"
    NOT_A_LIST = "not_a_list"


class ChangeRates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of games that change by themselves, per second of the scaled time."""

    delete_per_second: _Amount = 0.0
    change_per_second: _Amount = 0.0
    add_per_second: _Amount = 0.0


class FaultPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A faults file; the module's docstring describes its keys."""

    seed: int = 0
    rates: dict[Fault, _Share] = {}
    first: dict[str, list[Fault]] = {}
    slow_seconds: _Amount = 5.0
    changes: ChangeRates = ChangeRates()


def read_faults(path: Path) -> FaultPlan:
    """Reads and checks a faults file.

    Raises:
        RefusedError: It is not there, not JSON, has an unknown key or a value out of range.
    """
    return read_plan(
        path, lambda data, source: decode_plan(data, source, FaultPlan, lambda plan: (plan.rates,))
    )


class FaultDice:
    """Decides which request gets which fault.

    The first requests to an endpoint as the plan says; all others from (seed, the request, how often it came): a retry
    draws anew.
    """

    def __init__(self, plan: FaultPlan) -> None:
        self._seed = plan.seed
        self._first = plan.first
        self._faults = list(plan.rates)
        self._edges = list(accumulate(plan.rates.values()))
        self._seen: Counter[int] = Counter()
        self._by_endpoint: Counter[str] = Counter()

    def draw(self, endpoint: str, text: str) -> Fault | None:
        """The fault of this request; None for most."""
        ordered = self._first.get(endpoint, ())
        if (position := self._by_endpoint[endpoint]) < len(ordered):
            self._by_endpoint[endpoint] += 1
            return ordered[position]
        if not self._faults:
            return None
        key = salt_of(f"{endpoint}\n{text}")
        self._seen[key] += 1
        draw = salt_of(self._seed, key, self._seen[key]) / 2**64
        hits = (fault for fault, edge in zip(self._faults, self._edges, strict=True) if draw < edge)
        return next(hits, None)

    def reset(self) -> None:
        """Forgets how often each request came."""
        self._seen.clear()
        self._by_endpoint.clear()


class Drift:
    """Turns change rates into whole changes as time goes by."""

    def __init__(self, rates: ChangeRates) -> None:
        self._rates = rates
        self._owed = [0.0, 0.0, 0.0]

    @property
    def idle(self) -> bool:
        """Whether nothing ever changes."""
        return self._rates == ChangeRates()

    def advance(self, seconds: float) -> Change:
        """What is due after `seconds` more of scaled time; fractions are carried over."""
        rates = self._rates
        per_second = (rates.delete_per_second, rates.change_per_second, rates.add_per_second)
        self._owed = [
            owed + rate * seconds for owed, rate in zip(self._owed, per_second, strict=True)
        ]
        delete, change, add = (int(owed) for owed in self._owed)
        self._owed = [owed - int(owed) for owed in self._owed]
        return Change(delete_random=delete, change_random=change, add=add)
