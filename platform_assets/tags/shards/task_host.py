"""`TaskHost`: many tasks of a job as forks of one process that has everything loaded: milliseconds of CPU per task.

    stdin   {"index": 0, "count": 100, "attempt": 0, "manifest": "jobs/j1/manifest.json"}    a line starts a task
    stdout  {"ready": true}                                                                  once, when it listens
            {"index": 0, "exit": 0}                 a line tells its end: exit code, or minus the signal that killed it

When stdin is closed the tasks are asked to end (SIGTERM) and get ten seconds for it. What they print goes to stderr.
The other side is `resources/runners/local.py`.
"""

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from platform_assets.core.processes.fork_loop import Ends, ForkEnd, ForkLoop

GRACE_SECONDS = 10.0
"""From SIGTERM to SIGKILL, as Cloud Run has it: cloud.google.com/run/docs/container-contract."""


@dataclass(frozen=True, slots=True)
class TaskCall:
    """One attempt at one task, as Cloud Run's environment variables tell it.

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


RunTask = Callable[[TaskCall, int | None], int]
"""Does a task in its own process; returns its exit code. The second argument is its lifeline (`fork_loop.Ends`)."""


class TaskHost:
    """Serves until stdin is closed.

    Args:
        load: Loads what all tasks of a manifest share, in the host, and returns what runs one of them. It is called
            when the manifest changes, must start no threads, and is forked with all that it opened: what is not to be
            shared must not be used by the tasks.
        grace_seconds: From SIGTERM to SIGKILL.
    """

    def __init__(
        self, load: Callable[[str], RunTask], *, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        self._load = load
        self._grace_seconds = grace_seconds
        self._loaded: tuple[str, RunTask] | None = None
        self._indexes: list[int] = []
        control, self._replies = _take_over_standard_streams()
        self._loop = ForkLoop(control, self._take, self._tell)

    def serve(self) -> None:
        """The host's whole life."""
        self._say({"ready": True})
        self._loop.run()
        self._loop.end_children(self._grace_seconds)

    def _take(self, line: bytes) -> None:
        task = TaskCall(**json.loads(line))
        if self._loaded is None or self._loaded[0] != task.manifest:
            self._loaded = task.manifest, self._load(task.manifest)
        self._indexes.append(task.index)
        self._loop.fork(len(self._indexes) - 1, partial(self._run, self._loaded[1], task))

    def _run(self, run_task: RunTask, task: TaskCall, ends: Ends) -> int:
        """The whole life of a task."""
        os.close(self._replies)
        os.close(ends.output)
        return run_task(task, ends.lifeline)

    def _tell(self, end: ForkEnd) -> None:
        self._say({"index": self._indexes[end.call_id], "exit": end.exit_code})

    def _say(self, line: dict[str, object]) -> None:
        try:
            os.write(self._replies, json.dumps(line).encode() + b"\n")
        except OSError:
            self._loop.stop()  # nobody listens any more


def end_with_parent(lifeline: int) -> None:
    """Call it when the lifeline can be read: the host is gone, and so is who could end this process."""
    with suppress(BlockingIOError):
        if os.read(lifeline, 1) == b"":
            os.kill(os.getpid(), signal.SIGKILL)


def _take_over_standard_streams() -> tuple[int, int]:
    """Own descriptors of stdin and stdout; in their place are nothing and stderr, for whoever reads or prints."""
    control, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return control, replies
