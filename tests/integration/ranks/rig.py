"""A sandbox of Naver as a process, trackings over it, and the ranks that the sandbox itself says they have."""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from platform_assets.core.days import day_of
from platform_assets.ranks.crawl import Crawl
from platform_assets.ranks.daily import DayResult
from platform_assets.ranks.open import RankServices
from platform_assets.ranks.search_page import SearchPage, list_pages
from platform_assets.ranks.stored_page import find_note, list_page_ids
from platform_assets.ranks.tracking import Tracking
from platform_assets.services import Services
from platform_assets.settings import Settings
from sandbox.naver.faults import FaultPlan
from sandbox.naver.ranking import View, find_truth
from sandbox.process import SandboxProcess
from tests.architecture.source_tree import ROOT

DAY = "2026-11-20"
TYPES = ("blog", "cafe", "place")
SEED = 1
SEARCH, MAP, OPENAPI = "search.naver.com", "pcmap.place.naver.com", "openapi.naver.com"
QUOTA = 12
"""Calls of the Open API that the sandbox allows in a day."""

UNHURRIED = (
    *("--map-port", "0", "--delay", "0.001", "--api-delay", "0", "--block-after", "0"),
    *("--latency", "0.001", "--quota", str(QUOTA)),
)
"""A sandbox that does not mind the pace: for tests of something else."""

_NOBODY = {
    "blog": "blog.naver.com/nobody/100000000001",
    "cafe": "cafe.naver.com/nobody/1",
    "place": "place/1000000001",
}
_KINDS = {"blog_tab": "blog", "cafe_tab": "cafe", "place_list": "place"}


