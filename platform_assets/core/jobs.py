"""A job: so many tasks that are started together, one process each, and how each of them ended.

What a task does is in the job's manifest; who starts the processes is a `JobRunner`. Implementations are in
`resources/runners`: processes of this machine, a Cloud Run job, a running service.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class TaskState(StrEnum):
    """How a task ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Job:
    """What a runner is asked to run.

    Attributes:
        job_id: Unique among jobs; running the same id again goes on with the same job where the runner can tell.
        manifest: Object key of the manifest, which maps a task's index to its work.
        tasks: How many there are, with the indexes 0 to `tasks` - 1.
    """

    job_id: str
    manifest: str
    tasks: int


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """How one task ended. What it did is in its own result file.

    Attributes:
        index: Which task.
        state: SUCCEEDED is an exit code of 0.
        attempts: How often it was started.
        reason: Why it did not succeed, for people; None when it did.
    """

    index: int
    state: TaskState
    attempts: int
    reason: str | None


OnEnd = Callable[[TaskEnd], None]
"""Told of each task as it ends."""


class JobRunner(Protocol):
    """Runs the tasks of a job somewhere."""

    async def run(self, job: Job, on_end: OnEnd) -> Sequence[TaskEnd]:
        """Runs every task to its end. Cancelled, it ends what it started before it returns.

        Args:
            job: What to run.
            on_end: Called in the event loop as tasks end, once per index.

        Returns:
            One end per index, in the order of indexes.

        Raises:
            TransientError: kind `runner_unreachable`: the runner itself cannot be reached or started; try again.
            RefusedError: kind `runner_refused`: a person must act; the message says how.
        """
        ...
