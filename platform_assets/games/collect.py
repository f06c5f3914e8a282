"""Collecting one entity for one day, from the plan to the published manifest.

    what is known -> plan -> run_units (fetch a page, land a part) -> publish -> advance the watermark

Every part lands under its own name before the ledger says so; nothing is visible until the manifest names it. A run
that was killed continues where the ledger says; one that failed leaves its plan open, and the next does only the rest.
"""

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

import msgspec
import structlog

from platform_assets.core.clock import Clock
from platform_assets.core.engine.ledger import PlanLedger, UnitLedger
from platform_assets.core.engine.run import OnProgress, run_units
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import JsonObject, Plan, Report, Scope, Unit, UnitRecord
from platform_assets.core.errors import LeaseLostError, PlatformError, RefusedError
from platform_assets.core.findings import Finding
from platform_assets.core.objects import ObjectStore
from platform_assets.games.entities import Entity
from platform_assets.games.landing import (
    Day,
    land_page,
    publish,
    read_days,
    read_manifest,
    read_part,
)
from platform_assets.games.manifest import Manifest, Part, Segment
from platform_assets.games.pages import OddRecord, Page, read_ids
from platform_assets.games.plan import Draft, Mode, draft_plan, range_of
from platform_assets.games.quality import check_segment
from platform_assets.games.query import count_query
from platform_assets.games.ranges import IdRange, cut_full_pages
from platform_assets.games.set_aside import describe_odd, read_again, remember_odd
from platform_assets.games.source import Prefetched, Source, read_range

log = structlog.get_logger(__name__)

Landed = tuple[Page, JsonObject | None]
"""A page, and the part that it became, if any of its records could be landed."""

MOST_SET_ASIDE = 500
"""Records that may be set aside at once: with more it is the upstream that is broken, and nothing is published."""

SAFETY_MARGIN_SECONDS = 300
"""How far an incremental collection reaches back behind the watermark, for records that became visible late."""


FUTURE_MARGIN_SECONDS = 300
"""How far the upstream's clock may be ahead of ours: a record that changed later than that is not believed."""

COUNT_TOLERANCE = 0.001
"""Share of rows that may come or go between reading them and counting them."""


class Ledger(PlanLedger, UnitLedger, Protocol):
    """Plans and units."""


class Watermarks(Protocol):
    """How far each entity has been collected; `resources/state/watermarks.py` satisfies it."""

    def get(self, pipeline: str, name: str) -> int | None:
        """The stored value; None when there is none yet."""
        ...

    def advance(self, pipeline: str, name: str, value: int) -> int:
        """Stores the value unless a larger one is stored; returns what is stored then."""
        ...

    def set(self, pipeline: str, name: str, value: int) -> None:
        """Stores the value, even if that goes back."""
        ...


@dataclass(frozen=True, slots=True)
class Collector:
    """Everything that collecting needs, opened by the caller.

    Attributes:
        source: The upstream.
        objects: Where parts and manifests go.
        ledger: What is planned and done.
        watermarks: How far each entity has been collected.
        clock: The wall clock.
        policy: How units are run; `concurrency` is the number of ranges read at the same time (1: one page after
            another).
        safety_margin_seconds: See `SAFETY_MARGIN_SECONDS`.
        future_margin_seconds: See `FUTURE_MARGIN_SECONDS`.
        count_tolerance: See `COUNT_TOLERANCE`.
    """

    source: Source
    objects: ObjectStore
    ledger: Ledger
    watermarks: Watermarks
    clock: Clock
    policy: RunPolicy
    safety_margin_seconds: int = SAFETY_MARGIN_SECONDS
    future_margin_seconds: int = FUTURE_MARGIN_SECONDS
    count_tolerance: float = COUNT_TOLERANCE

    @property
    def latest(self) -> int:
        """The latest second that a record can have changed at."""
        return int(self.clock.now().timestamp()) + self.future_margin_seconds


