"""One attempt at one shard: its tables through the engine, each in a process of its own, then its summary.

receipts -> run_units over the tables that are not done -> all of the shard done? -> its summary -> result file
"""

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.run import run_units
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import JsonObject, Report, Unit, UnitOutcome, UnitState
from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from platform_assets.core.objects import ObjectStore
from platform_assets.tags.shards.ledger import ShardLedger
from platform_assets.tags.shards.manifest import Manifest
from platform_assets.tags.shards.result import ResultFile, ShardResult, TableResult, TableState
from platform_assets.tags.table.receipts import StepVersions
from platform_assets.tags.table.work import TableWork

ALARM_SECONDS = 30.0
"""After a table's timeout its process ends itself, should nobody be left to kill it."""


class Call(Protocol):
    """Calls `answer` in a process of its own, and kills that when it is cancelled: `ForkServer.call`."""

    async def __call__(  # noqa: D102 - said above
        self, payload: JsonObject, *, alarm_seconds: float | None = None
    ) -> JsonObject | None: ...


class WorkEnd(StrEnum):
    """How an attempt ended.

    DONE: all tables that it was to work on are done. FAILED: some are not, or there is no summary. STOPPED: it was
    asked to stop. REFUSED: it could not work.
    """

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ShardTask:
    """An attempt.

    Attributes:
        manifest: The job.
        shard: The shard.
        attempt: Attempts before this one.
    """

    manifest: Manifest
    shard: str
    attempt: int


def answer(work: TableWork, task: ShardTask, payload: JsonObject) -> JsonObject:
    """What a call does in its own process: one table, or the summary of the shard.

    Raises:
        PlatformError: See `TableWork`.
    """
    folder = Path(payload["folder"])
    tables = {table.table_id: table for table in task.manifest.tables[task.shard]}
    if "table" in payload:
        return work.do(tables[payload["table"]], folder).counts
    work.merge(list(tables.values()), task.shard, folder)
    return {}


async def work_on_shard(
    task: ShardTask,
    *,
    objects: ObjectStore,
    versions: StepVersions,
    call: Call,
    scratch: Path,
    stop: asyncio.Event,
    mask: Callable[[str], str],
) -> WorkEnd:
    """Works on a shard to its end, and writes what came of it.

    Args:
        task: What is to be done.
        objects: The store.
        versions: What the outputs are to be made by.
        call: Calls `answer` in a process of its own.
        scratch: Folder for temporary files.
        stop: When set, the table in progress is given up, no other one starts, and the result is written.
        mask: Hides personal data in messages.

    Raises:
        PlatformError: The result could not be written.
    """
    run = _ShardRun(task, objects, versions, call, scratch, stop, mask)
    return await run.execute()


