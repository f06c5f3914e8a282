"""Real sales of a Brazilian marketplace: its largest sellers as tenants over 25 months, counted twice by two ways.

What the pipeline's tables say is compared with a plain GROUP BY over the rows that went in.
"""

import io
import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import pyarrow.parquet as pq
import pytest

from platform_assets.core.clock import SystemClock
from platform_assets.core.months import list_months
from platform_assets.core.objects import ObjectStore
from platform_assets.tenants.customers import build_customers
from platform_assets.tenants.month_result import MonthResult
from platform_assets.tenants.outputs import customers_key, month_key
from platform_assets.tenants.process import TABLES, process_month
from platform_assets.tenants.tenant import SourceSettings
from resources.event_databases.source import EventSources
from resources.objects.local import LocalObjectStore
from tests.conftest import find_seed
from tests.fakes.event_source import MemoryLetters, refuse_nothing
from tests.fakes.source_secrets import NO_SECRETS
from tests.real_data.conftest import find_data

SELLERS = 200
"""In `make soak`; else the LARGEST of them and DRAWN others."""
LARGEST = 10
DRAWN = 30
MONTHS = list_months("2016-09", "2018-09")
COLUMNS = {"customer_id": "product_id", "event_at": "shipping_limit_date", "amount": "price"}

Cell = tuple[str, str]

SCHEMA = """
CREATE TABLE items (
    seller_id TEXT, event_id TEXT PRIMARY KEY, order_id TEXT, product_id TEXT, shipping_limit_date TIMESTAMP, price REAL
);
CREATE INDEX items_by_seller ON items (seller_id, shipping_limit_date);
"""

EXPECTED = """
SELECT seller_id, strftime('%Y-%m', shipping_limit_date), count(*), count(DISTINCT order_id),
    count(DISTINCT product_id), sum(CAST(round(price * 100) AS INTEGER))
FROM items GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Market:
    """The marketplace's items in SQLite, a view of each large seller, and a store for tables."""

    path: Path
    sellers: list[str]
    sources: EventSources
    objects: ObjectStore

    def query(self, statement: str) -> list[tuple[str, ...]]:
        with sqlite3.connect(self.path) as connection:
            rows = connection.execute(statement).fetchall()
        connection.close()
        return rows

    def process(self, cell: Cell) -> MonthResult:
        seller, month = cell
        letters = MemoryLetters()
        settings = SourceSettings(f"sqlite:///{self.path}", f"events_{seller}", COLUMNS)
        source = self.sources.open(settings)
        result = process_month(
            seller, month, source, self.objects, letters, check_held=refuse_nothing, last=None
        )
        assert letters.kinds() == []
        return result

    def read(self, seller: str, month: str) -> list[bytes]:
        return [self.objects.get(month_key(seller, month, table)) for table in TABLES]


@pytest.fixture(scope="module")
def market(
    give_up: Callable[[str], NoReturn], tmp_path_factory: pytest.TempPathFactory, soak: bool
) -> Iterator[Market]:
    data = find_data()
    file = data / "events" / "olist" / "olist_order_items_dataset.parquet" if data else None
    if file is None or not file.is_file():
        give_up(
            "no real sales: looked for shared/data/events/olist; SLUICE_TEST_DATA names another place"
        )
    folder = tmp_path_factory.mktemp("olist")
    sellers = fill_database(folder / "items.db", file)
    if not soak:
        drawn = random.Random(find_seed()).sample(sellers[LARGEST:], DRAWN)
        sellers = [*sellers[:LARGEST], *drawn]
    sources = EventSources(NO_SECRETS)
    store = folder / "objects"
    store.mkdir()
    yield Market(folder / "items.db", sellers, sources, LocalObjectStore(store))
    sources.close()