@dataclass(frozen=True, slots=True)
class Collection:
    """What came out of one run.

    Attributes:
        report: How the units went. When it is not complete nothing was published.
        segment: What was collected; None when the report is not complete.
        manifest: The day as published; None when the report is not complete.
        seconds: Wall time from the first request for the plan to the published manifest.
    """

    report: Report
    segment: Segment | None
    manifest: Manifest | None
    seconds: float

    @property
    def published(self) -> Segment:
        """The segment of a complete collection."""
        if self.segment is None:
            raise ValueError("nothing was published: look at `report` first")
        return self.segment


async def collect(
    collector: Collector,
    entity: Entity,
    date: str,
    mode: Mode,
    on_progress: OnProgress | None = None,
) -> Collection:
    """Collects one entity for one day and publishes it when every unit is done.

    Args:
        collector: What to work with.
        entity: What to collect.
        date: The day, `YYYY-MM-DD`: the partition that the result belongs to.
        mode: FULL reads everything and replaces the day. INCREMENTAL reads what changed since the watermark and adds
            to the day; without a watermark (never collected, or the entity has none) it reads everything. An
            unfinished collection of the day is finished first, whatever its mode was.
        on_progress: See `run_units`.

    Raises:
        RefusedError: Wrong credentials or query, corrupt manifest, store not writable, ...: a person must act.
        TransientError: Upstream or ledger unreachable while planning.
    """
    started = collector.clock.monotonic()
    day = Day(entity.name, date)
    plan, draft = await _open_plan(collector, entity, day, mode)
    work = _PageWork(collector, entity, day, plan, draft)
    report = await run_units(
        plan,
        work,
        ledger=collector.ledger,
        policy=collector.policy,
        clock=collector.clock,
        on_progress=on_progress,
    )
    if report.refused:
        raise RefusedError(f"{entity.name} {date}: {report.stop}", kind=report.stop_kind)
    if not report.complete:
        return Collection(report, None, None, collector.clock.monotonic() - started)
    api_count = await _count_rows(collector, entity, plan)
    segment = await asyncio.to_thread(_close_segment, collector, plan, work, api_count)
    manifest = await asyncio.to_thread(publish, collector.objects, day, segment)
    await asyncio.to_thread(_conclude, collector, entity, plan, segment)
    if mode is Mode.FULL and segment.mode != Mode.FULL:
        return await collect(collector, entity, date, mode, on_progress)
    return Collection(report, segment, manifest, collector.clock.monotonic() - started)


async def examine(collector: Collector, entity: Entity, segment: Segment) -> list[Finding]:
    """Checks a segment that was just published; a full one is compared with the upstream's own count.

    What is published stays published: a count that cannot be had is a finding, not a failure.
    """
    tolerance = collector.count_tolerance
    if segment.mode != Mode.FULL:
        return check_segment(segment, "only changes were collected", tolerance)
    if segment.api_count is not None:
        return check_segment(segment, segment.api_count, tolerance)
    try:
        counted = await collector.source.count(entity.name, count_query())
        return check_segment(segment, counted, tolerance)
    except PlatformError as error:
        return check_segment(segment, str(error), tolerance)


async def _count_rows(collector: Collector, entity: Entity, plan: Plan) -> int | None:
    """Rows by the API's own count, for a full collection; None when it does not say."""
    if plan.context["mode"] != Mode.FULL:
        return None
    try:
        return await collector.source.count(entity.name, count_query())
    except PlatformError:
        return None


async def _open_plan(
    collector: Collector, entity: Entity, day: Day, mode: Mode
) -> tuple[Plan, Draft | None]:
    """The plan to work on: the open one as it was drafted, or a new one."""
    scope = Scope(f"games/raw_{entity.name}", "", day.date)
    found = await asyncio.to_thread(collector.ledger.find_plan, scope)
    published = await asyncio.to_thread(read_manifest, collector.objects, day)
    if found is not None and found.state == "open":
        return found, None
    started_at = collector.clock.now()
    since = await asyncio.to_thread(_read_since, collector, entity, mode)
    boundaries: list[int] = []
    if since is None and collector.policy.concurrency > 1:
        boundaries = await asyncio.to_thread(_last_boundaries, collector.objects, entity)
    again: list[int] = []
    if since is not None:
        again = await asyncio.to_thread(read_again, collector.objects, entity.name)
    draft = await draft_plan(
        collector.source, entity, since, boundaries, collector.policy.concurrency, again
    )
    context = {
        "mode": (Mode.FULL if since is None else Mode.INCREMENTAL).value,
        "since": since,
        "again": again,
        "generation": max(
            found.generation + 1 if found else 1,
            published.newest_generation + 1 if published else 1,
        ),
        "started_at": started_at.isoformat(),
    }
    plan = await asyncio.to_thread(collector.ledger.open_plan, scope, draft.units(), context)
    return plan, draft if plan.context == context else None


