"""`HttpServiceRunner`: the tasks of a job as calls to a running service, so many in flight.

    POST /v1/tasks {"manifest": KEY, "index": 0, "count": 100, "attempt": 0}
    200, then lines: {"state": "waiting"} {"state": "running"} ... {"exit": 0}

The service writes a line every few seconds while a task runs, so the read timeout finds a service that is dead or
stuck, and never cuts off a task that only takes long. The other side is `platform_assets/tags/service.py`.
"""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx
import structlog

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from platform_assets.core.jobs import Job, OnEnd, TaskEnd, TaskState
from resources.http.messages import ExchangeDeadlineError, HttpReply, HttpRequest
from resources.http.network import Network
from resources.http.wire import HttpTimeouts, HttpWire, WireReply
from resources.runners.cloud_run_replies import REFUSED, UNREACHABLE
from resources.runners.http_service_replies import (
    BrokenOffError,
    BusyError,
    explain_exit,
    is_address,
    is_worth_another,
    judge,
    parse_line,
    read_exit,
    translate,
)
from resources.runners.task_processes import STOPPED, TaskCall, TaskExit

log = structlog.get_logger(__name__)

ANSWER_BYTES = 1024 * 1024
"""Of an answer that is no stream of lines: it is a sentence."""

LINE_BYTES = 64 * 1024
"""Of a line that says how a task is doing."""


@dataclass(frozen=True, slots=True)
class HttpServicePolicy:
    """How a service is called.

    Attributes:
        in_flight: Calls at a time.
        timeouts: Of one call; `read` is between two lines, so it must be longer than the service's heartbeat.
        retry: Of one call, for what may pass: no connection, a broken one, 429, 5xx.
        busy_limit: Answers 429 in a row, for one task, after which it fails: the service is there, but full.
        process_attempts: How often a task is tried whose process was killed or could not begin.
        end_seconds: How long the service may take to end the tasks of a cancelled job; it gives them 10.
    """

    in_flight: int = 20
    timeouts: HttpTimeouts = field(default_factory=HttpTimeouts)
    retry: RetryPolicy = field(
        default_factory=lambda: RetryPolicy(attempts=6, longest_wait_seconds=30.0)
    )
    busy_limit: int = 100
    process_attempts: int = 2
    end_seconds: float = 20.0


@dataclass(slots=True)
class _Tries:
    """What has been tried for one task: processes started, calls that failed, answers 429."""

    attempts: int = 0
    failures: int = 0
    busy: int = 0


