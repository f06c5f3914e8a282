"""1,400 products in 28 batches, the scanning process killed again and again: nothing missing, nothing twice."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from platform_assets.products.changes import ChangeKind
from platform_assets.products.latest import read_latest
from platform_assets.products.publishing import changes_key, snapshots_key
from platform_assets.products.tables import read_changes, read_snapshots
from platform_assets.services import Services
from platform_assets.settings import Settings, child_environment
from resources.caps import find_cap
from tests.architecture.source_tree import ROOT
from tests.integration.processes import wait_until
from tests.integration.products.scan_program import DAY, PACE

PRODUCTS = 1400
KILLS = (150, 400, 650, 900, 1000)
"""Products that were answered when the process is killed."""

SECONDS = 120.0


class Shop:
    """A Musinsa in a thread of its own; counts what it answers."""

    def __init__(self) -> None:
        self.answered = Counter[str]()
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(SECONDS)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(SECONDS)
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
        self.answered[product_id] += 1
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
        ids = range(1, PRODUCTS + 1)[100 * (page - 1) : 100 * page]
        listed = [{"goodsNo": of, "goodsName": "슬리퍼"} for of in ids]
        return _json({"list": listed, "pagination": {"hasNext": 100 * page < PRODUCTS}})


def _json(data: Any) -> web.Response:
    return web.json_response(text=json.dumps({"data": data}))


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    shop.start()
    yield shop
    shop.stop()


def start(home: Path, shop: Shop) -> subprocess.Popen[str]:
    variables = {
        "PYTHONPATH": str(ROOT),
        "SLUICE_HOME": str(home),
        "SLUICE_SHOP_MUSINSA_URL": shop.url,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.products.scan_program"],
        env=child_environment(variables),
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_at(limit: int, process: subprocess.Popen[str], shop: Shop) -> None:
    """Kills the process when so many products were answered."""
    wait_until(
        lambda: len(shop.answered) >= limit or process.poll() is not None,
        f"{limit} products answered",
        SECONDS,
    )
    assert process.poll() is None, "it was over before"
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_a_day_whose_process_is_killed_five_times_is_complete_and_repeats_only_what_was_open(
    tmp_path: Path, shop: Shop
):
    for limit in KILLS:
        kill_at(limit, start(tmp_path, shop), shop)
    with start(tmp_path, shop) as process:
        told, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert [line.partition(" ")[2] for line in told.splitlines()] == ["published"] * 28

    assert set(shop.answered) == {str(number) for number in range(1, PRODUCTS + 1)}
    repeated = shop.answered.total() - PRODUCTS
    # What was open, and what was read since the ledger was last written: a quarter of a second on a quiet machine.
    assert repeated <= len(KILLS) * (find_cap("musinsa").in_flight + PACE)

    services = Services(Settings(home=tmp_path, log_file=Path("/dev/null")))
    batches = [planned.batch for planned in services.shops.find_day("musinsa", DAY)]
    objects = services.objects
    snapshots = [
        each.product_id
        for batch in batches
        for each in read_snapshots(objects.get(snapshots_key(batch)), batch.key)
    ]
    changes = [
        each
        for batch in batches
        for each in read_changes(objects.get(changes_key(batch)), batch.key)
    ]
    services.state.close()
    assert sorted(snapshots, key=int) == [str(number) for number in range(1, PRODUCTS + 1)]
    assert {change.kind for change in changes} == {ChangeKind.NEW}
    assert len({change.product_id for change in changes}) == len(changes) == PRODUCTS
    assert len(read_latest(objects, "musinsa")) == PRODUCTS
