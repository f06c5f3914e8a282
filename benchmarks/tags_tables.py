"""How long do hundreds of tables take end to end: converted, prepared and tagged by real tasks of this machine?

    python -m benchmarks.tags_tables [--data FOLDER] [--tables 645] [--workers 2] [--json FILE]

The sandbox writes the tables (invented, or dealt from real text with --data). One job does all shards; then it is run
again, when everything is done; then every row is counted: what went in is in the output or a dead letter. The limit is
the CPU time of the tables alone, shared by the workers.
"""

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.tables import format_table, write_json
from platform_assets.services import Services
from platform_assets.settings import Settings
from platform_assets.tags.keys import TableOutput, TenantSource, name_shard
from platform_assets.tags.shards.result import TableState
from platform_assets.tags.shards.run import IgnoredObjects, JobProgress, ShardOutcome
from platform_assets.tags.table.receipts import read_receipt
from platform_assets.tags.tables import list_tables

SHARDS = [name_shard(number) for number in range(100)]
HEADERS = ("job", "tables", "wall s", "CPU s", "x limit", "largest process MB", "rows / s")


@dataclass(frozen=True, slots=True)
class JobCost:
    """One job over all shards.

    Attributes:
        name: Which one.
        tables: Tables that it worked on.
        seconds: Wall time.
        cpu_seconds: Of this process and all that it started.
        table_seconds: Time that the tables took, added up.
        peak_mb: Of the largest process.
        rows: Rows of the tables.
    """

    name: str
    tables: int
    seconds: float
    cpu_seconds: float
    table_seconds: float
    peak_mb: float
    rows: int


def write_tables(home: Path, tables: int, data: Path | None) -> TenantSource:
    """The sandbox's tables in the object store of a home."""
    command = [sys.executable, "-m", "sandbox", "tags", "--out", str(home / "objects")]
    command += ["--tables", str(tables)]
    if data is not None:
        command += ["--data", str(data)]
    subprocess.run(command, check=True)
    return TenantSource("acme", "board")


def run_job(services: Services, place: TenantSource, job_id: str) -> JobCost:
    """All shards as one job.

    Raises:
        RuntimeError: A shard is not whole.
    """
    ends: list[ShardOutcome] = []

    def tell(told: ShardOutcome | JobProgress | IgnoredObjects) -> None:
        if isinstance(told, ShardOutcome):
            ends.append(told)

    version = services.publish_dictionary().version
    started, cpu = time.perf_counter(), _cpu_seconds()
    asyncio.run(services.run_shards(job_id, place, SHARDS, version, tell))
    seconds, cpu = time.perf_counter() - started, _cpu_seconds() - cpu
    broken = [f"{end.shard}: {end.reason}" for end in ends if end.reason is not None]
    if broken or len(ends) != len(SHARDS):
        raise RuntimeError("\n".join(broken) or f"{len(ends)} shards ended")
    tables = [table for end in ends if end.result for table in end.result.tables]
    fresh = [table for table in tables if table.state is TableState.DONE]
    return JobCost(
        job_id,
        tables=len(fresh),
        seconds=seconds,
        cpu_seconds=cpu,
        table_seconds=sum(table.seconds for table in fresh),
        peak_mb=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
        rows=sum(table.rows for table in tables),
    )


def count_rows(services: Services, place: TenantSource) -> tuple[int, int]:
    """Rows in the outputs, and dead letters, read back from the files.

    Raises:
        RuntimeError: Two steps of a table do not have the same rows.
    """
    rows = letters = 0
    for table in list_tables(services.objects, place).tables:
        receipt = read_receipt(services.objects, place, table.table_id)
        if receipt is None:
            raise RuntimeError(f"table {table.table_id} is not done")
        counts = {
            output: pq.read_metadata(services.objects.open_read(receipt.files[output])).num_rows
            for output in (TableOutput.CONVERTED, TableOutput.PREPARED, TableOutput.DEAD_LETTERS)
        }
        if counts[TableOutput.CONVERTED] != counts[TableOutput.PREPARED]:
            raise RuntimeError(f"table {table.table_id}: {counts}")
        rows += counts[TableOutput.CONVERTED]
        letters += counts[TableOutput.DEAD_LETTERS]
    return rows, letters


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def format_costs(costs: Sequence[JobCost], workers: int) -> str:
    """One line each."""
    limit = costs[0].table_seconds / workers
    rows = [
        (
            cost.name,
            str(cost.tables),
            f"{cost.seconds:.1f}",
            f"{cost.cpu_seconds:.1f}",
            f"{cost.seconds / limit:.2f}" if cost.tables else "",
            f"{cost.peak_mb:.0f}",
            f"{cost.rows / cost.seconds:.0f}" if cost.tables else "",
        )
        for cost in costs
    ]
    return format_table(HEADERS, rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of real board data")
    parser.add_argument("--tables", type=int, default=645)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-tags-") as folder:
        services = Services(Settings(home=Path(folder), tags_parallelism=options.workers))
        place = write_tables(Path(folder), options.tables, options.data)
        costs = [run_job(services, place, "first"), run_job(services, place, "again")]
        rows, letters = count_rows(services, place)
        services.state.close()
    print(
        f"{options.tables} tables, {options.workers} tasks at a time; {rows} rows, {letters} dead letters\n"
    )
    print(format_costs(costs, options.workers))
    write_json(
        options.json,
        {"rows": rows, "dead_letters": letters, "jobs": [asdict(cost) for cost in costs]},
    )


if __name__ == "__main__":
    main()