class HttpServiceRunner:
    """Runs the tasks of a job by calls to a service; a `JobRunner`.

    Args:
        url: Where the service is, without a path: `http://127.0.0.1:8080`.
        token: Sent as a bearer token; None for a service without one.
        policy: How it is called.
        draw: Random numbers in [0, 1) for the jitter of waits.
        clock: Tells how far away the date of a Retry-After header is.
        transport: Instead of the network, for tests.
        network: The way to it; straight there if None.

    Raises:
        RefusedError: kind `runner_refused`: there is no such URL, or the token cannot be sent.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        policy: HttpServicePolicy | None = None,
        *,
        draw: Callable[[], float] = random.random,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        network: Network | None = None,
    ) -> None:
        if not is_address(url):
            raise RefusedError(
                "the tags service's URL cannot be used: write it like http://127.0.0.1:8080, without a password",
                kind=REFUSED,
            )
        if token is not None and not token.isprintable():
            raise RefusedError(
                "the tags service's token holds a line break or another control character: correct it",
                kind=REFUSED,
            )
        self._url = url.rstrip("/")
        self._token = token
        self._policy = policy or HttpServicePolicy()
        self._draw = draw
        self._clock = clock or SystemClock()
        self._transport = transport
        self._network = network

    async def run(self, job: Job, on_end: OnEnd) -> Sequence[TaskEnd]:
        """Runs every task to its end; cancelled, it has the service end what it started.

        Args:
            job: Its manifest goes to the tasks as `--manifest KEY`.
            on_end: Called in the event loop as tasks end, once per index.

        Returns:
            One end per index, in order. A task that the service could not be asked for is FAILED.

        Raises:
            TransientError: kind `runner_unreachable`: the service does not answer at all.
            RefusedError: kind `runner_refused`: it refuses the token or the request.
        """
        if job.tasks == 0:
            return []
        async with self._open() as wire:
            await self._greet(wire)
            places = asyncio.Semaphore(self._policy.in_flight)

            async def run_one(index: int) -> TaskEnd:
                async with places:
                    end = await self._run_task(wire, job, index)
                on_end(end)
                return end

            try:
                return await _gather(run_one(index) for index in range(job.tasks))
            except BaseException:
                await asyncio.shield(self._end(wire, job))
                raise

    def _open(self) -> HttpWire:
        return HttpWire(
            self._policy.timeouts,
            # One connection more than calls: the one that ends a job must not wait for them.
            self._policy.in_flight + 1,
            {} if self._token is None else {"authorization": f"Bearer {self._token}"},
            self._transport,
            body_bytes=ANSWER_BYTES,
            network=self._network,
        )

    async def _greet(self, wire: HttpWire) -> None:
        """Finds out whether there is a service at all, before every task fails by itself."""
        failures = 0
        while True:
            try:
                reply = await wire.exchange(HttpRequest("GET", f"{self._url}/healthz"))
                if reply.status == 200:
                    return
                raise judge(reply, self._url, self._clock.now())
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failures = await self._wait_after(
                    translate(error, self._url, self._token), failures
                )
            except TransientError as error:
                failures = await self._wait_after(error, failures)

    async def _run_task(self, wire: HttpWire, job: Job, index: int) -> TaskEnd:
        tries = _Tries()
        while True:
            call = TaskCall(job.manifest, index, job.tasks, tries.attempts)
            try:
                exit_ = await self._call(wire, call)
            except TransientError as error:
                if not await self._has_next_try(error, tries):
                    return TaskEnd(index, TaskState.FAILED, tries.attempts, error.message)
                continue
            tries.attempts += 1
            if exit_ == TaskExit(0):
                return TaskEnd(index, TaskState.SUCCEEDED, tries.attempts, None)
            if tries.attempts >= self._policy.process_attempts or not is_worth_another(exit_):
                return TaskEnd(index, TaskState.FAILED, tries.attempts, explain_exit(exit_))

    async def _has_next_try(self, error: TransientError, tries: _Tries) -> bool:
        """Waits before the next call of a task; False when there is none."""
        tries.attempts += isinstance(error, BrokenOffError)
        if isinstance(error, BusyError):
            tries.busy += 1
            await asyncio.sleep(self._wait_while_busy(error))
            return tries.busy < self._policy.busy_limit
        try:
            tries.failures = await self._wait_after(error, tries.failures)
        except TransientError:
            return False
        return True

    async def _call(self, wire: HttpWire, call: TaskCall) -> TaskExit:
        """One call, to the task's exit.

        Raises:
            BusyError: The service is full.
            BrokenOffError: It broke off while the task ran.
            TransientError: The task was not started.
            RefusedError: A person must act.
        """
        running, timeouts = False, self._policy.timeouts
        try:
            async with (
                asyncio.timeout(timeouts.exchange) as beginning,
                wire.open(self._write_call(call)) as reply,
            ):
                if reply.status != 200:
                    raise judge(await self._read_whole(reply), self._url, self._clock.now())
                # A task may take hours: from here on it is each line that has its time.
                beginning.reschedule(None)
                async with aclosing(reply.iterate_lines(LINE_BYTES, timeouts.read)) as lines:
                    async for line in lines:
                        said = parse_line(line)
                        running = running or said.get("state") == "running"
                        exit_ = read_exit(said)
                        if exit_ is not None and exit_.reason != STOPPED.reason:
                            return exit_
            why: PlatformError = TransientError(
                f"{self._url}: task {call.index}: the service stopped before the task had ended",
                kind=UNREACHABLE,
            )
        except TimeoutError:
            slow = ExchangeDeadlineError(timeouts.exchange)
            why = translate(slow, self._url, self._token)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = translate(error, self._url, self._token)
        if running and isinstance(why, TransientError):
            raise BrokenOffError(why.message)
        raise why

    def _write_call(self, call: TaskCall) -> HttpRequest:
        return HttpRequest(
            "POST",
            f"{self._url}/v1/tasks",
            headers={"content-type": "application/json"},
            content=json.dumps(asdict(call)).encode(),
        )

    async def _read_whole(self, reply: WireReply) -> HttpReply:
        return HttpReply(reply.status, reply.headers, await reply.read(), 0.0)

    async def _end(self, wire: HttpWire, job: Job) -> None:
        """Has the service end the job's tasks, and waits until they are gone. The calls were closed before."""
        try:
            async with asyncio.timeout(self._policy.end_seconds):
                reply = await wire.exchange(
                    HttpRequest(
                        "DELETE", f"{self._url}/v1/tasks", params={"manifest": job.manifest}
                    )
                )
            if reply.status != 200:
                raise judge(reply, self._url, self._clock.now())
        except (httpx.HTTPError, PlatformError, TimeoutError) as error:
            # It ends them by itself when it notices that nobody listens.
            log.warning("tasks_not_ended", job_id=job.job_id, error=str(error))

    async def _wait_after(self, error: PlatformError, failures: int) -> int:
        """Waits before the next try and returns the number of failures; raises the error when there is no next try."""
        failures += 1
        wait = self._policy.retry.next_wait(failures, error, self._draw())
        if wait is None:
            raise error
        log.info("runner_call_failed", kind=error.kind, wait_seconds=wait, error=error.message)
        await asyncio.sleep(wait)
        return failures

    def _wait_while_busy(self, error: BusyError) -> float:
        """Seconds, as the service asks for them; a full service is no failure, so they do not grow."""
        retry = self._policy.retry
        asked = retry.first_wait_seconds if error.retry_after is None else error.retry_after
        return min(asked, retry.longest_retry_after_seconds) * (1.0 + retry.jitter * self._draw())


async def _gather(works: Iterable[Coroutine[Any, Any, TaskEnd]]) -> list[TaskEnd]:
    """The results in order; the first error ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]
