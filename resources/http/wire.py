"""One exchange over HTTP/1.1: a request out, a whole reply back, and a mark at the moment the request was written.

No retries and no judgement: what goes wrong is raised as httpx's exceptions; what to do about it is `client.py`.
Every exchange has bounds: the body's size once it is unpacked, and the time from the connection to the last byte.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

import anyio.lowlevel
import httpx
from anyio.from_thread import start_blocking_portal

from resources.caps.gate import Grant
from resources.http.body import ACCEPTED_CODINGS, BodyReader
from resources.http.messages import (
    BodyTooLargeError,
    ExchangeDeadlineError,
    HttpReply,
    HttpRequest,
)
from resources.http.network import Network

BODY_BYTES = 64 * 1024 * 1024
"""What a body may unpack to where nobody says otherwise: ten times the largest page of the upstreams."""

ERROR_BODY_BYTES = 64 * 1024
"""Of the body of a 4xx or 5xx so much is read; the rest says nothing more."""


@dataclass(frozen=True, slots=True)
class HttpTimeouts:
    """Seconds that the parts of an exchange may take.

    Attributes:
        connect: For a connection, TLS included.
        read: Between two pieces of a reply.
        write: Between two pieces of a request.
        pool: For a free connection; there are as many as requests may be open.
        exchange: For all of it, from the connection to the last byte: pieces that keep coming end here.
    """

    connect: float = 10.0
    read: float = 30.0
    write: float = 10.0
    pool: float = 10.0
    exchange: float = 120.0


@dataclass(frozen=True, slots=True)
class WireReply:
    """A reply whose head has arrived.

    Attributes:
        status: HTTP status.
        headers: Names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    _response: httpx.Response
    _body_bytes: int

    async def read(self) -> bytes:
        """The whole body, unpacked; of a failure's at most `ERROR_BODY_BYTES`.

        Raises:
            BodyTooLargeError: It is larger than it may be; the rest was not read.
            httpx.HTTPError: It broke off, or cannot be unpacked.
        """
        pieces: list[bytes] = []
        failed = self.status >= 400
        reader = BodyReader(
            self.headers.get("content-encoding", ""),
            ERROR_BODY_BYTES if failed else self._body_bytes,
        )
        try:
            # Not by the response's own iterators: they unpack each piece without a bound.
            async for piece in self._stream:
                pieces.append(reader.take(piece))  # noqa: PERF401 - what came before an error counts
            reader.finish()
        except BodyTooLargeError:
            if not failed:
                raise
        return b"".join(pieces)

    async def iterate_lines(self, line_bytes: int, seconds: float) -> AsyncGenerator[bytes]:
        """The body line by line, however long it goes on; packed bodies are not unpacked.

        Args:
            line_bytes: How long a line may be.
            seconds: How long a line may take.

        Raises:
            BodyTooLargeError: A line is longer.
            ExchangeDeadlineError: A line takes longer.
            httpx.HTTPError: The body broke off.
        """
        pieces = aiter(self._stream)
        rest = b""
        while True:
            try:
                async with asyncio.timeout(seconds):
                    while b"\n" not in rest:
                        rest += await anext(pieces)
                        if len(rest) > line_bytes and b"\n" not in rest:
                            raise BodyTooLargeError(line_bytes)
            except TimeoutError:
                raise ExchangeDeadlineError(seconds) from None
            except StopAsyncIteration:
                break
            line, _, rest = rest.partition(b"\n")
            yield line
        if rest:
            yield rest

    @property
    def _stream(self) -> httpx.AsyncByteStream:
        stream = self._response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        return stream


class BlockingExchange(Protocol):
    """`HttpWire.exchange` for callers that block; raises what that raises."""

    def __call__(self, request: HttpRequest, *, with_body: bool = True) -> HttpReply:
        """Sends once; the whole reply."""
        ...


@dataclass(slots=True)
class _Pool:
    """A client with its connections, and how many exchanges use it."""

    client: httpx.AsyncClient
    used: int = 0
    retired: bool = False


