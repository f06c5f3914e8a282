"""Six real days of Musinsa's rankings as a catalogue."""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from platform_assets.core.errors import RefusedError
from sandbox.shops.goods import Product, Sale

PATTERN = "musinsa/ranking-*-6days.csv.gz"


class RankedCatalogue:
    """Satisfies `Catalogue` of `generated.py`.

    A product is there from the first day that ranks it, and stays: one that has left the ranking keeps its last name
    and price, because the ranking does not say that the shop has it no longer. The price is the one paid, and stands
    for the original price too: the rankings round the discount. After the last day nothing changes.

    Args:
        days: Products of each day's ranking, first day first.
    """

    def __init__(self, days: Sequence[Sequence[Product]]) -> None:
        self._days: list[list[Product]] = []
        known: dict[int, Product] = {}
        for day in days:
            known |= {product.number: product for product in day}
            self._days.append(list(known.values()))

    def __len__(self) -> int:
        return len(self._days)

    def on(self, day: int) -> Sequence[Product]:
        """See `Catalogue.on`."""
        return self._days[min(day, len(self._days) - 1)]


def read_rankings(data: Path) -> RankedCatalogue:
    """Reads the rankings below the folder `data`; of a product in several categories the first file counts.

    Raises:
        RefusedError: There are none.
    """
    files = sorted(data.glob(PATTERN))
    if not files:
        raise RefusedError(
            f"no rankings {PATTERN} in {data}: name the folder of real products, or leave --data out"
        )
    days: dict[str, dict[int, Product]] = {}
    for file in files:
        for date, product in _read(file):
            days.setdefault(date, {}).setdefault(product.number, product)
    return RankedCatalogue([list(days[date].values()) for date in sorted(days)])


def _read(file: Path) -> Iterator[tuple[str, Product]]:
    text = gzip.decompress(file.read_bytes()).decode("utf-8-sig")
    blank = Product(0, "", "", None, None, Sale.ON_SALE, None, 0)
    for row in csv.DictReader(io.StringIO(text)):
        price = int(row["price"])
        yield (
            row["date"],
            replace(
                blank,
                number=int(row["productId"]),
                name=row["productName"],
                brand=row["brandName"],
                original=price,
                discounted=price,
            ),
        )
