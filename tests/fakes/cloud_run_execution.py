"""An execution of a Cloud Run job whose tasks are processes of this machine.

The contract is Cloud Run's: the environment (CLOUD_RUN_*), so many tasks at a time, a timeout and retries per task,
SIGTERM and after a grace period SIGKILL to everything that the task started. What it looks like over HTTP is
`cloud_run_json.py`.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from queue import Empty, SimpleQueue

# Codes of google.rpc.Code.
OK, CANCELLED, UNKNOWN, DEADLINE_EXCEEDED = 0, 1, 2, 4


class Phase(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED})


@dataclass(frozen=True)
class Definition:
    """A job as it is deployed.

    Attributes:
        job: Its short name.
        parallelism: Tasks at a time; 0 for all.
    """

    job: str
    task_count: int = 1
    parallelism: int = 0
    max_retries: int = 3
    timeout_seconds: float = 600.0
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FakeTask:
    index: int
    phase: Phase = Phase.WAITING
    retried: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    code: int = OK
    message: str = ""
    exit_code: int = 0
    term_signal: int = 0


class FakeExecution:
    """Runs its tasks in threads from `start` on.

    Args:
        name: The short name, such as `tags-x7k2p`.
        definition: The job with the overrides of this execution in it.
        command: What a task is; the definition's arguments come after it.
        folder: For what the tasks print.
        grace_seconds: From SIGTERM to SIGKILL.
    """

    def __init__(
        self,
        name: str,
        definition: Definition,
        command: Sequence[str],
        folder: Path,
        grace_seconds: float,
    ) -> None:
        self.name = name
        self.definition = definition
        self.created_at = datetime.now(UTC)
        self.ended_at: datetime | None = None
        self.cancelling = False
        self.most_at_once = 0
        self.tasks = [FakeTask(index) for index in range(definition.task_count)]
        self.lock = threading.RLock()
        self._command = (*command, *definition.args)
        self._folder = folder
        self._grace_seconds = grace_seconds
        self._cancelled = threading.Event()
        self._waiting: SimpleQueue[FakeTask] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for task in self.tasks:
            self._waiting.put(task)
        places = self.definition.parallelism or len(self.tasks)
        self._threads = [
            threading.Thread(target=self._work, daemon=True)
            for _ in range(min(places, len(self.tasks)))
        ]
        for thread in self._threads:
            thread.start()

    def cancel(self) -> None:
        """As the API: asks for it and returns."""
        with self.lock:
            self.cancelling = self.cancelling or self.ended_at is None
        self._cancelled.set()

    def close(self) -> None:
        """Ends everything and waits for it."""
        self.cancel()
        for thread in self._threads:
            thread.join()

    def count(self, phase: Phase) -> int:
        return sum(task.phase is phase for task in self.tasks)

    def _work(self) -> None:
        while True:
            try:
                task = self._waiting.get_nowait()
            except Empty:
                break
            self._run(task)
        with self.lock:
            if self.ended_at is None and all(task.phase in ENDED for task in self.tasks):
                self.ended_at = datetime.now(UTC)

    def _run(self, task: FakeTask) -> None:
        why = ""
        for attempt in range(self.definition.max_retries + 1):
            if self._cancelled.is_set():
                return self._end(task, Phase.CANCELLED, CANCELLED, "The task was cancelled.")
            with self.lock:
                task.phase, task.retried = Phase.RUNNING, attempt
                task.started_at = task.started_at or datetime.now(UTC)
                self.most_at_once = max(self.most_at_once, self.count(Phase.RUNNING))
            status, why = self._run_process(task.index, attempt)
            if why == "cancelled":
                return self._end(task, Phase.CANCELLED, CANCELLED, "The task was cancelled.")
            if status == 0 and not why:
                return self._end(task, Phase.SUCCEEDED, OK, "")
            with self.lock:
                # Cloud Run tells a timeout by its message; the exit code is 0 then.
                task.exit_code = 0 if why else max(status, 0)
                task.term_signal = 0 if why else max(-status, 0)
        if why == "timeout":
            text = "The configured timeout was reached."
            return self._end(task, Phase.FAILED, DEADLINE_EXCEEDED, text)
        return self._end(task, Phase.FAILED, UNKNOWN, "The container exited with an error.")

    def _end(self, task: FakeTask, phase: Phase, code: int, message: str) -> None:
        with self.lock:
            task.phase, task.code, task.message = phase, code, message
            task.ended_at = datetime.now(UTC)

    def _run_process(self, index: int, attempt: int) -> tuple[int, str]:
        """The exit status, and why we ended it, if we did."""
        with (self._folder / f"{self.name}-task{index}.log").open("ab") as log:
            process = subprocess.Popen(
                self._command,
                env=self._environment(index, attempt),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            why = self._watch(process)
            if why:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(self._grace_seconds)
        finally:
            # A container ends with everything in it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        return status, why

    def _watch(self, process: subprocess.Popen[bytes]) -> str:
        deadline = time.monotonic() + self.definition.timeout_seconds
        while process.poll() is None:
            if self._cancelled.wait(0.01):
                return "cancelled"
            if time.monotonic() >= deadline:
                return "timeout"
        return ""

    def _environment(self, index: int, attempt: int) -> dict[str, str]:
        return {
            **os.environ,
            **self.definition.env,
            "CLOUD_RUN_JOB": self.definition.job,
            "CLOUD_RUN_EXECUTION": self.name,
            "CLOUD_RUN_TASK_INDEX": str(index),
            "CLOUD_RUN_TASK_COUNT": str(len(self.tasks)),
            "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
        }
