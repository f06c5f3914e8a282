"""The games jobs: everything, and what changed. They differ in one run tag."""

import dagster as dg

from platform_assets.games.glue import MODE_TAG
from platform_assets.games.plan import Mode
from resources.dagster.run_ends import tries_again

JOBS = [
    dg.define_asset_job(
        "games_full",
        selection=dg.AssetSelection.groups("games"),
        tags={MODE_TAG: Mode.FULL.value, **tries_again()},
        description="Collects every entity in full, finds deletions, merges the tables.",
    ),
    dg.define_asset_job(
        "games_incremental",
        selection=dg.AssetSelection.groups("games"),
        tags={MODE_TAG: Mode.INCREMENTAL.value, **tries_again()},
        description="Collects what changed since each entity's watermark and merges it into the tables.",
    ),
]
