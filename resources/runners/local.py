"""`LocalRunner`: the tasks of a job as processes of this machine, as many at a time as it has cores.

One process is started per job, the host (`<command> --host`), which has everything loaded and forks a process per task:
a start of its own would cost each task a second of CPU. `platform_assets/tags/shards/task_host.py` tells the lines
that they exchange. Whatever kills this process closes the host's stdin, and with it the tasks end.
"""

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.errors import TransientError
from platform_assets.core.jobs import Job, OnEnd, TaskEnd, TaskState
from platform_assets.core.processes.fork_calls import describe_exit

log = structlog.get_logger(__name__)

UNREACHABLE = "runner_unreachable"

_REASONS = {
    1: "exit code 1: some tables failed, or there is no summary: its result file says which",
    2: "exit code 2: it could not run, see its result file and the log",
}


@dataclass(frozen=True, slots=True)
class LocalPolicy:
    """How tasks are run on this machine.

    Attributes:
        processes: Tasks at the same time.
        attempts: Starts of a task that was killed or could not run; one that ended by itself has said what is wrong.
        host_deaths: Hosts that may die in a row, without a task that ended, before the job is given up.
        start_seconds: Until a host must have loaded its code.
        end_seconds: How long the host may take to end its tasks: they have ten seconds.
    """

    processes: int = 1
    attempts: int = 2
    host_deaths: int = 3
    start_seconds: float = 120.0
    end_seconds: float = 15.0