def _read_since(collector: Collector, entity: Entity, mode: Mode) -> int | None:
    if mode is Mode.FULL or entity.watermark_field is None:
        return None
    watermark = collector.watermarks.get("games", entity.name)
    if watermark is None or watermark > collector.latest:
        watermark = _find_watermark(collector, entity, watermark)
    return None if watermark is None else watermark - collector.safety_margin_seconds


def _find_watermark(collector: Collector, entity: Entity, stored: int | None) -> int | None:
    """The watermark by what is published: for a state that is new, or that holds a time in the future.

    None if nothing was ever collected in full: then everything is.
    """
    segments = _list_segments(collector.objects, entity)
    found = [
        value for segment in segments if (value := _watermark_of(collector, segment)) is not None
    ]
    if not any(segment.mode == Mode.FULL for segment in segments):
        return None
    value = max(found, default=None)
    log.warning("watermark_found_again", entity=entity.name, stored=stored, watermark=value)
    return value


def _watermark_of(collector: Collector, segment: Segment) -> int | None:
    """How far a finished collection has read: the largest `updated_at` of its records that can be believed.

    What changes while the run reads, behind the page that reads it, is at most as old as the run is long; a run longer
    than the safety margin therefore has read less far.
    """
    stamps = [part.newest for part in segment.parts if part.newest is not None]
    newest = max((stamp for stamp in stamps if stamp <= collector.latest), default=None)
    if newest is None:
        return None
    seconds = int((segment.finished_at - segment.started_at).total_seconds())
    now = int(collector.clock.now().timestamp())
    return min(newest, now) - max(0, seconds - collector.safety_margin_seconds)


def _list_segments(objects: ObjectStore, entity: Entity) -> list[Segment]:
    """All segments of an entity; a manifest that cannot be read is left out, the merge names it."""
    return [
        segment for each in read_days(objects, entity.name).manifests for segment in each.segments
    ]


def _last_boundaries(objects: ObjectStore, entity: Entity) -> list[int]:
    """Page boundaries of the newest full snapshot; empty when there is none."""
    fulls = [each for each in _list_segments(objects, entity) if each.mode == Mode.FULL]
    return max(fulls, key=lambda segment: segment.finished_at).boundaries if fulls else []


class _PageWork:
    """The work of one unit: reads its range page by page, lands each page, remembers how far it came."""

    def __init__(
        self, collector: Collector, entity: Entity, day: Day, plan: Plan, draft: Draft | None
    ) -> None:
        self._collector = collector
        self._entity = entity
        self._day = day
        self._plan = plan
        self._since: int | None = plan.context["since"]
        self._first_reply = draft.first_reply if draft else None
        self._ids: dict[str, array[int]] = {}

    async def __call__(self, unit: Unit, run: UnitRun) -> JsonObject:
        saved = run.checkpoint or {}
        parts: list[JsonObject] = list(saved.get("parts", ()))
        odd: list[JsonObject] = list(saved.get("odd", ()))
        ids = range_of(unit.payload)
        if parts or odd:
            # A checkpoint of an older version has no `after`.
            ids = replace(ids, after=saved["after"] if "after" in saved else parts[-1]["last_id"])
        if ids.after == ids.upto:
            return {"parts": parts, "odd": odd}
        attempt = f"{run.attempt_id[:12]}-{run.tries}"

        def land(page: Page) -> tuple[Page, JsonObject | None]:
            run.ensure_held()
            if not page.count:
                return page, None
            key = self._day.part_key(
                self._plan.context["generation"], unit.payload["index"], len(parts), attempt
            )
            part = land_page(self._collector.objects, key, page)
            self._ids[key] = page.ids
            return page, msgspec.to_builtins(part)

        async for page, part in self._read(unit, ids, land):
            parts.extend([part] if part else [])
            odd.extend(msgspec.to_builtins(page.odd))
            after = ids.after if page.last_id is None else page.last_id
            run.save({"parts": list(parts), "odd": list(odd), "after": after})
        return {"parts": parts, "odd": odd}

    def _read(
        self, unit: Unit, ids: IdRange, land: Callable[[Page], Landed]
    ) -> AsyncIterator[Landed]:
        return read_range(
            self._source_of(unit),
            self._entity,
            ids,
            self._since,
            land,
            again=self._plan.context.get("again", ()),
            latest=self._collector.latest,
        )

    def read_ids(self, part: Part) -> "array[int]":
        """Ids of a part: remembered if this run landed it, else read back."""
        ids = self._ids.get(part.key)
        return ids if ids is not None else read_ids(read_part(self._collector.objects, part))

    def _source_of(self, unit: Unit) -> Source:
        """The first unit gets the reply that planning had to fetch, once."""
        if unit.payload["index"] != 0 or self._first_reply is None:
            return self._collector.source
        reply, self._first_reply = self._first_reply, None
        return Prefetched(self._collector.source, reply)


