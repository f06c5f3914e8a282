"""Faults on order: which ones, how often, for which pages, and how many times in a row.

A faults file is JSON; every key may be left out:

    {
      "seed": 1,
      "rates": {                        shares of the pages of a day
        "block_page": 0.01,             status 200 and a captcha page
        "login_wall": 0.0,              status 200 and a login
        "redirect": 0.0,                status 302, to a login
        "http_403": 0.0,
        "http_429": 0.0,                without Retry-After
        "http_429_retry_after": 0.0,    with it
        "http_500": 0.01, "http_503": 0.0,
        "slow": 0.0,                    the body takes `slow_seconds`
        "truncate": 0.0,                the connection is closed in the middle of the body
        "cut_page": 0.0,                status 200, a whole reply, half of the document
        "drop": 0.0,                    the connection is closed before any byte
        "not_rendered": 0.0,            the frame of a list of places without places; other pages are spared
        "changed_structure": 0.0        status 200, a page that no reader knows
      },
      "kinds": {"place": {"not_rendered": 0.1}},   rates of one kind of page instead of `rates`
      "keywords": {"강남 카페": {"fault": "http_503", "kind": "blog", "first": 2}},   of one keyword
      "first": 1,                       so many requests for a page get its fault, then it is well; 0 for all of them
      "slow_seconds": 5.0,
      "retry_after_seconds": 2
    }

Kinds are `integrated`, `mobile`, `blog`, `cafe`, `place` and `api`; without a kind, a keyword's fault concerns all of
its pages. Whether a page has a fault follows from (seed, kind, keyword, day), however many requests come in whatever
order. Rates are at most 1 together.
"""

from collections import Counter
from datetime import date
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from typing import Annotated

import msgspec

from sandbox.fault_files import decode_plan, read_plan
from sandbox.igdb.hashing import salt_of
from sandbox.naver.candidates import tidy_keyword

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Amount = Annotated[float, msgspec.Meta(ge=0)]
_Times = Annotated[int, msgspec.Meta(ge=0)]


class PageKind(StrEnum):
    """What a path serves."""

    INTEGRATED = "integrated"
    MOBILE = "mobile"
    BLOG = "blog"
    CAFE = "cafe"
    PLACE = "place"
    API = "api"


class Fault(StrEnum):
    """What can go wrong with a request."""

    BLOCK_PAGE = "block_page"
    LOGIN_WALL = "login_wall"
    REDIRECT = "redirect"
    HTTP_403 = "http_403"
    HTTP_429 = "http_429"
    HTTP_429_RETRY_AFTER = "http_429_retry_after"
    HTTP_500 = "http_500"
    HTTP_503 = "http_503"
    SLOW = "slow"
    TRUNCATE = "truncate"
    CUT_PAGE = "cut_page"
    DROP = "drop"
    NOT_RENDERED = "not_rendered"
    CHANGED_STRUCTURE = "changed_structure"


Rates = dict[Fault, _Share]


class KeywordFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fault of one keyword; `first` is how many requests get it, 0 for all, None for the plan's own number."""

    fault: Fault
    kind: PageKind | None = None
    first: _Times | None = None


class FaultPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A faults file; the module's docstring describes its keys."""

    seed: int = 0
    rates: Rates = {}
    kinds: dict[PageKind, Rates] = {}
    keywords: dict[str, KeywordFault] = {}
    first: _Times = 1
    slow_seconds: _Amount = 5.0
    retry_after_seconds: _Times = 2


def decode_faults(data: bytes, source: str) -> FaultPlan:
    """Reads and checks a plan.

    Args:
        data: JSON.
        source: Names it in errors.

    Raises:
        RefusedError: It is not JSON, has an unknown key or a value out of range.
    """
    return decode_plan(data, source, FaultPlan, lambda plan: (plan.rates, *plan.kinds.values()))


def read_faults(path: Path) -> FaultPlan:
    """Reads and checks a faults file.

    Raises:
        RefusedError: It is not there, or wrong.
    """
    return read_plan(path, decode_faults)


class FaultDice:
    """Decides which request gets which fault."""

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self._keywords = {tidy_keyword(word): fault for word, fault in plan.keywords.items()}
        self._seen: Counter[tuple[PageKind, str, date]] = Counter()

    def draw(self, kind: PageKind, keyword: str, day: date) -> Fault | None:
        """The fault of this request; None for most.

        Args:
            kind: Of the page.
            keyword: Tidied.
            day: In Asia/Seoul.
        """
        page = (kind, keyword, day)
        self._seen[page] += 1
        fault, first = self._find(page)
        if fault is Fault.NOT_RENDERED and kind is not PageKind.PLACE:
            return None
        return fault if first == 0 or self._seen[page] <= first else None

    def _find(self, page: tuple[PageKind, str, date]) -> tuple[Fault | None, int]:
        kind, keyword, day = page
        ordered = self._keywords.get(keyword)
        if ordered is not None and ordered.kind in (None, kind):
            return ordered.fault, self.plan.first if ordered.first is None else ordered.first
        rates = self.plan.kinds.get(kind, self.plan.rates)
        draw = salt_of(self.plan.seed, kind, keyword, day) / 2**64
        edges = zip(rates, accumulate(rates.values()), strict=True)
        return next((fault for fault, edge in edges if draw < edge), None), self.plan.first
