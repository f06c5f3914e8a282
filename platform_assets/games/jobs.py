"""The games jobs: everything, and what changed. Which mode each asset runs in is run configuration."""

from typing import Any

import dagster as dg

from platform_assets.games.entities import ENTITIES
from platform_assets.games.plan import Mode


def mode_config(mode: Mode) -> dict[str, Any]:
    """Run configuration that makes every raw asset collect in `mode`."""
    config = {"config": {"mode": mode.value}}
    return {"ops": {f"games__raw_{entity.name}": config for entity in ENTITIES}}


JOBS = [
    dg.define_asset_job(
        "games_full",
        selection=dg.AssetSelection.groups("games"),
        config=mode_config(Mode.FULL),
        description="Collects every entity in full, finds deletions, merges the tables.",
    ),
    dg.define_asset_job(
        "games_incremental",
        selection=dg.AssetSelection.groups("games"),
        config=mode_config(Mode.INCREMENTAL),
        description="Collects what changed since each entity's watermark and merges it into the tables.",
    ),
]
