# pyright: standard
"""Between the ranks domain and Dagster: which days a run is about, what is told of them, what is missing.

No decisions about data.
"""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from platform_assets.core.days import SEOUL, day_of
from platform_assets.core.engine.units import FailedUnit
from platform_assets.core.errors import PermanentError, is_platform_fault
from platform_assets.core.findings import Finding
from platform_assets.glue import (
    LEFT,
    NAMED_FAILURES,
    blame_units,
    fail_incomplete,
    make_failure,
    name_some,
    name_units,
    report_metadata,
    tell_finding,
)
from platform_assets.partitions import read_day
from platform_assets.ranks.crawl import Crawl, check_today
from platform_assets.ranks.daily import DayResult
from platform_assets.ranks.day_state import DayState, write_state
from platform_assets.ranks.pictures import (
    PICTURE_DAYS,
    days_before,
    draw_pictures,
    find_movers,
)
from platform_assets.ranks.tracking import check_day
from platform_assets.services import Services
from resources.dagster.materializations import tell_materializations
from resources.dagster.run_ends import count_tries, next_wait

PAGES = dg.AssetKey(["ranks", "pages"])
DAILY = dg.AssetKey(["ranks", "daily"])

PAGES_COMPLETE = "pages_complete"
"""Check: every page of the day was fetched."""

RANKS_READ = "ranks_read"
"""Check: ranks were read of enough of the day's trackings."""

TRACKINGS_TAG = "sluice/trackings"
"""Run tag: numbers of trackings, with commas between. Only their pages are fetched and read, and no partition is told
of: they are a small part of the day. For first ranks."""

BLOCKED_ALERT = "ranks_blocked"
INCOMPLETE_ALERT = "ranks_incomplete"
"""Kinds of alerts; their subject is the day."""


def read_trackings(context: dg.AssetExecutionContext) -> list[int]:
    """The trackings that a run is about; none means all.

    Raises:
        PermanentError: kind `bad_trackings`: the tag holds something else than numbers.
    """
    text = context.run.tags.get(TRACKINGS_TAG, "")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise PermanentError(
            f"run tag {TRACKINGS_TAG} is {text[:100]!r}: write numbers of trackings with commas between",
            kind="bad_trackings",
        )
    return [int(part) for part in parts]


def list_days(
    context: dg.AssetExecutionContext, services: Services, days: dg.DailyPartitionsDefinition
) -> list[str]:
    """The days of a run of the assets: one, a range, or today where no partition was given. Today is the first.

    Args:
        context: Of the step.
        services: Whose clock says what today is.
        days: All days that there are.

    Raises:
        PermanentError: kinds `bad_partition`, `bad_day`: nothing was done.
    """
    today = services.ranks.today
    if context.has_partition_key_range:
        wanted = list(context.partition_keys)
    else:
        wanted = [read_day(context, services.clock.now(), days)]
    return sorted((check_day(day, today) for day in wanted), key=lambda day: (day != today, day))


def check_fetchable(
    context: dg.AssetExecutionContext, services: Services, days: Sequence[str]
) -> str:
    """The day of a run whose pages can be fetched: today. Earlier ones are named in the log and left out.

    Raises:
        PermanentError: kind `past_day`: today is not among the days.
    """
    today, *past = days
    check_today(today, services.ranks.today)
    if past:
        context.log.warning(
            "only pages of %s can be fetched; of %d earlier days there is what was stored then",
            today,
            len(past),
        )
    return today


def fail_missing_ranks(
    context: dg.AssetExecutionContext,
    missing: Sequence[FailedUnit],
    again: datetime | None,
    *,
    alerted: bool,
) -> None:
    """Fails a run of which trackings have no rank of their day, if there are any.

    Args:
        context: Of the step.
        missing: Trackings, and days that could not be read at all.
        again: When the day is tried again by itself.
        alerted: Whether an alert says so that lasts until the day is complete.

    Raises:
        dg.Failure: With what is missing.
    """
    if not missing:
        return
    raise make_failure(
        f"{len(missing)} ranks are missing; the others are recorded. Running today again fetches and "
        "reads what is missing; another day can only be read again, from the pages that it has.\n"
        + name_some(name_units(missing), "see the ledger"),
        blame_units(missing)[0],
        transient=again is not None,
        missing=len(missing),
        # That its last try failed, too, is told once more.
        alerted=alerted and (again is not None or not count_tries(context.run)),
    )


def find_next_try(
    context: dg.AssetExecutionContext, services: Services, result: DayResult
) -> datetime | None:
    """When the day is tried again by itself: while it lasts, as often as the job says, and if that may help."""
    wait = next_wait(context.run)
    if wait is None or result.complete or not result.may_help:
        return None
    at = services.clock.now() + timedelta(minutes=wait)
    return at if result.day == services.ranks.today == day_of(at) else None


def fail_missing_pages(crawl: Crawl, days: Sequence[str]) -> None:
    """Fails a run that was about pages only and has not all of them.

    Raises:
        dg.Failure: With the pages that are missing, or the days whose pages cannot be fetched any more.
    """
    fail_incomplete(crawl.report, f"pages of {crawl.day}")
    past = [day for day in days if day != crawl.day]
    if past:
        raise make_failure(
            f"{crawl.day} is complete. Pages of {len(past)} earlier days cannot be fetched any more; what "
            f"is stored of them stays: {', '.join(past[:NAMED_FAILURES])}",
            "past_day",
            transient=False,
        )


