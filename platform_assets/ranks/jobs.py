"""The jobs of the ranks pipeline: today from the fetching on, and stored days read again."""

import dagster as dg

from platform_assets.ranks.glue import DAILY, PAGES
from resources.run_ends_resource import tries_again

JOBS = [
    dg.define_asset_job(
        "daily_ranks",
        selection=dg.AssetSelection.assets(PAGES, DAILY),
        tags=tries_again((30, 60, 120, 240)),
        description="Fetches what is missing of today's pages and reads the ranks of all active trackings.",
    ),
    dg.define_asset_job(
        "reparse_ranks",
        selection=dg.AssetSelection.assets(DAILY),
        description="Reads the ranks of stored days again, after a reader was mended: one partition, or a range.",
    ),
]
