# pyright: standard
"""The jobs of the tags pipeline: chosen shards, and the dictionary."""

import dagster as dg

from platform_assets.tags.glue import DICTIONARY, SHARD_KEYS

JOBS = [
    dg.define_asset_job(
        "tags",
        selection=dg.AssetSelection.assets(*SHARD_KEYS),
        description="Chosen shards of a tenant-source: one partition or a range, by tags.",
    ),
    dg.define_asset_job(
        "tags_dictionary",
        selection=dg.AssetSelection.assets(DICTIONARY),
        description="Checks the tag dictionary and stores its version.",
    ),
]
