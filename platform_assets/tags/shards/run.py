"""`run_shards`: shards of a tenant-source as one job of many tasks, and how each of them ended, as soon as it has.

    raw tables -> plan (stored) -> manifest (stored) -> runner: a task per shard -> result files -> an end per shard

The runner says that a task is over, its result file what it did. Only tables without an up-to-date receipt are worked
on, so that doing a shard again does only the rest.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from platform_assets.core.engine.units import FailedUnit
from platform_assets.core.errors import PermanentError, PlatformError
from platform_assets.core.jobs import Job, JobRunner, TaskEnd, TaskState
from platform_assets.core.objects import ObjectExistsError, ObjectStore
from platform_assets.tags.keys import MOST_SHARDS, TenantSource
from platform_assets.tags.shards.dealing import open_plan
from platform_assets.tags.shards.manifest import (
    Manifest,
    WorkSettings,
    read_manifest,
    select_shards,
    write_manifest,
)
from platform_assets.tags.shards.result import ShardResult, TableState, read_result
from platform_assets.tags.tables import list_tables

POLL_SECONDS = 5.0
"""Between two looks at the results of running tasks: each reads a small object per running shard."""

TASK_DIED = "task_died"
"""Kind of a task that ended before it could say why."""

NAMED_TABLES = 5
"""Failed tables that a shard's reason names; its result file has all of them."""


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """How one shard ended.

    Attributes:
        shard: The shard.
        result: What its task did; None when that is not known.
        reason: Why it is not whole, for people; None when it is.
    """

    shard: str
    result: ShardResult | None
    reason: str | None

    @property
    def blamed(self) -> list[FailedUnit]:
        """What went wrong in one that is not whole: its tables, else its attempt, else its task, which may pass."""
        result = self.result
        if result is None or not (result.failed or result.error_kind):
            return [FailedUnit(self.shard, TASK_DIED, self.reason or "", transient=True)]
        if result.failed:
            return [
                FailedUnit(
                    table.table_id,
                    table.error_kind or "",
                    table.error_message or "",
                    table.transient,
                )
                for table in result.failed
            ]
        kind, message = result.error_kind or "", result.error_message or ""
        return [FailedUnit(self.shard, kind, message, result.transient)]


@dataclass(frozen=True, slots=True)
class JobProgress:
    """A look at a job while it goes on. Counts are tables.

    Attributes:
        total: In all its shards.
        done: Ended well, in this job or before it.
        failed: Failed for good.
        running: Table ids in progress.
        slowest: Table id and seconds of those that took longest, the slowest first.
        seconds: Since the job started.
        left_seconds: Estimate of what is left; None while nothing has ended.
    """

    total: int
    done: int
    failed: int
    running: tuple[str, ...]
    slowest: tuple[tuple[str, float], ...]
    seconds: float
    left_seconds: float | None


@dataclass(frozen=True, slots=True)
class IgnoredObjects:
    """Objects beside the raw tables that are left alone.

    Attributes:
        keys: Of all of them.
    """

    keys: tuple[str, ...]


OnShard = Callable[[ShardOutcome], None]
OnJobProgress = Callable[[JobProgress], None]
OnIgnored = Callable[[Sequence[str]], None]


async def run_shards(  # noqa: PLR0913 - each argument is one thing that a run says
    job_id: str,
    place: TenantSource,
    shards: Sequence[str],
    *,
    objects: ObjectStore,
    runner: JobRunner,
    work: WorkSettings,
    on_shard: OnShard,
    on_progress: OnJobProgress = lambda _: None,
    on_ignored: OnIgnored = lambda _: None,
    count: int = MOST_SHARDS,
    poll_seconds: float = POLL_SECONDS,
) -> None:
    """Runs shards as one job; a shard that the plan does not have ends at once, with nothing to do.

    Args:
        job_id: Names the job; the same id goes on with the same manifest.
        place: Whose tables.
        shards: Which shards.
        objects: Where everything is; the tasks must use the same store.
        runner: Runs the tasks.
        work: How tables are worked on.
        on_shard: Called in the event loop with each shard that ended, once.
        on_progress: Called in the event loop every `poll_seconds`.
        on_ignored: Called in the event loop, before any shard, with the keys of objects beside the tables that are
            left alone, if there are any.
        count: Shards of a first plan.
        poll_seconds: See `on_progress`.

    Raises:
        PermanentError: The raw tables cannot be planned, see `tables.py`, `dealing.py`; kind `other_shards`: the job
            was started with other shards.
        TransientError: The store does not answer, or the runner cannot be reached.
        RefusedError: The runner does not work without a person.
    """
    manifest, ignored = await asyncio.to_thread(
        _open_manifest, objects, job_id, place, shards, work, count
    )
    if ignored:
        on_ignored(ignored)
    planned = manifest.shards if manifest else ()
    for shard in shards:
        if shard not in planned:
            on_shard(ShardOutcome(shard, ShardResult(shard, 0, ended=True, whole=True), None))
    if manifest is not None:
        await _JobRun(manifest, objects, on_shard, on_progress, poll_seconds).execute(runner)


