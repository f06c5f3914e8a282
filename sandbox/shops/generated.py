"""A generated catalogue: every product is a function of seed, shop and position, every day one of the day before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sandbox.igdb.hashing import mix, salt_of
from sandbox.shops.goods import Product, Sale
from sandbox.shops.words import BRANDS, KINDS, PREFIXES, RENEWED, SIZES, THINGS

NEW_SHARE = 0.01
"""Products that each day adds, of those of the first day."""

_THOUSANDTHS = 1000
_RENAMED, _GONE, _SOLD_OUT, _OFF_SALE, _PRICED = 10, 20, 45, 50, 110
"""Of 1,000 products on sale, each up to its number but not the one before it is renamed, gone, ... in a day."""
_SOLD_OUT_AGAIN, _BACK = 300, 150
"""Of 1,000 that are sold out, or off sale or gone, so many are on sale again the next day."""


class Catalogue(Protocol):
    """Products of one shop by day."""

    def on(self, day: int) -> Sequence[Product]:
        """All products that the shop has had up to this day (0 is the first), gone ones included, in its order."""
        ...


@dataclass(frozen=True, slots=True)
class Numbering:
    """How a shop numbers its products: from `first`, about `step` apart, never twice."""

    first: int
    step: int


class GeneratedCatalogue:
    """Satisfies `Catalogue`.

    Args:
        shop: Name of the shop; other shops have other products.
        numbering: How it numbers them.
        products: How many there are on day 0.
        seed: Another seed, other products.
    """

    def __init__(self, shop: str, numbering: Numbering, products: int, seed: int) -> None:
        self._salt = salt_of(seed, shop)
        self._numbering = numbering
        self._added = max(1, round(products * NEW_SHARE))
        self._days = [[self._make(index) for index in range(products)]]

    def on(self, day: int) -> Sequence[Product]:
        """See `Catalogue.on`."""
        while len(self._days) <= day:
            self._days.append(self._move(self._days[-1], len(self._days)))
        return self._days[day]

    def _move(self, before: Sequence[Product], day: int) -> list[Product]:
        salt = salt_of(self._salt, day)
        moved = [_move_product(product, mix(product.number, salt)) for product in before]
        return moved + [
            self._make(index) for index in range(len(before), len(before) + self._added)
        ]

    def _make(self, index: int) -> Product:
        bits = mix(index, self._salt)
        numbers = self._numbering
        original = 1000 * (3 + (bits >> 8) % 200) + 100 * ((bits >> 16) % 10)
        off = (0, 0, 10, 15, 20, 35, 50)[(bits >> 24) % 7]
        reviews = (bits >> 32) % 12_000 if (bits >> 28) % 10 else 0
        chance = (bits >> 40) % _THOUSANDTHS
        product = Product(
            number=numbers.first + index * numbers.step + bits % numbers.step,
            name=_make_name(mix(bits, 1)),
            brand=BRANDS[mix(bits, 2) % len(BRANDS)],
            original=original,
            discounted=_take_off(original, off),
            sale=Sale.SOLD_OUT if chance < 40 else Sale.ON_SALE,
            rating=round(3 + (bits >> 52) % 21 / 10, 1) if reviews else None,
            reviews=reviews,
        )
        return _leave_sale(product) if 40 <= chance < 50 else product


def _make_name(bits: int) -> str:
    words = (
        choices[(bits >> shift) % len(choices)]
        for shift, choices in ((0, PREFIXES), (8, KINDS), (16, THINGS), (24, SIZES))
    )
    return " ".join(word for word in words if word)


def _move_product(product: Product, bits: int) -> Product:
    """The product on the next day."""
    product = replace(product, reviews=product.reviews and product.reviews + bits % 4)
    chance = (bits >> 8) % _THOUSANDTHS
    if product.sale is Sale.ON_SALE:
        return _disturb(product, chance, bits >> 24)
    returning = _SOLD_OUT_AGAIN if product.sale is Sale.SOLD_OUT else _BACK
    return _return(product, bits >> 24) if chance < returning else product


def _disturb(product: Product, chance: int, bits: int) -> Product:
    if chance < _RENAMED:
        return replace(product, name=f"{product.name} {RENEWED}")
    if chance < _GONE:
        return replace(product, sale=Sale.GONE)
    if chance < _SOLD_OUT:
        return replace(product, sale=Sale.SOLD_OUT)
    if chance < _OFF_SALE:
        return _leave_sale(product)
    return _reprice(product, bits) if chance < _PRICED else product


def _leave_sale(product: Product) -> Product:
    """Off sale; every other page shows no price then."""
    if product.number % 2:
        return replace(product, sale=Sale.OFF_SALE)
    return replace(product, sale=Sale.OFF_SALE, original=None, discounted=None)


def _return(product: Product, bits: int) -> Product:
    back = replace(product, sale=Sale.ON_SALE)
    return _reprice(back, bits) if back.original is None else back


def _reprice(product: Product, bits: int) -> Product:
    """Another discount, or another price before it."""
    original = product.original or 1000 * (3 + bits % 200)
    if (bits >> 8) % 4 == 0:
        original += 1000
        return replace(product, original=original, discounted=original)
    off = 5 + (bits >> 16) % 60
    cheaper = _take_off(original, off)
    if cheaper == product.discounted:
        cheaper -= 10
    return replace(product, original=original, discounted=cheaper)


def _take_off(price: int, percent: int) -> int:
    return price - price * percent // 1000 * 10
