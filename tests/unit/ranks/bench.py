"""A played Naver and a day's crawl over it: fake store, ledger and clock, virtual time."""

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from platform_assets.core.days import day_of
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.ranks.crawl import Crawl, Crawler, crawl_pages
from platform_assets.ranks.daily import DayReader, DayResult, read_day
from platform_assets.ranks.result_page import RankType
from platform_assets.ranks.search_page import (
    PageHost,
    RankSource,
    RankView,
    SearchPage,
    list_pages,
)
from platform_assets.ranks.sessions import session_after
from platform_assets.ranks.tracking import Capture, RankRecord, Tracking, TrackingStatus
from tests.fakes.clock import START, FakeClock
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.memory_objects import MemoryObjectStore
from tests.fakes.virtual_time import run_virtual

T = TypeVar("T")

TODAY = day_of(START)
RETRY = RetryPolicy(attempts=3, first_wait_seconds=60.0, longest_wait_seconds=120.0, jitter=0.1)
POLICY = RunPolicy(concurrency=2, hold_limit=1000, deadline_seconds=3600.0, retry=RETRY)
BLOCK_PAGE = """<!doctype html><html><head><title>NAVER</title></head><body>
<p>비정상적인 접근</p><form action="/captcha"><img src="/ncaptcha.png"></form></body></html>""".encode()


def make_tracking(number: int, keyword: str = "", target: str = "", **changes: Any) -> Tracking:
    """An active tracking of a blog post: by default of a keyword of its own, whose post is the third result."""
    keyword = keyword or f"keyword {number}"
    tracking = Tracking(
        number,
        RankType.BLOG,
        keyword,
        target or post(keyword, 3),
        "acme",
        TrackingStatus.ACTIVE,
        START,
        1,
        START,
    )
    return replace(tracking, **changes)


def post(keyword: str, number: int) -> str:
    """The identity of a blog post that a keyword's page may show."""
    return f"blog.naver.com/{''.join(keyword.split())}/{100000000000 + number}"


def make_body(keyword: str, order: Sequence[int] = (1, 2, 3, 4, 5)) -> bytes:
    """A body of the Open API: what is in it is what a reader needs to rank blog posts."""
    items = [
        {"title": f"post {n}", "link": f"https://{post(keyword, n)}", "bloggername": "b"}
        for n in order
    ]
    return json.dumps({"total": 100, "start": 1, "display": 100, "items": items}).encode()


@dataclass
class PlayedNaver:
    """Answers pages; satisfies `PageSource`.

    Attributes:
        bodies: By keyword; else `make_body`.
        faults: By keyword: what is raised or answered first, one after the other.
        seconds: Time of an answer.
        asked: How often each keyword was asked for.
        slowed: What `slow_down` was told.
    """

    bodies: dict[str, bytes] = field(default_factory=dict[str, bytes])
    faults: dict[str, list[Exception | bytes]] = field(
        default_factory=dict[str, "list[Exception | bytes]"]
    )
    seconds: float = 0.1
    asked: Counter[str] = field(default_factory=Counter[str])
    order: list[str] = field(default_factory=list[str])
    slowed: list[tuple[PageHost, float]] = field(default_factory=list[tuple[PageHost, float]])

    async def fetch(self, page: SearchPage) -> bytes:
        await asyncio.sleep(self.seconds)
        self.asked[page.keyword] += 1
        self.order.append(page.keyword)
        waiting = self.faults.get(page.keyword)
        if waiting:
            fault = waiting.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        return self.bodies.get(page.keyword) or make_body(page.keyword)

    def slow_down(self, host: PageHost, seconds: float) -> None:
        self.slowed.append((host, seconds))


@dataclass
class PlayedClaims:
    """Claims in memory; satisfies `PageClaims`.

    Attributes:
        others: Pages that another run is fetching.
        held: Pages that this run is fetching.
    """

    others: set[str] = field(default_factory=set[str])
    held: set[str] = field(default_factory=set[str])

    def claim(self, page_id: str) -> bool:
        if page_id in self.others | self.held:
            return False
        self.held.add(page_id)
        return True

    def release(self, page_id: str) -> None:
        self.held.discard(page_id)


@dataclass
class PlayedHistories:
    """Records in memory; satisfies `Histories`."""

    rows: dict[tuple[int, str], Capture] = field(default_factory=dict[tuple[int, str], Capture])
    failing: dict[int, Exception] = field(default_factory=dict[int, Exception])

    def record(self, capture: Capture) -> RankRecord:
        if error := self.failing.get(capture.tracking_id):
            raise error
        self.rows[capture.tracking_id, capture.checked_on] = capture
        before = [
            row
            for (number, day), row in self.rows.items()
            if number == capture.tracking_id and day < capture.checked_on and row.rank is not None
        ]
        return RankRecord(capture, session_after(len(before)))

    def find_recorded(self, day: str) -> set[int]:
        return {number for number, each in self.rows if each == day}


@dataclass
class Bench:
    """Everything that a day needs."""

    trackings: list[Tracking]
    policy: RunPolicy = POLICY
    clock: FakeClock = field(default_factory=FakeClock)
    naver: PlayedNaver = field(default_factory=PlayedNaver)
    histories: PlayedHistories = field(default_factory=PlayedHistories)
    claims: PlayedClaims = field(default_factory=PlayedClaims)

    def __post_init__(self) -> None:
        self.objects = MemoryObjectStore(self.clock)
        self.ledger = MemoryLedger(self.clock)

    async def acrawl(self, trackings: Sequence[Tracking] | None = None, group: str = "") -> Crawl:
        pages = list_pages(
            self.trackings if trackings is None else trackings, RankSource.OPENAPI, RankView.TAB
        )
        crawler = Crawler(
            self.naver, self.objects, self.ledger, self.clock, self.policy, self.claims, 2.0
        )
        return await crawl_pages(crawler, day_of(self.clock.now()), pages, group)

    def crawl(self, trackings: Sequence[Tracking] | None = None, group: str = "") -> Crawl:
        return run_virtual(self.acrawl(trackings, group))

    def read(self, day: str = TODAY, source: RankSource = RankSource.OPENAPI) -> DayResult:
        reader = DayReader(
            self.objects,
            self.ledger,
            self.histories,
            self.clock,
            RunPolicy(concurrency=4),
            source,
            RankView.TAB,
        )
        return run_virtual(read_day(reader, day, self.trackings))

    def ranks(self, day: str = TODAY) -> Mapping[int, int | None]:
        return {
            number: row.rank for (number, each), row in self.histories.rows.items() if each == day
        }


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return run_virtual(coroutine)
