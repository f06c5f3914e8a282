"""One call in a forked process: how it is done there, and how its value or error comes back. Asked by `fork_server.py`.

A value comes back as JSON, an error of the platform by its class, kind and message; anything else is a defect of the
work, of which the log gets the place and not the words: those may be a customer's.
"""

import json
import os
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from resource import RLIMIT_CORE, setrlimit
from typing import Any

import structlog

from platform_assets.core.engine.units import JsonObject
from platform_assets.core.errors import (
    PermanentError,
    PlatformError,
    RefusedError,
    TransientError,
)
from platform_assets.core.processes.fork_loop import Ends, ForkEnd

log = structlog.get_logger(__name__)

Handler = Callable[[JsonObject], JsonObject | None]
"""What a call does, in a process of its own."""

_ERRORS = {"transient": TransientError, "permanent": PermanentError, "refused": RefusedError}


def do_call(handler: Handler, payload: JsonObject, alarm_seconds: float | None, ends: Ends) -> int:
    """The whole life of the process of a call; its exit code.

    Args:
        handler: What is done.
        payload: Its argument.
        alarm_seconds: The process ends itself after so long.
        ends: Where the answer goes, and how it sees that its parent is gone.
    """
    setrlimit(RLIMIT_CORE, (0, 0))  # a core file would hold customers' text
    if alarm_seconds:
        signal.setitimer(signal.ITIMER_REAL, alarm_seconds)
    watch_lifeline(ends.lifeline)
    try:
        answer: JsonObject = {"value": handler(payload)}
    except Exception as error:  # noqa: BLE001 - raised again on the other side
        answer = {"error": _describe_error(error)}
    with os.fdopen(ends.output, "wb") as output:
        output.write(json.dumps(answer).encode())
    return os.EX_OK


def read_answer(end: ForkEnd) -> JsonObject | None:
    """The value of a call that has ended.

    Raises:
        TransientError: kind `worker_died`: the process ended by a signal or without an answer.
        PlatformError: What the handler raised.
    """
    if end.exit_code != 0:
        raise TransientError(
            f"its process died: {describe_exit(end.exit_code)}", kind="worker_died"
        )
    try:
        answer: dict[str, Any] = json.loads(end.output)
    except ValueError:
        raise TransientError("its process ended without an answer", kind="worker_died") from None
    if "error" in answer:
        raise _rebuild_error(answer["error"])
    return answer["value"]


def _rebuild_error(said: dict[str, Any]) -> PlatformError:
    if said["class"] == "transient":
        return TransientError(said["message"], kind=said["kind"], retry_after=said["retry_after"])
    if said["class"] in _ERRORS:
        return _ERRORS[said["class"]](said["message"], kind=said["kind"])
    # The message may hold a customer's text, so the log gets the place only.
    log.error("forked_work_broke", error=said["class"], where=said["where"])
    return PermanentError(
        f"{said['class']}: {said['message']}. This is a defect of the work, see the log",
        kind="unexpected",
    )


def _describe_error(error: Exception) -> JsonObject:
    for name, kind in _ERRORS.items():
        if isinstance(error, kind):
            retry_after = error.retry_after if isinstance(error, TransientError) else None
            return {
                "class": name,
                "kind": error.kind,
                "message": error.message,
                "retry_after": retry_after,
            }
    where = "".join(traceback.format_tb(error.__traceback__))
    return {"class": type(error).__name__, "message": str(error), "where": where}


def describe_signal(number: int) -> str:
    """A signal for people: `signal 9 (SIGKILL)`."""
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def describe_exit(code: int) -> str:
    """An exit code, minus a signal's number if there was one, for people."""
    return describe_signal(-code) if code < 0 else f"exit code {code}"


def watch_lifeline(lifeline: int) -> None:
    """Ends this process when its parent is gone; starts a thread for it."""

    def watch() -> None:
        with suppress(OSError):
            os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