def _close_segment(
    collector: Collector, plan: Plan, work: _PageWork, api_count: int | None
) -> Segment:
    """The segment as the ledger has it: the same whichever run, or how many, did the units."""
    records = collector.ledger.read_units(plan)
    if not records:
        raise LeaseLostError(
            f"the plan of {plan.scope.pipeline} {plan.scope.partition} was finished and removed by others meanwhile"
        )
    details = [record.detail or {} for record in records]
    parts = [msgspec.convert(part, Part) for detail in details for part in detail["parts"]]
    odd = [msgspec.convert(each, OddRecord) for detail in details for each in detail.get("odd", ())]
    if sum(not each.landed for each in odd) > MOST_SET_ASIDE:
        _refuse_odd(collector, plan, odd)
    full = plan.context["mode"] == Mode.FULL
    latest = collector.latest
    newest = [part.newest for part in parts if part.newest is not None and part.newest <= latest]
    return Segment(
        generation=plan.context["generation"],
        mode=plan.context["mode"],
        since=plan.context["since"],
        watermark=max(newest, default=None),
        ranges=_ranges(records),
        parts=parts,
        boundaries=cut_full_pages(map(work.read_ids, parts)) if full else [],
        requests=collector.source.traffic.requests,
        throttled=collector.source.traffic.throttled,
        started_at=msgspec.convert(plan.context["started_at"], type(collector.clock.now())),
        finished_at=collector.clock.now(),
        odd=odd,
        api_count=api_count,
    )


def _refuse_odd(collector: Collector, plan: Plan, odd: Sequence[OddRecord]) -> NoReturn:
    """Publishes nothing; the next run begins anew."""
    collector.ledger.close_plan(plan)
    raise RefusedError(
        f"{plan.scope.pipeline} {plan.scope.partition}: {len(odd)} records cannot be read, such as "
        f"{describe_odd(odd)}. The upstream is broken: nothing was published; run it again when it is well",
        kind="odd_records",
    )


def _ranges(records: Sequence[UnitRecord]) -> list[tuple[int, int | None]]:
    ranges = [range_of(record.unit.payload) for record in records]
    return [(ids.after, ids.upto) for ids in ranges]


def _conclude(collector: Collector, entity: Entity, plan: Plan, segment: Segment) -> None:
    """After the manifest is out: remembers what to ask for again, moves the watermark, then closes the plan.

    A stored watermark that lies in the future is put right.
    """
    asked = None if segment.mode == Mode.FULL else plan.context.get("again", ())
    remember_odd(collector.objects, entity.name, segment.odd, asked)
    value = _watermark_of(collector, segment)
    stored = collector.watermarks.get("games", entity.name)
    if stored is not None and stored > collector.latest:
        if value is None and segment.since is not None:
            value = segment.since + collector.safety_margin_seconds
        if value is not None:
            collector.watermarks.set("games", entity.name, value)
    elif value is not None:
        collector.watermarks.advance("games", entity.name, value)
    collector.ledger.close_plan(plan)
