# pyright: standard
"""Runs of the job `tenant_cycle`, one after another in one measured process, against the instance of DAGSTER_HOME.

    python -m benchmarks.backfilling.one_run < JOB

What a run costs once its process is up: the engine, the events that it logs, the customers. What is between runs does
not count: neither creating a run nor the pause until the next one begins.
"""

import sys
from collections.abc import Sequence
from cProfile import Profile

import dagster as dg

from benchmarks.backfilling.job import Job, Measured, Watch, serve
from platform_assets.definitions import build_definitions
from platform_assets.services import Services
from platform_assets.tenants.glue import SUMMARY
from platform_assets.tenants.tenant import TenantMonth
from resources.dagster.private import InMemoryJob, execute_run

PROFILE = "--profile"
"""Option: writes what cProfile saw of the step's own thread to the path that follows."""


def run_all(job: Job) -> Measured:
    """Executes a run for each slice of cells.

    Raises:
        RuntimeError: A run failed.
    """
    services = Services(job.settings)
    definitions = build_definitions(job.settings, {"services": services})
    cycle = definitions.resolve_job_def("tenant_cycle")
    cpu = told_seconds = 0.0
    with dg.DagsterInstance.get() as instance:
        for cells in job.slices:
            config = {"ops": {"run_cycle": {"config": {"cells": cells, "customers": []}}}}
            run = instance.create_run_for_job(cycle, run_config=config)
            before = Watch.look()
            execute_run(InMemoryJob(cycle), run, instance, raise_on_error=True)
            cpu += Watch.look().cpu - before.cpu
            first = find_first_claim(services.tenants.read_all()[1], run.run_id)
            told_seconds += find_last_told(instance) - first
    _, months = services.tenants.read_all()
    return Measured(
        started=0.0,
        ended=told_seconds,
        cpu_seconds=cpu,
        after_cpu_seconds=0.0,
        records=sum(month.processed_records for month in months),
        done_seconds=sum_windows(months),
    )


def find_first_claim(months: Sequence[TenantMonth], run_id: str) -> float:
    """When a run claimed its first cell, as a Unix time."""
    claimed = [month.started_at for month in months if month.run_id == run_id and month.started_at]
    return min(claimed).timestamp()


def find_last_told(instance: dg.DagsterInstance) -> float:
    """When Dagster was told of the last cell, as a Unix time."""
    event = instance.get_latest_materialization_event(SUMMARY)
    assert event is not None
    return event.timestamp


def sum_windows(months: Sequence[TenantMonth]) -> float:
    """Seconds from the first claim to the last completion of each run, added up."""
    runs: dict[str | None, list[TenantMonth]] = {}
    for month in months:
        runs.setdefault(month.run_id, []).append(month)
    return sum(measure_window(done) for done in runs.values())


def measure_window(months: Sequence[TenantMonth]) -> float:
    """Seconds from the first claim to the last completion."""
    started = [month.started_at for month in months if month.started_at]
    completed = [month.completed_at for month in months if month.completed_at]
    return (max(completed) - min(started)).total_seconds()


def main() -> None:
    """The command line."""
    if PROFILE not in sys.argv:
        serve(run_all)
        return
    profile = Profile()
    profile.enable()
    serve(run_all)
    profile.disable()
    profile.dump_stats(sys.argv[sys.argv.index(PROFILE) + 1])


if __name__ == "__main__":
    main()
