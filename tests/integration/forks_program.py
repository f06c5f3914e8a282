"""A program over a fork server, for `test_forks.py`: `python -m tests.integration.forks_program SCENARIO FOLDER`.

It has no thread but its own, as the programs that use one; a test runner has some.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from platform_assets.core.engine.units import JsonObject
from platform_assets.core.errors import PermanentError, PlatformError, RefusedError, TransientError
from platform_assets.core.processes.fork_server import ForkServer
from platform_assets.core.processes.signals import restore_signals
from tests.integration.processes import is_gone, wait_until

SQUARE = {"do": "square", "n": 3}
LOADED = {"calls": 0}
FOLDER = Path(sys.argv[2])


def square(payload: JsonObject) -> JsonObject:
    LOADED["calls"] += 1
    return {"square": payload["n"] ** 2, "pid": os.getpid(), "calls": LOADED["calls"]}


def give_much(payload: JsonObject) -> JsonObject:
    return {"text": "x" * payload["n"]}


def sleep(_: JsonObject) -> None:
    (FOLDER / f"{os.getpid()}.pid").touch()
    time.sleep(600)


def hold(_: JsonObject) -> None:
    """Like a loop in C: no other thread of the process runs, and no Python signal handler."""
    (FOLDER / f"{os.getpid()}.pid").touch()
    while True:
        ctypes.PyDLL(None).sleep(600)


def break_down(payload: JsonObject) -> None:
    raise ValueError(payload["text"])


def raise_error(error: PlatformError) -> Callable[[JsonObject], None]:
    def do(_: JsonObject) -> None:
        raise error

    return do


def tell_state(_: JsonObject) -> JsonObject:
    return {
        "default": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }


WORK: dict[str, Callable[[JsonObject], JsonObject | None]] = {
    "square": square,
    "nothing": lambda _: None,
    "much": give_much,
    "sleep": sleep,
    "hold": hold,
    "abort": lambda _: os.abort(),
    "exit": lambda payload: os._exit(payload["code"]),
    "raise": break_down,
    "transient": raise_error(TransientError("later", kind="hiccup", retry_after=7.0)),
    "permanent": raise_error(PermanentError("never", kind="broken")),
    "refused": raise_error(RefusedError("look", kind="denied")),
    "state": tell_state,
}


def handle(payload: JsonObject) -> JsonObject | None:
    return WORK[payload["do"]](payload)


def list_pids() -> list[int]:
    return [int(path.stem) for path in FOLDER.glob("*.pid")]


async def describe(call: Awaitable[JsonObject | None]) -> Any:
    try:
        return await call
    except PlatformError as error:
        retry_after = error.retry_after if isinstance(error, TransientError) else None
        return [type(error).__name__, error.kind, error.message, retry_after]


async def all_at_once(server: ForkServer) -> Any:
    """Every call of standard input."""
    return await asyncio.gather(*(describe(server.call(each)) for each in json.load(sys.stdin)))


async def one_by_one(server: ForkServer) -> Any:
    return [await describe(server.call(each)) for each in json.load(sys.stdin)]


async def cancel(server: ForkServer) -> Any:
    """A call that is cancelled while it runs; then another one."""
    call = asyncio.ensure_future(server.call({"do": "hold"}))
    await asyncio.to_thread(wait_until, list_pids, "a call runs")
    call.cancel()
    await asyncio.wait({call})
    gone = all(map(is_gone, list_pids()))
    return {"cancelled": call.cancelled(), "gone": gone, "next": await server.call(SQUARE)}


async def wait_for_ever(server: ForkServer, alarm_seconds: float | None = None) -> Any:
    """Two calls that do not end by themselves."""
    calls = [{"do": "hold"}, {"do": "sleep"}]
    return await asyncio.gather(
        *(describe(server.call(each, alarm_seconds=alarm_seconds)) for each in calls)
    )


async def wait_for_alarm(server: ForkServer) -> Any:
    return await wait_for_ever(server, 1.5)


async def close_early(server: ForkServer) -> Any:
    """Closes while a call runs; then another one."""
    call = asyncio.ensure_future(describe(server.call({"do": "hold"})))
    await asyncio.to_thread(wait_until, list_pids, "a call runs")
    await server.close()
    return [await call, await describe(server.call(SQUARE))]


SCENARIOS: dict[str, Callable[[ForkServer], Awaitable[Any]]] = {
    "all_at_once": all_at_once,
    "one_by_one": one_by_one,
    "cancel": cancel,
    "wait_for_ever": wait_for_ever,
    "wait_for_alarm": wait_for_alarm,
    "close_early": close_early,
}


async def play(server: ForkServer, name: str) -> None:
    try:
        said = await SCENARIOS[name](server)
    finally:
        await server.close()
    print(json.dumps(said), flush=True)


def start_beside_a_thread() -> str:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    try:
        ForkServer.start(handle)
    except RuntimeError as error:
        return str(error)
    return "it was started"


if __name__ == "__main__":
    restore_signals()
    if sys.argv[1] == "threads":
        print(json.dumps(start_beside_a_thread()), flush=True)
    else:
        asyncio.run(play(ForkServer.start(handle), sys.argv[1]))
