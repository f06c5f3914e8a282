"""The runner of the HTTP service against the service itself, which is a real process with real tasks."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.errors import RefusedError, TransientError
from platform_assets.core.jobs import Job, TaskState
from platform_assets.tags.service import STOP_SECONDS, read_address
from resources.http.wire import HttpTimeouts
from resources.runners.http_service import HttpServicePolicy, HttpServiceRunner
from tests.architecture.source_tree import ROOT
from tests.contract.runners.conftest import SERVICE_POLICY
from tests.contract.runners.rig import LOOK_SECONDS, Rig, ServiceProcess, lives

SUCCEEDED, FAILED = TaskState.SUCCEEDED, TaskState.FAILED
IMPATIENT = replace(
    SERVICE_POLICY, timeouts=HttpTimeouts(connect=5.0, read=1.0, write=5.0, pool=5.0)
)
PERSISTENT = replace(
    IMPATIENT, retry=RetryPolicy(attempts=60, first_wait_seconds=0.2, longest_wait_seconds=0.2)
)

StartService = Callable[..., ServiceProcess]


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartService]:
    """Starts services of the test's own; they are ended with it."""
    started: list[ServiceProcess] = []

    def start(*options: str) -> ServiceProcess:
        started.append(ServiceProcess(tmp_path, "--heartbeat-seconds", "0.2", *options))
        return started[-1]

    yield start
    for process in started:
        process.close()


def make_rig(folder: Path, url: str, policy: HttpServicePolicy = SERVICE_POLICY) -> Rig:
    return Rig("http_service", folder, HttpServiceRunner(url, policy=policy))


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not check():  # noqa: ASYNC110 - processes set no event
            await asyncio.sleep(LOOK_SECONDS)


def call(job: Job, index: int = 0, attempt: int = 0) -> dict[str, object]:
    return {"manifest": job.manifest, "index": index, "count": job.tasks, "attempt": attempt}


async def test_a_long_task_outlives_the_read_timeout(folder: Path, service: ServiceProcess) -> None:
    rig = make_rig(folder, service.url, IMPATIENT)
    job = rig.make_job(1, {0: "sleep 2.5"})
    ends = await rig.run(job)
    assert [(end.state, end.attempts) for end in ends] == [(SUCCEEDED, 1)]


async def test_a_stuck_service_is_noticed_and_asked_again(
    tmp_path: Path, start_service: StartService
) -> None:
    service = start_service()
    rig = make_rig(tmp_path, service.url, PERSISTENT)
    job = rig.make_job(1, {0: "sleep 3"})
    running = asyncio.create_task(rig.run(job))
    await rig.wait_for_traces(job, 1)
    service.signal(signal.SIGSTOP)
    # Longer than the read timeout: the call is given up.
    await asyncio.sleep(1.5)
    service.signal(signal.SIGCONT)
    (end,) = await running
    assert end.state is SUCCEEDED
    assert end.attempts == 2


async def test_only_so_many_calls_are_in_flight(folder: Path, service: ServiceProcess) -> None:
    rig = make_rig(folder, service.url, replace(SERVICE_POLICY, in_flight=2))
    job = rig.make_job(5, dict.fromkeys(range(5), "sleep 0.3"))
    running = asyncio.create_task(rig.run(job))
    most = 0
    async with httpx.AsyncClient(base_url=service.url) as client:
        while not running.done():
            health = (await client.get("/healthz")).json()
            most = max(most, health["running"] + health["waiting"])
            await asyncio.sleep(LOOK_SECONDS)
    assert most == 2
    assert len(await running) == 5


async def test_more_tasks_than_places_wait_in_line(
    tmp_path: Path, start_service: StartService
) -> None:
    service = start_service("--concurrency", "1")
    rig = make_rig(tmp_path, service.url, IMPATIENT)
    job = rig.make_job(3, dict.fromkeys(range(3), "sleep 0.8"))
    ends = await rig.run(job)
    # The last one waits longer than the read timeout: lines say that it is in line.
    assert [(end.state, end.attempts) for end in ends] == [(SUCCEEDED, 1)] * 3


async def test_a_full_line_is_answered_by_429_and_a_time(
    tmp_path: Path, start_service: StartService
) -> None:
    service = start_service("--concurrency", "1", "--queue", "1")
    rig = make_rig(tmp_path, service.url)
    job = rig.make_job(3, {0: "hang", 1: "hang"})
    async with (
        httpx.AsyncClient(base_url=service.url) as client,
        client.stream("POST", "/v1/tasks", json=call(job, 0)) as first,
        client.stream("POST", "/v1/tasks", json=call(job, 1)) as second,
    ):
        assert (first.status_code, second.status_code) == (200, 200)
        refused = await client.post("/v1/tasks", json=call(job, 2))
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
        health = (await client.get("/healthz")).json()
    assert health == {"status": "ok", "running": 1, "waiting": 1}


