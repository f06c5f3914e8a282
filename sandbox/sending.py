"""Puts an answer on the wire, whole or with a mishap. What is answered is each sandbox's own business."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp import web

_SLOW_PIECES = 10


class Mishap(StrEnum):
    """What can go wrong while an answer is sent."""

    DROP = "drop"
    """The connection is closed before any byte."""
    TRUNCATE = "truncate"
    """The connection is closed in the middle of the body."""
    SLOW = "slow"
    """The body comes in pieces."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer, and how to send it.

    Attributes:
        status: HTTP status.
        body: All of it.
        content_type: Of the body, without charset.
        charset: As in the header; None for none.
        headers: Further ones.
        delay_seconds: Time until the first byte.
        mishap: What goes wrong; None for nothing.
        slow_seconds: How long the body takes if it is slow.
    """

    status: int
    body: bytes
    content_type: str
    charset: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay_seconds: float = 0.0
    mishap: Mishap | None = None
    slow_seconds: float = 0.0


def find_mishap(fault: str | None) -> Mishap | None:
    """The mishap of the same name as a sandbox's fault; None for faults that do not concern the sending."""
    return Mishap(fault) if fault in set(Mishap) else None


async def send(request: web.Request, delivery: Delivery) -> web.StreamResponse:
    """Sends an answer after its delay. Returns when everything was written, also to a client that went away."""
    await asyncio.sleep(delivery.delay_seconds)
    if delivery.mishap is Mishap.DROP:
        return _close(request)
    response = web.StreamResponse(status=delivery.status, headers=delivery.headers)
    response.content_type = delivery.content_type
    response.charset = delivery.charset
    response.content_length = len(delivery.body)
    try:
        await _write(request, response, delivery)
    except ConnectionError:
        return _close(request)
    return response


async def _write(request: web.Request, response: web.StreamResponse, delivery: Delivery) -> None:
    body = delivery.body
    await response.prepare(request)
    match delivery.mishap:
        case Mishap.TRUNCATE:
            await response.write(body[: len(body) // 2])
            _close(request)
        case Mishap.SLOW:
            step = len(body) // _SLOW_PIECES + 1
            for start in range(0, len(body), step):
                await response.write(body[start : start + step])
                await asyncio.sleep(delivery.slow_seconds / _SLOW_PIECES)
            await response.write_eof()
        case _:
            await response.write_eof(body)


def _close(request: web.Request) -> web.Response:
    """Closes the connection once what was written is out; the answer is for aiohttp, nothing of it is sent."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()