class _ShardRun:
    def __init__(
        self,
        task: ShardTask,
        objects: ObjectStore,
        versions: StepVersions,
        call: Call,
        scratch: Path,
        stop: asyncio.Event,
        mask: Callable[[str], str],
    ) -> None:
        self._task = task
        self._manifest = task.manifest
        self._call = call
        self._scratch = scratch
        self._stop = stop
        place, tables = task.manifest.place, task.manifest.select(task.shard)
        self._ledger = ShardLedger(objects, place, task.shard, tables, versions)
        selected = set(tables)
        others = [each for each in task.manifest.tables[task.shard] if each not in selected]
        self._others = ShardLedger(objects, place, task.shard, others, versions)
        first = ShardResult(task.shard, task.attempt, waiting=len(tables))
        self._result = ResultFile(objects, task.manifest.job_id, first, mask)

    async def execute(self) -> WorkEnd:
        """The straight line."""
        left_out = 0
        error: PlatformError | None = None
        self._result.open()
        end, whole = WorkEnd.REFUSED, False
        try:
            left_out = await self._read()
            report = await self._do_tables()
            end, error = self._judge(report)
            if report.complete and not left_out:
                await self._merge()
                whole = True
        except _StoppedError as stopped:
            end, error = WorkEnd.STOPPED, stopped
        except RefusedError as refused:  # no table's fault: another attempt may go on
            end, error = WorkEnd.REFUSED, refused
        except PlatformError as failed:
            end = WorkEnd.REFUSED if end is WorkEnd.REFUSED else WorkEnd.FAILED
            error = failed
        await self._result.close(whole=whole, left_out=left_out, error=error)
        return end

    async def _read(self) -> int:
        """Tells of what is done already; returns how many of the other tables are not."""
        for record in await asyncio.to_thread(self._ledger.read_units, self._ledger.plan):
            if record.state is UnitState.DONE:
                counts = record.detail or {}
                self._result.add(TableResult(record.unit.unit_id, TableState.SKIPPED, **counts))
        others = await asyncio.to_thread(self._others.read_units, self._others.plan)
        return sum(record.state is not UnitState.DONE for record in others)

    async def _do_tables(self) -> Report:
        work = self._manifest.work
        policy = RunPolicy(
            concurrency=1,
            unit_timeout_seconds=work.table_timeout_seconds,
            retry=RetryPolicy(attempts=work.attempts),
        )
        return await run_units(
            self._ledger.plan,
            self._do_table,
            ledger=self._ledger,
            policy=policy,
            on_outcome=self._add,
            stop=self._stop,
        )

    async def _do_table(self, unit: Unit, run: UnitRun) -> JsonObject | None:
        del run
        self._result.begin(unit.unit_id)
        try:
            return await self._ask({"table": unit.unit_id})
        finally:
            self._result.pause()

    async def _merge(self) -> None:
        """The summary of the shard, tried as often as a table, unless somebody wants the task to stop.

        Raises:
            PlatformError: It was not written.
        """
        retry = RetryPolicy(attempts=self._manifest.work.attempts)
        failures = 0
        while True:
            try:
                await self._merge_once()
            except _StoppedError:
                raise
            except TransientError as error:
                failures += 1
                wait = retry.next_wait(failures, error, draw=0.0)  # nobody else waits for it
                if wait is None:
                    raise
                await self._pause(wait)
            else:
                return

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
            raise _StoppedError

    async def _merge_once(self) -> None:
        merging = asyncio.ensure_future(self._ask({"merge": self._task.shard}))
        stopping = asyncio.ensure_future(self._stop.wait())
        seconds = self._manifest.work.table_timeout_seconds
        try:
            await asyncio.wait(
                {merging, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if merging.done():
                merging.result()
            elif stopping.done():
                raise _StoppedError
            else:
                raise TransientError(
                    f"shard {self._task.shard}: no summary after {seconds:g} s: run it again",
                    kind="timeout",
                )
        finally:
            await _cancel(merging, stopping)

    async def _ask(self, payload: dict[str, Any]) -> JsonObject | None:
        """Calls, with a folder that is gone afterwards, whatever becomes of the call."""
        folder = self._scratch / payload.get("table", "merge")
        await asyncio.to_thread(folder.mkdir, exist_ok=True)
        try:
            return await self._call(
                {**payload, "folder": str(folder)},
                alarm_seconds=self._manifest.work.table_timeout_seconds + ALARM_SECONDS,
            )
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    def _judge(self, report: Report) -> tuple[WorkEnd, PlatformError | None]:
        if self._stop.is_set() and not report.complete:
            return WorkEnd.STOPPED, _StoppedError()
        if report.stop is not None:
            return WorkEnd.REFUSED, RefusedError(report.stop.message, kind=report.stop_kind)
        return (WorkEnd.DONE if report.complete else WorkEnd.FAILED), None

    def _add(self, outcome: UnitOutcome) -> None:
        """Called with every unit that ended done or failed."""
        done = outcome.state is UnitState.DONE
        self._result.add(
            TableResult(
                outcome.unit_id,
                TableState.DONE if done else TableState.FAILED,
                seconds=round(outcome.seconds, 3),
                error_kind=outcome.error_kind,
                error_message=outcome.error_message,
                transient=outcome.transient,
                **(outcome.detail or {}),
            )
        )


class _StoppedError(TransientError):
    """The task was asked to stop."""

    default_kind = "stopped"

    def __init__(self) -> None:
        super().__init__("the task was asked to stop (SIGTERM): run the job again")


async def _cancel(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
