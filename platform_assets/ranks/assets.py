# pyright: standard
"""The assets of the ranks pipeline: the pages of results of a day as received, and the ranks read from them.

How pages are fetched is in `crawl.py`, how ranks are read in `daily.py`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

import dagster as dg

from platform_assets.core.engine.loop_thread import LoopThread
from platform_assets.core.engine.units import FailedUnit
from platform_assets.core.errors import PermanentError
from platform_assets.glue import (
    check_outputs,
    explained_failures,
    partition_check,
    table_spec,
    told_progress,
)
from platform_assets.ranks.crawl import Crawl
from platform_assets.ranks.glue import (
    DAILY,
    PAGES,
    PAGES_COMPLETE,
    RANKS_READ,
    check_fetchable,
    fail_missing_pages,
    fail_missing_ranks,
    find_next_try,
    list_days,
    list_missing,
    read_trackings,
    tell_crawl,
    tell_day,
)
from platform_assets.services import Services


def build_assets(days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The assets of the pipeline, over these days."""

    # One step for both: what was fetched is read although some of it failed, and a run without a partition means today.
    @dg.multi_asset(
        name="ranks_of_days",
        specs=[
            table_spec(
                PAGES,
                [],
                "Today's pages of results of all active trackings, each once, as received. Another day's cannot be "
                "fetched any more.",
            ),
            table_spec(
                DAILY,
                [PAGES],
                "The rank of every tracking, read from the day's stored pages, with its session. Can be read again "
                "for any stored day.",
            ),
        ],
        check_specs=[
            partition_check(PAGES_COMPLETE, PAGES, "Every page of the day was fetched.", days),
            partition_check(
                RANKS_READ, DAILY, "Ranks were read of enough of the day's trackings.", days
            ),
        ],
        can_subset=True,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def ranks_of_days(
        context: dg.AssetExecutionContext, services: dg.ResourceParam[Services]
    ) -> Iterator[dg.Output[None]]:
        """Today's pages and ranks, or the ranks of stored days."""
        chosen = context.selected_asset_keys
        with explained_failures(), LoopThread() as loop:
            wanted, ids = list_days(context, services, days), read_trackings(context)
            crawl = fetch_pages(context, services, loop, wanted, ids) if PAGES in chosen else None
            if DAILY in chosen:
                read_days(context, services, loop, wanted, ids)
            elif crawl is not None:
                fail_missing_pages(crawl, wanted)
        yield from check_outputs(context)  # each day was told as it ended

    return [ranks_of_days]


def fetch_pages(
    context: dg.AssetExecutionContext,
    services: Services,
    loop: LoopThread,
    days: Sequence[str],
    ids: Sequence[int],
) -> Crawl:
    """Fetches today's pages and tells of them; what is missing fails the check.

    Args:
        context: Of the step.
        services: What fetches.
        loop: Where the work runs.
        days: Of the run, from `list_days`; past days are left out.
        ids: Of these trackings only; of all if empty.

    Raises:
        PermanentError: kind `past_day`: today is not among the days; nothing was done.
        PlatformError: Nothing can be fetched.
    """
    today = check_fetchable(context, services, days)
    with told_progress(context.log, "rank pages") as tell:
        crawl = loop.run(partial(services.ranks.crawl, today, ids)).finish(tell)
    tell_crawl(context, services, crawl, ids)
    return crawl


def read_days(
    context: dg.AssetExecutionContext,
    services: Services,
    loop: LoopThread,
    days: Sequence[str],
    ids: Sequence[int],
) -> None:
    """Reads the ranks of days and tells each one as it ends.

    Args:
        context: Of the step.
        services: What reads.
        loop: Where the work runs.
        days: Of the run, from `list_days`.
        ids: Of these trackings only; of all if empty.

    Raises:
        TransientError: The store or the state database does not answer; what had ended was told.
        dg.Failure: Trackings have no rank of their day.
    """
    missing: list[FailedUnit] = []
    again: datetime | None = None
    alerted = not ids
    for day in days:
        try:
            result = loop.call(services.ranks.read_day(day, ids))
        except PermanentError as error:
            missing.append(FailedUnit(day, error.kind, str(error)))
            alerted = False
            continue
        at = find_next_try(context, services, result)
        again = again or at
        tell_day(context, services, result, ids, at)
        missing += list_missing(result)
    fail_missing_ranks(context, missing, again, alerted=alerted)
