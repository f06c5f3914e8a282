"""Six real days of Musinsa's rankings scanned as six days: the changes that are found are those of the files."""

import asyncio
import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from platform_assets.partitions import today
from platform_assets.products.changes import Change
from platform_assets.products.latest import read_latest
from platform_assets.products.platform import PageRequest, ShopPlatform
from platform_assets.products.publishing import changes_key
from platform_assets.products.tables import read_changes
from platform_assets.services import Services
from platform_assets.settings import Settings
from tests.fakes.clock import FakeClock
from tests.real_data.conftest import ROOT, find_data

Row = tuple[str, str, int]
"""Brand, name, price paid."""

Days = list[dict[str, Row]]


@pytest.fixture(scope="module")
def days(give_up: Callable[[str], NoReturn]) -> Days:
    """Product -> row of each day; of a product in several categories the first file counts."""
    data = find_data()
    files = sorted((data / "products" / "musinsa").glob("ranking-*-6days.csv.gz")) if data else []
    if not files:
        give_up(f"no rankings of Musinsa beside {ROOT} in shared/data/products/musinsa")
    found: dict[str, dict[str, Row]] = {}
    for file in files:
        text = gzip.decompress(file.read_bytes()).decode("utf-8-sig")
        for row in csv.DictReader(io.StringIO(text)):
            values = row["brandName"], row["productName"], int(row["price"])
            found.setdefault(row["date"], {}).setdefault(row["productId"], values)
    return [found[day] for day in sorted(found)]


class RankedShop:
    """Shows every product as the newest day that has it."""

    def __init__(self) -> None:
        self.shown: dict[str, Row] = {}
        self.asked: Counter[str] = Counter()

    @asynccontextmanager
    async def opened(self, _platform: ShopPlatform) -> AsyncGenerator["RankedShop"]:
        yield self

    def slow_down(self, seconds: float) -> None:
        del seconds

    async def fetch(self, request: PageRequest) -> bytes | None:
        place, _, product_id = request.path.partition("?")[0].rpartition("/")
        if place != "/api2/goods":
            listed = [{"goodsNo": int(of), "goodsName": row[1]} for of, row in self.shown.items()]
            return _json({"list": listed, "pagination": {"hasNext": False}})
        self.asked[product_id] += 1
        brand, name, price = self.shown[product_id]
        return _json(
            {
                "goodsNo": int(product_id),
                "goodsNm": name,
                "goodsSaleType": "SALE",
                "goodsPrice": {"normalPrice": price, "salePrice": price},
                "brandInfo": {"brandName": brand},
                "goodsReview": None,
            }
        )


def _json(data: object) -> bytes:
    return json.dumps({"data": data}).encode()


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(Settings(home=tmp_path, log_file=Path("/dev/null")), FakeClock())
    yield services
    services.state.close()


def compare_files(days: Days) -> list[Counter[str]]:
    """What each day brings, by kind, from the files alone."""
    known: dict[str, Row] = {}
    counts: list[Counter[str]] = []
    for day in days:
        count: Counter[str] = Counter()
        for product_id, row in day.items():
            if product_id not in known:
                count["new"] += 1
                continue
            before = known[product_id]
            count["name"] += before[1] != row[1]
            count["price"] += before[2] != row[2]
        counts.append(+count)
        known.update(day)
    return counts


def read_day(services: Services, day: str) -> list[Change]:
    keys = [changes_key(each.batch) for each in services.shops.find_day("musinsa", day)]
    return [change for key in keys for change in read_changes(services.objects.get(key), key)]


async def scan_day(services: Services, day: str) -> None:
    for planned in await services.shops.split_day("musinsa", day):
        result = await services.shops.scan_batch(planned.batch)
        assert result.reason is None
        assert result.failures == ()


@pytest.mark.slow
def test_the_changes_of_six_real_days_are_those_of_the_files(
    days: Days, services: Services, monkeypatch: pytest.MonkeyPatch
):
    shop, clock = RankedShop(), services.clock
    assert isinstance(clock, FakeClock)
    monkeypatch.setattr(services.shops, "open_shop", shop.opened)
    expected = compare_files(days)
    assert len(days) == 6
    assert expected[0].keys() == {"new"}
    assert sum(count["price"] for count in expected) > 1000
    for ranked, wanted in zip(days, expected, strict=True):
        shop.shown.update(ranked)
        shop.asked.clear()
        day = today(clock.now())
        asyncio.run(scan_day(services, day))
        assert shop.asked == dict.fromkeys(shop.shown, 1)
        changes = read_day(services, day)
        found = Counter(change.kind.value for change in changes if change.field != "original_price")
        assert found == wanted
        clock.advance(86_400)
    latest = {each.product_id: each for each in read_latest(services.objects, "musinsa")}
    assert {of: (each.brand, each.name, each.discounted_price) for of, each in latest.items()} == {
        of: (brand or None, name, price) for of, (brand, name, price) in shop.shown.items()
    }
