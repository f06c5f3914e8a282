"""Batches of the shops that need a browser, end to end: the sandbox's pages in a real Chromium, tables as it says."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from benchmarks.products_scanning.shops import ShopsProcess
from platform_assets.core.engine.units import UnitState
from platform_assets.products.changes import ChangeKind
from platform_assets.products.latest import read_latest
from platform_assets.products.platform import ShopPlatform
from platform_assets.products.product import ProductSnapshot
from platform_assets.products.publishing import changes_key, snapshots_key
from platform_assets.products.tables import read_changes, read_snapshots
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.caps.limits import Cap, find_cap
from tests.browser.conftest import CHROMIUM
from tests.browser.test_browser_shops import BROWSER

PRODUCTS, DAY = 62, "2026-11-20"
"""Two batches, of which the second has 12 products."""


@pytest.fixture(scope="module")
def shops() -> Iterator[ShopsProcess]:
    options = ("--products", str(PRODUCTS), "--latency", "0.02", "--rate", "30")
    with ShopsProcess(options) as running:
        yield running


@pytest.fixture
def services(
    tmp_path: Path, shops: ShopsProcess, give_up: Callable[[str], NoReturn]
) -> Iterator[Services]:
    if not CHROMIUM.exists():
        give_up(f"there is no {CHROMIUM}; install chromium")
    urls = {name: url for shop in BROWSER for name, url in shops.settings(shop).items()}
    settings = Settings(home=tmp_path, log_file=Path("/dev/null"), chromium=CHROMIUM)
    services = Services(settings.model_copy(update=urls))
    services.shops.find_cap = find_fast_cap  # type: ignore[method-assign]
    yield services
    services.state.close()


def find_fast_cap(platform: ShopPlatform) -> Cap:
    """Ten times the real pace."""
    return replace(find_cap(platform.cap_name), requests=20)


def describe(snapshot: ProductSnapshot) -> dict[str, Any]:
    """A snapshot as the sandbox tells the truth: without the time, and the address of the real shop."""
    assert snapshot.notes == ()
    told = msgspec.to_builtins(snapshot)
    return {name: told[name] for name in told if name not in {"scanned_at", "url", "notes"}}


@pytest.mark.slow
@pytest.mark.parametrize("platform", BROWSER)
async def test_a_day_is_split_and_a_batch_of_it_becomes_tables_that_equal_the_truth(
    services: Services, shops: ShopsProcess, platform: str
):
    first, second = await services.shops.split_day(platform, DAY)
    assert (len(first.products), len(second.products)) == (50, PRODUCTS - 50)
    truth = shops.truth(platform)
    assert {*first.products, *second.products} == set(truth)

    shops.reset()
    result = await services.shops.scan_batch(second.batch)
    assert (result.reason, result.failures) == (None, ())
    stats = shops.stats(platform)
    assert stats["by_product"] == dict.fromkeys(second.products, 1)
    assert stats["violations"] == 0

    objects, batch = services.objects, second.batch
    snapshots = read_snapshots(objects.get(snapshots_key(batch)), batch.key)
    wanted = {
        product: {name: truth[product][name] for name in describe(snapshots[0])}
        for product in second.products
    }
    assert {each.product_id: describe(each) for each in snapshots} == wanted
    assert {each.product_id: describe(each) for each in read_latest(objects, platform)} == wanted
    changes = read_changes(objects.get(changes_key(batch)), batch.key)
    assert {change.product_id for change in changes} == set(second.products)
    assert {change.kind for change in changes} == {ChangeKind.NEW}
    states = [each.state for each in services.shops.find_day(platform, DAY)]
    assert states == [UnitState.PENDING, UnitState.DONE]
