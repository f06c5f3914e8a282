"""The application of the tags service: HTTP in front of a desk of tasks.

POST   /v1/tasks {"manifest": KEY, "index": 0, "count": 100, "attempt": 0}    runs one task, a process of its own
DELETE /v1/tasks?manifest=KEY                                              ends the tasks of a job, returns afterwards
GET    /healthz                                                                     how many run and wait; no token

The answer to POST is a stream of lines: {"state": "waiting"} or {"state": "running"} at once and every few seconds, at
last {"exit": 0}. A task is ended when nobody reads its answer any more. The other side is `http_service.py`.
"""

import hmac
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from starlette.types import ASGIApp, Receive, Scope, Send

from platform_assets.core.object_keys import MAX_KEY_BYTES, is_valid_key
from resources.runners.task_processes import (
    DeskTask,
    LineFullError,
    TaskCall,
    TaskDesk,
    TaskExit,
)

RETRY_AFTER = 5
"""Seconds after which a caller is to try again when the line is full."""

MOST_BODY_BYTES = 10_000
"""A call is a key and three numbers."""

HEALTH_PATH = "/healthz"


def _check_key(key: str) -> str:
    # A key that starts with a dash would be an option of the task's command line.
    if key.startswith("-") or not is_valid_key(key):
        raise ValueError("not an object key")
    return key


Manifest = Annotated[str, Field(max_length=MAX_KEY_BYTES), AfterValidator(_check_key)]


class TaskIn(BaseModel):
    """One attempt at one task."""

    model_config = ConfigDict(extra="forbid")

    manifest: Manifest
    index: int = Field(ge=0)
    count: int = Field(ge=1, le=10_000)
    attempt: int = Field(ge=0, default=0)

    @model_validator(mode="after")
    def _index_is_within(self) -> "TaskIn":
        if self.index >= self.count:
            raise ValueError(f"index {self.index} is outside 0 to {self.count - 1}")
        return self


class TaskStream(StreamingResponse):
    """Tells how a task is doing until it has ended, and leaves it in the end, even if nobody listened at all."""

    def __init__(self, desk: TaskDesk, task: DeskTask, heartbeat_seconds: float) -> None:
        super().__init__(tell(task, heartbeat_seconds), media_type="application/x-ndjson")
        self._desk = desk
        self._task = task

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, and leaves the task whatever happens."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._desk.leave(self._task)


async def tell(task: DeskTask, heartbeat_seconds: float) -> AsyncGenerator[str]:
    """The lines of an answer."""
    seconds = 0.0
    while (exit_ := await task.wait(seconds)) is None:
        yield json.dumps({"state": "running" if task.running else "waiting"}) + "\n"
        seconds = heartbeat_seconds
    yield json.dumps(describe_exit(exit_)) + "\n"


def describe_exit(exit_: TaskExit) -> dict[str, object]:
    """The last line: exit code, minus the signal, or null; and why it is not the process's own."""
    said: dict[str, object] = {"exit": exit_.code}
    return said if exit_.reason is None else said | {"reason": exit_.reason}


class Gate:
    """Turns away those without the token, and bodies that are too large, before anything of them is read.

    Args:
        app: What is behind it.
        token: What callers must send as a bearer token; None to let everybody in.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers by itself, or hands the request on."""
        refusal = self._refuse(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refuse(self, scope: Scope) -> JSONResponse | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if self._expected is not None and scope["path"] != HEALTH_PATH:
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                said = {"detail": "a bearer token is needed"}
                return JSONResponse(said, 401, {"WWW-Authenticate": "Bearer"})
        if b"transfer-encoding" in headers:
            return JSONResponse({"detail": "send the length of the body"}, 411)
        if int(headers.get(b"content-length", b"0")) > MOST_BODY_BYTES:
            return JSONResponse({"detail": f"at most {MOST_BODY_BYTES} bytes"}, 413)
        return None


def build_service(desk: TaskDesk, *, token: str | None, heartbeat_seconds: float) -> FastAPI:
    """The application.

    Args:
        desk: Runs the tasks; closed with the application.
        token: What callers must send as a bearer token; None to let everybody in.
        heartbeat_seconds: Between two lines of an answer; well below the callers' read timeout.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        yield
        await desk.close()

    app = FastAPI(title="Sluice tags service", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(Gate, token=token)

    @app.post("/v1/tasks")
    async def run_task(asked: TaskIn) -> TaskStream:  # pyright: ignore[reportUnusedFunction]
        if desk.closed:
            raise HTTPException(503, "the service is stopping")
        try:
            task = desk.join(TaskCall(asked.manifest, asked.index, asked.count, asked.attempt))
        except LineFullError as error:
            raise HTTPException(429, error.message, {"Retry-After": str(RETRY_AFTER)}) from error
        return TaskStream(desk, task, heartbeat_seconds)

    @app.delete("/v1/tasks")
    async def end_tasks(  # pyright: ignore[reportUnusedFunction]
        manifest: Annotated[Manifest, Query()],
    ) -> dict[str, int]:
        return {"ended": await desk.end(manifest)}

    @app.get(HEALTH_PATH)
    async def tell_health() -> dict[str, object]:  # pyright: ignore[reportUnusedFunction]
        return {"status": "ok", "running": desk.running, "waiting": desk.waiting}

    return app
