"""Today's pages: each fetched once, at the pace of its host, looked at, stored as received.

    trackings -> pages, each once -> a plan per host -> a unit per page -> fetched, checked, stored

Hosts go on side by side, each at its own pace, and one that refuses stops nothing but itself. A page that is there
already is never fetched again, whatever the ledger says: a run that was killed between the store and the ledger costs
nothing. What is on a page is read by `daily.py`, today or whenever a reader was mended.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from platform_assets.core.clock import Clock
from platform_assets.core.days import day_of
from platform_assets.core.engine.ledger import (
    CorrectableLedger,
    ExtendableLedger,
    PlanLedger,
    UnitLedger,
)
from platform_assets.core.engine.run import OnProgress, run_units
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.sums import sum_progress, sum_reports
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import (
    FailedUnit,
    JsonObject,
    Plan,
    Progress,
    Report,
    Scope,
    Unit,
    UnitState,
)
from platform_assets.core.errors import PermanentError, PlatformError, RefusedError, TransientError
from platform_assets.core.objects import ObjectStore
from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType, Surface
from platform_assets.ranks.search_page import PageHost, SearchPage, read_payload
from platform_assets.ranks.source import PageSource
from platform_assets.ranks.stored_page import PageNote, find_note, store_page

log = structlog.get_logger(__name__)

PAGES_PIPELINE = "ranks/pages"

PASSING = frozenset(
    {"blocked", "gateway_error", "login_wall", "not_rendered", "truncated", "wrong_page"}
)
"""What a page may be instead of results, for now: it is not kept, and asked for again. One whose structure is not known
fails and is kept: a mended reader may read it, and a rerun of the day asks for another one."""

TURNED_AWAY = frozenset({"blocked", "throttled"})
"""Kinds by which a host says that it wants fewer requests."""

STOP_AFTER = 10
"""Pages of one host in a row that were turned away, after which the crawl ends: going on would make it worse."""

LONGEST_PAUSE_SECONDS = 300.0

_TYPES = {
    Surface.PLACE_LIST: RankType.PLACE,
    Surface.CAFE_TAB: RankType.CAFE,
}
"""Whose results a page is looked at for before it is stored; blogs where a surface shows several."""


class RankLedger(PlanLedger, UnitLedger, ExtendableLedger, CorrectableLedger, Protocol):
    """All that this pipeline asks of a ledger."""


class PageClaims(Protocol):
    """Who is fetching which page, over all processes: two runs of a day may want the same one. Methods block."""

    def claim(self, page_id: str) -> bool:
        """Whether nobody else is fetching the page; now this run is."""
        ...

    def release(self, page_id: str) -> None:
        """This run is done with it, one way or the other."""
        ...


@dataclass(frozen=True, slots=True)
class Crawler:
    """What fetching a day's pages needs.

    Attributes:
        source: Fetches them.
        objects: Where they are stored.
        ledger: Plans and units.
        clock: Stamps them.
        policy: Bounds and retries; its deadline ends the batch.
        claims: Keep two runs from fetching a page at the same time.
        delay_seconds: Between two requests to a host: the first pause of one that turns us away, doubled each time.
        on_progress: See `run_units`.
    """

    source: PageSource
    objects: ObjectStore
    ledger: RankLedger
    clock: Clock
    policy: RunPolicy
    claims: PageClaims
    delay_seconds: float
    on_progress: OnProgress | None = None


@dataclass(frozen=True, slots=True)
class Crawl:
    """How a crawl ended.

    Attributes:
        day: The day.
        pages: Pages that were wanted.
        report: What this run did; its total counts pages of earlier runs of the day too.
        fetched_bytes: Of the pages that this run stored, as received.
        turned_away: Answers that asked for fewer requests.
    """

    day: str
    pages: int
    report: Report
    fetched_bytes: int
    turned_away: int


async def crawl_pages(
    crawler: Crawler, day: str, pages: Sequence[SearchPage], group: str = ""
) -> Crawl:
    """Fetches those of the pages that the day does not have yet.

    Args:
        crawler: What it needs.
        day: Today.
        pages: Which pages.
        group: Names a plan of its own beside the day's, for some trackings at once; empty for the day's.

    Raises:
        PermanentError: kind `past_day`: what Naver showed on another day cannot be fetched any more.
        TransientError: The ledger does not answer.
    """
    check_today(day, day_of(crawler.clock.now()))
    parts: dict[PageHost, Progress] = {}
    crawls = [
        _HostCrawl(crawler, day, host, group, parts)
        for host in sorted({page.host for page in pages})
    ]
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(crawl.run([page for page in pages if page.host is crawl.host]))
                for crawl in crawls
            ]
    except* PlatformError as errors:
        raise errors.exceptions[0] from None
    return Crawl(
        day,
        len(pages),
        sum_reports([task.result() for task in running], crawler.clock.now()),
        sum(crawl.fetched_bytes for crawl in crawls),
        sum(crawl.turned_away for crawl in crawls),
    )


def check_today(day: str, today: str) -> None:
    """Does nothing for today.

    Raises:
        PermanentError: kind `past_day`.
    """
    if day != today:
        raise PermanentError(
            f"pages of {day} cannot be fetched: Naver shows the results of {today} now. Ranks of a stored day are read "
            "again with the job reparse_ranks, which needs no page from Naver",
            kind="past_day",
        )


def find_failures(ledger: PlanLedger, day: str, group: str) -> dict[str, FailedUnit]:
    """The pages of a day that failed, by name."""
    plans = (ledger.find_plan(name_scope(host, group, day)) for host in PageHost)
    records = [record for plan in plans if plan is not None for record in ledger.read_units(plan)]
    return {
        record.unit.unit_id: FailedUnit(
            record.unit.unit_id, record.error_kind or "", record.error_message or ""
        )
        for record in records
        if record.state is UnitState.FAILED
    }


def name_scope(host: PageHost, group: str, day: str) -> Scope:
    """The plan of a host's pages of a day; what stands for the tenant is the host, and the group if there is one."""
    return Scope(PAGES_PIPELINE, f"{host}:{group}" if group else host.value, day)


