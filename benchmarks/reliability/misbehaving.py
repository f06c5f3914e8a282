"""An upstream on loopback that answers what one pattern of requests gets in every wrong way that HTTP knows.

It stands before a good upstream and hands its answers on; requests that hold the marker get what the kind of the moment
says. Kinds are values in `KINDS`; what clients make of them is `upstreams.py`.
"""

import asyncio
import gzip
import json
import re
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from types import TracebackType
from typing import Self

STEP_SECONDS = 0.05
"""Between two drops of an answer that trickles: shorter than any bound on a single wait."""

PIECE = b" " * 0x10000
MEGABYTE = 1024 * 1024
BOMB_MEGABYTES = 128
LAST_NUMBER = re.compile(rb'(":\s*)-?\d+(?:\.\d+)?(?=[,}\]])')
LAST_TEXT = re.compile(rb'(":\s*")[^"\\]+(?=")')


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; `headers` without its length."""

    status: int
    headers: tuple[bytes, ...]
    body: bytes

    def to_bytes(self, *more: bytes) -> bytes:
        """As it goes over the wire."""
        length = b"Content-Length: %d" % len(self.body)
        lines = (b"HTTP/1.1 %d Said" % self.status, *self.headers, *more, length)
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True)
class Line:
    """The connection that a request came by, and what the good upstream answers to it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    good: Reply

    async def send(self, data: bytes) -> None:
        """Writes and waits until the other side has taken it in."""
        self.writer.write(data)
        await self.writer.drain()


Good = Callable[[bytes], Awaitable[Reply]]
Answer = Callable[[Line], Awaitable[bool]]
"""Answers one request; whether the connection goes on."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to misbehave.

    Attributes:
        name: In words.
        answer: What a marked request gets.
        listens: False: nobody listens while it lasts.
        secure: The client is told to speak TLS with a port that does not.
    """

    name: str
    answer: Answer
    listens: bool = True
    secure: bool = False


def tell(data: bytes, *, reset: bool = False) -> Answer:
    """These bytes, then the end of the connection: in order, or a reset."""

    async def answer(line: Line) -> bool:
        await line.send(data)
        if reset:
            await asyncio.sleep(STEP_SECONDS)  # the bytes must not be thrown away by the reset
            _reset(line.writer)
        return False

    return answer


