"""What the answers of the tags service mean, and the exits of its tasks: pure, nothing is sent.

Sending and trying again is `http_service.py`.
"""

import json
from datetime import datetime
from typing import Any

import httpx

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from platform_assets.core.processes.fork_calls import describe_exit
from resources.http.errors import (
    DEFAULT_TABLE,
    Action,
    describe_exception,
    parse_retry_after,
    quote_upstream,
)
from resources.http.messages import HttpReply
from resources.runners.cloud_run_replies import REFUSED, UNREACHABLE
from resources.runners.task_processes import TaskExit

TRANSIENT_STATUSES = frozenset({408, 500, 502, 503, 504})


class BusyError(TransientError):
    """The service is full."""

    default_kind = "runner_busy"


class BrokenOffError(TransientError):
    """The call broke off while the task ran: it has had an attempt."""

    default_kind = UNREACHABLE


def judge(reply: HttpReply, url: str, now: datetime) -> PlatformError:
    """The platform's error for an answer other than 200.

    Args:
        reply: The answer.
        url: The service's, for the message.
        now: Aware time of the answer.
    """
    status = reply.status
    said = reply.content[:1200].decode(errors="replace")[:300]
    what = f"{url}: HTTP {status}: {said or 'no reason given'}"
    retry_after = parse_retry_after(reply.headers.get("retry-after"), now)
    if status == 429:
        return BusyError(what, retry_after=retry_after)
    if status in TRANSIENT_STATUSES:
        return TransientError(what, kind=UNREACHABLE, retry_after=retry_after)
    if status in (401, 403):
        advice = "Set the same token for the service and for those who call it"
    else:
        advice = "Check the URL, and that both sides have the same version"
    return RefusedError(f"{what}. {advice}", kind=REFUSED)


def translate(
    error: httpx.HTTPError | httpx.InvalidURL, url: str, token: str | None
) -> PlatformError:
    """The platform's error for a call that did not get through.

    Args:
        error: What httpx raised.
        url: The service's, for the message.
        token: What must not show in the message.
    """
    rule = DEFAULT_TABLE.find_exception(error)
    said = quote_upstream(str(error), () if token is None else (token,))
    what = f"{url}: {describe_exception(error, said)}"
    if rule is not None and rule.action is Action.REFUSE:
        return RefusedError(f"{what}. {rule.advice}", kind=REFUSED)
    return TransientError(f"{what}. Look whether the service runs", kind=UNREACHABLE)


def explain_exit(exit_: TaskExit) -> str:
    """Why a task did not succeed, for people."""
    if exit_.reason is not None:
        return exit_.reason
    return "failed" if exit_.code is None else describe_exit(exit_.code)


def is_address(url: str) -> bool:
    """Whether a text is an HTTP URL with a host, and without user and password: those would show in messages."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host) and not parsed.userinfo


def is_worth_another(exit_: TaskExit) -> bool:
    """Whether the process was killed or could not begin. One that ended by itself has said what is wrong."""
    return exit_.reason is None and exit_.code is not None and exit_.code not in (0, 1)


def parse_line(line: bytes) -> dict[str, Any]:
    """One line of the answer; nothing where it cannot be read, as at a cut."""
    try:
        said = json.loads(line)
    except UNREADABLE:
        return {}
    return said if isinstance(said, dict) else {}


def read_exit(said: dict[str, Any]) -> TaskExit | None:
    """The exit that a line tells; None where it tells none, or one that is none: `false` would pass for 0."""
    code, reason = said.get("exit", ""), said.get("reason")
    if not (code is None or type(code) is int) or not (reason is None or isinstance(reason, str)):
        return None
    return TaskExit(code, reason)
