"""Puts a reply on the wire, whole or broken as its fault demands."""

import asyncio

from aiohttp import web

from sandbox.shops.exchange import Reply
from sandbox.shops.faults import Fault

_SLOW_PIECES = 10


async def send(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Sends a reply after its delay. Returns when everything was written, also to a client that went away."""
    await asyncio.sleep(reply.delay_seconds)
    if reply.fault is Fault.DROP:
        return _close(request)
    response = web.StreamResponse(status=reply.status)
    response.content_type = reply.content_type
    response.charset = "utf-8"
    response.content_length = len(reply.body)
    if reply.status == 429:
        response.headers["Retry-After"] = "1"
    try:
        await _write(request, response, reply)
    except ConnectionError:
        return _close(request)
    return response


async def _write(request: web.Request, response: web.StreamResponse, reply: Reply) -> None:
    await response.prepare(request)
    match reply.fault:
        case Fault.TRUNCATE:
            await response.write(reply.body[: len(reply.body) // 2])
            _close(request)
        case Fault.SLOW:
            step = len(reply.body) // _SLOW_PIECES + 1
            for start in range(0, len(reply.body), step):
                await response.write(reply.body[start : start + step])
                await asyncio.sleep(reply.slow_seconds / _SLOW_PIECES)
            await response.write_eof()
        case _:
            await response.write_eof(reply.body)


def _close(request: web.Request) -> web.Response:
    """Closes the connection once what was written is out; the answer is for aiohttp, nothing of it is sent."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()
