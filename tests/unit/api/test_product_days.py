import httpx

from platform_assets.core.engine.units import UnitState
from platform_assets.partitions import today
from platform_assets.products.batches import Batch, mark_batch, split_day
from platform_assets.products.product import ListedProduct
from platform_assets.services import Services
from tests.unit.api.rig import BATCH

DAYS = f"{BATCH}/product-days"


def split(services: Services, platform: str = "musinsa", products: int = 120) -> str:
    """Splits today; the day."""
    now = services.clock.now()
    ids = [str(number) for number in range(1, products + 1)]
    services.shops.known.add(platform, [ListedProduct(of, "x", "") for of in ids], "list")
    split_day(services.ledger, platform, today(now), ids, now.isoformat())
    return today(now)


async def test_without_a_day_there_is_nothing_to_tell(reader: httpx.AsyncClient):
    assert (await reader.get(DAYS)).json() == {"days": []}


async def test_a_day_tells_how_far_it_is(reader: httpx.AsyncClient, services: Services):
    day = split(services)
    mark_batch(services.ledger, Batch("musinsa", day, 1, 3), UnitState.DONE, {})
    mark_batch(services.ledger, Batch("musinsa", day, 2, 3), UnitState.FAILED, {}, "blocked")
    (found,) = (await reader.get(DAYS)).json()["days"]
    assert (found["platform"], found["day"], found["products"]) == ("musinsa", day, 120)
    counted = {name: found[name] for name in ("batches", "waiting", "completed", "failed")}
    assert counted == {"batches": 3, "waiting": 1, "completed": 1, "failed": 1}
    assert (found["percent"], found["ends_at"]) == (0.0, None)


async def test_waiting_batches_are_in_the_status_and_a_gauge_for_autoscalers(
    reader: httpx.AsyncClient, services: Services
):
    split(services)
    split(services, "zigzag", 10)
    status = (await reader.get(f"{BATCH}/status")).json()
    assert status["product_batches_waiting"] == {"musinsa": 3, "zigzag": 1}
    lines = (await reader.get("/metrics")).text.splitlines()
    assert 'sluice_product_batches_waiting{platform="musinsa"} 3.0' in lines