class LocalRunner:
    """A `JobRunner` on this machine.

    Args:
        command: The program of a task, such as `[sys.executable, "-m", "platform_assets.tags.task"]`.
        environment: The whole environment of its processes.
        policy: How many at a time, and what is tried again.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], policy: LocalPolicy
    ) -> None:
        self._command = tuple(command)
        self._environment = dict(environment)
        self._policy = policy

    async def run(self, job: Job, on_end: OnEnd) -> Sequence[TaskEnd]:
        """Runs every task to its end; cancelled, it ends them all before it returns. See `JobRunner.run`.

        Raises:
            TransientError: kind `runner_unreachable`: the host cannot be started, or dies over and over.
        """
        tasks = _LocalTasks(job, on_end, self._policy.attempts)
        deaths = 0
        while not tasks.ended:
            ended_before = tasks.count_ended()
            host = await self._start_host()
            ready = False
            try:
                if ready := await self._is_ready(host):
                    await self._serve(host, tasks)
            finally:
                code = await _end_host(host, self._policy.end_seconds if ready else 0.0)
            if tasks.ended:
                break
            deaths = deaths + 1 if tasks.count_ended() == ended_before else 1
            log.warning("task_host_died", job_id=job.job_id, exit=describe_exit(code))
            if deaths >= self._policy.host_deaths:
                raise TransientError(
                    f"job {job.job_id}: the host of its tasks died {deaths} times ({describe_exit(code)}): look for "
                    "why in its output and at the machine's memory",
                    kind=UNREACHABLE,
                )
            tasks.lose_running(f"its host died: {describe_exit(code)}")
        return tasks.list_ends()

    async def _start_host(self) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                "--host",
                env=self._environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the caller, who ends the host in its own way
            )
        except OSError as error:
            raise TransientError(
                f"{self._command[0]} cannot be started: {error}", kind=UNREACHABLE
            ) from error

    async def _is_ready(self, host: asyncio.subprocess.Process) -> bool:
        """Waits until the host listens; False when it was killed before.

        Raises:
            TransientError: It ended by itself, or takes too long.
        """
        seconds = self._policy.start_seconds
        try:
            async with asyncio.timeout(seconds):
                if (await _read_line(host)).get("ready"):
                    return True
                code = await host.wait()
        except TimeoutError:
            why = f"within {seconds:g} s"
        else:
            if code < 0:
                return False
            why = f"({describe_exit(code)})"
        raise TransientError(
            f"{' '.join(self._command)} --host did not begin to listen {why}: its output says more",
            kind=UNREACHABLE,
        )

    async def _serve(self, host: asyncio.subprocess.Process, tasks: "_LocalTasks") -> None:
        """Hands tasks to the host until all have ended, or the host is gone."""
        assert host.stdin is not None
        while not tasks.ended:
            for line in tasks.take(self._policy.processes):
                host.stdin.write(line)
            with suppress(ConnectionError):
                await host.stdin.drain()
            said = await _read_line(host)
            if not said:
                return
            tasks.conclude(said["index"], said["exit"])


class _LocalTasks:
    """Which tasks wait, run and have ended."""

    def __init__(self, job: Job, on_end: OnEnd, attempts: int) -> None:
        self._job = job
        self._on_end = on_end
        self._attempts = attempts
        self._waiting = deque(range(job.tasks))
        self._running: set[int] = set()
        self._started = [0] * job.tasks
        self._ends: dict[int, TaskEnd] = {}

    @property
    def ended(self) -> bool:
        return len(self._ends) == self._job.tasks

    def count_ended(self) -> int:
        return len(self._ends)

    def list_ends(self) -> list[TaskEnd]:
        return [self._ends[index] for index in range(self._job.tasks)]

    def take(self, places: int) -> list[bytes]:
        """Lines that start as many tasks as there are free places."""
        lines: list[bytes] = []
        while self._waiting and len(self._running) < places:
            index = self._waiting.popleft()
            self._running.add(index)
            call = {
                "index": index,
                "count": self._job.tasks,
                "attempt": self._started[index],
                "manifest": self._job.manifest,
            }
            self._started[index] += 1
            lines.append(json.dumps(call).encode() + b"\n")
        return lines

    def conclude(self, index: int, code: int) -> None:
        """A task's process has ended."""
        self._running.discard(index)
        if code == 0:
            self._end(index, TaskState.SUCCEEDED, None)
        elif code == 1:
            self._end(index, TaskState.FAILED, _REASONS[code])
        else:
            self._try_again(index, _REASONS.get(code) or describe_exit(code))

    def lose_running(self, reason: str) -> None:
        """The host is gone, and its tasks with it."""
        for index in sorted(self._running):
            self._try_again(index, reason)
        self._running.clear()

    def _try_again(self, index: int, reason: str) -> None:
        if self._started[index] >= self._attempts:
            self._end(index, TaskState.FAILED, reason)
            return
        log.info("task_tried_again", job_id=self._job.job_id, index=index, reason=reason)
        self._waiting.append(index)

    def _end(self, index: int, state: TaskState, reason: str | None) -> None:
        self._ends[index] = TaskEnd(index, state, self._started[index], reason)
        self._on_end(self._ends[index])


async def _read_line(host: asyncio.subprocess.Process) -> dict[str, Any]:
    """What the host says next; empty when it is gone."""
    assert host.stdout is not None
    while (line := await host.stdout.readline()).endswith(b"\n"):
        with suppress(*UNREADABLE):  # what a library prints while it is imported
            return json.loads(line)
    return {}


async def _end_host(host: asyncio.subprocess.Process, seconds: float) -> int:
    """Asks the host to end its tasks and itself, kills it after so many seconds; returns how it ended.

    Cancelled, it goes on to the end all the same: a task must not outlive its run.
    """
    ending = asyncio.ensure_future(_end_host_once(host, seconds))
    try:
        return await asyncio.shield(ending)
    except asyncio.CancelledError:
        await asyncio.wait({ending})
        raise


async def _end_host_once(host: asyncio.subprocess.Process, seconds: float) -> int:
    assert host.stdin is not None
    host.stdin.close()
    try:
        return await asyncio.wait_for(host.wait(), seconds)
    except TimeoutError:
        with suppress(ProcessLookupError):
            host.kill()  # its tasks notice
        return await host.wait()
