"""The `default` platform: any shop that a file declares, over plain HTTP. What files may say is in `declaration.py`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import quote

from platform_assets.products.declaration import Declaration, ListRules, parse_declaration
from platform_assets.products.faults import bad_platform
from platform_assets.products.json_reading import Node, OptionalFields, read_json
from platform_assets.products.ld_product import LdNode, Wanted, check_currency, short_name
from platform_assets.products.next_data import read_ld_product, read_next_data
from platform_assets.products.platform import (
    MAIN_HOST,
    Goods,
    PageRequest,
    ShopPlatform,
    WorkerKind,
    not_found_snapshot,
    read_page_number,
    tell_odd,
)
from platform_assets.products.prices import read_price
from platform_assets.products.product import LOWEST_PRICE, ListPage, ProductSnapshot, SaleStatus

Value = TypeVar("Value")
SOURCES: dict[str, Callable[[bytes, str], Node]] = {
    "json": read_json,
    "next_data": read_next_data,
}
LD_JSON = "ld_json"


def declare_platform(content: bytes, file: str) -> "ConfiguredPlatform":
    """The shop that a file declares.

    Args:
        content: The file's content.
        file: Its name, which ends in `.toml` or `.json`.

    Raises:
        PermanentError: kind `bad_platform`; names every mistake.
    """
    return ConfiguredPlatform(parse_declaration(content, file))


class ConfiguredPlatform(ShopPlatform):
    """A declared shop.

    Args:
        declaration: What its file says.
    """

    kind = WorkerKind.HTTP

    def __init__(self, declaration: Declaration) -> None:
        self._declared = declaration
        self.name = declaration.name
        self.hosts = MappingProxyType({MAIN_HOST: declaration.base_url})
        self.currency = declaration.currency
        self.id_pattern = declaration.product_id

    def list_request(self, cursor: str | None) -> PageRequest:
        """A page of the list."""
        return self._ask(self._declared.list, cursor)

    def read_list(self, body: bytes, cursor: str | None) -> ListPage:
        """The products of the list."""
        return self._read_page(self._declared.list, body, cursor, "list")

    @property
    def searchable(self) -> bool:
        """Whether the file declares a search."""
        return self._declared.search is not None

    def search_request(self, keyword: str, cursor: str | None) -> PageRequest:
        """A page of the search.

        Raises:
            PermanentError: kind `bad_platform`: the shop's file declares no search.
        """
        return self._ask(self._search_rules(), cursor, keyword=keyword)

    def read_search(self, body: bytes, cursor: str | None) -> ListPage:
        """The products that were found. Raises as `search_request` does too."""
        return self._read_page(self._search_rules(), body, cursor, "search")

    def product_request(self, product_id: str) -> PageRequest:
        """The product."""
        path = _fill(self._declared.product.path, product_id=self.check_id(product_id))
        return PageRequest(path, headers=self._declared.headers)

    def read_product(self, product_id: str, body: bytes, scanned_at: datetime) -> ProductSnapshot:
        """The product; gone when what the file names as `gone` is null."""
        rules = self._declared.product
        page = self._open(product_id, body)
        if rules.gone is not None and page.at(rules.gone).value is None:
            return not_found_snapshot(self, product_id, scanned_at)
        if "product_id" in rules.fields:
            self.check_answer(product_id, page.at(rules.fields["product_id"]))
        fields = OptionalFields(page)
        goods = Goods(
            name=fields.need("name", rules.fields["name"], Node.text),
            sale_status=self._read_status(page),
            original_price=self._find(page, "original_price", self._read_price),
            discounted_price=self._find(page, "discounted_price", self._read_price),
            brand=fields.attempt("brand", lambda: self._find(page, "brand", Node.label)),
            rating=fields.attempt("rating", lambda: self._find(page, "rating", Node.rating)),
            review_count=fields.attempt(
                "review_count", lambda: self._find(page, "review_count", Node.count)
            ),
        )
        lowest = (LOWEST_PRICE,) if isinstance(page, LdNode) and page.lowest else ()
        return self.snapshot(
            product_id, replace(goods, notes=(*tell_odd(fields), *lowest)), scanned_at
        )

    def _open(self, product_id: str, body: bytes) -> Node:
        """What the product's paths start at."""
        source, page = self._declared.product.source, self.page_of(product_id)
        if source != LD_JSON:
            return SOURCES[source](body, page)
        wanted = Wanted(product_id, self.product_url(product_id))
        product = read_ld_product(body, page, wanted)
        check_currency(product, self.currency)
        return product

    def _read_status(self, page: Node) -> SaleStatus:
        rules = self._declared.product
        said = page.at(rules.fields["sale_status"])
        if rules.source != LD_JSON or not isinstance(said.value, str):
            return said.choose(rules.sale_status)
        known = {short_name(word): status for word, status in rules.sale_status.items()}
        short = Node(short_name(said.value), said.path, said.page)
        return short.choose(known)

    def product_url(self, product_id: str) -> str:
        """The page for people."""
        return _fill(self._declared.page_url, product_id=self.check_id(product_id))

    def _search_rules(self) -> ListRules:
        if self._declared.search is None:
            raise bad_platform(self.name, ["search: is missing: add it to search this shop"])
        return self._declared.search

    def _ask(self, rules: ListRules, cursor: str | None, **words: str) -> PageRequest:
        path = _fill(rules.path, cursor=rules.first_cursor if cursor is None else cursor, **words)
        return PageRequest(path, headers=self._declared.headers)

    def _read_page(self, rules: ListRules, body: bytes, cursor: str | None, what: str) -> ListPage:
        page = SOURCES[rules.source](body, f"{self.name} {what}")
        products = page.at(rules.products).items()
        id_path, name_path = rules.fields["product_id"], rules.fields["name"]
        rows = self.read_rows(
            page.page, products, lambda item: (item.at(id_path).word(), item.at(name_path).text())
        )
        return rows.to_page(_next_cursor(rules, page, cursor) if rows.products else None)

    def _find(self, page: Node, key: str, read: Callable[[Node], Value | None]) -> Value | None:
        """A field that may be null, and absent only if it is declared so."""
        rules = self._declared.product
        if (path := rules.fields.get(key)) is None:
            return None
        node = page.find(path) if key in rules.optional else page.at(path)
        return None if node is None or node.value is None else read(node)

    def _read_price(self, node: Node) -> int:
        return read_price(node, self._declared.decimals, self.currency)


def _fill(template: str, **words: str) -> str:
    for name, word in words.items():
        template = template.replace(f"{{{name}}}", quote(word, safe=""))
    return template


def _next_cursor(rules: ListRules, page: Node, cursor: str | None) -> str | None:
    if rules.next_cursor is None:
        counted = "{cursor}" in rules.path
        return str(read_page_number(cursor, int(rules.first_cursor)) + 1) if counted else None
    following = page.find(rules.next_cursor)
    if following is None:
        return None
    if following.word() == (rules.first_cursor if cursor is None else cursor):
        raise following.changed("another cursor than the page was asked with")
    return following.word()
