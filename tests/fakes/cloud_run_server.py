"""The Cloud Run Admin API v2 over HTTP on loopback, as far as jobs are run through it, with real processes as tasks.

    server = CloudRunServer([sys.executable, "task.py"], folder)
    server.deploy(Definition("tags", parallelism=100, max_retries=1))
    JobsClient(transport="rest", client_options={"api_endpoint": server.url}, credentials=AnonymousCredentials())

Methods: jobs get and run (overrides of args, env, task count and timeout); executions get, list and cancel; tasks get
and list; operations get and wait. Lists are paged. No access control, no deletion, no changes of jobs.

`faults`: the next requests that they match are not answered as usual; `requests` keeps what was asked; `page_size` is
the most that a list gives at once.
"""

import json
import random
import re
import string
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import RLock, Thread
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from tests.fakes.cloud_run_execution import Definition, FakeExecution
from tests.fakes.cloud_run_json import (
    Json,
    describe_execution,
    describe_job,
    describe_operation,
    describe_task,
    name_enums,
    read_env,
)

PROJECT, REGION = "a-project", "a-region"
PARENT = f"projects/{PROJECT}/locations/{REGION}"
JOBS = f"{PARENT}/jobs"
_JOB = rf"/v2/{JOBS}/(?P<job>[^/:]+)"
_EXECUTION = rf"{_JOB}/executions/(?P<execution>[^/:]+)"
PAGE_SIZE = 100


@dataclass(frozen=True)
class Fault:
    """What happens to one request instead of an answer.

    Attributes:
        status: The answer, 200 for the usual one; None for a connection that is closed without one.
        on: The request line that it waits for, as a pattern: `POST .*:run`.
        done: Whether the request is carried out first: only the answer is lost.
        retry_after: The header.
        seconds: How long nothing happens before.
    """

    status: int | None
    on: str = ""
    done: bool = False
    retry_after: str | None = None
    seconds: float = 0.0


