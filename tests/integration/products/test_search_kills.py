"""A worker that is killed in the middle of a search leaves nothing behind that the next one cannot take up."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from platform_assets.core.engine.units import UnitState
from platform_assets.services import Services
from platform_assets.settings import Settings, child_environment
from tests.architecture.source_tree import ROOT
from tests.integration.processes import wait_until
from tests.integration.products.counting_shop import CountingShop

PRODUCTS, SECONDS = 250, 60.0

WORKER = (
    "import asyncio; from platform_assets.services import Services; "
    "from platform_assets.settings import load_settings; "
    "asyncio.run(Services(load_settings()).shops.answer_searches('musinsa'))"
)


class SlowShop(CountingShop):
    """A shop whose second page takes long, until it is told not to."""

    slow = True
    pages = 0

    async def _list(self, request: web.Request) -> web.Response:
        self.pages += 1
        if self.slow and self.pages > 1:
            await asyncio.sleep(SECONDS)
        return await super()._list(request)


@pytest.fixture
def shop() -> Iterator[SlowShop]:
    shop = SlowShop(PRODUCTS)
    shop.start()
    yield shop
    shop.stop()


@pytest.mark.slow
def test_a_search_whose_worker_was_killed_is_answered_by_the_next_one(
    tmp_path: Path, shop: SlowShop
):
    settings = Settings(
        home=tmp_path, log_file=Path("/dev/null"), shop_musinsa_url=shop.url, unit_lease_seconds=600
    )
    services = Services(settings)
    request, _ = services.shops.request_search("musinsa", "셔츠")
    variables = {
        "PYTHONPATH": str(ROOT),
        "SLUICE_HOME": str(tmp_path),
        "SLUICE_SHOP_MUSINSA_URL": shop.url,
        "SLUICE_UNIT_LEASE_SECONDS": "600",
    }
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], env=child_environment(variables)
    ) as worker:
        wait_until(lambda: shop.pages > 1 or worker.poll() is not None, "the second page", SECONDS)
        held = services.shops.searches.get(request.request_id)
        worker.send_signal(signal.SIGKILL)
    assert held.state is UnitState.RUNNING
    assert services.shops.known.count() == {"musinsa": 100}, "what was found stays"

    # Its lease lasts for ten minutes, but its owner is a dead process of this host.
    shop.slow = False
    asyncio.run(services.shops.answer_searches("musinsa"))
    ended = services.shops.searches.get(request.request_id)
    assert (ended.state, ended.found, ended.added) == (UnitState.DONE, PRODUCTS, PRODUCTS - 100)
    assert ended.attempts == 2
    assert services.shops.known.count() == {"musinsa": PRODUCTS}
    services.state.close()
