"""A shop that is declared in a TOML or JSON file: what the file may say, and every mistake in it at once.

    name = "smallshop"                      # a word; its cap and its pool have this name too
    base_url = "https://shop.example"
    currency = "KRW"                        # default
    decimals = 0                            # digits after the point that prices may have: 2 for dollars
    product_id = "[0-9]+"                   # what an id is, in full; letters, digits, _ and - by default
    page_url = "https://shop.example/goods/{product_id}"    # the page for people; what is asked by default
    headers = { Accept = "application/json" }

    [product]
    path = "/api/goods/{product_id}"
    source = "json"                         # default; or next_data, or ld_json: a schema.org Product
    gone = "data.goods"                     # null here says that the product is gone
    optional = ["brand", "discounted_price"]    # fields that a page may lack; the others may be null at most
    sale_status = { on_sale = ["SALE"], sold_out = ["OUT"], off_sale = ["STOP", "HIDDEN"] }
    [product.fields]
    name = "data.goods.name"
    sale_status = "data.goods.state"
    original_price = "data.goods.prices[0].won"
    discounted_price = "data.goods.prices[1].won"
    brand = "data.goods.maker"

    [list]                                  # and [search], if there is one, with {keyword} in its path
    path = "/api/goods?page={cursor}"
    source = "json"                         # default; or next_data
    products = "data.items"
    fields = { product_id = "no", name = "name" }    # from each of the products
    next_cursor = "data.next"               # null or absent at the end; without it pages are counted from first_cursor
    first_cursor = "1"                      # default

Further fields of a product: rating, review_count, and product_id, which is checked against what was asked for.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import msgspec

from platform_assets.core.decoding import UNREADABLE
from platform_assets.products.declared_table import Table
from platform_assets.products.faults import bad_platform
from platform_assets.products.product import SaleStatus

ANY_ID = "[A-Za-z0-9_-]{1,64}"
PRODUCT_FIELDS = (
    "name",
    "sale_status",
    "original_price",
    "discounted_price",
    "brand",
    "rating",
    "review_count",
    "product_id",
)
LIST_SOURCES = ("json", "next_data")
PRODUCT_SOURCES = (*LIST_SOURCES, "ld_json")
STATUSES = (SaleStatus.ON_SALE, SaleStatus.SOLD_OUT, SaleStatus.OFF_SALE)


@dataclass(frozen=True, slots=True)
class ListRules:
    """How a list or a search is asked for and read."""

    path: str
    source: str
    products: str
    fields: Mapping[str, str]
    next_cursor: str | None
    first_cursor: str


@dataclass(frozen=True, slots=True)
class ProductRules:
    """How a product is asked for and read."""

    path: str
    source: str
    gone: str | None
    optional: frozenset[str]
    fields: Mapping[str, str]
    sale_status: Mapping[str, SaleStatus]


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declared shop; see the module."""

    name: str
    base_url: str
    currency: str
    decimals: int
    product_id: re.Pattern[str]
    page_url: str
    headers: Mapping[str, str]
    product: ProductRules
    list: ListRules
    search: ListRules | None


def parse_declaration(content: bytes, file: str) -> Declaration:
    """A declared shop.

    Args:
        content: The file's content.
        file: Its name, which ends in `.toml` or `.json`.

    Raises:
        PermanentError: kind `bad_platform`; names every mistake.
    """
    mistakes: list[str] = []
    top = Table(_parse(content, file), "", mistakes)
    declaration = _read_shop(top)
    if mistakes:
        raise bad_platform(file, mistakes)
    return declaration


def _parse(content: bytes, file: str) -> dict[str, Any]:
    try:
        if file.endswith(".toml"):
            return tomllib.loads(content.decode())
        if file.endswith(".json"):
            return msgspec.json.decode(content, type=dict[str, Any])
    except UNREADABLE as error:
        raise bad_platform(file, [f"it cannot be read: {error}"]) from error
    raise bad_platform(file, ["it is neither .toml nor .json: rename it"])