class ShiftedClock:
    """The machine's clock, so many seconds away: days pass at once, and several processes agree."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return time.monotonic()


def shift_to(day: str) -> float:
    """Seconds from now to noon of a day in Asia/Seoul: no test comes near midnight."""
    noon = datetime.fromisoformat(f"{day}T03:00:00+00:00")
    return (noon - datetime.now(UTC)).total_seconds()


class Rig:
    """Services whose Naver is a sandbox, on a day of the test's choice.

    Args:
        home: Of the services.
        sandbox: Running, with a port for the map.
        day: That it is, for both.
        settings: Others than those of a crawl in a hurry.
    """

    def __init__(
        self,
        home: Path,
        sandbox: SandboxProcess,
        day: str = DAY,
        **settings: Any,
    ) -> None:
        self.sandbox = sandbox
        self.clock = ShiftedClock(0)
        values: dict[str, Any] = {
            "log_file": Path("/dev/null"),
            "naver_url": sandbox.urls[0],
            "naver_map_url": sandbox.urls[-1],
            "naver_openapi_url": sandbox.urls[0],
            "crawl_delay_seconds": 0.02,
            "crawl_retry_seconds": 0.1,
        }
        self.settings = Settings(home=home, **{**values, **settings})
        self.services = Services(self.settings, self.clock)
        self.trackings: list[Tracking] = []
        self.set_day(day)

    @property
    def ranks(self) -> RankServices:
        """The services under test."""
        return self.services.ranks

    @property
    def today(self) -> str:
        return day_of(self.clock.now())

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a process with the same services."""
        settings = self.settings
        return {
            "PYTHONPATH": str(ROOT),
            "SLUICE_HOME": str(settings.home),
            "SLUICE_NAVER_URL": settings.naver_url,
            "SLUICE_NAVER_MAP_URL": settings.naver_map_url,
            "CRAWL_DELAY_SECONDS": str(settings.crawl_delay_seconds),
            "CRAWL_RETRY_SECONDS": str(settings.crawl_retry_seconds),
        }

    def set_day(self, day: str) -> None:
        """Makes it noon of a day, here and there."""
        self.clock.seconds = shift_to(day)
        self.sandbox.tell("day", {"day": day})

    def set_faults(self, plan: FaultPlan) -> None:
        """Other faults from now on."""
        self.sandbox.tell("faults", msgspec.to_builtins(plan))

    def track(self, rank_type: str, keyword: str, target: str, customer: str = "acme") -> Tracking:
        """A new tracking."""
        tracking = self.ranks.register(rank_type, keyword, target, customer)
        self.trackings.append(tracking)
        return tracking

    def track_many(self, count: int, keywords: int = 1_000, first: int = 0) -> None:
        """Trackings of all types by turns; those beyond the number of keywords share their page with an earlier one.

        One of seven is of a target that is not found.
        """
        for number in range(first, first + count):
            round_, of_keyword = divmod(number, keywords)
            rank_type, keyword = TYPES[of_keyword % len(TYPES)], name_keyword(of_keyword)
            target = _NOBODY[rank_type]
            if number % 7:
                target = find_ours(rank_type, keyword, self.today)[number % 11]
            self.track(rank_type, keyword, target, f"customer {round_}")

    async def crawl(self) -> Crawl:
        return await self.ranks.crawl(self.today)

    async def read(self, day: str | None = None) -> DayResult:
        return await self.ranks.read_day(day or self.today)

    def find_rank(self, tracking: Tracking, day: str, view: str = View.TAB) -> int | None:
        """The rank as the sandbox has it."""
        return find_rank(tracking.rank_type, tracking.keyword, tracking.target, day, view)

    def find_ranks(self, day: str | None = None, view: str = View.TAB) -> dict[int, int | None]:
        """Those of all trackings."""
        return {
            each.tracking_id: self.find_rank(
                each, day or self.today, View.TAB if each.rank_type == "place" else view
            )
            for each in self.trackings
        }

    def read_history(self, day: str | None = None) -> dict[int, int | None]:
        """The ranks as they are recorded."""
        records = self.ranks.histories.read_day(day or self.today)
        return {record.capture.tracking_id: record.capture.rank for record in records}

    def list_pages(self, trackings: Collection[Tracking] | None = None) -> list[SearchPage]:
        """The pages of trackings, or of all."""
        chosen = self.trackings if trackings is None else trackings
        return list_pages(chosen, self.ranks.source, self.ranks.view)

    def name_pages(self, trackings: Collection[Tracking] | None = None) -> set[str]:
        """The same, as the sandbox counts them."""
        return {name_page(page) for page in self.list_pages(trackings)}

    def count_stored(self) -> int:
        """Pages of today that are stored."""
        return len(list_page_ids(self.services.objects, self.today))

    def name_stored_pages(self, day: str | None = None) -> set[str]:
        """Those of a day, or of today, that are stored and understood."""
        objects, day = self.services.objects, day or self.today
        notes = (find_note(objects, day, each) for each in list_page_ids(objects, day))
        good = {note.page_id for note in notes if note is not None and note.understood}
        return {name_page(page) for page in self.list_pages() if page.page_id in good}

    def count_requests(self) -> Counter[str]:
        """Requests since the last reset, by page."""
        hosts: Mapping[str, Any] = self.sandbox.stats()["hosts"]
        return Counter(
            {page: count for host in hosts.values() for page, count in host["by_page"].items()}
        )

    def list_starts(self, host: str) -> Sequence[float]:
        """When requests came to a host, in seconds."""
        return self.sandbox.stats()["hosts"][host]["starts"]

    def close(self) -> None:
        self.services.state.close()


def name_keyword(number: int) -> str:
    return f"성수 카페 {number}"


def name_page(page: SearchPage) -> str:
    """A page as the sandbox counts it."""
    return f"{_KINDS[page.surface]} {page.keyword}"


def find_ours(rank_type: str, keyword: str, day: str, view: str = View.TAB) -> list[str]:
    """What is found and can be tracked: everything but the posts of other sites."""
    found = find_truth(SEED, rank_type, keyword, date.fromisoformat(day), view)
    return [identity for identity in found if not identity.startswith("http")]


def find_rank(
    rank_type: str, keyword: str, target: str, day: str, view: str = View.TAB
) -> int | None:
    """The position of a target, by the sandbox."""
    found = find_truth(SEED, rank_type, keyword, date.fromisoformat(day), view)
    return found.index(target) + 1 if target in found else None
