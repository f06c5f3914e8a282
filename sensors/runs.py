# pyright: standard
"""The sensor over the runs of all pipelines: dead ones are failed, bad ends told of, what may help is tried again."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from platform_assets.glue import explained_failures
from platform_assets.services import Services
from resources.dagster.run_ends import RETRY_TAG, find_second_chances, tell_silent_ends
from resources.dagster.runs import fail_dead_runs

SECONDS = 30
"""Between two looks: three small queries."""


def build_sensors(jobs: Sequence[Any]) -> list[dg.SensorDefinition]:
    """The sensor; it runs without anybody switching it on.

    Args:
        jobs: All jobs; those that say so by their tag get a second chance.
    """
    again = [job for job in jobs if RETRY_TAG in (job.tags or {})]

    @dg.sensor(
        name="runs",
        jobs=again,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Fails runs of dead processes, tells of runs that failed, starts again what failed for a while.",
    )
    def runs(
        context: dg.SensorEvaluationContext, services: dg.ResourceParam[Services]
    ) -> dg.SensorResult | dg.SkipReason:
        now, instance = services.clock.now(), context.instance
        with explained_failures():
            dead = fail_dead_runs(instance)
            told = tell_silent_ends(services.alerts, instance, now)
            names = {job.name for job in again}
            requests = [
                each for each in find_second_chances(instance, now) if each.job_name in names
            ]
        if not requests:
            return dg.SkipReason(
                f"{len(dead)} runs of dead processes failed, {len(told)} ends told"
            )
        return dg.SensorResult(run_requests=requests)

    return [runs]
