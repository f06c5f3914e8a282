"""What a shop platform is: requests as values, and readers that turn what comes back into values. No HTTP, no browser.

A platform says only how its shop differs. What holds for every shop is here: what a request is, how an id is checked,
and the rules that a product must keep. What an HTTP status means is the caller's business: a 404 is
`not_found_snapshot`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from platform_assets.core.errors import PermanentError
from platform_assets.products.blocking import find_challenge
from platform_assets.products.charsets import to_utf8
from platform_assets.products.faults import bad_product_id, changed_structure, no_price
from platform_assets.products.json_reading import Node, OptionalFields, gather
from platform_assets.products.product import (
    ListedProduct,
    ListPage,
    ProductSnapshot,
    SaleStatus,
    note_odd,
)

MAIN_HOST = "main"
DIGITS = re.compile(r"[1-9][0-9]{0,17}")


class WorkerKind(StrEnum):
    """What sends a platform's requests."""

    HTTP = "http"
    BROWSER = "browser"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One request.

    Attributes:
        method: GET or POST; a browser only does GET.
        path: From the host's base URL, with its query, quoted.
        headers: Beyond what the client sends anyway.
        body: Sent as JSON; None for no body.
        capture: Of a browser, what is read once the page has loaded: None for the document's HTML, otherwise the end of
            the path in the URL of the JSON reply that the page's own script fetches; see `captures`.
        host: Key of the platform's `hosts`.
    """

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, Any] | None = None
    capture: str | None = None
    host: str = MAIN_HOST

    def captures(self, url: str) -> bool:
        """Whether a reply from this URL is the one to read; the URL's query does not matter."""
        return self.capture is not None and url.split("?", 1)[0].endswith(self.capture)


@dataclass(frozen=True, slots=True)
class Goods:
    """What a product's page says, before the rules of `ShopPlatform.snapshot`.

    Attributes:
        name: See `ProductSnapshot`; None when the page has it in an odd form.
        sale_status: See `ProductSnapshot`.
        original_price: None when the page has none.
        discounted_price: None when the page has no discount.
        brand: See `ProductSnapshot`.
        rating: See `ProductSnapshot`.
        review_count: See `ProductSnapshot`.
        notes: See `ProductSnapshot`.
    """

    name: str | None
    sale_status: SaleStatus
    original_price: int | None
    discounted_price: int | None
    brand: str | None = None
    rating: float | None = None
    review_count: int | None = None
    notes: tuple[str, ...] = ()