def open_day(ledger: RankLedger, scope: Scope, units: Sequence[Unit]) -> Plan:
    """The plan of a day: what this run wants is added to what earlier runs of the day wanted."""
    plan = ledger.open_plan(scope, units, {})
    ledger.extend_plan(plan, units)
    return plan


class _HostCrawl:
    """The pages of one host."""

    def __init__(
        self,
        crawler: Crawler,
        day: str,
        host: PageHost,
        group: str,
        parts: dict[PageHost, Progress],
    ) -> None:
        self.host = host
        self._crawler = crawler
        self._day = day
        self._scope = name_scope(host, group, day)
        self._parts = parts
        self._turned_away_in_row = 0
        self.fetched_bytes = 0
        self.turned_away = 0

    async def run(self, pages: Sequence[SearchPage]) -> Report:
        """Fetches those of the pages that the day does not have yet."""
        crawler = self._crawler
        units = [Unit(page.page_id, page.to_payload()) for page in pages]
        plan = await asyncio.to_thread(open_day, crawler.ledger, self._scope, units)
        return await run_units(
            plan,
            self.fetch,
            ledger=crawler.ledger,
            policy=crawler.policy,
            clock=crawler.clock,
            on_progress=self._tell if crawler.on_progress is not None else None,
        )

    def _tell(self, progress: Progress) -> None:
        """Progress of all hosts as one."""
        self._parts[self.host] = progress
        assert self._crawler.on_progress is not None
        self._crawler.on_progress(sum_progress(self._parts.values()))

    async def fetch(self, unit: Unit, run: UnitRun) -> JsonObject:
        """Stores the page, unless the day has it.

        Raises:
            TransientError: It did not come, or something else came in its place.
            PermanentError: It cannot be asked for.
            RefusedError: Nothing can be fetched now: the host turns us away, or the day is over.
        """
        del run
        page = read_payload(unit.payload)
        note = await self._find(page) or await self._fetch_alone(page)
        return {"captured_at": note.captured_at.isoformat(), "bytes": note.size_bytes}

    async def _find(self, page: SearchPage) -> PageNote | None:
        """The note of a page that the day has and that is understood."""
        note = await asyncio.to_thread(find_note, self._crawler.objects, self._day, page.page_id)
        return note if note is not None and note.understood else None

    async def _fetch_alone(self, page: SearchPage) -> PageNote:
        """Fetches a page, unless another run is at it: it is looked for again at the next try then."""
        claim = self._crawler.claims.claim
        claiming = asyncio.ensure_future(asyncio.to_thread(claim, page.page_id))
        try:
            if not await asyncio.shield(claiming):
                raise TransientError(
                    f"another run is fetching the page of {page.keyword!r} now", kind="in_hand"
                )
            # Again: it may have come between the look and the claim.
            return await self._find(page) or await self._fetch(page)
        finally:
            await asyncio.shield(self._release(claiming, page.page_id))

    async def _release(self, claiming: "asyncio.Future[bool]", page_id: str) -> None:
        """Gives a claim back; one that was cut off goes on in its thread, and is waited for."""
        if await claiming:
            await asyncio.to_thread(self._crawler.claims.release, page_id)

    async def _fetch(self, page: SearchPage) -> PageNote:
        crawler = self._crawler
        try:
            body = await crawler.source.fetch(page)
            captured_at = crawler.clock.now()
            riddle = await asyncio.to_thread(check_page, page, body)
        except PlatformError as error:
            raise self._judge(page, error) from error
        self._turned_away_in_row = 0
        if day_of(captured_at) != self._day:
            raise RefusedError(
                f"{self._day} is over: what is not fetched of it cannot be fetched any more",
                kind="day_over",
            )
        note = await asyncio.to_thread(
            store_page,
            crawler.objects,
            self._day,
            page,
            body,
            captured_at,
            understood=riddle is None,
        )
        self.fetched_bytes += len(body)
        if riddle is not None:
            raise riddle
        log.info(
            "page_captured",
            page_id=page.page_id,
            surface=page.surface.value,
            keyword=page.keyword,
            bytes=note.size_bytes,
        )
        return note

    def _judge(self, page: SearchPage, error: PlatformError) -> PlatformError:
        """The error that the unit ends with; a host that turns us away is left alone for a while, by everybody."""
        if error.kind not in TURNED_AWAY or isinstance(error, RefusedError):
            return error
        self.turned_away += 1
        self._turned_away_in_row = in_row = self._turned_away_in_row + 1
        if in_row >= STOP_AFTER:
            return RefusedError(
                f"{page.host} has turned {in_row} requests in a row away, the last one so: {error}. Wait some hours, "
                "raise CRAWL_DELAY_SECONDS, then run the day again: it fetches what is missing",
                kind="blocked",
            )
        asked = error.retry_after if isinstance(error, TransientError) else None
        pause = max(asked or 0.0, self._crawler.delay_seconds * 2.0**in_row)
        self._crawler.source.slow_down(page.host, min(pause, LONGEST_PAUSE_SECONDS))
        # Without the time that was asked for: the pause holds for all, and the page is tried again at its own time.
        return TransientError(error.message, kind=error.kind)


def check_page(page: SearchPage, body: bytes) -> PermanentError | None:
    """None for a page of results; for one that a mended reader may understand, why this one does not.

    Raises:
        TransientError: It is none, for now: see `PASSING`.
        PermanentError: The Open API refuses the question, or what is searched for is shown to adults only.
    """
    try:
        read_page(body, _TYPES.get(page.surface, _find_type(page)), page.surface)
    except PermanentError as error:
        if error.kind in PASSING:
            raise TransientError(f"{page.keyword!r}: {error}", kind=error.kind) from error
        if error.kind == "changed_structure":
            return error
        raise
    return None


def _find_type(page: SearchPage) -> RankType:
    return RankType.CAFE if "/cafearticle" in page.path else RankType.BLOG
