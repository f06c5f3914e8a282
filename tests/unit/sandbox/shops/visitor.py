"""A visitor of the sandbox's shops: sends what the platform modules ask for, and does what a page's script would do."""

import json
import re
from argparse import Namespace
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiohttp.test_utils import TestClient, TestServer

from platform_assets.products.platform import PageRequest, ShopPlatform, not_found_snapshot
from platform_assets.products.platforms import PLATFORMS
from platform_assets.products.product import ListPage, ProductSnapshot
from sandbox.igdb.latency import Latency
from sandbox.shops.command import make_server
from sandbox.shops.faults import FaultPlan
from sandbox.shops.generated import GeneratedCatalogue
from sandbox.shops.shelf import Shelf
from sandbox.shops.shop import Limits, Shop
from sandbox.shops.wires import WIRES
from sandbox.shops.wires.wire import Call
from tests.fakes.clock import FakeClock

NOW = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
UNLIMITED = [dict.fromkeys(WIRES, 1_000_000)]
_ASK = re.compile(rb"const ask = (.*);\n")


class Visitor:
    """Reads one shop over HTTP, as a reader of the platform would."""

    def __init__(self, client: TestClient[Any, Any], platform: ShopPlatform) -> None:
        self._client = client
        self._platform = platform
        self.page = b""

    async def fetch(self, request: PageRequest) -> tuple[int, bytes]:
        """The status and the body that a browser or an HTTP client would hand on."""
        status, body = await self._send(request)
        self.page = body
        if request.capture is None or status != 200:
            return status, body
        found = _ASK.search(body)
        assert found, f"a page without a script: {body[:200]!r}"
        ask = json.loads(found[1])
        assert request.captures(ask["url"])
        method = "GET" if ask["body"] is None else "POST"
        reply = await self._client.request(
            method, ask["url"], json=ask["body"], headers={"X-Page": ask["page"]}
        )
        return reply.status, await reply.read()

    async def read_product(self, product_id: str) -> ProductSnapshot:
        """What the platform makes of a product."""
        status, body = await self.fetch(self._platform.product_request(product_id))
        if status == 404:
            return not_found_snapshot(self._platform, product_id, NOW)
        assert status == 200, body
        return self._platform.read_product(product_id, body, NOW)

    async def list_ids(self) -> list[str]:
        """All ids of the list, page by page."""
        return await self._turn_pages(self._platform.list_request, self._platform.read_list)

    async def search_ids(self, keyword: str) -> list[str]:
        """All ids that the search finds, page by page."""
        platform = self._platform
        return await self._turn_pages(
            lambda cursor: platform.search_request(keyword, cursor), platform.read_search
        )

    async def _send(self, request: PageRequest) -> tuple[int, bytes]:
        reply = await self._client.request(
            request.method,
            f"/{self._platform.name}{request.path}",
            headers=request.headers,
            json=request.body,
        )
        return reply.status, await reply.read()

    async def _turn_pages(
        self,
        ask: Callable[[str | None], PageRequest],
        read: Callable[[bytes, str | None], ListPage],
    ) -> list[str]:
        cursor, found = None, list[str]()
        while True:
            status, body = await self.fetch(ask(cursor))
            assert status == 200, body
            page = read(body, cursor)
            found += [product.product_id for product in page.products]
            cursor = page.next_cursor
            if cursor is None:
                return found


@asynccontextmanager
async def serve(**changed: Any) -> AsyncGenerator[TestClient[Any, Any]]:
    """All shops, small and without limits unless told otherwise; takes the options of the command line."""
    options = {"data": None, "products": 130, "seed": 1, "days": 7, "latency": 0.0}
    options |= {"faults": None, "rate": UNLIMITED, "open": UNLIMITED, "broken": None}
    application = make_server(Namespace(**(options | changed))).make_application()
    async with TestClient(TestServer(application)) as client:
        yield client


def visit(client: TestClient[Any, Any], name: str) -> Visitor:
    return Visitor(client, PLATFORMS[name])


async def read_truth(
    client: TestClient[Any, Any], name: str, day: int | None = None
) -> dict[str, dict[str, Any]]:
    query = {"platform": name} | ({} if day is None else {"day": str(day)})
    return (await (await client.get("/_control/truth", params=query)).json())["products"]


def plain(snapshot: ProductSnapshot) -> dict[str, Any]:
    """A snapshot as the truth tells it: nothing of it is odd."""
    assert snapshot.notes == ()
    fields = msgspec.to_builtins(snapshot)
    del fields["notes"]
    del fields["scanned_at"]
    return fields


def make_shop(
    name: str, limits: Limits, clock: FakeClock, faults: FaultPlan | None = None
) -> tuple[Shop, Call]:
    """One shop without its HTTP, and a request for its first product."""
    wire = WIRES[name]
    catalogue = GeneratedCatalogue(name, wire.numbering, 50, 1)
    latency = Latency(0.05, 1)
    shop = Shop(wire, Shelf(wire, catalogue), limits, latency=latency, clock=clock, faults=faults)
    request = PLATFORMS[name].product_request(wire.write_id(catalogue.on(0)[0].number))
    path, _, query = request.path.partition("?")
    words = dict([query.split("=", 1)]) if query else {}
    body = json.dumps(request.body).encode() if request.body else b""
    return shop, Call(request.method, path, words, body=body)


def write_plan(path: Path, **plan: Any) -> Path:
    path.write_text(json.dumps(plan))
    return path
