"""The adapters of the ranks pipeline as the settings say; part of `services.py`, which is large enough."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from uuid import uuid4

from platform_assets.core.clock import Clock
from platform_assets.core.days import day_of
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.run import OnProgress
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.units import Attempt
from platform_assets.core.objects import ObjectStore
from platform_assets.core.processes.owner import describe_owner
from platform_assets.http_services import find_network, make_policy
from platform_assets.ranks.crawl import Crawl, Crawler, check_today, crawl_pages
from platform_assets.ranks.daily import DayReader, DayResult, read_day
from platform_assets.ranks.day_table import publish_day
from platform_assets.ranks.result_page import RankType, Surface
from platform_assets.ranks.search_page import (
    PageHost,
    RankSource,
    RankView,
    choose_surface,
    list_pages,
)
from platform_assets.ranks.source import PageSource
from platform_assets.ranks.state.histories import SqlRankHistories
from platform_assets.ranks.state.trackings import SqlTrackings, TrackingFilter
from platform_assets.ranks.stored_page import note_wanted
from platform_assets.ranks.tracking import RankRecord, Tracking, TrackingStatus, register
from platform_assets.settings import Settings
from resources.caps.limits import Cap, find_cap
from resources.logs import open_log
from resources.naver.browser import NaverBrowser
from resources.naver.http import CAP_NAMES, NaverCredentials, NaverHosts, NaverHttp
from resources.state.cap_states import SqlCapStates
from resources.state.database import StateDatabase
from resources.state.leases import SqlLeases
from resources.state.ledger import SqlLedger

BROWSER_TIMEOUT_SECONDS = 30.0
"""Of one page in a browser, from its turn to its last byte."""

PAGES_AT_ONCE = 2
"""Pages per host that are waited for: while one is slow, the next one's turn is not lost."""

PAGE_LEASE_SECONDS = 600.0
"""How long one page may take at most, with the longest pause of its host; then another run may fetch it, too."""

HOLD_LIMIT = 1000
"""Pages that may wait for another try while the next ones are fetched."""

GROUP_LENGTH = 60
"""Longest name of a plan that still lists its trackings."""

READERS = 4
"""Trackings that are recorded at the same time."""


class PageLeases:
    """Claims of one run on pages, as named leases; satisfies `PageClaims`. A page keeps its name from day to day.

    Args:
        leases: The named leases.
    """

    def __init__(self, leases: SqlLeases) -> None:
        self._leases = leases
        self._attempt = Attempt(uuid4().hex, describe_owner())

    def claim(self, page_id: str) -> bool:
        """See `PageClaims.claim`."""
        name = f"ranks/pages/{page_id}"
        return self._leases.acquire(name, self._attempt, PAGE_LEASE_SECONDS) is not None

    def release(self, page_id: str) -> None:
        """See `PageClaims.release`."""
        self._leases.release(f"ranks/pages/{page_id}", self._attempt)


