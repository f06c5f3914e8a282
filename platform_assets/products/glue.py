# pyright: standard
"""Between the products domain and Dagster: which batches a run is about, what is told of them, what has failed."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from platform_assets.core.engine.loop_thread import LoopThread
from platform_assets.core.engine.units import FailedUnit, Report
from platform_assets.core.errors import PermanentError, PlatformError
from platform_assets.glue import (
    LEFT,
    LOG_SECONDS,
    NAMED_FAILURES,
    blame_report,
    blame_units,
    make_failure,
    name_some,
    tell_finding,
)
from platform_assets.partitions import PRODUCT_BATCHES, today
from platform_assets.products.batch_result import BatchResult
from platform_assets.products.batches import Batch, PlannedBatch, read_batch
from platform_assets.products.listing import ListReport
from platform_assets.products.open import BegunDay
from platform_assets.products.progress import DayProgress
from platform_assets.products.quality import (
    DAY_READ,
    FEW_FAILURES,
    FEW_ODD_FIELDS,
    LIST_READ,
    NO_MASS_CHANGE,
    check_day_read,
    check_list,
)
from platform_assets.services import Services
from resources.dagster.materializations import tell_materializations

SNAPSHOTS = dg.AssetKey(["products", "snapshots"])
CHANGES = dg.AssetKey(["products", "changes"])
LATEST = dg.AssetKey(["products", "latest"])

CHECKS = {
    NO_MASS_CHANGE: "Not too many products have vanished at once; otherwise the latest table is left as it is.",
    FEW_FAILURES: "Not too many products could not be read; too few that could, and the batch is not believed.",
    FEW_ODD_FIELDS: "No field is in a form that is not understood on many pages.",
    LIST_READ: "The shop's list was read to its end; told with the first batch of the day.",
    DAY_READ: "Enough of the shop's day was read; told with the batch that ends the day.",
}
"""Checks of the snapshots."""

PLATFORM_TAG = "sluice/platform"
DAY_TAG = "sluice/day"

ALERT = "product_batch_failed"
"""Kind of the alert about a batch that failed; its subject is the batch."""

DAY_ALERT = "product_day_unread"
"""Kind of the alert about a day of which too little was read; its subject is `<platform>/<day>`."""


def partition_batches(context: dg.AssetExecutionContext) -> list[Batch]:
    """The batches of a run of the assets: one partition, or a range.

    Raises:
        PermanentError: kind `bad_partition`: nothing was done.
    """
    if not (context.has_partition_key or context.has_partition_key_range):
        raise PermanentError(
            "no batch was given: run it with the tag dagster/partition, such as musinsa/2026-11-20/07-of-28",
            kind="bad_partition",
        )
    return [read_batch(key) for key in context.partition_keys]


def tell_batch(context: dg.AssetExecutionContext, services: Services, result: BatchResult) -> None:
    """Tells Dagster of a batch that has ended; of one that failed, people."""
    cell = result.batch.key
    if result.reason is not None:
        context.log.warning("%s: %s", cell, result.reason)
        services.alerts.tell_once(ALERT, cell, result.reason)
        for finding in result.findings:
            tell_finding(context, SNAPSHOTS, finding, cell)
        return
    services.alerts.clear(ALERT, cell)
    numbers = _count(result)
    changes = {f"changes_{kind}": count for kind, count in sorted(result.changes.items())}
    tell_materializations(
        context,
        [
            dg.AssetMaterialization(SNAPSHOTS, partition=cell, metadata=numbers),
            dg.AssetMaterialization(
                CHANGES,
                partition=cell,
                metadata={"dagster/partition_row_count": sum(result.changes.values()), **changes},
            ),
            dg.AssetMaterialization(
                LATEST, metadata={"platform": result.batch.platform, "batch": cell, **changes}
            ),
        ],
    )
    for finding in result.findings:
        tell_finding(context, SNAPSHOTS, finding, cell)


def tell_day(
    context: dg.AssetExecutionContext,
    services: Services,
    progress: DayProgress,
    results: Iterable[Batch],
) -> None:
    """Whether enough of a shop's day was read, once its last batch has ended."""
    if progress.waiting:
        return
    finding = check_day_read(progress, services.settings.products_read_share)
    last = max(each for each in results if each.platform == progress.platform)
    tell_finding(context, SNAPSHOTS, finding, last.key)
    subject = f"{progress.platform}/{progress.day}"
    if finding.passed:
        services.alerts.clear(DAY_ALERT, subject)
    else:
        services.alerts.tell_once(DAY_ALERT, subject, finding.text)


def _count(result: BatchResult) -> dict[str, Any]:
    report = result.report
    return {
        "dagster/partition_row_count": sum(result.statuses.values()),
        "batch_index": result.batch.index,
        "batch_total": result.batch.total,
        "products": result.products,
        "products_failed": len(result.failures),
        "products_done_before": report.skipped,
        "retries": report.retries,
        "seconds": round(report.seconds, 3),
        **{f"products_{status}": count for status, count in sorted(result.statuses.items())},
        **{f"notes/{note}": count for note, count in result.notes.items()},
    }


