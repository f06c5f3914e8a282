"""A product as a shop shows it at one moment, and a page of a shop's list. Values only: no request, no shop."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec


class SaleStatus(StrEnum):
    """Whether a product can be bought."""

    ON_SALE = "on_sale"
    SOLD_OUT = "sold_out"
    OFF_SALE = "off_sale"
    NOT_FOUND = "not_found"


COMPUTED_PRICE = "computed:discounted_price"
"""Note: the page does not say what is paid; it is the price before discounts less the promotion for everybody."""

LOWEST_PRICE = "lowest:price"
"""Note: the page has several offers, or a range; the prices are those of the lowest offer that can be bought."""

_ODD = "odd:"


def note_odd(field: str) -> str:
    """Note: the page has this field in a form that is not understood; it is None."""
    return f"{_ODD}{field}"


def odd_field(note: str) -> str | None:
    """The field that `note_odd` notes; None of another note."""
    return note.removeprefix(_ODD) if note.startswith(_ODD) else None


class ProductSnapshot(msgspec.Struct, frozen=True):
    """One product, read once.

    Attributes:
        platform: Name of the shop platform.
        product_id: The shop's own id.
        name: As the shop shows it, promotional prefixes included; None when the product was not found, or its name is
            none.
        brand: Maker or seller; None when the page names none.
        original_price: Before discounts, in the smallest unit of the currency (won; cents); None when the page has no
            price, which only a product that is not on sale may have.
        discounted_price: What a customer without personal coupons pays; otherwise as `original_price`, and never above.
        currency: ISO 4217 code.
        sale_status: Whether it can be bought.
        rating: 0 to 5; None when nobody rated it or the page does not say.
        review_count: None when the page does not say.
        url: The page for people.
        scanned_at: When it was read, UTC.
        notes: What one should know of the fields: `note_odd` and the other words below.
    """

    platform: str
    product_id: str
    name: str | None
    brand: str | None
    original_price: int | None
    discounted_price: int | None
    currency: str
    sale_status: SaleStatus
    rating: float | None
    review_count: int | None
    url: str
    scanned_at: datetime
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.scanned_at.utcoffset() != timedelta(0):
            raise ValueError(f"scanned_at must be aware and UTC, not {self.scanned_at!r}")


class ListedProduct(msgspec.Struct, frozen=True):
    """A product that a list or a search names.

    Attributes:
        product_id: The shop's own id.
        name: As the shop shows it.
        url: The page for people.
    """

    product_id: str
    name: str
    url: str


class ListPage(msgspec.Struct, frozen=True):
    """One page of a list or a search.

    Attributes:
        products: Each id once, in the shop's order; empty at the end.
        odd: What of the page is no product, such as an advertisement between them: a line each, saying why.
        next_cursor: What to ask for next; None at the end. A shop that repeats its last page for ever never ends: stop
            at a page without a new product.
    """

    products: tuple[ListedProduct, ...]
    next_cursor: str | None
    odd: tuple[str, ...] = ()
