"""A real process of sandbox shops in which things go wrong: each failure is told by its kind, kept, and read later."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.products_scanning.shops import ShopsProcess
from platform_assets.core.redrive import FailureFilter
from platform_assets.products.batch_result import BatchResult
from platform_assets.products.batches import SCAN_PIPELINE, Batch
from platform_assets.products.platform import ShopPlatform
from platform_assets.products.product import SaleStatus
from platform_assets.products.publishing import snapshots_key
from platform_assets.products.tables import read_snapshots
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.caps.limits import Cap, find_cap
from resources.state.dead_letters import DeadLetter, DeadLetterFilter, SqlDeadLetters
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.slow

SHOP, DAY = "musinsa", "2026-11-20"
PRODUCTS = 100
EVERY = 20
"""One product of so many has a fault of one kind: 5 %."""

FAULTS = {
    "http_500": "server_error",
    "http_503": "server_error",
    "slow": "timeout",
    "drop": "truncated",
    "truncate": "truncated",
    "captcha": "blocked",
    "changed_structure": "changed_structure",
    "no_price": "no_price",
}
"""What the shop does, and the kind of the failure that comes of it."""

TRY_SECONDS = 10.0
"""Of one try of a product: room for the three requests of the HTTP client and the waits between them."""

KEPT_DAYS = 7


@pytest.fixture
def shops() -> Iterator[ShopsProcess]:
    options = ("--products", str(PRODUCTS), "--latency", "0.01", "--rate", "60", "--open", "40")
    with ShopsProcess(options) as running:
        yield running


@pytest.fixture
def services(tmp_path: Path, shops: ShopsProcess) -> Iterator[Services]:
    settings = Settings(
        home=tmp_path,
        log_file=Path("/dev/null"),
        products_timeout_seconds=TRY_SECONDS,
        products_parallel_batches=2,
        retention_days=KEPT_DAYS,
    ).model_copy(update=shops.settings(SHOP))
    services = Services(settings)
    services.shops.find_cap = find_wide_cap  # type: ignore[method-assign]
    yield services
    services.state.close()


def find_wide_cap(platform: ShopPlatform) -> Cap:
    """Room for all products that wait for their next try; the pace is the real one's eightfold."""
    return replace(find_cap(platform.cap_name), requests=40, in_flight=25)


async def scan(services: Services, batches: Sequence[Batch]) -> list[BatchResult]:
    return await asyncio.gather(*(services.shops.scan_batch(batch) for batch in batches))


async def split(services: Services) -> dict[Batch, tuple[str, ...]]:
    planned = await services.shops.split_day(SHOP, DAY)
    return {each.batch: each.products for each in planned}


def plan_faults(products: Sequence[str], kinds: Sequence[str]) -> dict[str, str]:
    """Product -> fault: 5 % of the products for each kind, spread over all batches."""
    return {
        product: kinds[place % EVERY]
        for place, product in enumerate(products)
        if place % EVERY < len(kinds)
    }


def read_letters(services: Services) -> list[DeadLetter]:
    wanted = DeadLetterFilter(pipeline=SCAN_PIPELINE, tenant=SHOP)
    return [stored.letter for stored in SqlDeadLetters(services.state).find(wanted, limit=1000)]


def read_statuses(services: Services, batches: Sequence[Batch]) -> dict[str, SaleStatus]:
    return {
        snapshot.product_id: snapshot.sale_status
        for batch in batches
        for snapshot in read_snapshots(services.objects.get(snapshots_key(batch)), batch.key)
    }


def expect_statuses(shops: ShopsProcess) -> Mapping[str, str]:
    return {product: told["sale_status"] for product, told in shops.truth(SHOP).items()}