class ShopPlatform(ABC):
    """A shop.

    Attributes:
        name: One word in lower case; in keys, tables and partition names.
        kind: What sends its requests.
        hosts: Base URLs by key, without a slash at the end; tests and settings may put others in their place.
        currency: ISO 4217 code of its prices.
        id_pattern: What an id is, in full.
    """

    name: str
    kind: WorkerKind
    hosts: Mapping[str, str]
    currency: str = "KRW"
    id_pattern: re.Pattern[str] = DIGITS

    @property
    def cap_name(self) -> str:
        """The cap and the pool that its requests count towards."""
        return self.name

    @property
    def searchable(self) -> bool:
        """Whether `search_request` can be asked for."""
        return True

    @abstractmethod
    def list_request(self, cursor: str | None) -> PageRequest:
        """Asks for a page of the products on offer.

        Args:
            cursor: `next_cursor` of the page before; None for the first.
        """

    @abstractmethod
    def read_list(self, body: bytes, cursor: str | None) -> ListPage:
        """Reads the reply to `list_request(cursor)`.

        Raises:
            PermanentError: kind `blocked` or `changed_structure`.
        """

    @abstractmethod
    def search_request(self, keyword: str, cursor: str | None) -> PageRequest:
        """Asks for a page of what the shop finds for a keyword. `cursor` as for `list_request`."""

    @abstractmethod
    def read_search(self, body: bytes, cursor: str | None) -> ListPage:
        """Reads the reply to `search_request(keyword, cursor)`. Raises as `read_list` does."""

    @abstractmethod
    def product_request(self, product_id: str) -> PageRequest:
        """Asks for one product.

        Raises:
            PermanentError: kind `bad_product_id`.
        """

    @abstractmethod
    def read_product(self, product_id: str, body: bytes, scanned_at: datetime) -> ProductSnapshot:
        """Reads the reply to `product_request`, one that says in its body that the product is gone too.

        Args:
            product_id: Which product was asked for; a reply about another one is an error.
            body: What came with status 200.
            scanned_at: When it was received, UTC.

        Raises:
            PermanentError: kind `blocked`, `changed_structure` or `no_price`.
        """

    @abstractmethod
    def product_url(self, product_id: str) -> str:
        """The page for people. Raises as `check_id` does."""

    def find_challenge(self, status: int, headers: Mapping[str, str], body: bytes) -> str | None:
        """What a reply is instead of content, by its status and headers; see `blocking.find_challenge`."""
        return find_challenge(status, headers, body)

    def to_utf8(self, body: bytes, content_type: str) -> bytes:
        """A reply's body as UTF-8; see `charsets.to_utf8`."""
        return to_utf8(body, content_type)

    def check_id(self, product_id: str) -> str:
        """The id itself.

        Raises:
            PermanentError: kind `bad_product_id`: the shop gives no such ids.
        """
        if self.id_pattern.fullmatch(product_id) is None:
            raise bad_product_id(self.name, product_id, self.id_pattern.pattern)
        return product_id

    def check_answer(self, product_id: str, answered: Node) -> None:
        """Checks that a reply is about the product that was asked for.

        Raises:
            PermanentError: kind `changed_structure`: it is about another one.
        """
        if answered.word() != product_id:
            raise answered.changed(f"{product_id}, which was asked for")

    def page_of(self, product_id: str) -> str:
        """How errors name a product's page."""
        return f"{self.name} product {product_id[:80]}"

    def snapshot(self, product_id: str, goods: Goods, scanned_at: datetime) -> ProductSnapshot:
        """A product as read, if it keeps the rules.

        A missing price is the other one; 0 is no price. A product on sale has a price, and none is above the original.

        Raises:
            PermanentError: kind `no_price` or `changed_structure`.
        """
        original, discounted = _settle_prices(goods, self.page_of(product_id))
        return ProductSnapshot(
            platform=self.name,
            product_id=product_id,
            name=goods.name,
            brand=goods.brand,
            original_price=original,
            discounted_price=discounted,
            currency=self.currency,
            sale_status=goods.sale_status,
            rating=goods.rating,
            review_count=goods.review_count,
            url=self.product_url(product_id),
            scanned_at=scanned_at,
            notes=goods.notes,
        )

    def read_rows(
        self, page: str, rows: Iterable[Node], read: Callable[[Node], tuple[str, str] | None]
    ) -> "Rows":
        """The products of a list's rows, each once; a row that is none is kept as an odd one.

        Args:
            page: Names the list in errors.
            rows: In the shop's order.
            read: Id and name of a row; None for one that is left out on purpose.

        Raises:
            PermanentError: kind `changed_structure`: there are rows, and not one of them is a product.
        """
        products: dict[str, ListedProduct] = {}
        found, odd = gather(rows, read)
        for product_id, name in found:
            if self.id_pattern.fullmatch(product_id) is None:
                expected = f"expected {self.id_pattern.pattern}"
                wrong = f"{product_id[:80]!r} is in the place of an id, {expected}"
                odd.append(changed_structure(page, wrong))
            else:
                url = self.product_url(product_id)
                products.setdefault(product_id, ListedProduct(product_id, name, url))
        if odd and not products:
            raise odd[0]
        return Rows(tuple(products.values()), tuple(each.message for each in odd))


@dataclass(frozen=True, slots=True)
class Rows:
    """What the rows of a list are; see `ListPage`."""

    products: tuple[ListedProduct, ...]
    odd: tuple[str, ...] = ()

    def to_page(self, next_cursor: str | None, odd: Iterable[PermanentError] = ()) -> ListPage:
        """The page of the list, with what else of it is odd."""
        return ListPage(self.products, next_cursor, (*self.odd, *(each.message for each in odd)))


def not_found_snapshot(
    platform: ShopPlatform, product_id: str, scanned_at: datetime
) -> ProductSnapshot:
    """What a shop that does not have a product (any more) tells about it. Raises as `check_id` does."""
    return ProductSnapshot(
        platform=platform.name,
        product_id=product_id,
        name=None,
        brand=None,
        original_price=None,
        discounted_price=None,
        currency=platform.currency,
        sale_status=SaleStatus.NOT_FOUND,
        rating=None,
        review_count=None,
        url=platform.product_url(product_id),
        scanned_at=scanned_at,
    )


def tell_odd(fields: OptionalFields) -> tuple[str, ...]:
    """The notes about fields that were not understood."""
    return tuple(note_odd(name) for name in fields.odd)


def read_page_number(cursor: str | None, first: int = 1) -> int:
    """The page that a cursor of a numbered list names; None names the first.

    Raises:
        ValueError: It is no cursor of a numbered list.
    """
    if cursor is None:
        return first
    return int(cursor)


def _settle_prices(goods: Goods, page: str) -> tuple[int | None, int | None]:
    original, discounted = goods.original_price, goods.discounted_price
    if goods.sale_status is SaleStatus.ON_SALE:
        if original is None and discounted is None:
            raise no_price(page, "it has no price")
        if discounted == 0 or (discounted is None and original == 0):
            raise no_price(page, "its price is 0")
    original, discounted = original or discounted, discounted or original
    if original and discounted and discounted > original:
        raise changed_structure(
            page,
            f"the discounted price {discounted} is above the original price {original}",
        )
    return original or None, discounted or None