async def test_a_caller_waits_while_the_service_is_full(
    tmp_path: Path, start_service: StartService
) -> None:
    service = start_service("--concurrency", "1", "--queue", "0")
    # The service asks for 5 seconds.
    policy = replace(SERVICE_POLICY, retry=RetryPolicy(longest_retry_after_seconds=0.1))
    rig = make_rig(tmp_path, service.url, policy)
    ends = await rig.run(rig.make_job(3, dict.fromkeys(range(3), "sleep 0.2")))
    assert [(end.state, end.attempts) for end in ends] == [(SUCCEEDED, 1)] * 3


async def test_a_caller_that_goes_away_takes_its_task_along(
    folder: Path, service: ServiceProcess
) -> None:
    rig = make_rig(folder, service.url)
    job = rig.make_job(1, {0: "hang"})
    async with (
        httpx.AsyncClient(base_url=service.url) as client,
        client.stream("POST", "/v1/tasks", json=call(job)),
    ):
        (trace,) = await rig.wait_for_traces(job, 1)
    await until(lambda: not lives(trace.pid))


async def test_a_caller_that_comes_back_joins_the_task_that_runs(
    folder: Path, service: ServiceProcess
) -> None:
    rig = make_rig(folder, service.url)
    job = rig.make_job(1, {0: "sleep 1"})
    async with httpx.AsyncClient(base_url=service.url) as client:
        async with client.stream("POST", "/v1/tasks", json=call(job)):
            await rig.wait_for_traces(job, 1)
            again = asyncio.create_task(client.post("/v1/tasks", json=call(job, attempt=1)))
            # The second answer has begun when the first caller leaves.
            await asyncio.sleep(0.4)
        lines = (await again).text.splitlines()
    assert lines[0] == '{"state": "running"}'
    assert lines[-1] == '{"exit": 0}'
    assert len(rig.traces(job)) == 1


@pytest.mark.parametrize("order", ["hang", "deaf"])
async def test_a_service_that_is_told_to_stop_ends_its_tasks(
    tmp_path: Path, start_service: StartService, order: str
) -> None:
    service = start_service()
    rig = make_rig(tmp_path, service.url, replace(SERVICE_POLICY, retry=RetryPolicy(attempts=1)))
    job = rig.make_job(2, {0: order, 1: order})
    running = asyncio.create_task(rig.run(job))
    traces = await rig.wait_for_traces(job, 2)
    service.signal(signal.SIGTERM)
    # Less than it gives answers that do not end by themselves.
    await asyncio.to_thread(service.wait, STOP_SECONDS)
    assert not any(lives(trace.pid) for trace in traces)
    ends = await running
    assert [(end.state, end.attempts) for end in ends] == [(FAILED, 1), (FAILED, 1)]


async def test_a_service_that_was_killed_and_started_again_goes_on(
    tmp_path: Path, start_service: StartService
) -> None:
    service = start_service()
    rig = make_rig(tmp_path, service.url, PERSISTENT)
    job = rig.make_job(2, {1: "sleep 1.5"})
    running = asyncio.create_task(rig.run(job))
    traces = await rig.wait_for_traces(job, 2)
    await until(lambda: len(rig.ended) == 1)
    service.signal(signal.SIGKILL)
    service.wait(600)
    start_service("--port", service.url.rpartition(":")[2])
    ends = await running
    assert [(end.state, end.attempts) for end in ends] == [(SUCCEEDED, 1), (SUCCEEDED, 2)]
    assert len(rig.traces(job)) == 3
    for trace in traces:
        if lives(trace.pid):
            os.kill(trace.pid, signal.SIGKILL)


async def test_nothing_at_the_address_is_unreachable(folder: Path) -> None:
    rig = make_rig(folder, "http://127.0.0.1:1")
    with pytest.raises(TransientError, match="Look whether the service runs") as failed:
        await rig.run(rig.make_job(2))
    assert failed.value.kind == "runner_unreachable"
    assert rig.ended == []


