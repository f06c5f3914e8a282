# pyright: standard
"""Between the ranks domain and Dagster: a day's pages and ranks are told with their numbers; what is missing fails.

No decisions about data.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import dagster as dg

from platform_assets.core.days import SEOUL, day_of
from platform_assets.core.errors import PermanentError, is_platform_fault
from platform_assets.core.findings import Finding
from platform_assets.core.units import FailedUnit, Progress
from platform_assets.glue import (
    LEFT,
    NAMED_FAILURES,
    Background,
    blame_units,
    fail_incomplete,
    make_failure,
    name_some,
    name_units,
    report_metadata,
    tell_finding,
    told_progress,
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
from resources.materializations_resource import tell_materializations
from resources.run_ends_resource import count_tries, next_wait

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


def fetch_pages(
    context: dg.AssetExecutionContext, services: Services, days: Sequence[str], ids: Sequence[int]
) -> Crawl:
    """Fetches today's pages and tells of them; what is missing fails the check. Past days are left out.

    Args:
        context: Of the step.
        services: What fetches.
        days: Of the run, from `list_days`.
        ids: Of these trackings only; of all if empty.

    Raises:
        PermanentError: kind `past_day`: today is not among the days; nothing was done.
        PlatformError: Nothing can be fetched.
    """
    today, *past = days
    check_today(today, services.ranks.today)
    if past:
        context.log.warning(
            "only pages of %s can be fetched; of %d earlier days there is what was stored then",
            today,
            len(past),
        )
    crawls: list[Crawl] = []
    with told_progress(context.log, "rank pages") as tell:
        for told in Background(partial(_crawl, services, services.ranks.today, ids)).follow():
            if isinstance(told, Progress):
                tell(told)
            else:
                crawls.append(told)
    (crawl,) = crawls
    _tell_crawl(context, services, crawl, ids)
    return crawl


def read_days(
    context: dg.AssetExecutionContext, services: Services, days: Sequence[str], ids: Sequence[int]
) -> None:
    """Reads the ranks of days and tells each one as it ends.

    Raises:
        TransientError: The store or the state database does not answer; what had ended was told.
        dg.Failure: Trackings have no rank of their day.
    """
    missing: list[FailedUnit] = []
    again: datetime | None = None
    told = not ids
    for day in days:
        try:
            for result in Background(partial(_read_day, services, day, ids)).follow():
                found = _find_next_try(context, services, result)
                again = again or found
                _tell_day(context, services, result, ids, found)
                missing += _list_missing(result)
        except PermanentError as error:
            missing.append(FailedUnit(day, error.kind, str(error)))
            told = False
    if missing:
        raise make_failure(
            f"{len(missing)} ranks are missing; the others are recorded. Running today again fetches and "
            "reads what is missing; another day can only be read again, from the pages that it has.\n"
            + name_some(name_units(missing), "see the ledger"),
            blame_units(missing)[0],
            transient=again is not None,
            missing=len(missing),
            # By an alert that lasts until the day is complete; that its last try failed, too, is told once more.
            alerted=told and (again is not None or not count_tries(context.run)),
        )


def _find_next_try(
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


async def _crawl(
    services: Services, day: str, ids: Sequence[int], tell: Callable[[Progress | Crawl], None]
) -> None:
    tell(await services.ranks.crawl(day, ids, tell))


async def _read_day(
    services: Services, day: str, ids: Sequence[int], tell: Callable[[DayResult], None]
) -> None:
    tell(await services.ranks.read_day(day, ids))


def _tell_crawl(
    context: dg.AssetExecutionContext,
    services: Services,
    crawl: Crawl,
    ids: Sequence[int],
) -> None:
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


def _tell_day(
    context: dg.AssetExecutionContext,
    services: Services,
    result: DayResult,
    ids: Sequence[int],
    again: datetime | None,
) -> None:
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


def _list_missing(result: DayResult) -> list[FailedUnit]:
    failed = [
        replace(each, unit_id=f"{result.day} tracking {each.unit_id}") for each in result.failures
    ]
    return failed + [
        FailedUnit(f"{result.day} tracking {number}", LEFT, "its page was not fetched")
        for number in result.left
    ]
