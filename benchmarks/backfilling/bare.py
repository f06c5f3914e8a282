"""The peer as a measured process: cells through `process_month` in a pool of threads, and nothing around them.

    python -m benchmarks.backfilling.bare < JOB

No state table, no leases, no dead letters kept, no Dagster. Then each tenant's customers, as a cycle builds them.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from benchmarks.backfilling.job import Job, Measured, Watch, serve
from benchmarks.backfilling.sources import read_sources
from platform_assets.services import Services
from platform_assets.tenants.customers import build_customers
from platform_assets.tenants.process import process_month
from platform_assets.tenants.tenant import split_cell


class NoLetters:
    """Dead letters that are forgotten."""

    def replace(self, tenant: str, month: str) -> None:
        """Nothing is kept, so nothing is removed."""

    def add(self, tenant: str, month: str, bad: Sequence[object]) -> None:
        """Keeps nothing."""


def process_all(job: Job) -> Measured:
    """Processes the cells, then builds the customers."""
    services = Services(job.settings)
    sources = read_sources(Path(job.sources))
    letters = NoLetters()

    def process(cell: str) -> int:
        tenant_id, month = split_cell(cell)
        result = process_month(
            tenant_id,
            month,
            services.sources.open(sources[tenant_id]),
            services.objects,
            letters,
            check_held=lambda: None,
            last=None,
        )
        return result.processed_records

    started = Watch.look()
    with ThreadPoolExecutor(job.concurrency) as pool:
        records = sum(pool.map(process, chain.from_iterable(job.slices)))
    ended = Watch.look()
    for tenant_id in job.tenants:
        build_customers(tenant_id, services.objects)
    after = Watch.look()
    return Measured(
        started=started.wall,
        ended=ended.wall,
        cpu_seconds=ended.cpu - started.cpu,
        after_cpu_seconds=after.cpu - ended.cpu,
        records=records,
    )


if __name__ == "__main__":
    serve(process_all)
