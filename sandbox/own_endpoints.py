"""What the sandboxes' own endpoints share: JSON replies, and mistakes that are told instead of failing."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from platform_assets.core.errors import RefusedError


@web.middleware
async def tell_mistakes(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answers an order that makes no sense with status 400 and the reason."""
    try:
        return await handler(request)
    except RefusedError as error:
        return reply_json({"message": error.message}, 400)
    except msgspec.MsgspecError as error:
        return reply_json({"message": str(error)}, 400)


def reply_json(body: object, status: int = 200) -> web.Response:
    """A reply of JSON."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )
