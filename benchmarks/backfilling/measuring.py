"""One measured backfill: fresh homes, fresh processes, and what came of it read back. A row is `summary.py`'s.

In turns: the bare peer in one process and in several, the engine over the state table, runs inside one process, and a
real daemon with its code server.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import msgspec
from dagster import DagsterRunStatus, RunsFilter

from benchmarks.backfilling.job import READY, Job, Measured
from benchmarks.backfilling.one_run import find_last_told, measure_window
from benchmarks.backfilling.processes import ProcessTree
from benchmarks.backfilling.sources import ROOT, World, register_all
from benchmarks.backfilling.storage import Home, program
from benchmarks.backfilling.summary import Backfill, Row
from platform_assets.services import Services
from platform_assets.settings import Settings, child_environment
from platform_assets.tenants.glue import MONTH_NUMBERS
from platform_assets.tenants.tenant import MonthStatus

ORCHESTRATOR_SECONDS = 10
"""Between two ticks: the default of 300 s would be most of what is measured."""

LOOK_SECONDS = 1.0
LONGEST_SECONDS = 3600.0
LOG_TAIL = 2000

_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


class BackfillError(Exception):
    """A measured backfill did not work; the text says where it stood."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How much goes on at once, as the platform's defaults have it.

    Attributes:
        runs: Runs at the same time: `max_concurrent_runs` of dagster.yaml.
        concurrency: Cells of a run at the same time.
        slice_tenants: Tenants of a run.
    """

    runs: int
    concurrency: int
    slice_tenants: int


def read_shape() -> Shape:
    """From the settings' defaults and the project's dagster.yaml."""
    fields = Settings.model_fields
    known = msgspec.yaml.decode((ROOT / "dagster.yaml").read_bytes())
    return Shape(
        known["concurrency"]["runs"]["max_concurrent_runs"],
        fields["tenants_concurrency"].default,
        fields["tenants_slice"].default,
    )


def measure_bare(world: World, folder: Path, shape: Shape, processes: int) -> Row:
    """The peer: the same cells without a platform, over as many processes."""
    jobs = [
        Job(str(folder / str(number)), "", str(world.folder), slices, shape.concurrency)
        for number in range(processes)
        if (slices := world.slices(shape.slice_tenants)[number::processes])
    ]
    told = run_children("bare", jobs, child_environment({}))
    wall = max(one.ended for one in told) - min(one.started for one in told)
    return Row(
        kind=Backfill.BARE if processes == 1 else Backfill.BARE_MANY,
        storage="none",
        cells=world.cell_count,
        window_seconds=wall,
        cpu_seconds=sum(one.cpu_seconds + one.after_cpu_seconds for one in told),
        verdict=judge(world, sum(one.records for one in told)),
    )


def measure_inside(world: World, home: Home, shape: Shape, kind: Backfill) -> Row:
    """The engine alone, or runs of the job, in one process."""
    services = home.open_services()
    register_all(services, world)
    job = Job(
        str(home.folder),
        home.state_url,
        str(world.folder),
        world.slices(shape.slice_tenants),
        shape.concurrency,
    )
    (told,) = run_children(kind, [job], home.environment())
    verdict = judge(world, told.records)
    if verdict == "exact" and kind is Backfill.ONE_RUN:
        verdict = judge_dagster(world, home)
    services.state.close()
    return Row(
        kind=kind,
        storage=home.storage,
        cells=world.cell_count,
        window_seconds=told.ended - told.started,
        done_seconds=told.done_seconds,
        cpu_seconds=told.cpu_seconds + told.after_cpu_seconds,
        runs=len(job.slices) if kind is Backfill.ONE_RUN else None,
        verdict=verdict,
    )


def measure_daemon(world: World, home: Home) -> Row:
    """A daemon with its code server, from its start to the end of its last run.

    Raises:
        BackfillError: It ended by itself, or took too long.
    """
    services = home.open_services()
    register_all(services, world)
    environment = home.environment(
        SLUICE_TENANTS_ORCHESTRATOR_SECONDS=str(ORCHESTRATOR_SECONDS),
        SLUICE_TENANTS_FIRST_MONTH=min(services.settings.tenants_first_month, world.months[0]),
    )
    command = [program("dagster-daemon"), "run", "-w", str(ROOT / "workspace.yaml")]
    log = home.folder / "daemon.log"
    started_at = services.clock.now()
    with dg.DagsterInstance.from_config(str(home.dagster_home)) as instance:
        with ProcessTree(command, environment, log) as tree:
            _wait_until(lambda: _is_complete(services, world), services, tree, log)
            _wait_until(lambda: not _count(instance, _UNFINISHED), services, tree, log)
            cpu_seconds = tree.cpu_seconds()
        runs = _count(instance, [])
        failed = _count(instance, [DagsterRunStatus.FAILURE])
        told_at = find_last_told(instance)
    _, months = services.tenants.read_all()
    verdict = judge(world, sum(month.processed_records for month in months))
    services.state.close()
    if failed:
        verdict = f"{failed} runs failed"
    first = min(month.started_at for month in months if month.started_at)
    return Row(
        kind=Backfill.DAEMON,
        storage=home.storage,
        cells=world.cell_count,
        window_seconds=told_at - first.timestamp(),
        done_seconds=measure_window(months),
        cpu_seconds=cpu_seconds,
        from_start_seconds=told_at - started_at.timestamp(),
        runs=runs,
        verdict=verdict if verdict != "exact" else judge_dagster(world, home),
    )


def judge(world: World, records: int) -> str:
    """`exact`, or how many events there should have been."""
    return "exact" if records == world.records else f"{records} of {world.records} events"


def judge_dagster(world: World, home: Home) -> str:
    """`exact`, or how many of the cells Dagster shows for one of the assets."""
    with dg.DagsterInstance.from_config(str(home.dagster_home)) as instance:
        for key in MONTH_NUMBERS:
            shown = len(instance.get_materialized_partitions(key))
            if shown != world.cell_count:
                return f"Dagster shows {shown} of {key.to_user_string()}"
    return "exact"


def run_children(
    module: str, jobs: Sequence[Job], environment: Mapping[str, str]
) -> list[Measured]:
    """Runs measured processes, all from one barrier on.

    Raises:
        BackfillError: One of them failed.
    """
    children = [_start_child(module, job, environment) for job in jobs]
    try:
        for child in children:
            assert child.stdout is not None
            if child.stdout.readline().strip() != READY:
                raise BackfillError(f"{module} did not start: {_end_of(child)}")
        for child in children:
            _say(child, "")
        return [_hear(module, child) for child in children]
    finally:
        for child in children:
            child.kill()
            child.wait()


def _start_child(module: str, job: Job, environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    Path(job.home).mkdir(parents=True, exist_ok=True)
    with (Path(job.home) / f"{module}.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.backfilling.{module}"],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    _say(child, msgspec.json.encode(job).decode())
    return child


def _say(child: "subprocess.Popen[str]", line: str) -> None:
    assert child.stdin is not None
    child.stdin.write(f"{line}\n")
    child.stdin.flush()


def _hear(module: str, child: "subprocess.Popen[str]") -> Measured:
    assert child.stdout is not None
    lines = child.stdout.read().splitlines()
    if child.wait() or not lines:
        raise BackfillError(f"{module} ended with {child.returncode}, see its log")
    return msgspec.json.decode(lines[-1], type=Measured)


def _end_of(child: "subprocess.Popen[str]") -> str:
    return f"status {child.wait()}, see its log"


def _is_complete(services: Services, world: World) -> bool:
    counts = services.tenant_months.count_by_status()
    if counts[MonthStatus.FAILED]:
        raise BackfillError(f"{counts[MonthStatus.FAILED]} tenant-months failed")
    return counts[MonthStatus.COMPLETED] == world.cell_count


def _count(instance: dg.DagsterInstance, statuses: list[DagsterRunStatus]) -> int:
    return instance.get_runs_count(RunsFilter(statuses=statuses))


def _wait_until(
    holds: Callable[[], bool], services: Services, tree: ProcessTree, log: Path
) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not holds():
        if not tree.lives() or time.monotonic() > deadline:
            counts = services.tenant_months.count_by_status()
            tail = log.read_text(errors="replace")[-LOG_TAIL:]
            raise BackfillError(f"the daemon ended or took too long: {counts}\n{tail}")
        time.sleep(LOOK_SECONDS)
