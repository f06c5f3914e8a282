"""What every runner does, each with real processes behind it."""

import asyncio

import pytest

from platform_assets.core.jobs import TaskState
from tests.contract.runners.rig import Rig, lives

SUCCEEDED, FAILED = TaskState.SUCCEEDED, TaskState.FAILED


async def test_every_task_runs_once_and_is_told_of_once(rig: Rig) -> None:
    job = rig.make_job(6)
    ends = await rig.run(job)
    assert [(end.index, end.state, end.attempts, end.reason) for end in ends] == [
        (index, SUCCEEDED, 1, None) for index in range(6)
    ]
    assert sorted(rig.ended, key=lambda end: end.index) == ends
    assert sorted(trace.index for trace in rig.traces(job)) == list(range(6))


async def test_a_task_is_told_who_it_is(rig: Rig) -> None:
    job = rig.make_job(2)
    await rig.run(job)
    for trace in rig.traces(job):
        assert trace.argv == ["--manifest", job.manifest]
        assert trace.variables["CLOUD_RUN_TASK_INDEX"] == str(trace.index)
        assert trace.variables["CLOUD_RUN_TASK_COUNT"] == "2"
        assert trace.variables["CLOUD_RUN_TASK_ATTEMPT"] == "0"


async def test_a_failed_task_leaves_the_others_alone(rig: Rig) -> None:
    ends = await rig.run(rig.make_job(4, {2: "exit 1"}))
    assert [end.state for end in ends] == [SUCCEEDED, SUCCEEDED, FAILED, SUCCEEDED]
    assert ends[2].reason is not None
    assert "exit code 1" in ends[2].reason
    assert len(rig.ended) == 4


async def test_a_task_that_is_killed_fails_alone_and_was_tried_again(rig: Rig) -> None:
    job = rig.make_job(3, {1: "signal 9"})
    ends = await rig.run(job)
    assert [end.state for end in ends] == [SUCCEEDED, FAILED, SUCCEEDED]
    assert ends[1].reason is not None
    assert "signal 9" in ends[1].reason
    assert ends[1].attempts == 2
    assert [trace.attempt for trace in rig.traces(job) if trace.index == 1] == [0, 1]


async def test_a_task_that_could_not_begin_heals_at_the_second_attempt(rig: Rig) -> None:
    ends = await rig.run(rig.make_job(2, {0: "heal 1"}))
    assert [(end.state, end.attempts) for end in ends] == [(SUCCEEDED, 2), (SUCCEEDED, 1)]


async def test_a_task_that_never_begins_fails(rig: Rig) -> None:
    ends = await rig.run(rig.make_job(2, {0: "exit 2"}))
    assert ends[0].state is FAILED
    assert ends[0].attempts == 2
    assert ends[1].state is SUCCEEDED


async def test_ends_are_told_while_others_still_run(rig: Rig) -> None:
    job = rig.make_job(2, {1: "hang"})
    running = asyncio.create_task(rig.run(job))
    async with asyncio.timeout(120):
        while not rig.ended:  # noqa: ASYNC110 - what is waited for is a plain list
            await asyncio.sleep(0.02)
    assert [end.index for end in rig.ended] == [0]
    assert not running.done()
    await cancel(running)


@pytest.mark.parametrize("order", ["hang", "deaf"])
async def test_cancelling_ends_everything_before_it_returns(rig: Rig, order: str) -> None:
    job = rig.make_job(3, dict.fromkeys(range(3), order))
    running = asyncio.create_task(rig.run(job))
    # The local runner takes as many as there are cores.
    started = await rig.wait_for_traces(job, 2)
    assert all(lives(trace.pid) for trace in started)
    await cancel(running)
    assert [trace for trace in rig.traces(job) if lives(trace.pid)] == []


async def test_a_runner_serves_one_job_after_another_and_two_at_once(rig: Rig) -> None:
    first, second = rig.make_job(2), rig.make_job(3, {0: "exit 1"})
    ends = await asyncio.gather(
        rig.runner.run(first, rig.ended.append), rig.runner.run(second, rig.ended.append)
    )
    assert [len(each) for each in ends] == [2, 3]
    assert ends[1][0].state is FAILED
    third = await rig.run(rig.make_job(1))
    assert [end.state for end in third] == [SUCCEEDED]


async def test_a_job_without_tasks_is_done(rig: Rig) -> None:
    job = rig.make_job(0)
    assert await rig.run(job) == []
    assert rig.traces(job) == []


async def cancel(running: "asyncio.Task[object]") -> None:
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
