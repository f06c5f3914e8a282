# pyright: standard
"""Sensors of the tenants pipeline: what is due leaves in slices, what hangs is failed, partitions follow the tenants.

What is due is decided in `platform_assets/tenants/decide.py`; a sensor reads, asks, and says in its tick's log why.
"""

import logging
from collections.abc import Sequence

import dagster as dg

from platform_assets.core.errors import TransientError
from platform_assets.glue import explained_failures
from platform_assets.services import Services
from platform_assets.settings import Settings
from platform_assets.tenants.decide import describe, slice_lanes
from platform_assets.tenants.glue import tell_missing
from platform_assets.tenants.runs import CYCLE_JOB, TenantRuns, tag_cells
from platform_assets.tenants.tenant import TenantMonth, name_cell
from resources.dagster.orchestration import STARTED_BY_TAG
from resources.dagster.run_ends import find_fault
from resources.dagster.runs import fail_dead_runs

PARTITIONS_SECONDS = 30
"""Seconds between two looks whether tenants were added or removed: one small query."""


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensors; they run without anybody switching them on."""

    @dg.sensor(
        name="tenants_orchestrator",
        job_name="tenant_cycle",
        minimum_interval_seconds=settings.tenants_orchestrator_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Decides which tenant-months are due and hands them to few runs; the tick's log says why for each.",
    )
    def orchestrator(
        context: dg.SensorEvaluationContext, services: dg.ResourceParam[Services]
    ) -> dg.SensorResult | dg.SkipReason:
        with explained_failures():
            runs = TenantRuns(context.instance, settings.dagster_url)
            _give_back_stale(context, services, runs)  # they would count against the limit
            if (
                reason := find_fault(context.instance, CYCLE_JOB, services.clock.now())
            ) is not None:
                return dg.SkipReason(reason)
            in_hand = runs.runs_in_hand()
            busy = {tenant_id for run in in_hand for tenant_id in run.tenants}
            decision = services.decide_tenants(busy)
            handed = {lane.tenant_id for lane in decision.lanes}
            customers = services.due_customers(busy | handed)
        lines = describe(decision)
        context.log.info("\n".join(lines))
        requests = [
            _request([name_cell(lane.tenant_id, month) for lane in lanes for month in lane.months])
            for lanes in slice_lanes(decision.lanes, settings.tenants_slice)
        ]
        if customers and all(run.cells for run in in_hand):  # a run without cells may be at them
            requests.append(_request([], customers[: settings.tenants_queued]))
        if not requests:
            return dg.SkipReason(lines[0])
        return dg.SensorResult(run_requests=requests)

    @dg.sensor(
        name="tenants_stale",
        minimum_interval_seconds=settings.tenants_stale_check_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Gives back tenant-months without a sign of life, ends their runs, tells Dagster of missed ones.",
    )
    def stale(
        context: dg.SensorEvaluationContext, services: dg.ResourceParam[Services]
    ) -> dg.SkipReason:
        runs = TenantRuns(context.instance, settings.dagster_url)
        with explained_failures():
            expired, ended = _give_back_stale(context, services, runs)
            told = tell_missing(context.instance, services, runs.is_going_on)
        return dg.SkipReason(
            f"{len(expired)} stale tenant-months given back, {len(ended)} runs asked to end, "
            f"{told} completed tenant-months told to Dagster"
        )

    @dg.sensor(
        name="tenants_partitions",
        minimum_interval_seconds=PARTITIONS_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Keeps the partitions `tenants` in step with the registered tenants.",
    )
    def partitions(
        context: dg.SensorEvaluationContext, services: dg.ResourceParam[Services]
    ) -> dg.SkipReason:
        with explained_failures():
            runs = TenantRuns(context.instance, settings.dagster_url)
            changes = runs.sync_partitions(services.tenants.ids())
        return dg.SkipReason(
            f"added {len(changes.added)}, removed {len(changes.removed)}, kept for a running backfill: "
            f"{len(changes.kept)}"
        )

    return [orchestrator, stale, partitions]


def _give_back_stale(
    context: dg.SensorEvaluationContext, services: Services, runs: TenantRuns
) -> tuple[list[TenantMonth], set[str]]:
    """Gives back tenant-months that nobody works on, and ends their runs; the months, and the ids of the runs."""
    expired = services.tenant_months.expire(
        services.settings.tenants_stale_minutes * 60,
        lambda month: runs.is_gone(month.run_id or ""),
    )
    for month in expired:
        context.log.warning("%s %s: %s", month.tenant_id, month.month, month.error_message)
    ended = {month.run_id for month in expired if month.run_id}
    fail_dead_runs(context.instance)
    for run_id in sorted(ended):
        _end(runs, run_id, context.log)
    return expired, ended


def _end(runs: TenantRuns, run_id: str, log: logging.Logger) -> None:
    """Asks a run to end. Where its code server is gone the run is CANCELING, and Dagster's monitoring does the rest."""
    try:
        runs.terminate(run_id)
    except TransientError as error:
        log.warning("run %s: %s", run_id, error)


def _request(cells: Sequence[str], customers: Sequence[str] = ()) -> dg.RunRequest:
    config = {"cells": list(cells), "customers": list(customers)}
    return dg.RunRequest(
        run_config={"ops": {"run_cycle": {"config": config}}},
        tags={**tag_cells(cells), STARTED_BY_TAG: "sensor"},
    )