def tell_crawl(
    context: dg.AssetExecutionContext,
    services: Services,
    crawl: Crawl,
    ids: Sequence[int],
) -> None:
    """Tells Dagster of the pages of a day and alerts of a crawl that was turned away; first ranks tell of no day."""
    _tell_stop(context, services, crawl)
    if not ids:
        _tell_pages(context, crawl)


def _tell_stop(context: dg.AssetExecutionContext, services: Services, crawl: Crawl) -> None:
    report = crawl.report
    if report.stop is not None:
        context.log.warning("%s: the crawl has stopped: %s", crawl.day, report.stop)
        if report.refused and not is_platform_fault(report.stop_kind):
            services.alerts.tell_once(BLOCKED_ALERT, crawl.day, report.stop.message)
    elif report.complete:
        services.alerts.clear(BLOCKED_ALERT, crawl.day)


def _tell_pages(context: dg.AssetExecutionContext, crawl: Crawl) -> None:
    report = crawl.report
    there = report.done + report.skipped
    numbers = {
        "dagster/partition_row_count": there,
        "pages": crawl.pages,
        "bytes": crawl.fetched_bytes,
        "turned_away": crawl.turned_away,
        **report_metadata(report),
    }
    told = dg.AssetMaterialization(PAGES, partition=crawl.day, metadata=numbers)
    tell_materializations(context, [told])
    text = (
        f"{there} of {report.total} pages are there, {report.failed} failed, {report.left} are left"
    )
    why = f" ({report.stop})" if report.stop else ""
    tell_finding(context, PAGES, Finding(PAGES_COMPLETE, report.complete, text + why), crawl.day)


def tell_day(
    context: dg.AssetExecutionContext,
    services: Services,
    result: DayResult,
    ids: Sequence[int],
    again: datetime | None,
) -> None:
    """Tells Dagster of the ranks of a day; of first ranks only its log."""
    if ids:
        context.log.info("%s: %s", result.day, _count(result))
        return
    _tell_state(context, services, result, again)
    if result.records or not result.total:  # else nothing of the day is there: it stays missing
        metadata = {**_count(result), **_draw_movers(services, result)}
        told = dg.AssetMaterialization(DAILY, partition=result.day, metadata=metadata)
        tell_materializations(context, [told])
    share = len(result.records) / result.total if result.total else 1.0
    kinds = "".join(f", {count} {kind}" for kind, count in result.count_kinds().items())
    text = f"{len(result.records)} of {result.total} trackings have their rank{kinds}"
    passed = share >= services.settings.rank_read_share and bool(result.records or not result.total)
    finding = Finding(RANKS_READ, passed, text, numbers={"share": round(share, 3)})
    tell_finding(context, DAILY, finding, result.day)


def _tell_state(
    context: dg.AssetExecutionContext,
    services: Services,
    result: DayResult,
    again: datetime | None,
) -> None:
    """Tells of an incomplete day, and remembers when it is tried again."""
    reason = ""
    if result.complete:
        services.alerts.clear(INCOMPLETE_ALERT, result.day)
    else:
        kinds = ", ".join(f"{count} {kind}" for kind, count in result.count_kinds().items())
        reason = f"{result.total - len(result.records)} of {result.total} trackings have no rank: {kinds}"
        then = f"It is tried again at {again.astimezone(SEOUL):%H:%M} in Seoul." if again else ""
        services.alerts.tell_once(INCOMPLETE_ALERT, result.day, f"{reason}. {then}".strip())
    if result.day == services.ranks.today:
        tries = count_tries(context.run)
        at = again.isoformat() if again else ""
        write_state(services.notes, DayState(result.day, tries, reason, at))


def _count(result: DayResult) -> dict[str, Any]:
    ranks = [each.capture.rank for each in result.records if each.capture.rank is not None]
    numbers: dict[str, Any] = {
        "dagster/partition_row_count": len(result.records),
        "total": result.total,
        "success": len(result.records),
        "failed": len(result.failures),
        "left": len(result.left),
        "exposed": len(ranks),
        "not_exposed": len(result.records) - len(ranks),
        "elapsed_seconds": round(result.seconds, 3),
    }
    if ranks:
        numbers |= {"best_rank": min(ranks), "median_rank": statistics.median(ranks)}
    if result.failures:
        numbers["failed_items"] = [int(each.unit_id) for each in result.failures]
    return numbers


def _draw_movers(services: Services, result: DayResult) -> dict[str, Any]:
    """Pictures of what moved most since the day before, if anything did."""
    trackings, histories = services.ranks.trackings, services.ranks.histories
    movers = find_movers(result.records, histories.read_day(days_before(result.day, 1)))
    since = days_before(result.day, PICTURE_DAYS - 1)
    pictures = {
        trackings.get(number): histories.read(number, since=since, until=result.day)
        for number in movers
    }
    return {"ranks_over_time": dg.MetadataValue.md(draw_pictures(pictures))} if pictures else {}


def list_missing(result: DayResult) -> list[FailedUnit]:
    """Trackings of a day that have no rank of it."""
    failed = [
        replace(each, unit_id=f"{result.day} tracking {each.unit_id}") for each in result.failures
    ]
    return failed + [
        FailedUnit(f"{result.day} tracking {number}", LEFT, "its page was not fetched")
        for number in result.left
    ]
