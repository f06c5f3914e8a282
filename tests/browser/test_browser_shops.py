"""The shops that need a browser, read in a real Chromium: their pages hold nothing until their scripts have run."""

import contextlib
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import NoReturn

import pytest
from aiohttp import web

from platform_assets.core.errors import RefusedError
from platform_assets.products.platform import WorkerKind
from platform_assets.products.platforms import PLATFORMS
from platform_assets.products.product import SaleStatus
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.shops.browser import BrowserShop
from tests.unit.products.payloads import DISCOUNTED, NAME, NOW, PAYLOADS

BROWSER = [name for name, shop in PLATFORMS.items() if shop.kind is WorkerKind.BROWSER]


class Site:
    """A shop on loopback: a page whose script fetches the JSON, or that has it in itself."""

    def __init__(self, platform: str) -> None:
        self.shop, self.replies = PLATFORMS[platform], PAYLOADS[platform]
        self.gone = False
        self.asked = Counter[str]()
        self.url = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator["Site"]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        capture = self.shop.product_request(self.replies.product_id).capture
        if capture is None:
            body = self.replies.wrap(self.replies.on_sale)
            return web.Response(
                body=body,
                content_type="text/html",
                charset="utf-8",
                status=404 if self.gone else 200,
            )
        if request.path.endswith(capture):
            return web.json_response(text=json.dumps(self.replies.on_sale), status=200)
        script = f"<p>empty</p><script>fetch({json.dumps(capture)})</script>"
        return web.Response(text=script, content_type="text/html", status=404 if self.gone else 200)


@pytest.fixture
def services(tmp_path: Path, give_up: Callable[[str], NoReturn]) -> Services:
    if not Path("/usr/bin/chromium").exists():
        give_up("there is no /usr/bin/chromium; install chromium")
    return Services(Settings(home=tmp_path, log_file=Path("/dev/null")))


@pytest.mark.parametrize("platform", BROWSER)
async def test_a_product_is_read_after_its_pages_scripts_have_run(
    services: Services, platform: str
):
    async with Site(platform).open() as site:
        settings = services.settings.model_copy(update={f"shop_{platform}_url": site.url})
        shops = Services(settings).shops
        async with shops.open_shop(site.shop) as source:
            assert isinstance(source, BrowserShop)
            request = site.shop.product_request(site.replies.product_id)
            body = await source.fetch(request)
            assert body is not None
            snapshot = site.shop.read_product(site.replies.product_id, body, NOW)
            assert (snapshot.name, snapshot.discounted_price) == (NAME, DISCOUNTED)
            assert snapshot.sale_status is SaleStatus.ON_SALE
            assert source.peak_bytes > 50 * 1024 * 1024
            site.gone = True
            assert await source.fetch(request) is None


async def test_a_chromium_that_is_not_there_is_said_at_once(services: Services, tmp_path: Path):
    settings = services.settings.model_copy(update={"chromium": tmp_path / "nothing"})
    shops, shop = Services(settings).shops, PLATFORMS["kurly"]
    with pytest.raises(RefusedError) as caught:
        async with shops.open_shop(shop):
            pass
    assert caught.value.kind == "missing_browser"
