"""What a connection to the API may cost before a request is there: how many, how long, how large a head.

Connections that have sent no whole head wait; when there are too many, the one that has waited longest is cut, so that
many slow clients cannot keep others out. What a request itself may cost is `limits.py`.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 10.0
"""How long a request's head may take to arrive."""

HEAD_BYTES = 16 * 1024
"""How large a request's head may be."""

_TOO_LARGE = f"a request's line and headers may have {HEAD_BYTES} bytes together\n"
_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Connections:
    """The connections of one server.

    Args:
        most: How many there may be at a time.
        head_seconds: How long a request's head may take to arrive.
    """

    def __init__(self, most: int, head_seconds: float = HEAD_SECONDS) -> None:
        self.head_seconds = head_seconds
        self._most = most
        self._open: dict[Any, _Connection] = {}
        self._waiting: dict[_Connection, None] = {}

    def accept(self, **server: object) -> asyncio.Protocol:
        """A connection's protocol; for uvicorn's option `http`."""
        return _Connection(
            self, cast("Callable[..., asyncio.Protocol]", AutoHTTPProtocol)(**server)
        )

    def watch(self, app: ASGIApp) -> ASGIApp:
        """The app, with each request noted at the connection that it came by. Nothing stands outside of it."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            connection = self._open.get(scope.get("client"))
            if connection is not None:
                self._waiting.pop(connection, None)
                connection.begin()
            try:
                if scope["type"] == "http" and _measure_head(scope) > HEAD_BYTES:
                    answer = PlainTextResponse(_TOO_LARGE, 431, {"connection": "close"})
                    await answer(scope, receive, send)
                else:
                    await app(scope, receive, send)
            finally:
                if connection is not None:
                    connection.end()
                    if connection.peer in self._open:
                        self._waiting[connection] = None

        return watched

    def add(self, connection: "_Connection") -> None:
        """Counts a new connection, and cuts the one that has waited longest when there are too many."""
        self._open[connection.peer] = connection
        self._waiting[connection] = None
        if len(self._open) > self._most:
            next(iter(self._waiting)).cut()

    def remove(self, connection: "_Connection") -> None:
        """Forgets a connection."""
        self._open.pop(connection.peer, None)
        self._waiting.pop(connection, None)


class _Connection(asyncio.Protocol):
    """Stands between the socket and uvicorn's protocol."""

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self.peer: Any = None
        self._connections = connections
        self._inner = inner
        self._requests = 0
        self._head_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """A whole head has arrived."""
        self._requests += 1
        self._head_bytes = 0
        self._stop_timer()

    def end(self) -> None:
        """A request was answered."""
        self._requests -= 1

    def cut(self) -> None:
        """Ends the connection without a word: its client is late, and others wait."""
        self._connections.remove(self)
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's, and do all that is asked of one.
        self._transport = cast("asyncio.Transport", transport)
        self.peer = transport.get_extra_info("peername")
        self._inner.connection_made(self._transport)
        self._start_timer()
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)
        if not self._requests:
            self._head_bytes += len(data)
            self._start_timer()
            # The request that these bytes complete, if they do, has begun by then.
            asyncio.get_running_loop().call_soon(self._check_head)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._connections.remove(self)
        self._inner.connection_lost(exc)

    def _start_timer(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._connections.head_seconds, self._refuse, _LATE)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check_head(self) -> None:
        if self._head_bytes > HEAD_BYTES:
            self._refuse(_LARGE)

    def _refuse(self, answer: bytes) -> None:
        if not self._requests and not self._transport.is_closing():
            self._transport.write(answer)
            self._transport.close()


def _measure_head(scope: Scope) -> int:
    line = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
    return line + sum(len(name) + len(value) for name, value in scope["headers"])