class RefusalError(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class CloudRunServer:
    """Listens from the start; `close` ends every process that it started.

    Args:
        command: What a task is, instead of a container.
        folder: For what the tasks print.
        grace_seconds: From SIGTERM to SIGKILL; Cloud Run's is 10.
    """

    def __init__(self, command: Sequence[str], folder: Path, grace_seconds: float = 10.0) -> None:
        self.executions: list[FakeExecution] = []
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.page_size = PAGE_SIZE
        self.lock = RLock()
        self._command = tuple(command)
        self._folder = folder
        self._grace_seconds = grace_seconds
        self._definitions: dict[str, Definition] = {}
        self._operations: dict[str, FakeExecution] = {}
        handler = cast("type[_Handler]", type("BoundHandler", (_Handler,), {"cloud": self}))
        self._server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def deploy(self, definition: Definition) -> None:
        self._definitions[definition.job] = definition

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for execution in self.executions:
            execution.close()

    def take_fault(self, line: str) -> Fault | None:
        """The first fault that waits for such a request."""
        with self.lock:
            self.requests.append(line)
            for fault in self.faults:
                if re.match(fault.on, line):
                    self.faults.remove(fault)
                    return fault
        return None

    def get_job(self, job: str) -> Json:
        latest = next((each for each in self._of(job)), None)
        return describe_job(self._find_job(job), JOBS, latest)

    def run_job(self, body: Json, job: str) -> Json:
        definition = _override(self._find_job(job), body.get("overrides", {}))
        word = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
        execution = FakeExecution(
            f"{job}-{word}", definition, self._command, self._folder, self._grace_seconds
        )
        with self.lock:
            self.executions.append(execution)
        execution.start()
        return self._operate(execution)

    def get_execution(self, job: str, execution: str) -> Json:
        return describe_execution(self._find(job, execution), JOBS)

    def cancel_execution(self, job: str, execution: str) -> Json:
        found = self._find(job, execution)
        if found.ended_at is not None:
            raise RefusalError(400, f"Execution {execution} has completed.")
        found.cancel()
        return self._operate(found)

    def list_executions(self, query: dict[str, str], job: str) -> Json:
        self._find_job(job)
        described = [describe_execution(each, JOBS) for each in self._of(job)]
        return self._cut_page("executions", described, query)

    def get_task(self, job: str, execution: str, task: str) -> Json:
        found = self._find(job, execution)
        for each in found.tasks:
            if task == f"{found.name}-task{each.index}":
                return describe_task(found, each, JOBS)
        raise RefusalError(404, f"Resource '{task}' of kind 'TASK' does not exist.")

    def list_tasks(self, query: dict[str, str], job: str, execution: str) -> Json:
        found = self._find(job, execution)
        # In no order that anybody could rely on.
        described = [describe_task(found, task, JOBS) for task in reversed(found.tasks)]
        return self._cut_page("tasks", described, query)

    def get_operation(self, operation: str) -> Json:
        name = f"{PARENT}/operations/{operation}"
        if name not in self._operations:
            raise RefusalError(404, f"Operation '{operation}' does not exist.")
        return describe_operation(name, self._operations[name], JOBS)

    def _operate(self, execution: FakeExecution) -> Json:
        name = f"{PARENT}/operations/{len(self._operations)}-{execution.name}"
        self._operations[name] = execution
        return describe_operation(name, execution, JOBS)

    def _cut_page(self, noun: str, items: list[Json], query: dict[str, str]) -> Json:
        """As the real API: it may give less than it was asked for, and a token for the rest."""
        size = min(int(query.get("pageSize", "0")) or self.page_size, self.page_size)
        first = int(query.get("pageToken", "0"))
        page: Json = {noun: items[first : first + size]}
        return page | ({"nextPageToken": str(first + size)} if first + size < len(items) else {})

    def _of(self, job: str) -> list[FakeExecution]:
        """Executions of a job, the newest first."""
        return [each for each in reversed(self.executions) if each.definition.job == job]

    def _find_job(self, job: str) -> Definition:
        if job not in self._definitions:
            raise RefusalError(404, f"Resource '{job}' of kind 'JOB' does not exist.")
        return self._definitions[job]

    def _find(self, job: str, execution: str) -> FakeExecution:
        for each in self._of(job):
            if each.name == execution:
                return each
        raise RefusalError(404, f"Resource '{execution}' of kind 'EXECUTION' does not exist.")


def _override(definition: Definition, overrides: Json) -> Definition:
    """Arguments are replaced, variables are merged, as Cloud Run does."""
    unknown = set(overrides) - {"containerOverrides", "taskCount", "timeout"}
    if unknown:
        raise RefusalError(400, f"Unknown name at 'overrides': {sorted(unknown)}")
    for container in overrides.get("containerOverrides", []):
        args = tuple(container.get("args", definition.args))
        env = {**definition.env, **read_env(container.get("env", []))}
        definition = replace(definition, args=args, env=env)
    if "taskCount" in overrides:
        definition = replace(definition, task_count=overrides["taskCount"])
    if "timeout" in overrides:
        seconds = float(overrides["timeout"].removesuffix("s"))
        definition = replace(definition, timeout_seconds=seconds)
    return definition


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cloud: CloudRunServer
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        query = {name: each[0] for name, each in parse_qs(urlsplit(self.path).query).items()}
        cloud = self.cloud
        self._serve(
            {
                _JOB: cloud.get_job,
                rf"{_JOB}/executions": partial(cloud.list_executions, query),
                _EXECUTION: cloud.get_execution,
                rf"{_EXECUTION}/tasks": partial(cloud.list_tasks, query),
                rf"{_EXECUTION}/tasks/(?P<task>[^/:]+)": cloud.get_task,
                rf"/v2/{PARENT}/operations/(?P<operation>[^/:]+)": cloud.get_operation,
            }
        )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        cloud = self.cloud
        self._serve(
            {
                rf"{_JOB}:run": partial(cloud.run_job, body),
                rf"{_EXECUTION}:cancel": cloud.cancel_execution,
                rf"/v2/{PARENT}/operations/(?P<operation>[^/:]+):wait": cloud.get_operation,
            }
        )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass

    def _serve(self, routes: dict[str, Callable[..., Json]]) -> None:
        path = urlsplit(self.path).path
        fault = self.cloud.take_fault(f"{self.command} {path}")
        if fault is not None:
            time.sleep(fault.seconds)
            fault = None if fault.status == 200 else fault
        if fault is not None and not fault.done:
            return self._fail(fault)
        try:
            answer, status = self._find_route(routes, path), 200
        except RefusalError as refusal:
            answer, status = _describe_error(refusal.status, refusal.reason), refusal.status
        if fault is not None:
            return self._fail(fault)
        numbers = "enum-encoding=int" in parse_qs(urlsplit(self.path).query).get("$alt", [""])[0]
        return self._send(answer if numbers else name_enums(answer), status)

    def _find_route(self, routes: dict[str, Callable[..., Json]], path: str) -> Json:
        for pattern, answer in routes.items():
            if (match := re.fullmatch(pattern, path)) is not None:
                return answer(**match.groupdict())
        raise RefusalError(404, f"no such resource: {path}")

    def _fail(self, fault: Fault) -> None:
        if fault.status is None:
            self.close_connection = True
            return
        headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        self._send(_describe_error(fault.status, "injected"), fault.status, headers)

    def _send(self, answer: Any, status: int, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def _describe_error(status: int, reason: str) -> Json:
    return {"error": {"code": status, "message": reason, "status": STATUSES.get(status, "UNKNOWN")}}


STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
