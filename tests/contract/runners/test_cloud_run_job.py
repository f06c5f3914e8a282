"""The runner of Cloud Run jobs: Google's own client against an emulator whose tasks are real processes."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud.run_v2 import (
    Execution,
    ExecutionsClient,
    JobsClient,
    ListExecutionsResponse,
    ListTasksResponse,
    TasksClient,
)
from google.cloud.run_v2 import Job as CloudJob
from google.cloud.run_v2 import Task as CloudTask

from platform_assets.core.errors import RefusedError, TransientError
from platform_assets.core.jobs import TaskEnd, TaskState
from resources.runners.cloud_run_api import JOB_ID_VARIABLE, CloudRunApi
from resources.runners.cloud_run_job import CloudRunJobRunner
from resources.runners.cloud_run_replies import CloudRunPlace
from tests.contract.runners.conftest import JOB, QUICK
from tests.contract.runners.rig import Rig, lives
from tests.fakes.cloud_run_execution import Definition
from tests.fakes.cloud_run_server import CloudRunServer, Fault

SUCCEEDED, FAILED, CANCELLED = TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED
RUN, EXECUTIONS, EXECUTION, TASKS = (
    "POST .*:run",
    "GET .*/executions$",
    "GET .*/executions/[^/]*$",
    "GET .*/tasks$",
)


@pytest.fixture
def rig(cloud_run_job: Rig) -> Rig:
    return cloud_run_job


@pytest.fixture
def make_runner(place: CloudRunPlace) -> Callable[..., CloudRunJobRunner]:
    def make(task_timeout_seconds: float | None = None, **changes: Any) -> CloudRunJobRunner:
        api = CloudRunApi(
            replace(place, **changes),
            task_timeout_seconds=task_timeout_seconds,
            request_seconds=60.0,
        )
        return CloudRunJobRunner(api, QUICK)

    return make


async def test_a_task_has_the_environment_of_cloud_run(rig: Rig, cloud: CloudRunServer) -> None:
    job = rig.make_job(1)
    await rig.run(job)
    (trace,) = rig.traces(job)
    assert trace.variables == {
        "CLOUD_RUN_JOB": JOB,
        "CLOUD_RUN_EXECUTION": cloud.executions[0].name,
        "CLOUD_RUN_TASK_INDEX": "0",
        "CLOUD_RUN_TASK_COUNT": "1",
        "CLOUD_RUN_TASK_ATTEMPT": "0",
    }


async def test_arguments_variables_and_the_number_of_tasks_are_overridden_and_nothing_else(
    rig: Rig, cloud: CloudRunServer
) -> None:
    deployed = Definition(
        JOB, 1, parallelism=2, max_retries=0, args=("--none",), env={"KEPT": "yes"}
    )
    cloud.deploy(deployed)
    job = rig.make_job(7)
    await rig.run(job)
    (execution,) = cloud.executions
    assert execution.definition == replace(
        deployed,
        task_count=7,
        args=("--manifest", job.manifest),
        env={"KEPT": "yes", JOB_ID_VARIABLE: job.job_id},
    )
    assert execution.most_at_once == 2


async def test_a_task_over_its_timeout_is_ended_tried_again_and_reported(
    rig: Rig, make_runner: Callable[..., CloudRunJobRunner]
) -> None:
    job = rig.make_job(2, {0: "hang", 1: "deaf"})
    ends = await make_runner(task_timeout_seconds=1).run(job, rig.ended.append)
    assert [(end.state, end.attempts) for end in ends] == [(FAILED, 2), (FAILED, 2)]
    assert all(
        (end.reason or "").startswith("timeout: The configured timeout was reached") for end in ends
    )
    assert not any(lives(trace.pid) for trace in rig.traces(job))


async def test_a_failed_task_names_its_log(rig: Rig, cloud: CloudRunServer) -> None:
    ends = await rig.run(rig.make_job(1, {0: "exit 3"}))
    log = f"https://logs.invalid/{cloud.executions[0].name}-task0"
    assert ends == [
        TaskEnd(0, FAILED, 2, f"exit code 3: The container exited with an error.; log: {log}")
    ]


async def test_lists_are_read_to_their_last_page(rig: Rig, cloud: CloudRunServer) -> None:
    cloud.page_size = 2
    for _ in range(2):
        await rig.run(rig.make_job(1))
    job = rig.make_job(5)
    ends = await rig.run(job)
    assert [end.state for end in ends] == [SUCCEEDED] * 5
    # The oldest execution of three is on the second page.
    first = cloud.executions[0].definition.env[JOB_ID_VARIABLE]
    again = await rig.run(replace(job, job_id=first, tasks=1))
    assert [end.state for end in again] == [SUCCEEDED]
    assert len(cloud.executions) == 3


@pytest.mark.parametrize("status", [429, 500, 503, None])
@pytest.mark.parametrize("on", [RUN, EXECUTIONS, EXECUTION, TASKS])
async def test_a_call_that_fails_is_made_again(
    rig: Rig, cloud: CloudRunServer, status: int | None, on: str
) -> None:
    cloud.faults = [Fault(status, on), Fault(status, on)]
    ends = await rig.run(rig.make_job(2, {0: "sleep 0.3"}))
    assert [end.state for end in ends] == [SUCCEEDED, SUCCEEDED]
    assert cloud.faults == []
    assert len(cloud.executions) == 1


@pytest.mark.parametrize("status", [500, 503, None])
async def test_a_start_whose_answer_is_lost_starts_nothing_twice(
    rig: Rig, cloud: CloudRunServer, status: int | None
) -> None:
    cloud.faults = [Fault(status, RUN, done=True)]
    job = rig.make_job(3)
    ends = await rig.run(job)
    assert [end.state for end in ends] == [SUCCEEDED] * 3
    assert len(cloud.executions) == 1
    assert len(rig.traces(job)) == 3


async def test_an_api_that_stays_away_is_given_up_and_the_execution_goes_on(
    rig: Rig, cloud: CloudRunServer
) -> None:
    job = rig.make_job(1, {0: "sleep 0.5"})
    cloud.faults = [Fault(503, EXECUTION) for _ in range(4)]
    with pytest.raises(TransientError) as failed:
        await rig.run(job)
    assert failed.value.kind == "runner_unreachable"
    assert "HTTP 503" in failed.value.message
    assert [end.state for end in await rig.run(job)] == [SUCCEEDED]
    assert len(cloud.executions) == 1


async def test_a_wait_that_the_api_asks_for_is_kept(rig: Rig, cloud: CloudRunServer) -> None:
    cloud.faults = [Fault(429, EXECUTIONS, retry_after="1")]
    loop = asyncio.get_running_loop()
    started = loop.time()
    await rig.run(rig.make_job(1))
    assert loop.time() - started >= 1.0


async def test_nothing_at_the_address_is_unreachable(
    rig: Rig, make_runner: Callable[..., CloudRunJobRunner]
) -> None:
    runner = make_runner(endpoint_url="http://127.0.0.1:1")
    with pytest.raises(TransientError, match="was not reached") as failed:
        await runner.run(rig.make_job(1), rig.ended.append)
    assert failed.value.kind == "runner_unreachable"


@pytest.mark.parametrize("on", [RUN, EXECUTIONS, EXECUTION, TASKS])
@pytest.mark.parametrize(("status", "advice"), [(403, "roles/run.developer"), (400, "definition")])
async def test_a_refusal_names_the_job_and_says_what_to_do(
    rig: Rig, cloud: CloudRunServer, on: str, status: int, advice: str
) -> None:
    cloud.faults = [Fault(status, on)]
    with pytest.raises(RefusedError) as failed:
        await rig.run(rig.make_job(1))
    assert failed.value.kind == "runner_refused"
    for part in (JOB, "a-project", "a-region", f"HTTP {status}", advice):
        assert part in failed.value.message


async def test_a_job_that_does_not_exist_is_refused(
    rig: Rig, make_runner: Callable[..., CloudRunJobRunner]
) -> None:
    with pytest.raises(RefusedError, match="deploy/deploy.sh --project a-project") as failed:
        await make_runner(job="gone").run(rig.make_job(1), rig.ended.append)
    assert "Cloud Run job gone (project a-project, region a-region)" in failed.value.message


async def test_a_caller_that_was_restarted_goes_on_with_its_execution(
    rig: Rig, cloud: CloudRunServer, place: CloudRunPlace
) -> None:
    job = rig.make_job(2, {0: "sleep 0.5"})
    await asyncio.to_thread(CloudRunApi(place).start, job)
    await rig.wait_for_traces(job, 2)
    ends = await rig.run(job)
    assert [end.state for end in ends] == [SUCCEEDED, SUCCEEDED]
    assert len(rig.ended) == 2
    assert len(cloud.executions) == 1


async def test_a_job_that_has_ended_is_not_run_again(rig: Rig, cloud: CloudRunServer) -> None:
    job = rig.make_job(2, {1: "exit 1"})
    first = await rig.run(job)
    assert await rig.run(job) == first
    assert len(rig.ended) == 2
    assert len(cloud.executions) == 1


async def test_a_cancelled_job_is_run_anew(rig: Rig, cloud: CloudRunServer) -> None:
    job = rig.make_job(1, {0: "hang"})
    running = asyncio.create_task(rig.run(job))
    await rig.wait_for_traces(job, 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (rig.folder / job.manifest).write_text("{}")
    assert [end.state for end in await rig.run(job)] == [SUCCEEDED]
    assert len(cloud.executions) == 2


async def test_an_execution_of_another_job_is_left_alone(rig: Rig, cloud: CloudRunServer) -> None:
    other, job = rig.make_job(1, {0: "exit 1"}), rig.make_job(1)
    await rig.run(other)
    assert [end.state for end in await rig.run(job)] == [SUCCEEDED]
    assert len(cloud.executions) == 2


async def test_one_id_for_two_different_jobs_is_refused(rig: Rig) -> None:
    job = rig.make_job(1)
    await rig.run(job)
    with pytest.raises(RefusedError, match="give a job with other tasks another id"):
        await rig.run(replace(job, tasks=2))


async def test_an_execution_that_somebody_else_cancels_ends_as_cancelled(
    rig: Rig, cloud: CloudRunServer
) -> None:
    # Four at a time: the others never start.
    job = rig.make_job(6, dict.fromkeys(range(6), "hang"))
    running = asyncio.create_task(rig.run(job))
    await rig.wait_for_traces(job, 4)
    cloud.executions[0].cancel()
    ends = await running
    assert {end.state for end in ends} == {CANCELLED}
    assert sorted(end.attempts for end in ends) == [0, 0, 1, 1, 1, 1]
    assert len(rig.ended) == 6


async def test_cancelling_while_the_start_is_on_its_way_leaves_nothing_running(
    rig: Rig, cloud: CloudRunServer
) -> None:
    cloud.faults = [Fault(200, RUN, seconds=0.5)]
    job = rig.make_job(1, {0: "hang"})
    running = asyncio.create_task(rig.run(job))
    async with asyncio.timeout(120):
        while not any(line.endswith(":run") for line in cloud.requests):  # noqa: ASYNC110
            await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [execution.ended_at is not None for execution in cloud.executions] == [True]


async def test_more_tasks_than_cloud_run_takes_are_refused(rig: Rig) -> None:
    with pytest.raises(RefusedError, match="at most 10000"):
        await rig.run(replace(rig.make_job(1), tasks=10_001))


async def test_a_missing_library_is_named_with_its_extra(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud.run_v2", None)
    with pytest.raises(RefusedError, match="install the extra `gcp`"):
        await rig.run(rig.make_job(1))


async def test_a_machine_without_credentials_is_told_what_to_do(
    rig: Rig,
    make_runner: Callable[..., CloudRunJobRunner],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(RefusedError, match="gcloud auth application-default login"):
        await make_runner(endpoint_url=None).run(rig.make_job(1), rig.ended.append)


# The emulator itself.


def connect(client: Any, cloud: CloudRunServer) -> Any:
    return client(
        transport="rest",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud.url},
    )


def fetch(cloud: CloudRunServer, path: str, body: object = None) -> str:
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{cloud.url}/v2/{path}", data)
    with urlopen(request, timeout=60) as answer:
        return answer.read().decode()


async def test_the_emulator_answers_with_fields_that_the_client_knows(
    rig: Rig, cloud: CloudRunServer, place: CloudRunPlace
) -> None:
    await rig.run(rig.make_job(3, {0: "exit 1", 1: "signal 9"}))
    execution = f"{place.resource}/executions/{cloud.executions[0].name}"
    task = f"{execution}/tasks/{cloud.executions[0].name}-task0"
    for path, kind in {
        place.resource: CloudJob,
        f"{place.resource}/executions": ListExecutionsResponse,
        execution: Execution,
        f"{execution}/tasks": ListTasksResponse,
        task: CloudTask,
    }.items():
        assert kind.from_json(fetch(cloud, path), ignore_unknown_fields=False)


async def test_the_emulators_operation_ends_as_googles_does(
    rig: Rig, cloud: CloudRunServer, place: CloudRunPlace
) -> None:
    jobs = connect(JobsClient, cloud)
    job = rig.make_job(2)
    overrides = {
        "task_count": 2,
        "container_overrides": [{"args": ["--manifest", job.manifest]}],
    }
    request = {"name": place.resource, "overrides": overrides}
    done = await asyncio.to_thread(jobs.run_job(request=request).result, timeout=600)
    assert (done.succeeded_count, done.failed_count) == (2, 0)
    failing = rig.make_job(2, {1: "exit 1"})
    overrides["container_overrides"] = [{"args": ["--manifest", failing.manifest]}]
    operation = jobs.run_job(request=request)
    with pytest.raises(GoogleAPICallError, match="1 of 2 tasks failed"):
        await asyncio.to_thread(operation.result, timeout=600)


async def test_the_emulator_gets_tasks_and_refuses_to_cancel_what_has_ended(
    rig: Rig, cloud: CloudRunServer, place: CloudRunPlace
) -> None:
    await rig.run(rig.make_job(1))
    name = f"{place.resource}/executions/{cloud.executions[0].name}"
    task = connect(TasksClient, cloud).get_task(
        name=f"{name}/tasks/{cloud.executions[0].name}-task0"
    )
    assert (task.index, task.retried) == (0, 0)
    with pytest.raises(GoogleAPICallError, match="has completed"):
        connect(ExecutionsClient, cloud).cancel_execution(name=name)
    assert connect(JobsClient, cloud).get_job(name=place.resource).template.parallelism == 4