def _reset(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def keep_silent(line: Line) -> bool:
    """Nothing, as long as the client waits."""
    await line.reader.read()
    return False


def repeat(first: bytes, drop: bytes, seconds: float = STEP_SECONDS) -> Answer:
    """A beginning, then the same bytes for ever."""

    async def answer(line: Line) -> bool:
        await line.send(first)
        while True:
            await line.send(drop)
            await asyncio.sleep(seconds)

    return answer


def change(make: Callable[[Reply], Reply], *headers: bytes) -> Answer:
    """The good answer, changed."""

    async def answer(line: Line) -> bool:
        await line.send(make(line.good).to_bytes(*headers))
        return True

    return answer


def say(status: int, body: bytes = b"", *headers: bytes) -> Answer:
    """An answer of its own."""
    return change(lambda _: Reply(status, headers, body))


def send_body(body: Callable[[bytes], bytes], *headers: bytes) -> Answer:
    """The good answer with another body, and more headers."""
    return change(lambda good: replace(good, body=body(good.body)), *headers)


def lie_about_length(difference: int) -> Answer:
    """The good answer whose length is said to be other than it is, then the end."""

    async def answer(line: Line) -> bool:
        body = line.good.body
        head = replace(line.good, body=b"").to_bytes()
        said = b"Content-Length: %d" % max(1, len(body) + difference)
        await line.send(head.replace(b"Content-Length: 0", said) + body)
        return False

    return answer


def break_off(*, reset: bool) -> Answer:
    """Half of the good answer's body."""

    async def answer(line: Line) -> bool:
        data = line.good.to_bytes()
        return await tell(data[: len(data) - len(line.good.body) // 2 - 1], reset=reset)(line)

    return answer


async def close_after(line: Line) -> bool:
    """The good answer, and the connection is gone before the next request."""
    await line.send(line.good.to_bytes(b"Connection: keep-alive"))
    _reset(line.writer)
    return False


def put_value(value: bytes, place: re.Pattern[bytes] = LAST_NUMBER) -> Callable[[bytes], bytes]:
    """Puts a value where the body has its last number, or text; a body without JSON becomes the value alone."""

    def make(body: bytes) -> bytes:
        found = list(place.finditer(body))
        if not found:
            return b'{"value": ' + value.lstrip(b'"') + b"}"
        last = found[-1]
        return body[: last.end(1)] + value + body[last.end() :]

    return make


def double_keys(body: bytes) -> bytes:
    """Every object's first key comes again."""
    return re.sub(rb'\{("[^"\\]+": ?)(\d+|"[^"\\]*"),', rb"{\1\2,\1\2,", body)


@cache
def make_bomb() -> bytes:
    """Nothing but zeros, packed a thousandfold."""
    packing = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    zeros = bytes(MEGABYTE)
    pieces = [packing.compress(zeros) for _ in range(BOMB_MEGABYTES)]
    return b"".join(pieces) + packing.flush()


HTML = b"<!doctype html><html><body><h1>Welcome</h1><p>Please log in.</p></body></html>"
ERROR = json.dumps({"error": {"code": 500, "message": "internal"}, "status": "fail"}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"10000\r\n" + PIECE + b"\r\n"
LATER = b"Retry-After: "
ELSEWHERE = b"Location: http://169.254.169.254/latest/meta-data/"


def _list_connections() -> Iterable[Kind]:
    silent = keep_silent
    yield Kind("connection refused", silent, listens=False)
    yield Kind("no TLS behind https", tell(b"HTTP/1.1 400 Bad\r\n\r\n"), secure=True)
    yield Kind("TLS handshake never answered", silent, secure=True)
    yield Kind("reset at once", tell(b"", reset=True))
    yield Kind("closed at once", tell(b""))
    yield Kind("never answers", silent)
    yield Kind("reset after the headers", tell(HEAD + b"Content-Length: 9\r\n\r\n", reset=True))
    yield Kind("reset in the body", break_off(reset=True))
    yield Kind("closed in the body", break_off(reset=False))
    yield Kind("keep-alive, closed before the next", close_after)


def _list_heads() -> Iterable[Kind]:
    yield Kind("half a status line", tell(b"HTTP/1.1 20"))
    yield Kind("garbage instead of HTTP", tell(bytes(range(1, 256)) * 8))
    yield Kind("HTTP/0.9", tell(HTML))
    yield Kind("TLS alert on a plain port", tell(b"\x15\x03\x01\x00\x02\x02\x46"))
    yield Kind("status line drips", repeat(b"", b"H"))
    yield Kind("headers drip", repeat(HEAD, b"X-A: b\r\n"))
    yield Kind("1xx without end", repeat(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100, 0.0))
    yield Kind("header of 1 MB", say(200, b"[]", b"X-A: " + b"x" * MEGABYTE))
    yield Kind("10,000 headers", say(200, b"[]", *(b"X-%d: b" % n for n in range(10_000))))
    yield Kind("two lengths", tell(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]]"))
    yield Kind("length below zero", tell(HEAD + b"Content-Length: -1\r\n\r\n[]"))
    yield Kind("status 999", say(999, ERROR))


def _list_bodies() -> Iterable[Kind]:
    yield Kind("length too long", lie_about_length(100))
    yield Kind("length too short", lie_about_length(-2))
    yield Kind("body drips", repeat(HEAD + b"Content-Length: 999999\r\n\r\n", b"x"))
    yield Kind("body without end", repeat(CHUNKED, CHUNK, 0.0))
    yield Kind("body without end or length", repeat(HEAD + b"\r\n", PIECE, 0.0))
    yield Kind("chunks of garbage", tell(CHUNKED + b"zz\r\nnot hex\r\n"))
    yield Kind("chunk of 2^64 bytes", tell(CHUNKED + b"ffffffffffffffff\r\n[]"))
    yield Kind("gzip bomb", send_body(lambda _: make_bomb(), b"Content-Encoding: gzip"))
    yield Kind("gzip that is none", say(200, HTML, b"Content-Encoding: gzip"))
    yield Kind(
        "gzip cut off", send_body(lambda body: gzip.compress(body)[:-9], b"Content-Encoding: gzip")
    )
    yield Kind("packed as br", say(200, b"\x0b\x01\x80[1]\x03", b"Content-Encoding: br"))


def _list_contents() -> Iterable[Kind]:
    yield Kind("empty 200", send_body(lambda _: b""))
    yield Kind("204", say(204))
    yield Kind("[]", send_body(lambda _: b"[]"))
    yield Kind("null", send_body(lambda _: b"null"))
    yield Kind("HTML", say(200, HTML, b"Content-Type: text/html"))
    yield Kind("error with status 200", send_body(lambda _: ERROR))
    yield Kind("cut off, length right", send_body(lambda body: body[: len(body) // 2]))
    yield Kind("byte order mark", send_body(lambda body: b"\xef\xbb\xbf" + body))
    yield Kind("UTF-16", send_body(lambda body: body.decode(errors="replace").encode("utf-16")))
    yield Kind("charset that is wrong", send_body(bytes, b"Content-Type: text/html;charset=euc-kr"))
    yield Kind("charset that nobody knows", send_body(bytes, b"Content-Type: text/html;charset=x"))
    yield Kind("bytes that are no UTF-8", send_body(put_value(b"\xff\xfe", LAST_TEXT)))
    yield Kind("NUL in a text", send_body(put_value(b"a\\u0000b", LAST_TEXT)))
    yield Kind("half a surrogate", send_body(put_value(b"\\ud800", LAST_TEXT)))
    yield Kind("NaN", send_body(put_value(b"NaN")))
    yield Kind("1e999", send_body(put_value(b"1e999")))
    yield Kind("number of 5,000 digits", send_body(put_value(b"9" * 5000)))
    yield Kind("20,000 levels", send_body(put_value(b"[" * 20_000 + b"]" * 20_000)))
    yield Kind("keys twice", send_body(double_keys))


def _list_statuses() -> Iterable[Kind]:
    yield Kind("301 to itself", say(301, b"", b"Location: /"))
    yield Kind("302 to the metadata address", say(302, b"", ELSEWHERE))
    yield Kind("304", say(304))
    for status in (400, 401, 403, 404, 405, 408, 410, 418, 429):
        yield Kind(str(status), say(status, ERROR))
    yield Kind("429, in a year", say(429, ERROR, LATER + b"31536000"))
    yield Kind("429, below zero", say(429, ERROR, LATER + b"-5"))
    yield Kind("429, a date gone by", say(429, ERROR, LATER + b"Mon, 01 Jan 2001 00:00:00 GMT"))
    yield Kind("429, year of 400 digits", say(429, ERROR, LATER + b"Mon, 01 Jan " + b"9" * 400))
    yield Kind("429, nan", say(429, ERROR, LATER + b"nan"))
    for status in (500, 502, 503):
        yield Kind(str(status), say(status, HTML, b"Content-Type: text/html"))
    yield Kind("500 with a body without end", repeat(CHUNKED.replace(b"200", b"500"), CHUNK, 0.0))


KINDS = tuple(
    kind
    for list_kinds in (_list_connections, _list_heads, _list_bodies, _list_contents, _list_statuses)
    for kind in list_kinds()
)


class MisbehavingUpstream:
    """Listens on loopback, from `async with` to its end.

    Args:
        good: What a request gets otherwise.
        marker: Requests that hold it are answered badly.
    """

    def __init__(self, good: Good, marker: bytes) -> None:
        self._good = good
        self._marker = marker
        self._kind: Kind | None = None
        self._tasks = set[asyncio.Task[None]]()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.answered = 0
        """Requests that were answered badly."""

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._leave()

    async def behave(self, kind: Kind | None) -> None:
        """From now on so; None: well. All connections end."""
        await self._leave()
        self._kind, self.answered = kind, 0
        if kind is None or kind.listens:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._handle, "127.0.0.1", self.port, limit=MEGABYTE
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _leave(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(
                OSError,
                asyncio.CancelledError,
                asyncio.IncompleteReadError,
                asyncio.LimitOverrunError,
            ):
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        kind = self._kind
        if kind is not None and kind.secure:
            self.answered += 1
            return await kind.answer(Line(reader, writer, Reply(200, (), b"")))
        request = await _read_request(reader)
        line = Line(reader, writer, await self._good(request))
        if kind is None or self._marker not in request:
            await line.send(line.good.to_bytes())
            return True
        self.answered += 1
        return await kind.answer(line)


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
    return head + await reader.readexactly(int(length or 0))


def relay(port: int) -> Good:
    """The answers of an upstream at this port of loopback."""

    async def ask(request: bytes) -> Reply:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            # As HTTP/1.0: nothing comes in chunks, and the end of the connection is the end of the answer.
            head, _, body = request.partition(b"\r\n\r\n")
            first, *lines = head.split(b"\r\n")
            kept = [line for line in lines if not line.lower().startswith((b"connec", b"accept-e"))]
            writer.write(b"\r\n".join([first[:-1] + b"0", *kept]) + b"\r\n\r\n" + body)
            return _read_reply(await reader.read())
        finally:
            writer.close()

    return ask


def _read_reply(data: bytes) -> Reply:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    left_out = (b"content-length", b"connection", b"keep-alive")
    kept = tuple(line for line in lines if not line.lower().startswith(left_out))
    return Reply(int(first.split()[1]), kept, body)
