# pyright: standard
"""The assets of the games pipeline: per entity the raw day as collected, and the current table merged from all days.

One factory each, applied to the table of entities: adding an entity needs no change here. What collecting and merging
do is in `collect.py` and `merge.py`; what they are handed is opened by `platform_assets/services.py`.
"""

from datetime import timedelta
from functools import partial

import dagster as dg
import pydantic

from platform_assets.core.engine.loop_thread import LoopThread
from platform_assets.games.collect import collect, examine
from platform_assets.games.entities import ENTITIES, Entity
from platform_assets.games.glue import (
    alert_unmerged,
    collection_metadata,
    merged_metadata,
    read_mode,
)
from platform_assets.games.merge import ACCEPT_TAG
from platform_assets.games.plan import Mode
from platform_assets.games.quality import RAW_CHECKS, TABLE_CHECKS, check_table
from platform_assets.glue import (
    OWNERS,
    alerted_failure,
    check_results,
    check_specs,
    explained_failures,
    fail_incomplete,
    told_progress,
)
from platform_assets.partitions import DAYS, read_day
from platform_assets.services import Services

GROUP = "games"
ALERT = "games_failed"
"""Kind of the alert about a collection that failed; its subject is the entity."""

MERGE_ALERT = "games_merge_failed"
"""Kind of the alert about a table that could not be built; its subject is the entity."""

STALE_AFTER = timedelta(hours=36)
"""A daily table that is older than this has missed a day."""


class CollectConfig(dg.Config):
    """Run configuration of a raw asset; a job that is about one mode sets it by its tag instead.

    Attributes:
        mode: `incremental` collects what changed since the watermark, and everything when there is none;
            `full` collects everything and finds deletions.
    """

    mode: str = pydantic.Field(default=Mode.INCREMENTAL.value, pattern="^(incremental|full)$")


def build_raw_asset(entity: Entity) -> dg.AssetsDefinition:
    """The asset of an entity's raw records of one day."""
    key = dg.AssetKey(["games", f"raw_{entity.name}"])

    @dg.asset(
        key=key,
        group_name=GROUP,
        owners=OWNERS,
        kinds={"igdb", "json"},
        pool="igdb",
        partitions_def=DAYS,
        check_specs=check_specs(key, RAW_CHECKS),
        description=f"{entity.description} As received from IGDB, with a manifest per day.",
    )
    def raw(
        context: dg.AssetExecutionContext,
        config: CollectConfig,
        services: dg.ResourceParam[Services],
    ) -> dg.MaterializeResult:
        with (
            explained_failures(),
            alerted_failure(services.alerts, ALERT, entity.name),
            told_progress(context.log, entity.name) as tell,
            LoopThread() as loop,
        ):
            day, mode = read_day(context, services.clock.now()), read_mode(context, config.mode)
            collector = loop.open(services.open_collector())
            done = loop.run(partial(collect, collector, entity, day, mode)).finish(tell)
            fail_incomplete(done.report, f"{entity.name} {day}")
            findings = loop.call(examine(collector, entity, done.published))
            metadata = collection_metadata(done, collector.source.traffic, services.igdb_rate)
        if not context.has_partition_key:
            context.log_event(dg.AssetMaterialization(key, metadata=metadata, partition=day))
        return dg.MaterializeResult(metadata=metadata, check_results=check_results(findings))

    return raw


def build_current_asset(entity: Entity) -> dg.AssetsDefinition:
    """The asset of an entity's current table."""
    key = dg.AssetKey(["games", entity.name])

    @dg.asset(
        key=key,
        group_name=GROUP,
        owners=OWNERS,
        kinds={"parquet"},
        deps=[dg.AssetKey(["games", f"raw_{entity.name}"])],
        check_specs=check_specs(key, TABLE_CHECKS),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=STALE_AFTER),
        description=f"{entity.description} Current state per id; deleted ones are marked.",
    )
    def current(
        context: dg.AssetExecutionContext, services: dg.ResourceParam[Services]
    ) -> dg.MaterializeResult:
        accepted = context.run.tags.get(ACCEPT_TAG) == "true"
        with explained_failures(), alerted_failure(services.alerts, MERGE_ALERT, entity.name):
            merged = services.merge_games(entity, accepted=accepted)
            alert_unmerged(services.alerts, entity.name, merged.unmerged)
        return dg.MaterializeResult(
            metadata=merged_metadata(merged), check_results=check_results(check_table(merged))
        )

    return current


RAW_ASSETS = [build_raw_asset(entity) for entity in ENTITIES]
CURRENT_ASSETS = [build_current_asset(entity) for entity in ENTITIES]
