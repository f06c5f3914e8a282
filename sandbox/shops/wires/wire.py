"""What a wire format is: it reads requests as questions, and writes products and lists as the shop does. Pure."""

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar, cast

from sandbox.shops.generated import Numbering
from sandbox.shops.goods import CURRENCY, Product, Sale, Snapshot

_Item = TypeVar("_Item")


class BadCallError(Exception):
    """A request that the shop refuses: with a status, and what it says."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Call:
    """A request below a shop's prefix, with its body read. Names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    def read_body(self) -> dict[str, Any]:
        """The JSON object that was sent.

        Raises:
            BadCallError: It is none.
        """
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise BadCallError(400, {"message": "the body is no JSON object"})
        return cast("dict[str, Any]", value)

    def read_number(self, name: str, default: int) -> int:
        """A whole number of the query.

        Raises:
            BadCallError: It is none.
        """
        return to_number(self.query.get(name, default))


class Kind(StrEnum):
    """What is asked for."""

    PRODUCT = "product"
    LIST = "list"
    SEARCH = "search"


class Form(StrEnum):
    """How it is given: as JSON, as a page whose script fetches the JSON, or as a page that carries it."""

    DATA = "data"
    SCRIPT = "script"
    NEXT_DATA = "next_data"


@dataclass(frozen=True, slots=True)
class Question:
    """A request as the shop understands it.

    Attributes:
        kind: What is asked for.
        target: A product's id, or the words of a search.
        start: Of a list, how many entries were shown before.
        size: Of a list, how many entries a page has.
        form: How it is given.
    """

    kind: Kind
    target: str = ""
    start: int = 0
    size: int = 0
    form: Form = Form.DATA


@dataclass(frozen=True, slots=True)
class Fetch:
    """What a page's script asks for: a path below the shop's prefix, and JSON to post."""

    path: str
    body: Any = None


class Wire(ABC):
    """One shop's format.

    Attributes:
        name: The shop.
        numbering: Of its products.
        tells_rating: Whether a product's reply has a rating.
        tells_reviews: Whether it has a review count.
        per_second: Requests that it takes in any second.
        open_limit: Requests that it takes at the same time.
    """

    name: str
    numbering: Numbering
    tells_rating: bool = True
    tells_reviews: bool = True
    per_second: int = 5
    open_limit: int = 8

    @abstractmethod
    def read(self, call: Call) -> Question | None:
        """What a request asks for; None when the shop has no such path.

        Raises:
            BadCallError: The shop refuses it.
        """

    @abstractmethod
    def write_product(self, product: Product) -> dict[str, Any]:
        """The reply about a product."""

    @abstractmethod
    def write_gone(self) -> dict[str, Any]:
        """The reply, with status 200, about a product that is not there."""

    @abstractmethod
    def write_list(self, products: Sequence[Product], question: Question) -> dict[str, Any]:
        """The page of a list that was asked for.

        Args:
            products: All products of the list.
            question: Which page.
        """

    @abstractmethod
    def write_url(self, product_id: str) -> str:
        """The page for people."""

    def write_id(self, number: int) -> str:
        """A product's id."""
        return str(number)

    def find_fetch(self, question: Question) -> Fetch:
        """What the script of a page asks for."""
        raise NotImplementedError(f"{self.name} has no pages with scripts: {question}")

    def expect(self, product: Product) -> Snapshot:
        """What a reader of this format should make of a product."""
        product_id = self.write_id(product.number)
        found = not product.is_gone
        return {
            "platform": self.name,
            "product_id": product_id,
            "name": product.name if found else None,
            "brand": product.brand if found else None,
            "original_price": product.original if found else None,
            "discounted_price": product.discounted if found else None,
            "currency": CURRENCY,
            "sale_status": product.sale.value,
            "rating": product.rating if found and self.tells_rating else None,
            "review_count": product.reviews if found and self.tells_reviews else None,
            "url": self.write_url(product_id),
        }


def to_number(value: object) -> int:
    """A whole number of 0 or more, from JSON or from a query.

    Raises:
        BadCallError: It is none.
    """
    text = str(value)
    if not (text.isascii() and text.isdigit()):
        raise BadCallError(400, {"message": f"{text[:20]!r} is no number"})
    return int(text)


def page_start(page: int, size: int) -> int:
    """Where a page that is numbered from 1 starts.

    Raises:
        BadCallError: There is no page 0.
    """
    if page < 1:
        raise BadCallError(400, {"message": "pages start at 1"})
    return (page - 1) * size


def cut(entries: Sequence[_Item], question: Question) -> Sequence[_Item]:
    """The entries of the page that was asked for."""
    return entries[question.start : question.start + question.size]


def write_cursor(question: Question, total: int) -> str | None:
    """An opaque cursor for the page after this one; None at the end."""
    following = question.start + question.size
    if following >= total:
        return None
    return base64.urlsafe_b64encode(json.dumps(["start", following]).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> int:
    """Where the page of a cursor starts.

    Raises:
        BadCallError: It was not written by `write_cursor`.
    """
    if cursor is None:
        return 0
    try:
        _, start = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError) as error:
        raise BadCallError(400, {"message": "bad cursor"}) from error
    return to_number(start)


def is_sold_out(product: Product) -> bool:
    """Whether it is sold here but not there now."""
    return product.sale is Sale.SOLD_OUT
