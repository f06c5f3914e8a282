"""`ForkServer`: a process per call, for work that may hang, crash or eat the memory, at milliseconds of CPU per call.

    asyncio, threads  --- calls, kills --->  fork server: one thread, everything loaded  --- fork --->  one call each
                      <-- values, errors --                                             <-- pipe ---

A fresh interpreter costs 0.4 to 1 s of CPU until it has imported what it needs; a fork of one that has, a few
milliseconds. What a caller does not want any more is killed, and a process that dies takes only its own call along.
Nobody outlives its parent: the server ends its children when the caller is gone, and children watch the server.
"""

import asyncio
import json
import os
import signal
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from itertools import count
from typing import NoReturn

import structlog

from platform_assets.core.engine.units import JsonObject
from platform_assets.core.errors import RefusedError
from platform_assets.core.processes.fork_calls import Handler, do_call, read_answer
from platform_assets.core.processes.fork_loop import (
    Ends,
    ForkEnd,
    ForkLoop,
    fork_quietly,
    leave,
    reset_signals,
)

log = structlog.get_logger(__name__)

LINE_BYTES = 16 * 1024 * 1024
"""Longest answer of a call, as JSON."""

_END_SECONDS = 5.0


class ForkServer:
    """Calls to forked processes. Made by `start`, used in one event loop, closed at the end."""

    def __init__(self, control: socket.socket, pid: int) -> None:
        self._control = control
        self._pid = pid
        self._calls: dict[int, asyncio.Future[ForkEnd]] = {}
        self._ids = count()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ended = False
        self._connecting = asyncio.Lock()

    @classmethod
    def start(cls, handler: Handler) -> "ForkServer":
        """Forks the server from this process; what it has imported and loaded by now, every call has.

        Args:
            handler: Does a call. It must not use connections or threads that were opened before.

        Raises:
            RuntimeError: This process has threads already: another thread's lock may be held for ever in a copy.
        """
        if threading.active_count() > 1:
            raise RuntimeError("a fork server is started before the first thread")
        ours, theirs = socket.socketpair()
        pid = fork_quietly()
        if pid == 0:
            ours.close()
            _become_server(theirs, handler)
        theirs.close()
        with suppress(OSError):  # the server does the same; whoever comes first
            os.setpgid(pid, pid)
        return cls(ours, pid)

    async def call(
        self, payload: JsonObject, *, alarm_seconds: float | None = None
    ) -> JsonObject | None:
        """What the handler returns for the payload. Cancelled, it kills the process and waits for its end.

        Args:
            payload: The handler's argument, as JSON.
            alarm_seconds: The process ends itself after so long, even if nobody is left who could kill it.

        Raises:
            TransientError: kind `worker_died`: the process ended by a signal or without an answer.
            PlatformError: What the handler raised, by kind and message; kind `unexpected` if it is a defect.
            RefusedError: kind `fork_server_died`: the server is gone, and with it all calls.
        """
        await self._connect()
        call_id = next(self._ids)
        future = self._calls[call_id] = asyncio.get_running_loop().create_future()
        self._send({"id": call_id, "payload": payload, "alarm": alarm_seconds})
        try:
            end = await asyncio.shield(future)
        except asyncio.CancelledError:
            self._send({"kill": call_id})
            await asyncio.wait({future}, timeout=_END_SECONDS)
            raise
        finally:
            del self._calls[call_id]
        return read_answer(end)

    async def close(self) -> None:
        """Ends the server and its children; returns when they are gone."""
        self._ended = True
        if self._writer is not None:
            self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
        self._control.close()
        await asyncio.to_thread(_end_group, self._pid)

    async def _connect(self) -> None:
        async with self._connecting:
            if self._ended:
                raise _server_died()
            if self._reading is None:
                reader, self._writer = await asyncio.open_connection(
                    sock=self._control, limit=LINE_BYTES
                )
                self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Gives each answer to its call; without a server, all calls end."""
        try:
            while line := await reader.readline():
                said = json.loads(line)
                future = self._calls.get(said["id"])
                if future is not None and not future.done():
                    future.set_result(ForkEnd(said["id"], said["exit"], said["output"].encode()))
        except (OSError, ValueError) as error:
            log.warning("fork_server_unreadable", error=str(error))
        finally:
            self._ended = True
            for future in self._calls.values():
                if not future.done():
                    future.set_exception(_server_died())
                    future.exception()  # the caller may have been cancelled: nobody else looks

    def _send(self, message: JsonObject) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")


def call_once(handler: Handler, payload: JsonObject) -> JsonObject | None:
    """Does one call in a forked process, and waits for it: connections and threads that it starts are gone with it.

    Args:
        handler: What is done.
        payload: Its argument.

    Raises:
        TransientError: kind `worker_died`: the process ended by a signal or without an answer.
        PlatformError: What the handler raised, by kind and message; kind `unexpected` if it is a defect.
    """
    lifeline, held = os.pipe()
    output, target = os.pipe()
    pid = fork_quietly()
    if pid == 0:
        _become_caller(handler, payload, Ends(target, lifeline), (held, output))
    os.close(lifeline)
    os.close(target)
    with os.fdopen(output, "rb") as reader:
        said = reader.read()
    exit_code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(held)
    return read_answer(ForkEnd(0, exit_code, said))


def _server_died() -> RefusedError:
    return RefusedError(
        "the fork server of this process is gone, killed from outside or for lack of memory: start the process again",
        kind="fork_server_died",
    )


def _end_group(pid: int) -> None:
    """Kills what is left of the server's process group, and reaps the server."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _become_server(control: socket.socket, handler: Handler) -> NoReturn:
    """The server's whole life."""
    code = os.EX_SOFTWARE
    try:
        os.setpgid(0, 0)
        _Server(control, handler).serve()
        code = os.EX_OK
    finally:
        leave(code)


def _become_caller(
    handler: Handler, payload: JsonObject, ends: Ends, inherited: Iterable[int]
) -> NoReturn:
    """The whole life of the process of a single call."""
    code = os.EX_SOFTWARE
    try:
        reset_signals()
        for fd in inherited:
            os.close(fd)
        code = do_call(handler, payload, None, ends)
    finally:
        leave(code)


class _Server:
    def __init__(self, control: socket.socket, handler: Handler) -> None:
        self._control = control
        self._handler = handler
        self._stopping = False
        self._loop = ForkLoop(control.fileno(), self._take, self._tell)

    def serve(self) -> None:
        self._loop.run()
        # The caller is gone or will be told that the server is: no call has an answer any more.
        self._stopping = True
        self._loop.end_children(0.0)

    def _take(self, line: bytes) -> None:
        said = json.loads(line)
        if "kill" in said:
            self._loop.signal(said["kill"], signal.SIGKILL)
        else:
            self._loop.fork(
                said["id"], partial(do_call, self._handler, said["payload"], said["alarm"])
            )

    def _tell(self, end: ForkEnd) -> None:
        if self._stopping:
            return
        said = {"id": end.call_id, "exit": end.exit_code, "output": end.output.decode()}
        try:
            self._control.sendall(json.dumps(said).encode() + b"\n")
        except OSError:
            self._loop.stop()  # the caller is gone
