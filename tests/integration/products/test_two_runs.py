"""Two processes on one platform, or on one batch, at once: no product twice, and never more batches than turns."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_assets.core.engine.units import UnitState
from platform_assets.products.batches import PlannedBatch
from platform_assets.products.latest import read_latest
from platform_assets.products.publishing import snapshots_key
from platform_assets.products.tables import read_snapshots
from platform_assets.services import Services
from platform_assets.settings import Settings, child_environment
from resources.caps.limits import find_cap
from tests.architecture.source_tree import ROOT
from tests.integration.products.counting_shop import CountingShop, Visit

pytestmark = pytest.mark.slow

DAY, PACE = "2026-11-20", 40
PRODUCTS = 200
"""Four batches."""

SECONDS = 600.0
IDS = [str(number) for number in range(1, PRODUCTS + 1)]


@pytest.fixture
def shop() -> Iterator[CountingShop]:
    shop = CountingShop(PRODUCTS, latency=0.05)
    shop.start()
    yield shop
    shop.stop()


@pytest.fixture
def services(tmp_path: Path, shop: CountingShop) -> Iterator[Services]:
    settings = Settings(home=tmp_path, log_file=Path("/dev/null"), shop_musinsa_url=shop.url)
    services = Services(settings)
    yield services
    services.state.close()


async def split(services: Services) -> list[PlannedBatch]:
    return await services.shops.split_day("musinsa", DAY)


def scan_twice(home: Path, shop: CountingShop, turns: int, *numbers: list[int]) -> list[str]:
    """What processes started at once say of the batches with these numbers."""
    variables = {
        "PYTHONPATH": str(ROOT),
        "SLUICE_HOME": str(home),
        "SLUICE_SHOP_MUSINSA_URL": shop.url,
        "SLUICE_PRODUCTS_PARALLEL_BATCHES": str(turns),
    }
    program = [sys.executable, "-m", "benchmarks.products_scanning.worker", DAY, str(PACE)]
    processes = [
        subprocess.Popen(
            [*program, *map(str, own)],
            env=child_environment(variables),
            stdout=subprocess.PIPE,
            text=True,
        )
        for own in numbers
    ]
    told = [process.communicate(timeout=SECONDS)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [line for each in told for line in each.splitlines()]


def count_most_batches(planned: list[PlannedBatch], visits: list[Visit]) -> int:
    """Batches of which requests were open or still to come, at the moment when they were most."""
    batch_of = {product: each.batch.index for each in planned for product in each.products}
    spans: dict[int, list[float]] = {}
    for visit in visits:
        spans.setdefault(batch_of[visit.product_id], []).extend((visit.came_at, visit.left_at))
    whole = [(min(times), max(times)) for times in spans.values()]
    return max(sum(first <= start <= last for first, last in whole) for start, _ in whole)


def count_most_open(visits: list[Visit]) -> int:
    """Requests that were open at the same time, at most."""
    return max(
        sum(other.came_at <= visit.came_at < other.left_at for other in visits) for visit in visits
    )


def check_whole(services: Services, planned: list[PlannedBatch]) -> None:
    """Every batch is done, and its tables have every product once."""
    found = services.shops.find_day("musinsa", DAY)
    assert {each.state for each in found} == {UnitState.DONE}
    objects = services.objects
    snapshots = [
        each.product_id
        for one in planned
        for each in read_snapshots(objects.get(snapshots_key(one.batch)), one.batch.key)
    ]
    assert sorted(snapshots, key=int) == IDS
    assert len(read_latest(objects, "musinsa")) == PRODUCTS


@pytest.mark.parametrize("turns", [1, 2])
async def test_two_processes_on_one_platform_keep_to_its_turns_and_to_one_cap(
    services: Services, shop: CountingShop, turns: int
):
    planned = await split(services)
    told = scan_twice(services.settings.home, shop, turns, [1, 3], [2, 4])
    assert sorted(told) == [f"{each.batch.key} published" for each in planned]
    assert shop.answered == dict.fromkeys(IDS, 1)
    assert count_most_batches(planned, shop.visits) <= turns
    assert count_most_open(shop.visits) <= find_cap("musinsa").in_flight
    check_whole(services, planned)


@pytest.mark.parametrize("turns", [1, 2])
async def test_two_processes_on_the_same_batches_ask_for_no_product_twice(
    services: Services, shop: CountingShop, turns: int
):
    planned = await split(services)
    told = scan_twice(services.settings.home, shop, turns, [], [])
    assert shop.answered == dict.fromkeys(IDS, 1), json.dumps(told)
    assert count_most_batches(planned, shop.visits) <= turns
    assert count_most_open(shop.visits) <= find_cap("musinsa").in_flight
    published = {line for line in told if line.endswith(" published")}
    assert published == {f"{each.batch.key} published" for each in planned}
    check_whole(services, planned)
