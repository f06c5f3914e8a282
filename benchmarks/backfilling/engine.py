"""The engine over the state table as a measured process: what a run does, without Dagster.

python -m benchmarks.backfilling.engine < JOB
"""

import asyncio

from benchmarks.backfilling.job import Job, Measured, Watch, serve
from platform_assets.services import Services
from platform_assets.tenants.cycle import run_months


def run_all(job: Job) -> Measured:
    """Processes the cells slice by slice, then builds the customers.

    Raises:
        RuntimeError: A cell was not completed.
    """
    services = Services(job.settings)
    processor = services.month_processor
    started = Watch.look()
    for number, cells in enumerate(job.slices):
        ledger = services.month_ledger(cells, f"slice-{number}", skip=(), in_order=True)
        report = asyncio.run(run_months(processor, ledger, force=False))
        if not report.complete:
            raise RuntimeError(f"not all cells were completed: {report}")
    ended = Watch.look()
    for tenant_id in services.due_customers():
        services.build_customers(tenant_id)
    after = Watch.look()
    _, months = services.tenants.read_all()
    return Measured(
        started=started.wall,
        ended=ended.wall,
        cpu_seconds=ended.cpu - started.cpu,
        after_cpu_seconds=after.cpu - ended.cpu,
        records=sum(month.processed_records for month in months),
    )


if __name__ == "__main__":
    serve(run_all)