def fill_database(path: Path, file: Path) -> list[str]:
    """The items with a view of each large seller; the sellers, largest first."""
    table = pq.read_table(file)
    ids = zip(table["order_id"].to_pylist(), table["order_item_id"].to_pylist(), strict=True)
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
        connection.executemany(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?)",
            zip(
                table["seller_id"].to_pylist(),
                (f"{order}-{number}" for order, number in ids),
                table["order_id"].to_pylist(),
                table["product_id"].to_pylist(),
                map(str, table["shipping_limit_date"].to_pylist()),
                table["price"].to_pylist(),
                strict=True,
            ),
        )
        largest = (
            f"SELECT seller_id FROM items GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {SELLERS}"
        )
        sellers = [row[0] for row in connection.execute(largest)]
        for seller in sellers:
            connection.execute(
                f"CREATE VIEW events_{seller} AS SELECT event_id, order_id, product_id, shipping_limit_date, price "
                f"FROM items WHERE seller_id = '{seller}'"
            )
    connection.close()
    return sellers


@pytest.fixture(scope="module")
def results(market: Market) -> Mapping[Cell, MonthResult]:
    """Every cell processed once, a few at a time."""
    cells = [(seller, month) for seller in market.sellers for month in MONTHS]
    clock = SystemClock()
    started = clock.monotonic()
    with ThreadPoolExecutor(4) as pool:
        results = dict(zip(cells, pool.map(market.process, cells), strict=True))
    seconds = clock.monotonic() - started
    print(
        f"{len(cells)} tenant-months in {seconds:.1f} s: {seconds / len(cells) * 1000:.2f} ms each"
    )
    return results


@pytest.mark.slow
def test_every_tenant_month_agrees_with_a_plain_group_by_over_the_source(
    market: Market, results: Mapping[Cell, MonthResult]
):
    expected = {(seller, month): tuple(rest) for seller, month, *rest in market.query(EXPECTED)}
    assert len(results) == len(market.sellers) * len(MONTHS)
    for cell, result in results.items():
        found = (
            result.processed_records,
            result.orders,
            result.customers,
            int(result.revenue * 100),
        )
        assert found == expected.get(cell, (0, 0, 0, 0)), cell
        assert result.items == result.processed_records
        assert (result.failed_records, result.duplicates, result.anonymous_events) == (0, 0, 0)
        assert result.revenue == result.revenue.quantize(Decimal("0.01")), "no cent is split"
    rows = market.query(
        "SELECT seller_id, count(*) FROM items WHERE shipping_limit_date < '2018-10' GROUP BY 1"
    )
    counts = {row[0]: int(row[1]) for row in rows}
    total = sum(counts[seller] for seller in market.sellers)
    assert sum(result.processed_records for result in results.values()) == total > 15_000


@pytest.mark.slow
def test_who_bought_before_returns(market: Market, results: Mapping[Cell, MonthResult]):
    first = {
        (row[0], row[1]): row[2]
        for row in market.query(
            "SELECT seller_id, product_id, min(shipping_limit_date) FROM items GROUP BY 1, 2"
        )
    }
    for seller in market.sellers[:20]:
        for month in MONTHS:
            new = sum(s == seller and at[:7] == month for (s, _), at in first.items())
            assert results[seller, month].new_customers == new, (seller, month)


@pytest.mark.slow
def test_done_again_every_byte_is_the_same(market: Market, results: Mapping[Cell, MonthResult]):
    for seller in market.sellers[::20]:
        for month in MONTHS:
            before = market.read(seller, month)
            assert market.process((seller, month)) == results[seller, month]
            assert market.read(seller, month) == before


@pytest.mark.slow
def test_customers_add_up_to_their_months(market: Market, results: Mapping[Cell, MonthResult]):
    for seller in market.sellers[::10]:
        built = build_customers(seller, market.objects)
        table = pq.read_table(io.BytesIO(market.objects.get(customers_key(seller))))
        rows = table.to_pylist()
        months = [results[seller, month] for month in MONTHS]
        assert built.customers == len(rows) == sum(month.new_customers for month in months)
        assert sum(row["revenue"] for row in rows) == sum(month.revenue for month in months)
        assert sum(row["months_active"] for row in rows) == sum(month.customers for month in months)
        assert min(row["recency_days"] for row in rows) == 0
        assert sum(built.segments.values()) == len(rows)