class RankServices:
    """Trackings, their pages and their history.

    Args:
        settings: Where Naver is and how it is asked.
        state: The state database.
        objects: The object store.
        ledger: Plans and units.
        clock: The wall clock.
    """

    def __init__(
        self,
        settings: Settings,
        state: StateDatabase,
        objects: ObjectStore,
        ledger: SqlLedger,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self._state = state
        self._objects = objects
        self._ledger = ledger
        self._clock = clock
        self.trackings = SqlTrackings(state)
        self.histories = SqlRankHistories(state)

    @property
    def today(self) -> str:
        """Today in Asia/Seoul."""
        return day_of(self._clock.now())

    @property
    def source(self) -> RankSource:
        """What fetches pages."""
        return RankSource(self.settings.rank_source)

    @property
    def view(self) -> RankView:
        """In which results ranks are looked for."""
        return RankView(self.settings.rank_view)

    def register(self, rank_type: str, keyword: str, target: str, customer: str) -> Tracking:
        """Stores a new tracking; its first rank is captured by who registers it.

        Raises:
            PermanentError: kinds `bad_rank_type`, `bad_keyword`, `bad_target`, `bad_customer`, `already_tracked`.
        """
        return self.trackings.register(register(rank_type, keyword, target, customer))

    async def crawl(
        self, day: str, ids: Collection[int] = (), on_progress: OnProgress | None = None
    ) -> Crawl:
        """Fetches today's pages that the day does not have yet.

        Args:
            day: Today.
            ids: Of these trackings only, in a plan of their own; of all active ones if empty.
            on_progress: See `run_units`.

        Raises:
            PermanentError: kind `past_day`.
            RefusedError: There is no browser, or there are no credentials.
            TransientError: The state database or the store does not answer.
        """
        open_log(self.settings.log_path)
        wanted = TrackingFilter(status=TrackingStatus.ACTIVE, ids=ids or None)
        trackings = await asyncio.to_thread(self.trackings.list, wanted)
        pages = list_pages(trackings, self.source, self.view, self.settings.rank_location)
        check_today(day, self.today)
        numbers = [each.tracking_id for each in trackings]
        await asyncio.to_thread(note_wanted, self._objects, day, numbers)
        async with self.open_source() as source:
            crawler = Crawler(
                source=source,
                objects=self._objects,
                ledger=self._ledger,
                clock=self._clock,
                policy=self._crawl_policy,
                claims=PageLeases(SqlLeases(self._state)),
                delay_seconds=self.settings.crawl_delay_seconds,
                on_progress=on_progress,
            )
            return await crawl_pages(crawler, day, pages, _name_group(ids))

    async def read_day(
        self, day: str, ids: Collection[int] = (), on_progress: OnProgress | None = None
    ) -> DayResult:
        """Reads the ranks of a day from its stored pages, records them, and writes the day's table.

        Args:
            day: Not after today.
            ids: Of these trackings only; of all that the day has if empty.
            on_progress: See `run_units`.

        Raises:
            PermanentError: kind `no_pages`.
            TransientError: The state database or the store does not answer.
        """
        open_log(self.settings.log_path)
        wanted = TrackingFilter(ids=ids or None)
        trackings = await asyncio.to_thread(self.trackings.list, wanted)
        reader = DayReader(
            objects=self._objects,
            ledger=self._ledger,
            histories=self.histories,
            clock=self._clock,
            policy=RunPolicy(concurrency=READERS, lease_seconds=self.settings.unit_lease_seconds),
            source=self.source,
            view=self.view,
            location=self.settings.rank_location,
            on_progress=on_progress,
        )
        result = await read_day(reader, day, trackings, _name_group(ids))
        await asyncio.to_thread(publish_day, self._objects, day, lambda: self._read_table(day))
        return result

    async def capture_first(self, tracking_id: int) -> DayResult:
        """Fetches and reads today's rank of one tracking at once. Raises what `crawl` and `read_day` raise."""
        day, ids = self.today, [tracking_id]
        await self.crawl(day, ids)
        return await self.read_day(day, ids)

    def _read_table(self, day: str) -> tuple[Sequence[RankRecord], Mapping[int, Tracking]]:
        """The day's records and all trackings; trackings are never deleted."""
        records = self.histories.read_day(day)
        return records, {each.tracking_id: each for each in self.trackings.list()}

    @asynccontextmanager
    async def open_source(self) -> AsyncGenerator[PageSource]:
        """Naver as the settings say, each host under its cap; closed at the end.

        Raises:
            RefusedError: There is no browser, or there are no credentials.
        """
        async with self._opener.open() as source:
            yield source

    @property
    def _opener(self) -> NaverHttp | NaverBrowser:
        settings, states = self.settings, SqlCapStates(self._state)
        network = find_network(settings)
        hosts = NaverHosts(
            {
                PageHost.SEARCH: settings.naver_url,
                PageHost.MAP: settings.naver_map_url,
                PageHost.OPENAPI: settings.naver_openapi_url,
            },
            {host: self._find_cap(host) for host in self._hosts},
            NaverCredentials(settings.naver_client_id, settings.naver_client_secret),
        )
        if self.source is RankSource.BROWSER:
            return NaverBrowser(
                hosts, states, self._clock, settings.chromium, network, BROWSER_TIMEOUT_SECONDS
            )
        return NaverHttp(hosts, states, self._clock, policy=make_policy(settings), network=network)

    @property
    def _hosts(self) -> Sequence[PageHost]:
        """The hosts that are asked: the map for places, and one for all others."""
        surface = choose_surface(RankType.BLOG, self.source, self.view)
        other = PageHost.OPENAPI if surface is Surface.OPENAPI else PageHost.SEARCH
        return (other, PageHost.MAP)

    def _find_cap(self, host: PageHost) -> Cap:
        """A host's cap, at the pace of the settings where that is ours to choose."""
        cap = find_cap(CAP_NAMES[host])
        if host is PageHost.OPENAPI:
            return cap
        return replace(cap, per_seconds=self.settings.crawl_delay_seconds)

    @property
    def _crawl_policy(self) -> RunPolicy:
        settings = self.settings
        return RunPolicy(
            concurrency=PAGES_AT_ONCE,
            hold_limit=HOLD_LIMIT,
            deadline_seconds=settings.crawl_batch_timeout,
            lease_seconds=settings.unit_lease_seconds,
            retry=RetryPolicy(
                attempts=3,
                first_wait_seconds=settings.crawl_retry_seconds,
                longest_wait_seconds=2 * settings.crawl_retry_seconds,
                jitter=0.1,
            ),
        )


def _name_group(ids: Collection[int]) -> str:
    """The plan of some trackings; that of the day where all are meant."""
    names = ",".join(map(str, sorted(ids)))
    if len(names) <= GROUP_LENGTH:
        return names
    return f"{len(ids)}-{sha256(names.encode()).hexdigest()[:20]}"
