"""The ranks of a day, read from its stored pages: today's after the crawl, any day's after a reader was mended.

    trackings + stored pages -> a unit per tracking -> rank -> record with its session -> the day's table

Nothing is fetched. Reading a day again writes what its pages say once more, so it can be done as often as one likes.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from platform_assets.core.clock import Clock
from platform_assets.core.days import day_of
from platform_assets.core.engine.run import OnProgress, run_units
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import (
    FailedUnit,
    JsonObject,
    Plan,
    Scope,
    Unit,
)
from platform_assets.core.errors import PermanentError
from platform_assets.core.objects import ObjectStore
from platform_assets.ranks.crawl import RankLedger, find_failures, open_day
from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType, ResultPage, Surface
from platform_assets.ranks.search_page import RankSource, RankView, list_candidates
from platform_assets.ranks.stored_page import (
    PageNote,
    body_key,
    find_note,
    list_page_ids,
    list_wanted,
    read_body,
)
from platform_assets.ranks.tracking import Capture, RankRecord, Tracking, TrackingStatus

log = structlog.get_logger(__name__)

DAILY_PIPELINE = "ranks/daily"

NOT_CAPTURED = "not_captured"
"""Kind of the failure of a tracking whose page a past day does not have."""

FINAL = frozenset({NOT_CAPTURED, "adult_notice", "bad_page", "bad_request"})
"""Kinds of failures that another run of the day does not mend."""


class Histories(Protocol):
    """Where records are kept. Methods block."""

    def record(self, capture: Capture) -> RankRecord:
        """Stores what a day's page says, numbered by sessions, in place of what was stored for that day."""
        ...

    def find_recorded(self, day: str) -> set[int]:
        """Numbers of the trackings that have a record of a day."""
        ...


@dataclass(frozen=True, slots=True)
class DayReader:
    """What reading a day needs.

    Attributes:
        objects: Where its pages are.
        ledger: Plans and units.
        histories: Where records go.
        clock: The wall clock.
        policy: Bounds and retries.
        source: What fetches pages now: which one is looked for first.
        view: In which results ranks are looked for now.
        location: Where lists of places are looked at from now; see `build_page`.
        on_progress: See `run_units`.
    """

    objects: ObjectStore
    ledger: RankLedger
    histories: Histories
    clock: Clock
    policy: RunPolicy
    source: RankSource
    view: RankView
    location: str = ""
    on_progress: OnProgress | None = None


