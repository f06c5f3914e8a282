"""How an execution is watched, in virtual time: no Cloud Run, no processes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.errors import RefusedError, TransientError
from platform_assets.core.jobs import Job, TaskEnd, TaskState
from resources.runners.cloud_run_job import CloudRunJobRunner, CloudRunPolicy
from resources.runners.cloud_run_replies import ExecutionState
from tests.fakes.virtual_time import virtual_time

NAME = "projects/p/locations/r/jobs/j/executions/j-1"
POLICY = CloudRunPolicy(
    first_poll_seconds=1.0,
    poll_seconds=10.0,
    cancel_seconds=30.0,
    retry=RetryPolicy(attempts=3, jitter=0.0),
)


def end(index: int) -> TaskEnd:
    return TaskEnd(index, TaskState.SUCCEEDED, 1, None)


def state(tasks: int, ended_tasks: int = 0, *, ended: bool = False) -> ExecutionState:
    return ExecutionState(
        NAME,
        datetime(2026, 11, 21, tzinfo=UTC),
        tasks,
        ended_tasks,
        ended=ended,
        cancelled=False,
        reason="",
    )


@dataclass
class FakeCloud:
    """One execution whose tasks end at given times of the event loop."""

    times: Sequence[float]
    failing: bool = False
    deaf: bool = False
    late: float = 0.0
    lost: frozenset[int] = frozenset()
    calls: list[tuple[float, str]] = field(default_factory=list)
    started: bool = False
    cancelled: bool = False

    def start(self, job: Job) -> ExecutionState:
        self._note("start")
        self.started = True
        return state(len(self.times))

    def find(self, job: Job) -> ExecutionState | None:
        self._note("find")
        return self._look() if self.started else None

    def read(self, execution: str) -> ExecutionState:
        self._note("read")
        return self._look()

    def list_ends(self, execution: str) -> list[TaskEnd]:
        now = self._note("list") - self.late
        return [end(n) for n, at in enumerate(self.times) if at <= now and n not in self.lost]

    def cancel(self, execution: str) -> None:
        self._note("cancel")
        self.cancelled = True

    def _look(self) -> ExecutionState:
        now = asyncio.get_running_loop().time()
        ended = sum(at <= now for at in self.times)
        over = ended == len(self.times) or (self.cancelled and not self.deaf)
        found = state(len(self.times), ended, ended=over)
        return replace(found, cancelled=self.cancelled, reason="Execution was cancelled.")

    def _note(self, what: str) -> float:
        now = asyncio.get_running_loop().time()
        self.calls.append((now, what))
        if self.failing:
            raise TransientError("away", kind="runner_unreachable")
        return now

    def times_of(self, what: str) -> list[float]:
        return [at for at, done in self.calls if done == what]


def make_job(cloud: FakeCloud) -> Job:
    return Job("a-job", "jobs/a-job/manifest.json", len(cloud.times))


def make_runner(cloud: FakeCloud) -> CloudRunJobRunner:
    return CloudRunJobRunner(cloud, POLICY, draw=lambda: 0.0)


async def run(cloud: FakeCloud, ends: list[TaskEnd]) -> list[TaskEnd]:
    return list(await make_runner(cloud).run(make_job(cloud), ends.append))


@virtual_time
async def test_looks_become_rarer_up_to_the_longest_wait() -> None:
    cloud = FakeCloud([60.0])
    await run(cloud, [])
    looks = cloud.times_of("read")
    waits = [later - earlier for earlier, later in zip([0.0, *looks], looks, strict=False)]
    assert waits[:4] == [1.0, 1.5, 2.25, 3.375]
    assert waits[-1] == 10.0
    assert len(looks) < 12


@virtual_time
async def test_tasks_are_listed_only_when_some_have_ended() -> None:
    cloud = FakeCloud([5.0, 5.0, 100.0])
    told: list[TaskEnd] = []
    assert await run(cloud, told) == [end(0), end(1), end(2)]
    assert told == [end(0), end(1), end(2)]
    assert len(cloud.times_of("list")) == 2


@virtual_time
async def test_tasks_that_are_listed_late_are_waited_for() -> None:
    cloud = FakeCloud([1.0], late=1.5)
    assert await run(cloud, []) == [end(0)]


@virtual_time
async def test_a_task_that_nobody_hears_of_has_failed() -> None:
    cloud = FakeCloud([1.0, 1.0], lost=frozenset({1}))
    told: list[TaskEnd] = []
    ends = await run(cloud, told)
    assert ends[0] == end(0)
    assert (ends[1].state, ends[1].attempts) == (TaskState.FAILED, 0)
    assert sorted(told, key=lambda each: each.index) == ends


@virtual_time
async def test_an_api_that_is_away_is_asked_by_the_policy() -> None:
    cloud = FakeCloud([1.0], failing=True)
    with pytest.raises(TransientError, match="away"):
        await run(cloud, [])
    assert cloud.times_of("find") == [0.0, 2.0, 6.0]
    assert not cloud.cancelled


@virtual_time
async def test_cancelling_waits_until_the_execution_has_ended() -> None:
    cloud = FakeCloud([1000.0])
    running = asyncio.create_task(run(cloud, []))
    await asyncio.sleep(100)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert cloud.cancelled
    assert asyncio.get_running_loop().time() == pytest.approx(101.0)


@virtual_time
async def test_cancelling_does_not_wait_for_ever() -> None:
    cloud = FakeCloud([1000.0], deaf=True)
    running = asyncio.create_task(run(cloud, []))
    await asyncio.sleep(100)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.get_running_loop().time() == pytest.approx(130.0)


@virtual_time
async def test_cancelling_before_anything_was_started_starts_nothing() -> None:
    cloud = FakeCloud([1.0], failing=True)
    running = asyncio.create_task(run(cloud, []))
    await asyncio.sleep(1)
    cloud.failing = False
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not cloud.started
    assert not cloud.cancelled


@virtual_time
async def test_a_defect_of_the_caller_cancels_the_execution() -> None:
    cloud = FakeCloud([1.0, 100.0])

    def fail(_: TaskEnd) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await make_runner(cloud).run(make_job(cloud), fail)
    assert cloud.cancelled


@virtual_time
async def test_an_execution_that_is_being_cancelled_is_waited_for_and_followed_by_a_new_one() -> (
    None
):
    class Restarted(FakeCloud):
        def find(self, job: Job) -> ExecutionState | None:
            found = super().find(job)
            gone = asyncio.get_running_loop().time() > 5.0
            return None if gone and self.cancelled else found

    cloud = Restarted([200.0], started=True, cancelled=True, deaf=True)
    running = asyncio.create_task(run(cloud, []))
    await asyncio.sleep(50)
    assert cloud.times_of("start") == [10.0]
    cloud.cancelled = False
    assert await running == [end(0)]


@virtual_time
async def test_an_execution_with_another_number_of_tasks_is_refused() -> None:
    cloud = FakeCloud([1.0, 1.0], started=True)
    with pytest.raises(RefusedError, match="another id"):
        await make_runner(cloud).run(Job("a-job", "m", 3), lambda _: None)