async def test_every_failure_is_kept_by_its_kind_read_by_a_redrive_and_purged_after_a_week(
    services: Services, shops: ShopsProcess
):
    parts = await split(services)
    products = sorted(product for part in parts.values() for product in part)
    broken = plan_faults(products, [*FAULTS, "http_404"])
    assert Counter(broken.values()) == dict.fromkeys([*FAULTS, "http_404"], PRODUCTS // EVERY)
    shops.set_faults({"products": {SHOP: broken}, "slow_seconds": 60})
    failing = {product: FAULTS[fault] for product, fault in broken.items() if fault in FAULTS}

    results = await scan(services, list(parts))
    assert [result.reason for result in results] == [None, None], "the batches went on"
    letters = read_letters(services)
    assert {letter.unit_id: letter.kind for letter in letters} == failing
    assert len(letters) == len(failing)
    found_in = {letter.unit_id: letter.partition for letter in letters}
    assert found_in == {
        product: batch.key
        for batch, part in parts.items()
        for product in part
        if product in failing
    }
    truth, read = expect_statuses(shops), read_statuses(services, list(parts))
    hidden = {product for product, fault in broken.items() if fault == "http_404"}
    assert {read[product] for product in hidden} == {SaleStatus.NOT_FOUND}
    assert set(read) == set(products) - set(failing)
    assert {key: read[key] for key in set(read) - hidden} == {
        key: truth[key] for key in set(read) - hidden
    }

    check_kept_for_a_week(services, len(failing))
    shops.set_faults({})
    shops.reset()
    requeued = services.redrive.redrive(FailureFilter(pipeline="products", tenant=SHOP))
    assert requeued.units == len(failing)
    results = await scan(services, list(parts))
    assert [result.reason for result in results] == [None, None]
    assert shops.stats(SHOP)["by_product"] == dict.fromkeys(failing, 1), "nothing else was asked"
    assert read_letters(services) == []
    read = read_statuses(services, list(parts))
    assert {key: read[key] for key in truth.keys() - hidden} == {
        key: truth[key] for key in truth.keys() - hidden
    }


def check_kept_for_a_week(services: Services, kept: int) -> None:
    """Purges copies of the state database at a later time."""
    for days, left in ((KEPT_DAYS - 1, kept), (KEPT_DAYS + 1, 0)):
        copy = services.settings.home / f"in-{days}-days"
        copy.mkdir()
        with (
            closing(sqlite3.connect(services.settings.home / "state.db")) as source,
            closing(sqlite3.connect(copy / "state.db")) as target,
        ):
            source.backup(target)
        later = Services(Settings(home=copy), FakeClock(datetime.now(UTC) + timedelta(days=days)))
        assert SqlDeadLetters(later.state).purge() == kept - left
        assert len(read_letters(later)) == left
        later.state.close()


async def test_what_passes_with_another_try_is_no_failure(services: Services, shops: ShopsProcess):
    parts = await split(services)
    passing = ("http_429", "http_500", "http_503", "drop", "truncate", "slow")
    rates = dict.fromkeys(passing, 0.05)
    shops.set_faults({"seed": 7, "rates": rates, "slow_seconds": 0.5})
    results = await scan(services, list(parts))
    assert [result.reason for result in results] == [None, None]
    assert set(shops.stats(SHOP)["faults"]) == set(passing)
    assert read_letters(services) == []
    assert read_statuses(services, list(parts)) == expect_statuses(shops)


async def test_a_shop_that_blocks_some_requests_ends_its_batch_at_once_and_the_next_run_does_the_rest(
    services: Services, shops: ShopsProcess
):
    parts = await split(services)
    batch, part = next(iter(parts.items()))
    shops.set_faults({"rates": {"blocked": 0.05}})
    shops.reset()
    (result,) = await scan(services, [batch])
    assert result.reason is not None
    assert "refused" in result.reason
    letters = read_letters(services)
    assert {letter.kind for letter in letters} == {"blocked"}
    asked = shops.stats(SHOP)["by_product"]
    assert {letter.unit_id for letter in letters} <= set(asked)
    assert len(asked) < len(part), "a shop that blocks is not asked for everything"
    assert not services.objects.head(snapshots_key(batch))

    shops.set_faults({})
    (result,) = await scan(services, [batch])
    assert result.reason is None
    assert read_letters(services) == []
    assert set(read_statuses(services, [batch])) == set(part)
