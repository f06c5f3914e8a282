# pyright: standard
"""The job `redrive`: failed units of any pipeline become work again. What is done with them is next door, in core."""

from collections.abc import Mapping

import dagster as dg
from pydantic import Field

from platform_assets.core.redrive import FailureFilter
from platform_assets.glue import explained_failures
from platform_assets.redrive.starting import make_starters
from platform_assets.services import Services
from resources.dagster.orchestration import STARTED_BY_TAG, Orchestration


class RedriveConfig(dg.Config):
    """Which failed units; those that match every field that is set.

    Attributes:
        pipeline: `games`, or a part: `games/raw_games`; empty: all.
        tenant: Tenant id; empty: any.
        partition: Partition key; empty: any.
        error_kind: Kind of the last failure; empty: any.
        unit_ids: Which units; none: any.
        dry_run: Only says what would be done.
    """

    pipeline: str = ""
    tenant: str = ""
    partition: str = ""
    error_kind: str = ""
    unit_ids: list[str] = Field(default_factory=list)
    dry_run: bool = False


TAGS = ("pipeline", "tenant", "partition", "error_kind")
"""Run tags `sluice/redrive/<name>` that take the place of the configuration's fields; `dry_run` may be `true`, too."""


@dg.op
def redrive_units(
    context: dg.OpExecutionContext, config: RedriveConfig, services: dg.ResourceParam[Services]
) -> None:
    """Re-queues what matches, starts what no sensor starts, and says per partition how much."""
    tags = context.run.tags
    dry_run = config.dry_run or tags.get("sluice/redrive/dry_run") == "true"
    with explained_failures():
        runs = Orchestration(context.instance, services.dagster_webserver)
        starters = make_starters(runs, {STARTED_BY_TAG: "redrive"}, services.ranks.today)
        redrive = services.redrive.starting(starters)
        report = redrive.redrive(read_filter(config, tags), dry_run=dry_run)
    lines = report.describe()
    context.log.info("\n".join(lines))
    context.add_output_metadata(
        {
            "units": report.units,
            "dry_run": report.dry_run,
            "partitions": {
                f"{cell.scope.pipeline} {cell.scope.partition}": cell.count for cell in report.cells
            },
            "told": dg.MetadataValue.text("\n".join(lines)),
        }
    )


def read_filter(config: RedriveConfig, tags: Mapping[str, str]) -> FailureFilter:
    """The filter of a run: its tags, and its configuration where there is none."""
    fields = {name: tags.get(f"sluice/redrive/{name}") or getattr(config, name) for name in TAGS}
    return FailureFilter(
        **{name: value or None for name, value in fields.items()},
        unit_ids=frozenset(config.unit_ids),
    )


@dg.job(description="Failed units of any pipeline become work again; says which partitions to run.")
def redrive() -> None:
    """One redrive."""
    redrive_units()


JOBS = [redrive]
