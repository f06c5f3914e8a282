"""The API against clients that are slow, many, or send large heads: real sockets."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import httpx
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api.connections import HEAD_BYTES, Connections

HALF = b"GET / HTTP/1.1\r\nHost: a\r\nX: "
WHOLE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    while scope["method"] == "POST" and (await receive()).get("more_body"):
        pass
    await PlainTextResponse("here")(scope, receive, send)


@asynccontextmanager
async def serving(most: int = 50, head_seconds: float = 10.0) -> AsyncGenerator[int]:
    connections = Connections(most, head_seconds)
    config = uvicorn.Config(
        connections.watch(answer),
        http=cast("type[asyncio.Protocol]", connections.accept),
        lifespan="off",
        log_level="critical",
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        async with asyncio.timeout(20):
            while not server.started:  # noqa: ASYNC110 - it sets no event
                await asyncio.sleep(0.01)
            try:
                yield listening.getsockname()[1]
            finally:
                server.should_exit = True
                await task


async def send(port: int, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    return reader, writer


async def read_all(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(ConnectionError):
        return await reader.read()
    return b""


async def get(port: int) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{port}/")).text


async def test_many_connections_with_half_a_head_keep_nobody_out():
    async with serving(most=50) as port:
        slow = [await send(port, HALF) for _ in range(200)]
        assert [await get(port) for _ in range(5)] == ["here"] * 5
        cut = 0
        for reader, writer in slow:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0 if cut >= 150 else 5):
                    await read_all(reader)
                    cut += 1
            writer.close()
        assert cut >= 150


async def test_a_head_that_trickles_is_refused_in_time():
    async with serving(head_seconds=0.3) as port:
        reader, writer = await send(port, HALF)

        async def trickle() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.05)

        task = asyncio.create_task(trickle())
        assert (await read_all(reader)).startswith(b"HTTP/1.1 408")
        task.cancel()
        writer.close()


async def test_the_second_head_of_a_connection_has_its_time_too():
    async with serving(head_seconds=0.3) as port:
        reader, writer = await send(port, WHOLE)
        assert b"here" in await reader.readuntil(b"here")
        writer.write(HALF)
        assert (await read_all(reader)).startswith(b"HTTP/1.1 408")
        writer.close()


async def test_a_connection_that_is_used_outlives_the_time_for_a_head():
    async with serving(head_seconds=0.2) as port:
        reader, writer = await send(port, WHOLE)
        for _ in range(6):
            assert await reader.readuntil(b"here")
            await asyncio.sleep(0.1)
            writer.write(WHOLE)
        writer.close()


async def test_a_large_head_is_refused_in_one_piece_and_in_many():
    async with serving() as port:
        for pieces in ([HALF + b"x" * 2 * HEAD_BYTES], [HALF, *[b"x" * 1000] * 40]):
            reader, writer = await send(port, b"")
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
            assert (await read_all(reader))[:12] in {b"HTTP/1.1 431", b"HTTP/1.1 400", b""}
            writer.close()
        reader, writer = await send(port, HALF + b"x" * 2 * HEAD_BYTES + b"\r\n\r\n")
        assert (await read_all(reader)).startswith(b"HTTP/1.1 431")
        writer.close()
        assert await get(port) == "here"


async def test_a_body_does_not_count_as_a_head():
    body = bytes(8 * HEAD_BYTES)
    async with serving() as port, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.post(f"http://127.0.0.1:{port}/", content=body)).text == "here"
