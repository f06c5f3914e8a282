"""The jobs of the ranks pipeline: today from the fetching on, and stored days read again."""

from typing import Any

import dagster as dg

from platform_assets.ranks.glue import DAILY, PAGES
from platform_assets.settings import Settings
from resources.dagster.run_ends import tries_again


def build_jobs(settings: Settings) -> list[Any]:
    """The jobs; a day that failed for a while is tried again as the settings say."""
    waits = [float(each) for each in settings.rank_again_minutes.split(",") if float(each)]
    return [
        dg.define_asset_job(
            "daily_ranks",
            selection=dg.AssetSelection.assets(PAGES, DAILY),
            tags=tries_again(waits) if waits else None,
            description="Fetches what is missing of today's pages and reads the ranks of all active trackings.",
        ),
        dg.define_asset_job(
            "reparse_ranks",
            selection=dg.AssetSelection.assets(DAILY),
            description="Reads the ranks of stored days again, after a reader was mended: one partition, or a range.",
        ),
    ]
