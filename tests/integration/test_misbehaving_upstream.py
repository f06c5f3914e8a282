"""Every way to misbehave that the benchmark of the clients knows, against the shared HTTP client over real sockets.

How each client of the platform takes them is the table of `python -m benchmarks.reliability.upstreams`.
"""

import json
from dataclasses import replace

import pytest

from benchmarks.reliability.misbehaving import KINDS, Kind, MisbehavingUpstream, Reply
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.errors import PlatformError
from resources.caps.local_gates import NoCap
from resources.http.client import HttpClient, HttpPolicy
from resources.http.messages import HttpReply, HttpRequest
from resources.http.wire import HttpTimeouts

GOOD = Reply(200, (b"Content-Type: application/json",), b'[{"id": 1, "name": "a", "rank": 1}]')
PATIENT = HttpTimeouts(connect=30.0, read=30.0, write=30.0, pool=30.0, exchange=60.0)
HASTY = HttpTimeouts(connect=0.3, read=0.3, write=0.3, pool=0.3, exchange=0.6)
POLICY = HttpPolicy(
    timeouts=PATIENT, retry=RetryPolicy(attempts=1), throttle_limit=1, body_bytes=1024 * 1024
)
MOST_TRIES = 100
"""Of the good request after the bad ones: on a busy machine it may come too late for hasty bounds."""

SLOW = {
    "TLS handshake never answered": "connect_timeout",
    "never answers": "timeout",
    "status line drips": "exchange_deadline",
    "headers drip": "exchange_deadline",
    "1xx without end": "exchange_deadline",
    "body drips": "exchange_deadline",
}
ENDS = {
    "connection refused": "connect_failed",
    "no TLS behind https": "connect_failed",
    "reset at once": "dropped",
    "reset after the headers": "dropped",
    "reset in the body": "dropped",
    "status 999": "bad_reply",
    "body without end": "body_too_large",
    "body without end or length": "body_too_large",
    "gzip bomb": "body_too_large",
    **dict.fromkeys(
        ("closed at once", "closed in the body", "half a status line", "HTTP/0.9"), "truncated"
    ),
    **dict.fromkeys(("garbage instead of HTTP", "TLS alert on a plain port"), "truncated"),
    **dict.fromkeys(("header of 1 MB", "two lengths", "length below zero"), "truncated"),
    **dict.fromkeys(("length too long", "chunks of garbage", "chunk of 2^64 bytes"), "truncated"),
    **dict.fromkeys(("gzip that is none", "gzip cut off", "packed as br"), "invalid_body"),
    **dict.fromkeys(
        ("length too short", "empty 200", "204", "HTML", "cut off, length right"), "invalid_body"
    ),
    **dict.fromkeys(("byte order mark", "UTF-16", "bytes that are no UTF-8"), "invalid_body"),
    **dict.fromkeys(("number of 5,000 digits", "20,000 levels"), "invalid_body"),
    **dict.fromkeys(("301 to itself", "302 to the metadata address", "304"), "redirected"),
    "400": "bad_request",
    "401": "unauthorized",
    "403": "forbidden",
    "404": "not_found",
    "405": "bad_method",
    "408": "request_timeout",
    "410": "not_found",
    "418": "bad_request",
    **{kind.name: "throttled" for kind in KINDS if kind.name.startswith("429")},
    **dict.fromkeys(("500", "502", "503", "500 with a body without end"), "server_error"),
}
"""Kind -> kind of the error. All others are good JSON, whatever it says."""


async def answer_well(_request: bytes) -> Reply:
    return GOOD


def check_json(reply: HttpReply) -> None:
    try:
        json.loads(reply.content.decode())
    except RecursionError as error:
        raise ValueError from error


async def find_end(client: HttpClient, request: HttpRequest) -> str:
    """The kind of the error that the request ends with; empty if it ends well."""
    try:
        await client.send(request)
    except PlatformError as error:
        return error.kind
    return ""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_each_way_to_misbehave_is_an_error_by_name_and_the_client_works_on(kind: Kind):
    policy = replace(POLICY, timeouts=HASTY) if kind.name in SLOW else POLICY
    async with (
        MisbehavingUpstream(answer_well, b"GET /bad ") as upstream,
        HttpClient(NoCap(), policy=policy) as client,
    ):
        place = f"://127.0.0.1:{upstream.port}"
        await upstream.behave(kind)
        bad = HttpRequest("GET", f"http{'s' * kind.secure}{place}/bad", check=check_json)
        assert await find_end(client, bad) == {**ENDS, **SLOW}.get(kind.name, "")
        assert upstream.answered > 0 or not kind.listens

        await upstream.behave(None)
        good = HttpRequest("GET", f"http{place}/bad", check=check_json)
        ends = [await find_end(client, good)]
        while ends[-1] and kind.name in SLOW and len(ends) < MOST_TRIES:
            ends.append(await find_end(client, good))
        assert ends[-1] == ""
