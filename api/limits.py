"""What one client may ask of the API: requests per minute, and the size and pace of a body.

Counts are per process: the API runs in one. Who counts as a client is `gate.py`'s business.
"""

import time

import anyio
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.types import Message, Receive

MAX_BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
"""How long a body may take to arrive."""


class BodyTooLargeError(Exception):
    """More than `MAX_BODY_BYTES`, announced or sent."""


class RequestRate:
    """Counts requests per client over a sliding minute.

    Args:
        per_minute: Requests that one client may make in a minute.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._item = RateLimitItemPerMinute(per_minute)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def admit(self, client: str) -> int | None:
        """Counts a request; None if it may pass, else the seconds to wait."""
        if await self._limiter.hit(self._item, client):
            return None
        stats = await self._limiter.get_window_stats(self._item, client)
        # The library's windows follow the machine's wall clock.
        return max(1, round(stats.reset_time - time.time()))


async def read_body(receive: Receive, announced: str | None) -> Receive:
    """Reads a whole body, and returns what gives it to the app again.

    Args:
        receive: The server's.
        announced: The Content-Length header.

    Raises:
        BodyTooLargeError: It is larger than `MAX_BODY_BYTES`; the rest was not read.
        TimeoutError: It did not arrive within `BODY_SECONDS`.
    """
    if announced is not None and announced.isdecimal() and int(announced[:12]) > MAX_BODY_BYTES:
        raise BodyTooLargeError
    with anyio.fail_after(BODY_SECONDS):
        messages = await _collect(receive)

    async def replay() -> Message:
        return messages.pop(0) if messages else await receive()

    return replay


async def _collect(receive: Receive) -> list[Message]:
    messages: list[Message] = []
    size = 0
    while True:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise BodyTooLargeError
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages
