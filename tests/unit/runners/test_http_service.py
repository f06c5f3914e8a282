"""How a service is called, in virtual time: answers by a transport, no service."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.errors import RefusedError, TransientError
from platform_assets.core.jobs import Job, TaskEnd, TaskState
from resources.runners.http_service import HttpServicePolicy, HttpServiceRunner
from resources.runners.http_service_replies import explain_exit
from resources.runners.task_processes import TaskExit
from tests.fakes.virtual_time import virtual_time

JOB = Job("a-job", "jobs/a-job/manifest.json", 1)
POLICY = HttpServicePolicy(retry=RetryPolicy(attempts=3, jitter=0.0), busy_limit=4)
RUNNING = '{"state": "running"}\n'


class Lines(httpx.AsyncByteStream):
    """A body that may take its time, and may break off."""

    def __init__(self, *parts: str | float | Exception) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            match part:
                case str():
                    yield part.encode()
                case Exception():
                    raise part
                case _:
                    await asyncio.sleep(part)


@dataclass
class FakeService:
    """Answers to POST in turn, the last one again and again."""

    answers: list[httpx.Response | Exception | Callable[[], httpx.Response]]
    health: list[httpx.Response | Exception] = field(default_factory=list)
    calls: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            self.ended.append(request.url.params["manifest"])
            return httpx.Response(200, json={"ended": 1})
        if request.method == "GET":
            return give(self.health.pop(0)) if self.health else httpx.Response(200)
        now = asyncio.get_running_loop().time()
        self.calls.append((now, json.loads(request.content)))
        return give(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    def runner(self, policy: HttpServicePolicy = POLICY) -> HttpServiceRunner:
        transport = httpx.MockTransport(self)
        return HttpServiceRunner(
            "http://service.test/", policy=policy, draw=lambda: 0.0, transport=transport
        )

    async def run(self, job: Job = JOB) -> list[TaskEnd]:
        return list(await self.runner().run(job, lambda _: None))


def give(answer: "httpx.Response | Exception | Callable[[], httpx.Response]") -> httpx.Response:
    if isinstance(answer, Exception):
        raise answer
    return answer if isinstance(answer, httpx.Response) else answer()


def lines(*parts: str | float | Exception) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(200, stream=Lines(*parts))


def exits(code: int | None, **more: object) -> Callable[[], httpx.Response]:
    return lines(RUNNING, json.dumps({"exit": code, **more}) + "\n")


@virtual_time
async def test_a_call_names_the_task_and_the_attempt() -> None:
    service = FakeService([exits(-9), exits(0)])
    assert await service.run(Job("j", "m", 1)) == [TaskEnd(0, TaskState.SUCCEEDED, 2, None)]
    assert [call for _, call in service.calls] == [
        {"manifest": "m", "index": 0, "count": 1, "attempt": attempt} for attempt in (0, 1)
    ]


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.PoolTimeout("full"),
        httpx.Response(502),
        httpx.Response(503),
        httpx.Response(504),
    ],
)
@virtual_time
async def test_what_may_pass_is_tried_again_with_growing_waits(
    failure: httpx.Response | Exception,
) -> None:
    service = FakeService([failure, failure, exits(0)])
    assert await service.run() == [TaskEnd(0, TaskState.SUCCEEDED, 1, None)]
    assert [at for at, _ in service.calls] == [0.0, 2.0, 6.0]


@virtual_time
async def test_a_task_that_nobody_takes_fails_alone() -> None:
    service = FakeService([httpx.Response(503, text="stopping"), exits(0)])
    service.answers = [httpx.Response(503, text="stopping")]
    (end,) = await service.run()
    assert (end.state, end.attempts) == (TaskState.FAILED, 0)
    assert end.reason == "http://service.test: HTTP 503: stopping"
    assert len(service.calls) == 3


@pytest.mark.parametrize(
    "broken",
    [
        lines(RUNNING, httpx.ReadTimeout("silent")),
        lines(RUNNING, httpx.ReadError("reset")),
        lines(RUNNING),
        lines(RUNNING, '{"exit": null, "reason": "stopped"}\n'),
        lines(RUNNING, '{"exi'),
        lines(RUNNING, '{"exit": false}\n'),
        lines(RUNNING, '{"exit": "0"}\n'),
        lines(RUNNING, '{"exit": 0, "reason": []}\n'),
    ],
)
@virtual_time
async def test_an_answer_that_breaks_off_was_an_attempt(
    broken: Callable[[], httpx.Response],
) -> None:
    service = FakeService([broken, exits(0)])
    assert await service.run() == [TaskEnd(0, TaskState.SUCCEEDED, 2, None)]
    assert [call["attempt"] for _, call in service.calls] == [0, 1]


@virtual_time
async def test_a_task_that_only_waited_in_line_had_no_attempt() -> None:
    service = FakeService([lines('{"state": "waiting"}\n', httpx.ReadError("reset")), exits(0)])
    assert await service.run() == [TaskEnd(0, TaskState.SUCCEEDED, 1, None)]
    assert [call["attempt"] for _, call in service.calls] == [0, 0]


@virtual_time
async def test_a_full_service_is_asked_at_the_times_that_it_names() -> None:
    full = httpx.Response(429, headers={"Retry-After": "7"})
    service = FakeService([full, full, full, exits(0)])
    assert await service.run() == [TaskEnd(0, TaskState.SUCCEEDED, 1, None)]
    assert [at for at, _ in service.calls] == [0.0, 7.0, 14.0, 21.0]


@virtual_time
async def test_a_service_that_stays_full_is_given_up() -> None:
    service = FakeService([httpx.Response(429, text="full")])
    (end,) = await service.run()
    assert (end.state, end.attempts) == (TaskState.FAILED, 0)
    assert "429" in (end.reason or "")
    assert len(service.calls) == 4


@pytest.mark.parametrize(
    ("answer", "attempts", "reason"),
    [
        (exits(1), 1, "exit code 1"),
        (exits(2), 2, "exit code 2"),
        (exits(-11), 2, "signal 11 (SIGSEGV)"),
        (exits(-9, reason="timeout after 5 s"), 1, "timeout after 5 s"),
        (exits(None, reason="cannot be started: no"), 1, "cannot be started: no"),
    ],
)
@virtual_time
async def test_a_process_that_said_what_is_wrong_is_not_tried_again(
    answer: Callable[[], httpx.Response], attempts: int, reason: str
) -> None:
    service = FakeService([answer])
    assert await service.run() == [TaskEnd(0, TaskState.FAILED, attempts, reason)]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422])
@virtual_time
async def test_a_refusal_ends_the_job_at_once(status: int) -> None:
    service = FakeService([httpx.Response(status, text="no"), lines(RUNNING, 1e6)])
    with pytest.raises(RefusedError, match=f"HTTP {status}: no") as failed:
        await service.run(Job("j", "m", 3))
    assert failed.value.kind == "runner_refused"
    assert asyncio.get_running_loop().time() == 0.0
    assert service.ended == ["m"]


@virtual_time
async def test_a_service_that_is_away_is_waited_for_before_the_first_task() -> None:
    service = FakeService([exits(0)], health=[httpx.ConnectError("no"), httpx.Response(503)])
    assert await service.run() == [TaskEnd(0, TaskState.SUCCEEDED, 1, None)]
    assert service.calls[0][0] == 6.0


@virtual_time
async def test_a_service_that_stays_away_is_unreachable() -> None:
    service = FakeService([exits(0)], health=[httpx.ConnectError("no") for _ in range(3)])
    with pytest.raises(TransientError) as failed:
        await service.run()
    assert failed.value.kind == "runner_unreachable"
    assert service.calls == []


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://a.test", "http://", "http://a:b", "http://a:b@c"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(RefusedError, match="write it like"):
        HttpServiceRunner(url)


@virtual_time
async def test_cancelling_has_the_service_end_the_job() -> None:
    service = FakeService([lines(RUNNING, 1e6)])
    running = asyncio.create_task(service.run())
    await asyncio.sleep(5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert service.ended == [JOB.manifest]


@virtual_time
async def test_cancelling_does_not_hang_on_a_service_that_is_gone() -> None:
    class Gone(FakeService):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            if request.method == "DELETE":
                await asyncio.sleep(1e6)
            return await super().__call__(request)

    running = asyncio.create_task(Gone([lines(RUNNING, 1e6)]).run())
    await asyncio.sleep(5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.get_running_loop().time() == 5 + POLICY.end_seconds


@virtual_time
async def test_a_defect_of_the_caller_is_raised_as_it_is() -> None:
    service = FakeService([exits(0)])

    def fail(_: TaskEnd) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await service.runner().run(JOB, fail)
    assert service.ended == [JOB.manifest]


def test_an_exit_without_a_code_has_failed() -> None:
    assert explain_exit(TaskExit(None)) == "failed"
