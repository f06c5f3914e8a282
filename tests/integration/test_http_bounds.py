"""What a misbehaving upstream can cost, over real sockets: replies without an end, too slow, packed too well."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial

import pytest
from pydantic import SecretStr

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.core.jobs import Job, TaskState
from resources.alerts.webhook import Delivery, Webhook, WebhookPolicy
from resources.caps.local_gates import NoCap
from resources.dagster.webserver import DagsterWebserver
from resources.http.client import HttpClient, HttpPolicy
from resources.http.messages import HttpReply, HttpRequest
from resources.http.wire import HttpTimeouts
from resources.runners.http_service import HttpServicePolicy, HttpServiceRunner

LIMIT = 1024 * 1024
MOST_SECONDS = 20
SLOW = HttpTimeouts(connect=5.0, read=5.0, write=5.0, pool=5.0, exchange=0.3)
POLICY = HttpPolicy(retry=RetryPolicy(attempts=1), body_bytes=LIMIT)
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncGenerator[str]:
    """Gives every request the same answer; the answer writes, waits and breaks off as it likes."""
    tasks = set[asyncio.Task[None]]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
                await reader.readexactly(int(length or 0))
                await answer(writer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        async with asyncio.timeout(MOST_SECONDS):
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def whole(body: bytes, *headers: str) -> Answer:
    lines = "".join(f"{line}\r\n" for line in (*headers, f"Content-Length: {len(body)}"))

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + lines.encode() + b"\r\n" + body)

    return answer


def drip(first: bytes, drop: bytes) -> Answer:
    """A drop every 50 ms, for ever: no single wait is long."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(drop)

    return answer


async def flood(writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED)
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


def bomb(wrap: Callable[[bytes], bytes]) -> bytes:
    return wrap(bytes(50 * LIMIT))


async def get(answer: Answer, policy: HttpPolicy = POLICY) -> HttpReply:
    async with serving(answer) as url, HttpClient(NoCap(), policy=policy) as client:
        return await client.send(HttpRequest("GET", url))


async def test_a_body_without_an_end_stops_at_the_limit():
    with pytest.raises(PermanentError, match="SLUICE_HTTP_BODY_BYTES") as raised:
        await get(flood)
    assert raised.value.kind == "body_too_large"


@pytest.mark.parametrize(
    ("coding", "wrap"), [("gzip", gzip.compress), ("deflate", zlib.compress)], ids=["gzip", "zlib"]
)
async def test_a_bomb_is_unpacked_up_to_the_limit_alone(
    coding: str, wrap: Callable[[bytes], bytes]
):
    body = bomb(wrap)
    await get(whole(b"[]"))  # what is loaded once does not count
    tracemalloc.start()
    try:
        with pytest.raises(PermanentError) as raised:
            await get(whole(body, f"Content-Encoding: {coding}"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert raised.value.kind == "body_too_large"
    assert peak < 10 * LIMIT


async def test_a_body_of_exactly_the_limit_is_whole():
    body = bytes(LIMIT)
    assert (await get(whole(body))).content == body
    packed = whole(gzip.compress(body), "Content-Encoding: gzip")
    assert (await get(packed)).content == body


pack = partial(gzip.compress, mtime=0)
"""The same bytes in every process: workers have to collect the same tests."""

RAW = zlib.compressobj(wbits=-15)
DEFLATED = RAW.compress(b"[1]") + RAW.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", pack(b"[1]")),
        ("x-gzip", pack(b"[1]")),
        ("gzip", pack(b"[1") + pack(b"]")),
        ("gzip", pack(b"[1]") + bytes(20)),
        ("deflate", zlib.compress(b"[1]")),
        ("deflate", DEFLATED),
        ("utf-8", b"[1]"),
        ("identity", b"[1]"),
    ],
)
async def test_bodies_are_unpacked_as_servers_pack_them(coding: str, body: bytes):
    assert (await get(whole(body, f"Content-Encoding: {coding}"))).content == b"[1]"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", pack(b"[1, 2, 3]")[:-9]),
        ("gzip", b"<html>"),
        ("br", b"\x0b\x01\x80[1]\x03"),
        ("zstd", b"(\xb5/\xfd"),
        ("gzip, gzip", pack(pack(b"[]"))),
    ],
)
async def test_a_body_that_cannot_be_unpacked_within_bounds_is_asked_for_again(
    coding: str, body: bytes
):
    with pytest.raises(TransientError) as raised:
        await get(whole(body, f"Content-Encoding: {coding}"))
    assert raised.value.kind == "invalid_body"


