"""`CloudRunJobRunner`: the tasks of a job as one execution of a Cloud Run job.

    find or start the execution -> read it at growing intervals -> list its tasks when some have ended -> the outcomes

An execution can override arguments, environment, the number of tasks and their timeout, nothing else. How many tasks
run at once (`parallelism`), how often one is tried (`maxRetries`), memory and cores belong to the job's definition:
deploy/cloud_run_job.yaml. There is no call to repeat the failed tasks: a new job names their shards in its manifest.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

import structlog

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from platform_assets.core.jobs import Job, OnEnd, TaskEnd, TaskState
from resources.runners.cloud_run_replies import REFUSED, ExecutionState

T = TypeVar("T")

log = structlog.get_logger(__name__)

MOST_TASKS = 10_000
"""Tasks that one execution may have: cloud.google.com/run/quotas."""

LOOKS_FOR_LATE_TASKS = 3
"""How often the tasks of an execution that has ended are listed, when some do not seem to have ended."""


class ExecutionApi(Protocol):
    """What the runner needs of Cloud Run; `CloudRunApi` is the real one. Blocking: called from threads."""

    def start(self, job: Job) -> ExecutionState: ...  # noqa: D102 - said by CloudRunApi
    def find(self, job: Job) -> ExecutionState | None: ...  # noqa: D102 - said by CloudRunApi
    def read(self, execution: str) -> ExecutionState: ...  # noqa: D102 - said by CloudRunApi
    def list_ends(self, execution: str) -> list[TaskEnd]: ...  # noqa: D102 - said by CloudRunApi
    def cancel(self, execution: str) -> None: ...  # noqa: D102 - said by CloudRunApi


@dataclass(frozen=True, slots=True)
class CloudRunPolicy:
    """How an execution is watched.

    Attributes:
        first_poll_seconds: Until the first look; each wait is half as long again as the one before.
        poll_seconds: The longest wait between two looks.
        cancel_seconds: How long to wait until a cancelled execution has ended; Cloud Run gives tasks 10 seconds.
        retry: Of one call to the API.
    """

    first_poll_seconds: float = 1.0
    poll_seconds: float = 10.0
    cancel_seconds: float = 30.0
    retry: RetryPolicy = field(
        default_factory=lambda: RetryPolicy(attempts=7, longest_wait_seconds=30.0)
    )


class CloudRunJobRunner:
    """Runs the tasks of a job as one execution of a Cloud Run job; a `JobRunner`.

    Called again for a job id, it goes on with the execution of that id, or returns its outcomes, instead of starting a
    second one; only a cancelled one is followed by a new one. That is looked up by an environment variable on the
    execution, and is not atomic: two callers at the same moment may both start one. The caller's lease prevents that.

    Parallelism belongs to the definition of the Cloud Run job: no execution can override it.

    Args:
        api: The Cloud Run job.
        policy: How it is watched.
        draw: Random numbers in [0, 1) for the jitter of waits.
    """

    def __init__(
        self,
        api: ExecutionApi,
        policy: CloudRunPolicy | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._api = api
        self._policy = policy or CloudRunPolicy()
        self._draw = draw

    async def run(self, job: Job, on_end: OnEnd) -> Sequence[TaskEnd]:
        """Runs every task to its end; cancelled, it cancels the execution and waits until that has ended.

        When the API cannot be reached any more the execution goes on: run the same job again to get its outcomes.

        Args:
            job: Its manifest goes to the tasks as `--manifest KEY`.
            on_end: Called in the event loop as tasks end, once per index.

        Returns:
            One end per index, in order.

        Raises:
            TransientError: kind `runner_unreachable`: the API did not answer, over and over.
            RefusedError: kind `runner_refused`: a person must act; the message names project, region and job.
        """
        if not 0 <= job.tasks <= MOST_TASKS:
            raise RefusedError(
                f"job {job.job_id} has {job.tasks} tasks; Cloud Run takes at most {MOST_TASKS} in one execution: "
                "use fewer shards",
                kind=REFUSED,
            )
        if job.tasks == 0:
            return []
        try:
            return await self._follow(job, await self._open(job), on_end)
        except PlatformError:
            raise
        except BaseException:
            # Cancelled, or the caller's own code failed: nobody watches the execution any more.
            await asyncio.shield(self._stop(job))
            raise

    async def _open(self, job: Job) -> ExecutionState:
        """The execution of the job: the one that there is, or a new one."""
        failures = 0
        while True:
            if (found := await self._find(job)) is not None:
                log.info("execution_found", job_id=job.job_id, execution=found.name)
                return found
            try:
                started = await self._start(job)
            except TransientError as error:
                # It may have been started all the same, so it is looked for before the next try.
                failures += 1
                await self._wait_after(error, failures)
            else:
                log.info("execution_started", job_id=job.job_id, execution=started.name)
                return started

    async def _find(self, job: Job) -> ExecutionState | None:
        """The job's execution, once nobody is cancelling it any more."""
        while True:
            found = await self._call(partial(self._api.find, job))
            if found is None:
                return None
            if found.tasks != job.tasks:
                raise RefusedError(
                    f"job {job.job_id} has {job.tasks} tasks, and its execution {found.name} has {found.tasks}: "
                    "give a job with other tasks another id",
                    kind=REFUSED,
                )
            if found.ended or not found.cancelled:
                return found
            await asyncio.sleep(self._policy.poll_seconds)

    async def _start(self, job: Job) -> ExecutionState:
        """Starts an execution. Cancelled meanwhile, it waits for the answer, so that what was started can be found."""
        starting = asyncio.ensure_future(asyncio.to_thread(self._api.start, job))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            with suppress(PlatformError):
                await starting
            raise

    async def _follow(
        self, job: Job, execution: ExecutionState, on_end: OnEnd
    ) -> Sequence[TaskEnd]:
        ends: dict[int, TaskEnd] = {}
        wait = self._policy.first_poll_seconds
        while True:
            if execution.ended or execution.ended_tasks > len(ends):
                await self._collect(execution, ends, on_end)
            if execution.ended:
                break
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, self._policy.poll_seconds)
            execution = await self._call(partial(self._api.read, execution.name))
        await self._complete(job, execution, ends, on_end)
        return [ends[index] for index in range(job.tasks)]

    async def _collect(
        self, execution: ExecutionState, ends: dict[int, TaskEnd], on_end: OnEnd
    ) -> None:
        """Tells of the tasks that have ended since the last time."""
        for end in await self._call(partial(self._api.list_ends, execution.name)):
            if end.index not in ends:
                ends[end.index] = end
                on_end(end)

    async def _complete(
        self, job: Job, execution: ExecutionState, ends: dict[int, TaskEnd], on_end: OnEnd
    ) -> None:
        """Gives an end to tasks that Cloud Run says nothing about: it could not start them, or they were cancelled."""
        for _ in range(LOOKS_FOR_LATE_TASKS - 1):
            if len(ends) >= job.tasks:
                return
            await asyncio.sleep(self._policy.first_poll_seconds)
            await self._collect(execution, ends, on_end)
        state = TaskState.CANCELLED if execution.cancelled else TaskState.FAILED
        said = execution.reason or "the execution ended without an outcome of this task"
        for index in sorted(set(range(job.tasks)) - set(ends)):
            ends[index] = TaskEnd(index, state, 0, said)
            on_end(ends[index])

    async def _stop(self, job: Job) -> None:
        """Cancels the job's execution and waits, not for long, until it has ended."""
        try:
            async with asyncio.timeout(self._policy.cancel_seconds):
                execution = await self._call(partial(self._api.find, job))
                if execution is None or execution.ended:
                    return
                if not execution.cancelled:
                    await self._call(partial(self._api.cancel, execution.name))
                while not execution.ended:
                    await asyncio.sleep(self._policy.first_poll_seconds)
                    execution = await self._call(partial(self._api.read, execution.name))
        except (PlatformError, TimeoutError) as error:
            log.warning("execution_not_cancelled", job_id=job.job_id, error=str(error))

    async def _call(self, do: Callable[[], T]) -> T:
        failures = 0
        while True:
            try:
                return await asyncio.to_thread(do)
            except TransientError as error:
                failures += 1
                await self._wait_after(error, failures)

    async def _wait_after(self, error: TransientError, failures: int) -> None:
        """Waits before the next try; raises the error when there is none."""
        wait = self._policy.retry.next_wait(failures, error, self._draw())
        if wait is None:
            raise error
        log.info("runner_call_failed", kind=error.kind, wait_seconds=wait, error=error.message)
        await asyncio.sleep(wait)