class HttpWire:
    """A pool of connections. Open it with `async with`.

    Args:
        timeouts: See `HttpTimeouts`.
        connections: Most connections at a time, all of them kept alive.
        headers: Sent with every request.
        transport: Instead of the network, for tests.
        body_bytes: What a body may unpack to.
        network: The way out; straight to the hosts if None.
    """

    def __init__(
        self,
        timeouts: HttpTimeouts,
        connections: int,
        headers: Mapping[str, str],
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        body_bytes: int = BODY_BYTES,
        network: Network | None = None,
    ) -> None:
        self._timeouts = timeouts
        self._connections = connections
        self._headers = headers
        self._transport = transport
        self._body_bytes = body_bytes
        self._network = network or Network()

    async def __aenter__(self) -> Self:
        # Its lines at INFO hold whole URLs, with the secrets in them.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        # The first use of the network loads anyio's backend, 20 to 60 ms: not between a grant and its write.
        await anyio.lowlevel.checkpoint()
        self._pool = _Pool(self._open_client())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.retired = True
        await self._pool.client.aclose()

    async def exchange(
        self,
        request: HttpRequest,
        authorization: Mapping[str, str] | None = None,
        grant: Grant | None = None,
        *,
        with_body: bool = True,
    ) -> HttpReply:
        """Sends once and reads the reply, whatever its status, to its end; only its head if no body is wanted.

        Raises:
            httpx.HTTPError: It did not get through: `ExchangeDeadlineError` and `BodyTooLargeError` among others.
            httpx.InvalidURL: The URL cannot be read.
        """
        time = asyncio.get_running_loop().time
        started = time()
        try:
            async with (
                asyncio.timeout(self._timeouts.exchange),
                self.open(request, authorization, grant.sent if grant else None) as reply,
            ):
                content = await reply.read() if with_body else b""
        except TimeoutError:
            raise ExchangeDeadlineError(self._timeouts.exchange) from None
        return HttpReply(reply.status, reply.headers, content, time() - started)

    @asynccontextmanager
    async def open(
        self,
        request: HttpRequest,
        authorization: Mapping[str, str] | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> AsyncGenerator[WireReply]:
        """Sends once; what is inside the block reads the reply, and takes care of how long that may take.

        Raises:
            httpx.HTTPError: It did not get through.
            httpx.InvalidURL: The URL cannot be read.
        """

        async def trace(event: str, _info: Mapping[str, Any]) -> None:
            # httpcore names it http11.send_request_body.complete: all bytes are with the socket.
            if on_sent is not None and event.endswith(".send_request_body.complete"):
                on_sent()

        async with self._lend() as client:
            response = await client.send(
                client.build_request(
                    request.method,
                    request.url,
                    headers=_encode({**request.headers, **(authorization or {})}),
                    params=request.params or None,
                    content=request.content,
                    data=request.form,
                    extensions={"trace": trace},
                ),
                stream=True,
            )
            try:
                # httpx keeps the case of names as it came; repeated ones are joined by commas.
                headers = {name.lower(): value for name, value in response.headers.items()}
                yield WireReply(response.status_code, headers, response, self._body_bytes)
            finally:
                await response.aclose()

    @asynccontextmanager
    async def _lend(self) -> AsyncGenerator[httpx.AsyncClient]:
        """The client for one exchange.

        A request that is cancelled while it connects stays in httpcore's pool for good (httpcore issue 1093), and a
        full pool answers nobody: after a cancellation the next exchanges get a new one.
        """
        pool = self._pool
        pool.used += 1
        try:
            yield pool.client
        except (asyncio.CancelledError, httpx.PoolTimeout):
            if not pool.retired:
                pool.retired = True
                self._pool = _Pool(self._open_client())
            raise
        finally:
            pool.used -= 1
            if pool.retired and not pool.used:
                await pool.client.aclose()

    def _open_client(self) -> httpx.AsyncClient:
        timeouts = self._timeouts
        limits = httpx.Limits(
            max_connections=self._connections, max_keepalive_connections=self._connections
        )
        return httpx.AsyncClient(
            transport=self._transport or self._network.open_transport(limits),
            headers=_encode({"accept-encoding": ACCEPTED_CODINGS, **self._headers}),
            timeout=httpx.Timeout(
                connect=timeouts.connect,
                read=timeouts.read,
                write=timeouts.write,
                pool=timeouts.pool,
            ),
            follow_redirects=False,
            trust_env=False,
        )


def _encode(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """As bytes: httpx takes only ASCII as text, and shows the text in its error."""
    return {name.encode(): value.encode() for name, value in headers.items()}


@contextmanager
def open_blocking(wire: HttpWire) -> Generator[BlockingExchange]:
    """The exchange of a wire for callers that block; it goes on in a thread of its own, inside the same bounds.

    The function that it gives raises as `HttpWire.exchange` does.
    """
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(wire):

        def exchange(request: HttpRequest, *, with_body: bool = True) -> HttpReply:
            return portal.call(partial(wire.exchange, request, with_body=with_body))

        yield exchange
