"""A Musinsa in a thread of the test, which writes down when it was asked for what."""

import asyncio
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a product; times are monotonic seconds."""

    product_id: str
    came_at: float
    left_at: float


class CountingShop:
    """Products 1 to `products`.

    Args:
        products: How many it lists.
        latency: Seconds until it answers for a product.
    """

    def __init__(self, products: int, latency: float = 0.0) -> None:
        self.answered = Counter[str]()
        self.visits: list[Visit] = []
        self.url = ""
        self._products = products
        self._latency = latency
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(_SECONDS)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        app = web.Application()
        app.router.add_get("/api2/goods/{id}", self._show)
        app.router.add_get("/api2/dp/v1/plp/goods", self._list)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _show(self, request: web.Request) -> web.Response:
        product_id = request.match_info["id"]
        came_at = time.monotonic()
        self.answered[product_id] += 1
        await asyncio.sleep(self._latency)
        self.visits.append(Visit(product_id, came_at, time.monotonic()))
        price = 1000 + int(product_id)
        return _json(
            {
                "goodsNo": int(product_id),
                "goodsNm": f"슬리퍼 {product_id}",
                "goodsSaleType": "SALE",
                "goodsPrice": {"normalPrice": price, "salePrice": price},
            }
        )

    async def _list(self, request: web.Request) -> web.Response:
        page = int(parse_qs(request.query_string)["page"][0])
        ids = range(1, self._products + 1)[100 * (page - 1) : 100 * page]
        listed = [{"goodsNo": of, "goodsName": "슬리퍼"} for of in ids]
        return _json({"list": listed, "pagination": {"hasNext": 100 * page < self._products}})


def _json(data: Any) -> web.Response:
    return web.json_response(text=json.dumps({"data": data}))