class ProgressLines:
    """A line in the run's log now and then.

    Args:
        log: The run's log; use it from the step's own thread only.
    """

    def __init__(self, log: dg.DagsterLogManager) -> None:
        self._log = log
        self._told: dict[str, datetime] = {}

    def tell(self, progress: DayProgress) -> None:
        """Logs how far a shop's day is, if it is time."""
        told = self._told.get(progress.platform, datetime.min.replace(tzinfo=UTC))
        if (progress.updated_at - told).total_seconds() < LOG_SECONDS:
            return
        self._told[progress.platform] = progress.updated_at
        self._log.info(
            "%s %s: %d of %d batches completed, %d failed, %.1f %% of %d products, %s",
            progress.platform,
            progress.day,
            progress.completed,
            progress.batches,
            progress.failed,
            progress.percent,
            progress.products,
            f"done at about {progress.ends_at:%H:%M:%S} UTC" if progress.ends_at else "no estimate",
        )


def fail_unfinished(batches: Sequence[Batch], results: Mapping[Batch, BatchResult]) -> None:
    """Fails a run of which batches failed or did not end, if there are any.

    Raises:
        dg.Failure: With each of them.
    """
    failed = [
        _blame(batch.key, results.get(batch))
        for batch in batches
        if batch not in results or results[batch].reason is not None
    ]
    if not failed:
        return
    kind, transient = blame_units(failed)
    raise make_failure(
        f"{len(failed)} of {len(batches)} batches failed; the others are complete. Running one again "
        "reads only the products that were not read.\n"
        + name_some([f"{each.unit_id}: {each.message}" for each in failed]),
        kind,
        transient=transient,
        batches=len(batches),
        failed_batches=[each.unit_id for each in failed],
        alerted=True,
    )


def _blame(cell: str, result: BatchResult | None) -> FailedUnit:
    if result is None:
        return FailedUnit(cell, LEFT, "it did not end", transient=True)
    reason = result.reason or ""
    if result.report.left:
        kind, transient = blame_report(result.report)
        return FailedUnit(cell, kind, reason, transient)
    return FailedUnit(cell, "not_believed", reason)


def split_day(
    context: dg.OpExecutionContext, services: Services, platform: str, day: str | None
) -> list[PlannedBatch]:
    """Splits a platform's day and adds a partition for each batch, also where the shop's list cannot be read.

    Raises:
        PermanentError: kinds `bad_day`, `unknown_platform`.
        dg.Failure: The list could not be read; the known products were split all the same.
    """
    day = check_day(day or today(services.clock.now()))
    with LoopThread() as loop:
        begun = loop.call(services.shops.begin_day(platform, day))
    planned = begun.planned
    context.instance.add_dynamic_partitions(
        str(PRODUCT_BATCHES.name), [each.batch.key for each in planned]
    )
    _tell_list(context, begun.listed, planned)
    if begun.listed.error is not None:
        raise _fail_list(platform, day, begun, begun.listed.error)
    return list(planned)


def _tell_list(
    context: dg.OpExecutionContext, listed: ListReport, planned: Sequence[PlannedBatch]
) -> None:
    """What was on the list, of a day that has batches as a check of its first one."""
    if listed == ListReport():
        return  # it was read before
    finding = check_list(listed)
    for line in listed.odd[:NAMED_FAILURES]:
        context.log.warning("odd row: %s", line)
    context.add_output_metadata(finding.numbers)
    if planned:
        tell_finding(context, SNAPSHOTS, finding, planned[0].batch.key)


def _fail_list(platform: str, day: str, begun: BegunDay, error: PlatformError) -> dg.Failure:
    products = sum(len(each.products) for each in begun.planned)
    kept = (
        f"The {products} known products are looked at all the same."
        if products
        else "No product is known, so nothing is looked at."
    )
    return make_failure(
        f"{platform} {day}: the list of the shop could not be read: {error} {kept}",
        error.kind,
        transient=begun.listed.may_pass,
        batches=len(begun.planned),
    )


def answer_searches(context: dg.OpExecutionContext, services: Services) -> dict[str, int]:
    """Answers the search requests that wait, the shops side by side; one that is down does not stop the others.

    Returns:
        How many were answered, failed and left.

    Raises:
        PlatformError: A shop could not be searched at all; the others have been.
    """
    names = list(services.shops.searches.count_waiting())
    with LoopThread() as loop:
        ends = dict(zip(names, loop.call(_answer_all(services, names)), strict=True))
    reports = {name: end for name, end in ends.items() if isinstance(end, Report)}
    for name, report in reports.items():
        context.log.info("%s: %d searches answered, %d failed", name, report.done, report.failed)
        for failed in report.failures[:NAMED_FAILURES]:
            context.log.warning("%s, request %s: %s", name, failed.unit_id, failed.message)
    for end in ends.values():
        if isinstance(end, BaseException):
            raise end
    return {
        "searches_done": sum(report.done for report in reports.values()),
        "searches_failed": sum(report.failed for report in reports.values()),
        "searches_left": sum(report.left for report in reports.values()),
    }


async def _answer_all(services: Services, names: Iterable[str]) -> Sequence[Report | BaseException]:
    answers = (services.shops.answer_searches(name) for name in names)
    return await asyncio.gather(*answers, return_exceptions=True)


def check_day(day: str) -> str:
    """The day itself, if it is one.

    Raises:
        PermanentError: kind `bad_day`.
    """
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).strftime("%Y-%m-%d")
    except ValueError as error:
        raise PermanentError(f"{day[:40]!r} is no day: write YYYY-MM-DD", kind="bad_day") from error
