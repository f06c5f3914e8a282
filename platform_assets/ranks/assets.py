# pyright: standard
"""The assets of the ranks pipeline: the pages of results of a day as received, and the ranks read from them.

How pages are fetched is in `crawl.py`, how ranks are read in `daily.py`.
"""

from collections.abc import Iterator

import dagster as dg

from platform_assets.glue import check_outputs, explained_failures, partition_check, table_spec
from platform_assets.ranks.glue import (
    DAILY,
    PAGES,
    PAGES_COMPLETE,
    RANKS_READ,
    fail_missing_pages,
    fetch_pages,
    list_days,
    read_days,
    read_trackings,
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
        with explained_failures():
            wanted, ids = list_days(context, services, days), read_trackings(context)
            crawl = fetch_pages(context, services, wanted, ids) if PAGES in chosen else None
            if DAILY in chosen:
                read_days(context, services, wanted, ids)
            elif crawl is not None:
                fail_missing_pages(crawl, wanted)
        yield from check_outputs(context)  # each day was told as it ended

    return [ranks_of_days]
