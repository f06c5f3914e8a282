"""The jobs of the ranks pipeline: today from the fetching on, and stored days read again."""

import dagster as dg

from platform_assets.ranks.glue import DAILY, PAGES

JOBS = [
    dg.define_asset_job(
        "daily_ranks",
        selection=dg.AssetSelection.assets(PAGES, DAILY),
        description="Fetches what is missing of today's pages and reads the ranks of all active trackings.",
    ),
    dg.define_asset_job(
        "reparse_ranks",
        selection=dg.AssetSelection.assets(DAILY),
        description="Reads the ranks of stored days again, after a reader was mended: one partition, or a range.",
    ),
]
