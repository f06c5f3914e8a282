# pyright: standard
"""The jobs of the tags pipeline: chosen shards, and the dictionary."""

import dagster as dg

from platform_assets.tags.glue import DICTIONARY, SHARD_KEYS
from resources.dagster.run_ends import tries_again

_AGAIN_MINUTES = (5, 30)
"""Few: a table that takes too long costs each try its whole time limit, and nothing of tags is lost by waiting."""

JOBS = [
    dg.define_asset_job(
        "tags",
        selection=dg.AssetSelection.assets(*SHARD_KEYS),
        tags=tries_again(_AGAIN_MINUTES),
        description="Chosen shards of a tenant-source: one partition or a range, by tags.",
    ),
    dg.define_asset_job(
        "tags_dictionary",
        selection=dg.AssetSelection.assets(DICTIONARY),
        tags=tries_again(),
        description="Checks the tag dictionary and stores its version.",
    ),
]
