# pyright: standard
"""The sensor of the search queue: requests that wait are answered, one run at a time."""

from datetime import timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from platform_assets.glue import explained_failures
from platform_assets.products.platforms import PLATFORMS
from platform_assets.products.workers import worker_tags
from platform_assets.services import Services
from platform_assets.settings import Settings
from sensors.products import UNFINISHED

JOB = "product_searches"

REST = timedelta(minutes=10)
"""After a run that failed: a shop could not be searched at all, and it will not be in the next seconds."""


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor; it runs without anybody switching it on."""

    @dg.sensor(
        name=JOB,
        job_name=JOB,
        minimum_interval_seconds=settings.products_sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a run that answers the search requests that wait, if none is at it.",
    )
    def searches(
        context: dg.SensorEvaluationContext, services: dg.ResourceParam[Services]
    ) -> dg.RunRequest | dg.SkipReason:
        with explained_failures():
            waiting = services.shops.searches.count_waiting()
        reason = _find_reason_to_wait(context.instance, services) if waiting else "no search waits"
        if reason:
            return dg.SkipReason(reason)
        kinds = [PLATFORMS[name].kind for name in waiting if name in PLATFORMS]
        return dg.RunRequest(tags=worker_tags(kinds))

    return [searches]


def _find_reason_to_wait(instance: dg.DagsterInstance, services: Services) -> str | None:
    if instance.get_runs_count(RunsFilter(job_name=JOB, statuses=UNFINISHED)):
        return "a run is answering searches"
    for record in instance.get_run_records(RunsFilter(job_name=JOB), limit=1):
        ended = record.end_time or 0.0
        over = ended + REST.total_seconds()
        failed = record.dagster_run.status is DagsterRunStatus.FAILURE
        if failed and services.clock.now().timestamp() < over:
            minutes = REST.total_seconds() / 60
            return f"run {record.dagster_run.run_id} has failed: the next one comes {minutes:.0f} minutes after it"
    return None
