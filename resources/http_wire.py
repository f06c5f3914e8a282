"""One exchange over HTTP/1.1: a request out, a whole reply back, and a mark at the moment the request was written.

No retries and no judgement: what goes wrong is raised as httpx's exceptions; what to do about it is `http_client.py`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import anyio.lowlevel
import httpx

from resources.gate import Grant
from resources.http_messages import HttpReply, HttpRequest


@dataclass(frozen=True, slots=True)
class HttpTimeouts:
    """Seconds that the parts of an exchange may take.

    Attributes:
        connect: For a connection, TLS included.
        read: Between two pieces of a reply.
        write: Between two pieces of a request.
        pool: For a free connection; there are as many as requests may be open.
    """

    connect: float = 10.0
    read: float = 30.0
    write: float = 10.0
    pool: float = 10.0


class HttpWire:
    """A pool of connections. Open it with `async with`.

    Args:
        timeouts: See `HttpTimeouts`.
        connections: Most connections at a time, all of them kept alive.
        headers: Sent with every request.
        transport: Instead of the network, for tests.
    """

    def __init__(
        self,
        timeouts: HttpTimeouts,
        connections: int,
        headers: Mapping[str, str],
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._timeouts = timeouts
        self._connections = connections
        self._headers = headers
        self._transport = transport

    async def __aenter__(self) -> Self:
        # The first use of the network loads anyio's backend, 20 to 60 ms: not between a grant and its write.
        await anyio.lowlevel.checkpoint()
        timeouts = self._timeouts
        self._client = httpx.AsyncClient(
            transport=self._transport or self._make_transport(),
            headers=dict(self._headers),
            timeout=httpx.Timeout(
                connect=timeouts.connect,
                read=timeouts.read,
                write=timeouts.write,
                pool=timeouts.pool,
            ),
            follow_redirects=False,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def exchange(
        self, request: HttpRequest, authorization: Mapping[str, str], grant: Grant
    ) -> HttpReply:
        """Sends once and reads the reply, whatever its status, to its end.

        Raises:
            httpx.HTTPError: It did not get through.
            httpx.InvalidURL: The URL cannot be read.
        """

        async def trace(event: str, _info: Mapping[str, Any]) -> None:
            # httpcore names it http11.send_request_body.complete: all bytes are with the socket.
            if event.endswith(".send_request_body.complete"):
                grant.sent()

        time = asyncio.get_running_loop().time
        started = time()
        response = await self._client.send(
            self._client.build_request(
                request.method,
                request.url,
                headers={**request.headers, **authorization},
                params=request.params or None,
                content=request.content,
                data=request.form,
                extensions={"trace": trace},
            )
        )
        # httpx keeps the case of names as it came; repeated ones are joined by commas.
        headers = {name.lower(): value for name, value in response.headers.items()}
        return HttpReply(response.status_code, headers, response.content, time() - started)

    def _make_transport(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(
            http1=True,
            http2=False,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=self._connections, max_keepalive_connections=self._connections
            ),
        )