def _open_manifest(
    objects: ObjectStore,
    job_id: str,
    place: TenantSource,
    shards: Sequence[str],
    work: WorkSettings,
    count: int,
) -> tuple[Manifest | None, Sequence[str]]:
    """The stored manifest of the job, None when the plan has none of the shards; and what is no table."""
    found = list_tables(objects, place)
    tables = found.tables
    plan = open_plan(
        objects, place, {table.table_id: table.size_bytes for table in tables}, count=count
    )
    known = [shard for shard in shards if shard in plan.names]
    if not known:
        return None, found.ignored
    manifest = select_shards(job_id, place, plan, tables, work, shards=known)
    try:
        write_manifest(objects, manifest)
    except ObjectExistsError:
        manifest = _read_started(objects, manifest)  # the run was started again in the middle
    return manifest, found.ignored


def _read_started(objects: ObjectStore, wanted: Manifest) -> Manifest:
    """The manifest that the job was started with: of the same shards, else some would count as done untouched."""
    started = read_manifest(objects, wanted.key)
    if set(started.shards) != set(wanted.shards):
        raise PermanentError(
            f"job {wanted.job_id} was started with shards {', '.join(sorted(started.shards))} of {started.place.key}, "
            f"and is asked for {', '.join(sorted(wanted.shards))} now: start a new run",
            kind="other_shards",
        )
    return started


class _JobRun:
    """One call of `run_shards` whose manifest is written."""

    def __init__(
        self,
        manifest: Manifest,
        objects: ObjectStore,
        on_shard: OnShard,
        on_progress: OnJobProgress,
        poll_seconds: float,
    ) -> None:
        self._manifest = manifest
        self._objects = objects
        self._on_shard = on_shard
        self._on_progress = on_progress
        self._poll_seconds = poll_seconds
        self._results: dict[str, ShardResult] = {}
        self._over: set[str] = set()
        self._ended: asyncio.Queue[TaskEnd | None] = asyncio.Queue()

    async def execute(self, runner: JobRunner) -> None:
        manifest = self._manifest
        job = Job(manifest.job_id, manifest.key, len(manifest.shards))
        telling = asyncio.create_task(self._tell_ends())
        watching = asyncio.create_task(self._watch())
        try:
            await runner.run(job, self._ended.put_nowait)
        finally:
            watching.cancel()
            self._ended.put_nowait(None)
            await telling  # what has ended is told, however the runner ended

    async def _tell_ends(self) -> None:
        while (end := await self._ended.get()) is not None:
            shard = self._manifest.shards[end.index]
            result, problem = await self._read(shard)
            self._over.add(shard)
            if result is not None:
                self._results[shard] = result
            self._on_shard(ShardOutcome(shard, result, problem or _explain(end, result)))

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            await asyncio.sleep(self._poll_seconds)
            for shard in self._manifest.shards:
                if shard not in self._over:
                    await self._look_at(shard)
            self._on_progress(self._measure(loop.time() - started))

    async def _look_at(self, shard: str) -> None:
        found, _ = await self._read(shard)
        if found is not None and shard not in self._over:  # its end has read a newer one meanwhile
            self._results[shard] = found

    async def _read(self, shard: str) -> tuple[ShardResult | None, str | None]:
        """A shard's result, and why it cannot be read."""
        job_id = self._manifest.job_id
        try:
            return await asyncio.to_thread(read_result, self._objects, job_id, shard), None
        except PlatformError as error:
            return None, f"its result cannot be read ({error.kind}): {error}"

    def _measure(self, seconds: float) -> JobProgress:
        total = sum(len(self._manifest.select(shard)) for shard in self._manifest.shards)
        tables = [table for result in self._results.values() for table in result.tables]
        failed = sum(table.state is TableState.FAILED for table in tables)
        # What was done before says nothing about the pace.
        fresh = sum(table.state is not TableState.SKIPPED for table in tables)
        slowest = sorted(tables, key=lambda table: -table.seconds)[:NAMED_TABLES]
        # A task that was killed has left its table in its result.
        going_on = (
            result.running for shard, result in self._results.items() if shard not in self._over
        )
        return JobProgress(
            total=total,
            done=len(tables) - failed,
            failed=failed,
            running=tuple(sorted(filter(None, going_on))),
            slowest=tuple((table.table_id, table.seconds) for table in slowest),
            seconds=seconds,
            left_seconds=seconds / fresh * (total - len(tables)) if fresh else None,
        )


def _explain(end: TaskEnd, result: ShardResult | None) -> str | None:
    """Why a shard is not whole; None when it is."""
    if result is None:
        return f"its task {end.state} without a result: {end.reason or 'no reason given'}"
    if failed := result.failed:
        named = "; ".join(
            f"{table.table_id} ({table.error_kind}): {table.error_message}"
            for table in failed[:NAMED_TABLES]
        )
        more = f"; and {len(failed) - NAMED_TABLES} more" if len(failed) > NAMED_TABLES else ""
        waiting = f", {result.waiting} were not reached" if result.waiting else ""
        return f"{len(failed)} tables failed{waiting}: {named}{more}"
    if not result.ended or end.state is not TaskState.SUCCEEDED or not result.whole:
        done = f"{len(result.tables)} tables are done, {result.waiting} are left"
        why = result.error_message or end.reason or f"its task {end.state}"
        return f"{why} ({done})"
    return None