def _read_shop(top: Table) -> Declaration:
    name = top.text("name", pattern="[a-z][a-z0-9_]{0,39}")
    base_url = _read_base_url(top)
    product = _read_product(top.table("product"))
    listing = _read_list(top.table("list"), ())
    search = _read_list(top.table("search"), ("keyword",)) if "search" in top.values else None
    headers = top.table("headers")
    declaration = Declaration(
        name=name,
        base_url=base_url,
        currency=top.text("currency", "KRW", "[A-Z]{3}"),
        decimals=_read_decimals(top),
        product_id=_read_pattern(top),
        page_url=_read_page_url(top, base_url + product.path),
        headers=MappingProxyType({key: headers.text(key) for key in headers.values}),
        product=product,
        list=listing,
        search=search,
    )
    top.end(("search",))
    return declaration


def _read_base_url(top: Table) -> str:
    url = top.text("base_url")
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and not parts.query
    except ValueError:
        good = False
    if url and not good:
        top.wrong("base_url", f"is {url!r:.60}: write it like https://shop.example")
    return url.rstrip("/")


def _read_decimals(top: Table) -> int:
    top.read.add("decimals")
    value = top.values.get("decimals", 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 4:
        top.wrong("decimals", f"is {value!r:.60}: write a number from 0 to 4")
        return 0
    return value


def _read_pattern(top: Table) -> re.Pattern[str]:
    text = top.text("product_id", ANY_ID)
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        top.wrong("product_id", f"is no regular expression ({error})")
        return re.compile(ANY_ID)


def _read_page_url(top: Table, default: str) -> str:
    url = top.text("page_url", default or "-", r"\S+")
    if "page_url" in top.values and "{product_id}" not in url:
        top.wrong("page_url", "lacks {product_id}: put it where it belongs")
    return url


def _read_product(table: Table) -> ProductRules:
    fields = table.table("fields")
    paths = {key: fields.path(key) for key in PRODUCT_FIELDS if key in fields.values}
    for key in ("name", "sale_status"):
        if key not in paths:
            fields.wrong(key, "is missing: add it")
    if not {"original_price", "discounted_price"} & set(paths):
        fields.wrong("original_price", "is missing, and so is discounted_price: add one or both")
    fields.end(PRODUCT_FIELDS)
    optional = table.texts("optional")
    for key in optional:
        if key not in paths or key in {"name", "sale_status", "product_id"}:
            table.wrong("optional", f"{key!r:.60} is no field that a page may lack")
    rules = ProductRules(
        path=table.template("path", (), ("product_id",)),
        source=table.choice("source", PRODUCT_SOURCES),
        gone=table.maybe_path("gone"),
        optional=frozenset(optional),
        fields=MappingProxyType(paths),
        sale_status=_read_statuses(table.table("sale_status")),
    )
    table.end(("gone",))
    return rules


def _read_statuses(table: Table) -> Mapping[str, SaleStatus]:
    """What each word of the shop stands for; a word may stand for one status only."""
    words: dict[str, SaleStatus] = {}
    for status in STATUSES:
        for word in table.texts(status.value):
            if word in words:
                table.wrong(status.value, f"{word!r:.60} stands under {words[word]} too")
            words[word] = status
    if SaleStatus.ON_SALE not in words.values():
        table.wrong(
            "on_sale", "is missing: say which words of the shop mean that a product is on sale"
        )
    table.end()
    return MappingProxyType(words)


def _read_list(table: Table, must_have: tuple[str, ...]) -> ListRules:
    fields = table.table("fields")
    rules = ListRules(
        path=table.template("path", ("cursor",), must_have),
        source=table.choice("source", LIST_SOURCES),
        products=table.path("products"),
        fields=MappingProxyType({key: fields.path(key) for key in ("product_id", "name")}),
        next_cursor=table.maybe_path("next_cursor"),
        first_cursor=table.text("first_cursor", "1"),
    )
    if rules.next_cursor is not None and "{cursor}" not in rules.path:
        table.wrong("path", "lacks {cursor}: next_cursor has nowhere to go")
    if rules.next_cursor is None and re.fullmatch("[0-9]{1,9}", rules.first_cursor) is None:
        table.wrong("first_cursor", "is no number: without next_cursor pages are counted")
    fields.end()
    table.end(("next_cursor",))
    return rules
