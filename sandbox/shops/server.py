"""The HTTP side: each shop under its name as path prefix, and the sandbox's own endpoints under `/_control/`.

    GET  /_control/day                          {"day": 0, "days": 7}
    POST /_control/day {"day": 3}               it is another day at once, in all shops
    GET  /_control/truth?platform=musinsa&day=3 {"products": {id: snapshot}}; without a day, of the day that it is
    GET  /_control/changes?platform=musinsa&day=3   {"changes": [...]} from the day before, or from `since`
    GET  /_control/stats, POST /_control/reset  counters by shop
    POST /_control/faults {...}                 another plan of faults, as in a faults file
    POST /_control/broken {"platform": "musinsa", "share": 0.4}

They are outside the limits.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from aiohttp import web

from platform_assets.core.errors import RefusedError
from sandbox.own_endpoints import reply_json, tell_mistakes
from sandbox.sending import send
from sandbox.shops.exchange import Reply
from sandbox.shops.faults import decode_faults
from sandbox.shops.goods import find_changes
from sandbox.shops.shop import Shop
from sandbox.shops.wires.wire import Call


class DayOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /_control/day`."""

    day: int


class BrokenOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /_control/broken`."""

    platform: str
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.4


class Server:
    """An aiohttp application around the shops.

    Args:
        shops: By name.
        days: How many days there are; day 0 is the first, and the one that it is at first.
    """

    def __init__(self, shops: Mapping[str, Shop], days: int) -> None:
        self._shops = shops
        self._days = days
        self._day = 0

    def make_application(self) -> web.Application:
        """The application, ready to be served."""
        application = web.Application(middlewares=[tell_mistakes])
        router = application.router
        router.add_get("/_control/day", self._show_day)
        router.add_post("/_control/day", self._set_day)
        router.add_get("/_control/truth", self._show_truth)
        router.add_get("/_control/changes", self._show_changes)
        router.add_get("/_control/stats", self._show_stats)
        router.add_post("/_control/reset", self._reset)
        router.add_post("/_control/faults", self._set_faults)
        router.add_post("/_control/broken", self._set_broken)
        router.add_route("*", "/{platform}/{path:.*}", self._serve_shop)
        return application

    async def _serve_shop(self, request: web.Request) -> web.StreamResponse:
        shop = self._shops.get(request.match_info["platform"])
        if shop is None:
            return reply_json({"message": f"no shop here: there are {', '.join(self._shops)}"}, 404)
        call = Call(
            method=request.method,
            path=f"/{request.match_info['path']}",
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        admission = shop.judge(call)
        if isinstance(admission, Reply):
            return await send(request, admission.deliver())
        try:
            return await send(request, shop.answer(call, admission).deliver())
        finally:
            shop.release(admission)

    async def _show_day(self, request: web.Request) -> web.Response:
        del request
        return reply_json({"day": self._day, "days": self._days})

    async def _set_day(self, request: web.Request) -> web.Response:
        order = msgspec.json.decode(await request.read(), type=DayOrder)
        self._day = self._check_day(order.day)
        for shop in self._shops.values():
            shop.shelf.set_day(self._day)
        return await self._show_day(request)

    async def _show_truth(self, request: web.Request) -> web.Response:
        shop, day = self._find_shop(request.query.get("platform", "")), self._read_day(request)
        return reply_json(
            {"platform": shop.wire.name, "day": day, "products": shop.shelf.expect(day)}
        )

    async def _show_changes(self, request: web.Request) -> web.Response:
        shop, day = self._find_shop(request.query.get("platform", "")), self._read_day(request)
        since = self._read_day(request, "since", max(0, day - 1))
        changes = find_changes(shop.shelf.expect(since), shop.shelf.expect(day))
        told = {"platform": shop.wire.name, "since": since, "day": day, "changes": changes}
        return reply_json(told)

    async def _show_stats(self, request: web.Request) -> web.Response:
        del request
        shops = {name: shop.describe() for name, shop in self._shops.items()}
        violations = sum(told["violations"] for told in shops.values())
        return reply_json({"day": self._day, "violations": violations, "shops": shops})

    async def _reset(self, request: web.Request) -> web.Response:
        for shop in self._shops.values():
            shop.reset()
        return await self._show_stats(request)

    async def _set_faults(self, request: web.Request) -> web.Response:
        plan = decode_faults(await request.read(), "the faults")
        for shop in self._shops.values():
            shop.set_faults(plan)
        return reply_json(plan)

    async def _set_broken(self, request: web.Request) -> web.Response:
        order = msgspec.json.decode(await request.read(), type=BrokenOrder)
        self._find_shop(order.platform).shelf.broken = order.share
        return reply_json(order)

    def _find_shop(self, name: str) -> Shop:
        if name not in self._shops:
            raise RefusedError(f"no shop {name!r}: there are {', '.join(self._shops)}")
        return self._shops[name]

    def _read_day(self, request: web.Request, name: str = "day", default: int | None = None) -> int:
        text = request.query.get(name)
        if text is None:
            return self._day if default is None else default
        return self._check_day(int(text) if text.isdigit() else -1)

    def _check_day(self, day: int) -> int:
        if not 0 <= day < self._days:
            raise RefusedError(f"days are 0 to {self._days - 1}: start with more --days")
        return day