@dataclass(frozen=True, slots=True)
class DayResult:
    """How a day was read. `total == len(records) + len(failures) + len(left)`.

    Attributes:
        day: The day.
        total: Trackings that were wanted.
        records: What was recorded, by tracking.
        failures: Trackings that failed, by number as text, with kind and message.
        left: Trackings that nobody got to: their page was not fetched yet, or another run has them.
        seconds: Wall time.
    """

    day: str
    total: int
    records: tuple[RankRecord, ...]
    failures: tuple[FailedUnit, ...]
    left: tuple[int, ...]
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every tracking has its record."""
        return len(self.records) == self.total

    @property
    def may_help(self) -> bool:
        """Whether another run of the day may record more than this one."""
        return bool(self.left) or any(each.kind not in FINAL for each in self.failures)

    def count_kinds(self) -> dict[str, int]:
        """What trackings have instead of a rank: kind -> how many; `left` for those that nobody got to."""
        kinds = Counter(each.kind for each in self.failures)
        if self.left:
            kinds["left"] = len(self.left)
        return dict(kinds.most_common())

    @property
    def exposed(self) -> int:
        """Records with a rank."""
        return sum(record.capture.rank is not None for record in self.records)


async def read_day(
    reader: DayReader, day: str, trackings: Sequence[Tracking], group: str = ""
) -> DayResult:
    """Reads the ranks of a day from its stored pages and records them.

    Args:
        reader: What it needs.
        day: The day, not after today.
        trackings: All trackings that may be wanted; `choose_trackings` says which of them the day has.
        group: As in `crawl_pages`.

    Raises:
        PermanentError: kind `no_pages`: the day has no page at all, and trackings that want one.
        TransientError: The ledger or the store does not answer.
    """
    began = asyncio.get_running_loop().time()
    wanted, units, left = await asyncio.to_thread(_prepare, reader, day, trackings, group)
    plan = await asyncio.to_thread(
        _open_plan, reader.ledger, Scope(DAILY_PIPELINE, group, day), units
    )
    reading = _Reading(reader, day, wanted)
    report = await run_units(
        plan,
        reading.read,
        ledger=reader.ledger,
        policy=reader.policy,
        clock=reader.clock,
        on_progress=reader.on_progress,
    )
    if report.complete and not left:
        await asyncio.to_thread(reader.ledger.close_plan, plan)
    # What earlier runs of the day wanted is in the plan, too: it may have ended, or its page is to be asked for again.
    expected = wanted.keys() - left
    failures = tuple(each for each in report.failures if int(each.unit_id) in expected)
    ended = {*reading.records, *(int(each.unit_id) for each in failures)}
    result = DayResult(
        day,
        len(wanted),
        tuple(reading.records[number] for number in sorted(reading.records)),
        failures,
        tuple(sorted(wanted.keys() - ended)),
        asyncio.get_running_loop().time() - began,
    )
    _log_batch(result)
    return result


def choose_trackings(
    trackings: Sequence[Tracking], day: str, today: str, recorded: set[int], planned: set[int]
) -> list[Tracking]:
    """The trackings that a day has.

    Today those that are active. A past day those that were active since before it, and those that it had: a pause since
    then takes nothing away, and a tracking that was paused on that day gets no record of it.

    Args:
        trackings: All.
        day: The day.
        today: Today.
        recorded: Numbers of those with a record of the day.
        planned: Numbers of those that a run of the day wanted or fetched for, as far as that is still known.
    """
    if day == today:
        return [each for each in trackings if each.status is TrackingStatus.ACTIVE]
    return [
        each
        for each in trackings
        if each.tracking_id in recorded
        or each.tracking_id in planned
        or (each.status is TrackingStatus.ACTIVE and day_of(each.status_at) <= day)
    ]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A tracking and where its answer is: the name of a stored page, or why there is none."""

    tracking: Tracking
    page_id: str | None
    surface: Surface | None
    failure: FailedUnit | None = None


def _prepare(
    reader: DayReader, day: str, trackings: Sequence[Tracking], group: str
) -> tuple[dict[int, _Wanted], list[Unit], set[int]]:
    """What is wanted, the units of what can be said now, and the trackings whose page nobody got to."""
    today = day_of(reader.clock.now())
    stored = list_page_ids(reader.objects, day)
    # Today those that are active are wanted, whatever was.
    captured = _find_captured(reader, day, trackings, stored) if day != today else set[int]()
    chosen = choose_trackings(
        trackings,
        day,
        today,
        reader.histories.find_recorded(day),
        _find_planned(reader.ledger, day) | captured,
    )
    if chosen and not stored and day != today:
        raise PermanentError(
            f"no page of {day} is stored: it was not crawled, or its pages are past SLUICE_RANK_PAGES_DAYS",
            kind="no_pages",
        )
    failed = find_failures(reader.ledger, day, group)
    wanted = {each.tracking_id: _find_page(reader, each, stored, failed) for each in chosen}
    # Today's page may come yet; that of another day will not, and its tracking fails.
    left = {
        number
        for number, each in wanted.items()
        if each.page_id is None and each.failure is None and day == today
    }
    units = [Unit(str(number), {}) for number in wanted if number not in left]
    return wanted, units, left


def _find_page(
    reader: DayReader, tracking: Tracking, stored: set[str], failed: Mapping[str, FailedUnit]
) -> _Wanted:
    candidates = list_candidates(
        tracking.rank_type, tracking.keyword, reader.source, reader.view, reader.location
    )
    for page in candidates:
        if page.page_id in stored:
            return _Wanted(tracking, page.page_id, page.surface)
    failures = [failed[page.page_id] for page in candidates if page.page_id in failed]
    return _Wanted(tracking, None, None, failures[0] if failures else None)


def _find_captured(
    reader: DayReader, day: str, trackings: Sequence[Tracking], stored: set[str]
) -> set[int]:
    """Trackings that a run of the day fetched for, and whose page came, whatever became of them since."""
    wanted = list_wanted(reader.objects, day)
    return {
        each.tracking_id
        for each in trackings
        if each.tracking_id in wanted and _find_page(reader, each, stored, {}).page_id is not None
    }


def _find_planned(ledger: RankLedger, day: str) -> set[int]:
    plan = ledger.find_plan(Scope(DAILY_PIPELINE, "", day))
    return {int(record.unit.unit_id) for record in ledger.read_units(plan)} if plan else set()


def _open_plan(ledger: RankLedger, scope: Scope, units: Sequence[Unit]) -> Plan:
    """The plan of the day, with all of these to be done, whatever earlier runs have read: a reader may be another."""
    plan = open_day(ledger, scope, units)
    ledger.take_back(plan, [unit.unit_id for unit in units])
    return plan


class _Reading:
    """The work of one unit: one tracking. A page is read once, however many trackings it answers."""

    def __init__(self, reader: DayReader, day: str, wanted: Mapping[int, _Wanted]) -> None:
        self._reader = reader
        self._day = day
        self._wanted = wanted
        self._pages: dict[tuple[str, RankType], asyncio.Task[tuple[PageNote, ResultPage]]] = {}
        self.records: dict[int, RankRecord] = {}

    async def read(self, unit: Unit, run: UnitRun) -> JsonObject | None:
        """Records the tracking's rank.

        Raises:
            PermanentError: The page is missing, damaged, or not understood.
            TransientError: The store or the state database does not answer.
        """
        del run
        wanted = self._wanted.get(int(unit.unit_id))
        if wanted is None:
            return None  # an earlier run wanted it; it has ended since
        note, page = await self._find_results(wanted)
        tracking = wanted.tracking
        capture = Capture(
            tracking.tracking_id,
            self._day,
            page.find_rank(tracking.target),
            len(page.items),
            body_key(self._day, note),
            note.captured_at,
        )
        record = await asyncio.to_thread(self._reader.histories.record, capture)
        self.records[tracking.tracking_id] = record
        log.info(
            "crawl_result",
            tracking_id=tracking.tracking_id,
            checked_on=self._day,
            rank_type=tracking.rank_type.value,
            keyword=tracking.keyword,
            rank=capture.rank,
            session_number=record.session_number,
        )
        return {"rank": capture.rank, "session_number": record.session_number}

    async def _find_results(self, wanted: _Wanted) -> tuple[PageNote, ResultPage]:
        if wanted.failure is not None:
            raise PermanentError(wanted.failure.message, kind=wanted.failure.kind)
        if wanted.page_id is None or wanted.surface is None:
            raise PermanentError(
                f"{self._day} has no page for {wanted.tracking.keyword!r}: it was not captured on that day",
                kind=NOT_CAPTURED,
            )
        key = wanted.page_id, wanted.tracking.rank_type
        if key not in self._pages:
            self._pages[key] = asyncio.create_task(
                asyncio.to_thread(self._read_page, *key, wanted.surface)
            )
        return await asyncio.shield(self._pages[key])

    def _read_page(
        self, page_id: str, rank_type: RankType, surface: Surface
    ) -> tuple[PageNote, ResultPage]:
        objects = self._reader.objects
        note = find_note(objects, self._day, page_id)
        if note is None:
            raise PermanentError(f"the page {page_id} of {self._day} is gone", kind=NOT_CAPTURED)
        return note, read_page(read_body(objects, self._day, note), rank_type, surface)


def _log_batch(result: DayResult) -> None:
    log.info(
        "batch_completed",
        checked_on=result.day,
        total=result.total,
        success=len(result.records),
        failed=len(result.failures),
        failed_items=[int(each.unit_id) for each in result.failures],
        left=len(result.left),
        elapsed_seconds=round(result.seconds, 3),
    )
