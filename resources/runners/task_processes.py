"""`TaskDesk`: tasks as processes of this machine, so many at a time, the others in line. What the service is made of.

A task belongs to those who wait for it: when the last one leaves, it is ended. Somebody who asks for a task that runs
already joins it, so a client that lost its connection and comes back does not start a second process for one shard.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from platform_assets.core.errors import TransientError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TaskCall:
    """One attempt at one task.

    Attributes:
        manifest: Object key of the job's manifest.
        index: Which task, from 0.
        count: How many the job has.
        attempt: Attempts before this one.
    """

    manifest: str
    index: int
    count: int
    attempt: int

    @property
    def shard(self) -> tuple[str, int]:
        """What no two processes should do at the same time."""
        return self.manifest, self.index

    def to_environment(self) -> dict[str, str]:
        """The variables by which a Cloud Run job tells a task who it is."""
        return {
            "CLOUD_RUN_TASK_INDEX": str(self.index),
            "CLOUD_RUN_TASK_COUNT": str(self.count),
            "CLOUD_RUN_TASK_ATTEMPT": str(self.attempt),
        }


@dataclass(frozen=True, slots=True)
class TaskExit:
    """How a process ended.

    Attributes:
        code: Exit code, or minus the signal; None when there is none.
        reason: Why we ended it, or could not start it; None when it ended by itself.
    """

    code: int | None
    reason: str | None = None


STOPPED = TaskExit(None, "stopped")
"""The exit of a task that the desk ended: because nobody waited for it, or because the desk closes."""


@dataclass(frozen=True, slots=True)
class DeskLimits:
    """Bounds of a desk.

    Attributes:
        places: Processes at a time.
        line: Tasks that may wait for a place; one more is refused.
        task_seconds: How long one process may take.
        grace_seconds: From SIGTERM to SIGKILL.
    """

    places: int = 4
    line: int = 200
    task_seconds: float = 3600.0
    grace_seconds: float = 10.0


class LineFullError(TransientError):
    """Too many tasks wait already."""

    default_kind = "runner_busy"


class DeskTask:
    """A task at the desk: in line, running, or ended.

    Args:
        call: What was asked for.
    """

    def __init__(self, call: TaskCall) -> None:
        self.call = call
        self.running = False
        self.watchers = 0
        self.work: asyncio.Task[TaskExit]

    async def wait(self, seconds: float) -> TaskExit | None:
        """The exit; None when there is none within so many seconds."""
        await asyncio.wait({self.work}, timeout=seconds)
        if not self.work.done():
            return None
        return STOPPED if self.work.cancelled() else self.work.result()

    def end(self) -> None:
        """Asks for its end, once: a process has its time to stop."""
        if not self.work.cancelling():
            self.work.cancel()


class TaskDesk:
    """Runs tasks as processes.

    Args:
        command: What a task is; `--manifest KEY` comes after it.
        make_environment: Makes the whole environment of a process from a task's own variables.
        limits: Bounds.
    """

    def __init__(
        self,
        command: Sequence[str],
        make_environment: Callable[[Mapping[str, str]], Mapping[str, str]],
        limits: DeskLimits,
    ) -> None:
        self.closed = False
        self._command = tuple(command)
        self._make_environment = make_environment
        self._limits = limits
        self._places = asyncio.Semaphore(limits.places)
        self._tasks: dict[tuple[str, int], DeskTask] = {}
        self._works: set[asyncio.Task[TaskExit]] = set()

    @property
    def running(self) -> int:
        """Tasks that have a place."""
        return sum(task.running for task in self._tasks.values())

    @property
    def waiting(self) -> int:
        """Tasks in line."""
        return len(self._tasks) - self.running

    def join(self, call: TaskCall) -> DeskTask:
        """The task; it is started, or put in line, unless somebody did before. Whatever happens, `leave` it.

        Raises:
            LineFullError: kind `runner_busy`: too many wait, or the desk is closed.
        """
        task = self._tasks.get(call.shard)
        if task is None or task.work.cancelling():
            if self.closed or len(self._tasks) >= self._limits.places + self._limits.line:
                raise LineFullError(
                    f"{self.running} tasks run and {self.waiting} wait: try again later"
                )
            before = None if task is None else task.work
            task = self._tasks[call.shard] = DeskTask(call)
            task.work = asyncio.create_task(self._work(task, before))
            self._works.add(task.work)
            task.work.add_done_callback(lambda _: self._forget(task))
        task.watchers += 1
        return task

    def leave(self, task: DeskTask) -> None:
        """One watcher less; without any, the task is ended."""
        task.watchers -= 1
        if not task.watchers:
            task.end()

    async def end(self, manifest: str) -> int:
        """Ends all tasks of a job; returns how many there were once they are gone."""
        tasks = [task for task in self._tasks.values() if task.call.manifest == manifest]
        for task in tasks:
            task.end()
        await _wait_for({task.work for task in tasks})
        return len(tasks)

    def stop(self) -> None:
        """Takes no more tasks, and asks all to end."""
        self.closed = True
        for task in self._tasks.values():
            task.end()

    async def close(self) -> None:
        """Stops; returns when no process is left."""
        self.stop()
        await _wait_for(self._works)

    def _forget(self, task: DeskTask) -> None:
        self._works.discard(task.work)
        if self._tasks.get(task.call.shard) is task:
            del self._tasks[task.call.shard]

    async def _work(self, task: DeskTask, before: "asyncio.Task[TaskExit] | None") -> TaskExit:
        if before is not None:
            await _wait_for({before})
        async with self._places:
            task.running = True
            return await self._run(task.call)

    async def _run(self, call: TaskCall) -> TaskExit:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                "--manifest",
                call.manifest,
                env=dict(self._make_environment(call.to_environment())),
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return TaskExit(None, f"cannot be started: {error}")
        log.info("task_started", manifest=call.manifest, index=call.index, pid=process.pid)
        try:
            async with asyncio.timeout(self._limits.task_seconds):
                return TaskExit(await process.wait())
        except TimeoutError:
            return TaskExit(None, f"timeout after {self._limits.task_seconds:g} s")
        finally:
            await self._end_process(process)
            log.info("task_ended", manifest=call.manifest, index=call.index, pid=process.pid)

    async def _end_process(self, process: asyncio.subprocess.Process) -> None:
        """Ends the process if it still runs, and whatever it left behind, as a container would."""
        if process.returncode is None:
            process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self._limits.grace_seconds)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _wait_for(works: "Iterable[asyncio.Task[TaskExit]]") -> None:
    if waiting := set(works):
        await asyncio.wait(waiting)