@pytest.mark.parametrize(
    "answer",
    [
        drip(HEAD + b"Content-Length: 1000000\r\n\r\n", b"x"),
        drip(CHUNKED, b"1\r\nx\r\n"),
        drip(b"", b"H"),
        drip(HEAD, b"X-A: b\r\n"),
    ],
    ids=["body", "chunks", "status line", "headers"],
)
async def test_a_reply_that_trickles_ends_at_the_deadline(answer: Answer):
    with pytest.raises(TransientError, match="no end of the reply after 0.3 s") as raised:
        await get(answer, replace(POLICY, timeouts=SLOW))
    assert raised.value.kind == "exchange_deadline"


async def test_a_failure_with_a_body_without_an_end_is_still_that_failure():
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()

    with pytest.raises(TransientError) as raised:
        await get(answer)
    assert raised.value.kind == "server_error"


async def test_a_client_works_on_after_fifty_rounds_of_cancelled_requests():
    arrived = asyncio.Semaphore(0)

    async def answer(writer: asyncio.StreamWriter) -> None:
        arrived.release()
        await asyncio.sleep(0.05 if cancelling else 0)
        writer.write(HEAD + b"Content-Length: 2\r\n\r\n[]")

    policy = replace(POLICY, connections=4, timeouts=replace(SLOW, pool=0.5, exchange=5.0))
    async with serving(answer) as url, HttpClient(NoCap(), policy=policy) as client:
        cancelling = True
        for turn in range(50):
            # Twice as many as there are connections: half of them wait for one.
            tasks = [asyncio.create_task(client.send(HttpRequest("GET", url))) for _ in range(8)]
            await arrived.acquire()
            for task in tasks[:4]:
                task.cancel()
            for _ in range(turn % 10):  # until those that wait are being handed a connection
                await asyncio.sleep(0)
            for task in tasks[4:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        cancelling = False
        replies = await asyncio.gather(*(client.send(HttpRequest("GET", url)) for _ in range(8)))
    assert [reply.content for reply in replies] == [b"[]"] * 8


async def test_a_webhook_ends_at_its_deadline_and_reads_no_body():
    async def post(answer: Answer) -> Delivery:
        policy = WebhookPolicy(timeouts=SLOW, retry=RetryPolicy(attempts=1))
        async with serving(answer) as url:
            webhook = Webhook(SecretStr(url), SecretStr(""), policy=policy)
            return await asyncio.to_thread(webhook.post, "a", {})

    assert await post(drip(HEAD, b"X-A: b\r\n")) is Delivery.UNREACHABLE
    assert await post(flood) is Delivery.DELIVERED


async def test_an_answer_of_dagster_without_an_end_is_no_answer():
    async with serving(flood) as url:
        with pytest.raises(TransientError) as raised:
            await asyncio.to_thread(DagsterWebserver(url).find_job, "x")
    assert raised.value.kind == "dagster_unreachable"


@pytest.mark.parametrize(
    "answer",
    [drip(CHUNKED, b"1\r\nx\r\n"), drip(HEAD, b"X-A: b\r\n"), flood],
    ids=["a line that trickles", "a head that trickles", "a line without an end"],
)
async def test_the_tags_service_is_given_up_when_it_says_nothing_whole(answer: Answer):
    calls = 0

    async def answer_tasks(writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:  # is it there?
            await whole(b"{}")(writer)
        else:
            await answer(writer)

    policy = HttpServicePolicy(
        timeouts=replace(SLOW, read=0.3), retry=RetryPolicy(attempts=1), end_seconds=1.0
    )
    async with serving(answer_tasks) as url:
        (end,) = await HttpServiceRunner(url, policy=policy).run(Job("j", "m", 1), lambda _: None)
    assert end.state is TaskState.FAILED
