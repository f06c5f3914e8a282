"""The sandbox serves Musinsa's six real days: what is read of each day is what the files say."""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.real_data.conftest import ROOT, find_data
from tests.unit.sandbox.shops.visitor import plain, read_truth, serve, visit

DAYS = 6


@pytest.fixture(scope="module")
def products_data(give_up: Callable[[str], NoReturn]) -> Path:
    """The folder of real products."""
    data = find_data()
    if data is None or not (data / "products" / "musinsa").is_dir():
        give_up(f"no rankings of Musinsa beside {ROOT} in shared/data/products/musinsa")
    return data / "products"


@pytest.fixture(scope="module")
def prices(products_data: Path) -> list[dict[str, int]]:
    """Product -> the price that each day's files have; of several categories the first file counts."""
    days: dict[str, dict[str, int]] = {}
    for file in sorted((products_data / "musinsa").glob("ranking-*-6days.csv.gz")):
        text = gzip.decompress(file.read_bytes()).decode("utf-8-sig")
        for row in csv.DictReader(io.StringIO(text)):
            days.setdefault(row["date"], {}).setdefault(row["productId"], int(row["price"]))
    return [days[date] for date in sorted(days)]


async def test_the_list_of_each_day_has_all_products_ranked_so_far(
    products_data: Path, prices: list[dict[str, int]]
):
    async with serve(data=products_data, products=1) as client:
        for day in range(DAYS):
            await client.post("/_control/day", json={"day": day})
            ranked = {product_id for known in prices[: day + 1] for product_id in known}
            assert set(await visit(client, "musinsa").list_ids()) == ranked


async def test_every_product_of_the_last_day_is_read_with_its_last_price(
    products_data: Path, prices: list[dict[str, int]]
):
    last = {product_id: price for day in prices for product_id, price in day.items()}
    async with serve(data=products_data, products=1) as client:
        await client.post("/_control/day", json={"day": DAYS - 1})
        truth, shop = await read_truth(client, "musinsa"), visit(client, "musinsa")
        read = {product_id: plain(await shop.read_product(product_id)) for product_id in last}
    assert read == truth
    assert {of: product["discounted_price"] for of, product in read.items()} == last


async def test_the_expected_price_changes_are_those_of_the_files(
    products_data: Path, prices: list[dict[str, int]]
):
    known, expected = dict(prices[0]), list[Counter[str]]()
    for day in prices[1:]:
        differs = sum(known.get(of, price) != price for of, price in day.items())
        expected.append(Counter(price=2 * differs, new=len(day.keys() - known.keys())))
        known |= day
    async with serve(data=products_data, products=1) as client:
        for day, count in enumerate(expected, 1):
            query = {"platform": "musinsa", "day": str(day)}
            told = await (await client.get("/_control/changes", params=query)).json()
            kinds = Counter(change["kind"] for change in told["changes"])
            assert (kinds["price"], kinds["new"]) == (count["price"], count["new"])
            assert kinds["price"] > 0
            assert kinds["gone"] == 0
