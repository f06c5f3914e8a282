"""Collecting one entity for one day, from the plan to the published manifest.

    what is known -> plan -> run_units (fetch a page, land a part) -> publish -> advance the watermark

Every part lands under its own name before the ledger says so; nothing is visible until the manifest names it. A run
that was killed continues where the ledger says; one that failed leaves its plan open, and the next does only the rest.
"""

import asyncio
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from platform_assets.core.clock import Clock
from platform_assets.core.engine import OnProgress, run_units
from platform_assets.core.errors import PlatformError, RefusedError
from platform_assets.core.findings import Finding
from platform_assets.core.ledger import PlanLedger, UnitLedger
from platform_assets.core.objects import ObjectStore
from platform_assets.core.run_policy import RunPolicy
from platform_assets.core.unit_run import UnitRun
from platform_assets.core.units import JsonObject, Plan, Report, Scope, Unit, UnitRecord
from platform_assets.games.entities import Entity
from platform_assets.games.landing import (
    Day,
    land_page,
    list_manifests,
    publish,
    read_manifest,
    read_part,
)
from platform_assets.games.manifest import Manifest, Part, Segment
from platform_assets.games.pages import Page, read_ids
from platform_assets.games.plan import Draft, Mode, draft_plan, range_of
from platform_assets.games.quality import check_segment
from platform_assets.games.query import count_query
from platform_assets.games.ranges import cut_full_pages
from platform_assets.games.source import Prefetched, Source, read_range

SAFETY_MARGIN_SECONDS = 300
"""How far an incremental collection reaches back behind the watermark, for records that became visible late."""


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
        on_progress: Told about the run at a human pace.
    """

    source: Source
    objects: ObjectStore
    ledger: Ledger
    watermarks: Watermarks
    clock: Clock
    policy: RunPolicy
    safety_margin_seconds: int = SAFETY_MARGIN_SECONDS
    on_progress: OnProgress | None = None


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


async def collect(collector: Collector, entity: Entity, date: str, mode: Mode) -> Collection:
    """Collects one entity for one day and publishes it when every unit is done.

    Args:
        collector: What to work with.
        entity: What to collect.
        date: The day, `YYYY-MM-DD`: the partition that the result belongs to.
        mode: FULL reads everything and replaces the day. INCREMENTAL reads what changed since the watermark and adds
            to the day; without a watermark (never collected, or the entity has none) it reads everything. An
            unfinished collection of the day is finished first, whatever its mode was.

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
        on_progress=collector.on_progress,
    )
    if report.stopped is not None and report.stopped.startswith("refused"):
        kinds = [unit.kind for unit in report.failures if unit.message in report.stopped]
        raise RefusedError(f"{entity.name} {date}: {report.stopped}", kind=next(iter(kinds), None))
    if not report.complete:
        return Collection(report, None, None, collector.clock.monotonic() - started)
    segment = await asyncio.to_thread(_close_segment, collector, plan, work)
    manifest = await asyncio.to_thread(publish, collector.objects, day, segment)
    await asyncio.to_thread(_conclude, collector, entity, plan, segment)
    if mode is Mode.FULL and segment.mode != Mode.FULL:
        return await collect(collector, entity, date, mode)
    return Collection(report, segment, manifest, collector.clock.monotonic() - started)


async def examine(collector: Collector, entity: Entity, segment: Segment) -> list[Finding]:
    """Checks a segment that was just published; a full one is compared with the upstream's own count.

    What is published stays published: a count that cannot be had is a finding, not a failure.
    """
    if segment.mode != Mode.FULL:
        return check_segment(segment, "only changes were collected")
    try:
        return check_segment(segment, await collector.source.count(entity.name, count_query()))
    except PlatformError as error:
        return check_segment(segment, str(error))


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
    draft = await draft_plan(
        collector.source, entity, since, boundaries, collector.policy.concurrency
    )
    context = {
        "mode": (Mode.FULL if since is None else Mode.INCREMENTAL).value,
        "since": since,
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
    return None if watermark is None else watermark - collector.safety_margin_seconds


def _last_boundaries(objects: ObjectStore, entity: Entity) -> list[int]:
    """Page boundaries of the newest full snapshot; empty when there is none."""
    fulls = [
        segment
        for manifest in list_manifests(objects, entity.name)
        for segment in manifest.segments
        if segment.mode == Mode.FULL
    ]
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
        parts: list[JsonObject] = list((run.checkpoint or {}).get("parts", ()))
        ids = range_of(unit.payload)
        if parts:
            ids = replace(ids, after=parts[-1]["last_id"])
        if ids.after == ids.upto:
            return {"parts": parts}

        def land(page: Page) -> JsonObject:
            run.ensure_held()
            key = self._day.part_key(
                self._plan.context["generation"], unit.payload["index"], len(parts)
            )
            part = land_page(self._collector.objects, key, page)
            self._ids[key] = page.ids
            return msgspec.to_builtins(part)

        source = self._source_of(unit)
        async for part in read_range(source, self._entity, ids, self._since, land):
            parts.append(part)
            run.save({"parts": list(parts)})
        return {"parts": parts}

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


def _close_segment(collector: Collector, plan: Plan, work: _PageWork) -> Segment:
    """The segment as the ledger has it: the same whichever run, or how many, did the units."""
    records = collector.ledger.read_units(plan)
    parts = [
        msgspec.convert(part, Part) for record in records for part in (record.detail or {})["parts"]
    ]
    full = plan.context["mode"] == Mode.FULL
    newest = [part.newest for part in parts if part.newest is not None]
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
    )


def _ranges(records: Sequence[UnitRecord]) -> list[tuple[int, int | None]]:
    ranges = [range_of(record.unit.payload) for record in records]
    return [(ids.after, ids.upto) for ids in ranges]


def _conclude(collector: Collector, entity: Entity, plan: Plan, segment: Segment) -> None:
    """After the manifest is out: moves the watermark, then closes the plan.

    The watermark is the largest `updated_at` seen. What changes while the run reads, behind the page that reads it, is
    at most as old as the run is long; a run longer than the safety margin therefore moves the watermark less far.
    """
    if segment.watermark is not None:
        seconds = int((segment.finished_at - segment.started_at).total_seconds())
        late = max(0, seconds - collector.safety_margin_seconds)
        collector.watermarks.advance("games", entity.name, segment.watermark - late)
    collector.ledger.close_plan(plan)