async def test_a_token_lets_in_only_those_who_have_it(
    tmp_path: Path, start_service: StartService
) -> None:
    (tmp_path / "token").write_text("a-token\n")
    service = start_service("--token-file", str(tmp_path / "token"))
    rig = make_rig(tmp_path, service.url)
    job = rig.make_job(1)
    for token in (None, "another", "a-toke", "a-token\u00e9"):
        runner = HttpServiceRunner(service.url, token, SERVICE_POLICY)
        with pytest.raises(RefusedError, match="401") as failed:
            await runner.run(job, rig.ended.append)
        assert "a-token" not in failed.value.message
    with pytest.raises(RefusedError, match="control character") as failed:
        HttpServiceRunner(service.url, "a-token\nmore")
    assert "more" not in failed.value.message
    assert rig.traces(job) == []
    ends = await HttpServiceRunner(service.url, "a-token", SERVICE_POLICY).run(job, print)
    assert [end.state for end in ends] == [SUCCEEDED]
    async with httpx.AsyncClient(base_url=service.url) as client:
        deleted = await client.delete("/v1/tasks", params={"manifest": job.manifest})
        assert deleted.status_code == 401
        assert (await client.get("/healthz")).status_code == 200


async def test_a_task_over_its_time_is_ended(tmp_path: Path, start_service: StartService) -> None:
    service = start_service("--task-timeout", "0.5")
    rig = make_rig(tmp_path, service.url)
    job = rig.make_job(2, {0: "deaf"})
    ends = await rig.run(job)
    assert (ends[0].state, ends[0].reason) == (FAILED, "timeout after 0.5 s")
    assert ends[1].state is SUCCEEDED
    assert not any(lives(trace.pid) for trace in rig.traces(job))


@pytest.mark.parametrize(
    "wrong",
    [
        {"manifest": "--help"},
        {"manifest": "/etc/passwd"},
        {"manifest": "a/../b"},
        {"manifest": ""},
        {"index": 1},
        {"index": -1},
        {"count": 0},
        {"attempt": -1},
        {"more": "fields"},
    ],
)
async def test_a_call_that_makes_no_sense_starts_nothing(
    folder: Path, service: ServiceProcess, wrong: dict[str, object]
) -> None:
    job = make_rig(folder, service.url).make_job(1)
    async with httpx.AsyncClient(base_url=service.url) as client:
        answer = await client.post("/v1/tasks", json=call(job) | wrong)
    assert answer.status_code == 422


async def test_a_body_that_is_too_large_is_not_read(folder: Path, service: ServiceProcess) -> None:
    job = make_rig(folder, service.url).make_job(1)

    async def stream() -> AsyncIterator[bytes]:
        yield json.dumps(call(job)).encode()

    async with httpx.AsyncClient(base_url=service.url) as client:
        large = await client.post("/v1/tasks", json=call(job) | {"more": "x" * 10_000})
        endless = await client.post("/v1/tasks", content=stream())
    assert (large.status_code, endless.status_code) == (413, 411)


async def test_a_program_that_cannot_be_started_fails_the_task(
    tmp_path: Path, start_service: StartService
) -> None:
    service = start_service("--", str(tmp_path / "no-such-program"))
    rig = make_rig(tmp_path, service.url)
    (end,) = await rig.run(rig.make_job(1))
    assert end.state is FAILED
    assert (end.reason or "").startswith("cannot be started")


def run_service(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "platform_assets.tags.service", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_a_service_that_cannot_start_says_why(tmp_path: Path, service: ServiceProcess) -> None:
    taken = run_service("--port", service.url.rpartition(":")[2])
    assert taken.returncode == 1
    assert "cannot listen at 127.0.0.1" in taken.stderr
    (tmp_path / "token").write_text(" \n")
    empty = run_service("--token-file", str(tmp_path / "token"))
    assert empty.returncode == 1
    assert "is empty" in empty.stderr
    assert "cannot be read" in run_service("--token-file", str(tmp_path / "gone")).stderr


def test_a_service_for_other_machines_needs_a_token() -> None:
    refused = run_service("--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 1
    assert "set SLUICE_TAGS_SERVICE_TOKEN" in refused.stderr


@pytest.mark.parametrize(
    ("url", "host", "port", "address"),
    [
        ("http://127.0.0.1:8090", None, None, ("127.0.0.1", 8090)),
        ("http://127.0.0.1:8090", "0.0.0.0", 8080, ("0.0.0.0", 8080)),
        ("http://localhost", None, 0, ("localhost", 0)),
        ("http://[::1]:8090", None, None, ("::1", 8090)),
    ],
)
def test_it_listens_where_the_command_line_or_the_setting_says(
    url: str, host: str | None, port: int | None, address: tuple[str, int]
) -> None:
    assert read_address(url, host, port) == address


@pytest.mark.parametrize("url", ["", "http://localhost", "http://a:b"])
def test_a_setting_without_host_and_port_is_refused(url: str) -> None:
    with pytest.raises(RefusedError, match="SLUICE_TAGS_SERVICE_URL needs host and port"):
        read_address(url, None, None)
