"""A product as a shop has it on one day, and what differs between two days. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

CURRENCY = "KRW"


class Sale(StrEnum):
    """Whether a product can be bought. GONE ones are no longer in the shop."""

    ON_SALE = "on_sale"
    SOLD_OUT = "sold_out"
    OFF_SALE = "off_sale"
    GONE = "not_found"


@dataclass(frozen=True, slots=True)
class Product:
    """One product on one day.

    Attributes:
        number: The shop's id as a number; how it is written is the wire's business.
        name: With promotional prefixes.
        brand: Maker or seller.
        original: Price before discounts in won; None where the page shows none.
        discounted: Price to pay in won; the same as `original` without a discount.
        sale: Whether it can be bought.
        rating: 0 to 5 with one decimal; None when nobody rated it.
        reviews: How many.
    """

    number: int
    name: str
    brand: str
    original: int | None
    discounted: int | None
    sale: Sale
    rating: float | None
    reviews: int

    @property
    def is_gone(self) -> bool:
        """Whether the shop has it no longer."""
        return self.sale is Sale.GONE


Snapshot = Mapping[str, Any]
"""What a reader should make of a product: the fields of a product snapshot without `scanned_at`."""

_COMPARED = {
    "original_price": "price",
    "discounted_price": "price",
    "sale_status": "sale_status",
    "name": "name",
}


def find_changes(
    before: Mapping[str, Snapshot], now: Mapping[str, Snapshot]
) -> list[dict[str, str | None]]:
    """What a reader should find different between two days.

    Args:
        before: Snapshots by product id.
        now: Those of the later day; every product of `before` is there too.

    Returns:
        Records with `product_id`, `kind` (new, gone, back, price, sale_status, name), `field` (empty for the first
        three), and `before` and `after` as text or None; by product.
    """
    return [
        {"product_id": product_id, **change}
        for product_id, snapshot in now.items()
        for change in _compare(before.get(product_id), snapshot)
    ]


def _compare(before: Snapshot | None, now: Snapshot) -> list[dict[str, str | None]]:
    was_found = before is not None and before["sale_status"] != Sale.GONE
    is_found = now["sale_status"] != Sale.GONE
    if before is None or was_found != is_found:
        if before is None and not is_found:
            return []
        kind = "new" if before is None else "back" if is_found else "gone"
        return [{"kind": kind, "field": "", "before": None, "after": None}]
    return [
        {"kind": kind, "field": field, "before": _text(before[field]), "after": _text(now[field])}
        for field, kind in _COMPARED.items()
        if is_found and before[field] != now[field]
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
