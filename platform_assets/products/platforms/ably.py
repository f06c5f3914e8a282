"""Ably (fashion): the JSON that the mobile pages fetch, through a browser. There is no real payload of it to test with.

What is read of a product is the reply of /api/v3/goods/{id}/basic/, as public notes describe it:

    {"goods": {"sno": 20787714, "name": "...", "sale_type": "ON_SALE",
               "market": {"name": "..."},
               "price_info": {"consumer": 30000, "thumbnail_price": 24000},
               "review": {"count": 12, "rating": 4.8}}}

sale_type is ON_SALE or SOLD_OUT. Assumed beyond those notes: OFF_SALE; `goods` null for a gone one; `review`, whose two
fields may be absent. A list or a search is a screen of /api/v2/screens/:

    {"components": [{"type": {"item_list": "THREE_COL_GOODS_LIST"},
                     "entity": {"item_list": [{"item": {"sno": 20787714, "name": "...", "market_name": "..."}}]}}],
     "next_token": "..."}

Components of another type are banners and recommendations. Assumed: next_token is null or absent at the end, and the
page passes `next_token` of its address on.
"""

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlencode

from platform_assets.products.envelopes import HTTP_CODES, WORDS, is_gone
from platform_assets.products.json_reading import Node, OptionalFields, gather, read_json
from platform_assets.products.platform import (
    MAIN_HOST,
    Goods,
    PageRequest,
    ShopPlatform,
    WorkerKind,
    not_found_snapshot,
    tell_odd,
)
from platform_assets.products.prices import find_price
from platform_assets.products.product import ListPage, ProductSnapshot, SaleStatus

GOODS_LIST = "THREE_COL_GOODS_LIST"
LIST_API = "/api/v2/screens/SUB_CATEGORY_DEPARTMENT/"
SEARCH_API = "/api/v2/screens/SEARCH_RESULT/"
ERRORS = ("error_code", "code", "error", "errors", "message")
"""Assumed: where an error stands when there are no goods."""

MEANINGS = {**WORDS, **HTTP_CODES}
SOLD_OUT_FLAGS = ("is_sold_out", "is_soldout", "sold_out")
"""Assumed: a public description of the shop's data has no sale_type; each name was seen for such a flag elsewhere."""

SALE_STATUS = {
    "ON_SALE": SaleStatus.ON_SALE,
    "SOLD_OUT": SaleStatus.SOLD_OUT,
    "OFF_SALE": SaleStatus.OFF_SALE,
}


class Ably(ShopPlatform):
    """Ably.

    Args:
        category: The category that is listed; 296 is one that public code names.
    """

    name = "ably"
    kind = WorkerKind.BROWSER
    hosts = MappingProxyType({MAIN_HOST: "https://m.a-bly.com"})

    def __init__(self, category: str = "296") -> None:
        self._category = category

    def list_request(self, cursor: str | None) -> PageRequest:
        """A page of the category."""
        return _ask_screen("/category", {"category_sno": self._category}, cursor, LIST_API)

    def read_list(self, body: bytes, cursor: str | None) -> ListPage:
        """The goods of the category."""
        return self._read_screen(body, "ably list", cursor)

    def search_request(self, keyword: str, cursor: str | None) -> PageRequest:
        """A page of the search."""
        return _ask_screen("/search", {"keyword": keyword}, cursor, SEARCH_API)

    def read_search(self, body: bytes, cursor: str | None) -> ListPage:
        """The goods that were found."""
        return self._read_screen(body, "ably search", cursor)

    def product_request(self, product_id: str) -> PageRequest:
        """The product's page, and the reply that it fetches."""
        path = f"/goods/{self.check_id(product_id)}"
        return PageRequest(path, capture=f"/api/v3{path}/basic/")

    def read_product(self, product_id: str, body: bytes, scanned_at: datetime) -> ProductSnapshot:
        """The product; gone when it is null, and no error stands beside it."""
        reply = read_json(body, self.page_of(product_id))
        product = reply.at("goods")
        if product.value is None:
            _check_errors(reply)
            return not_found_snapshot(self, product_id, scanned_at)
        self.check_answer(product_id, product.at("sno"))
        prices = product.at("price_info")
        fields = OptionalFields(product)
        goods = Goods(
            name=fields.need("name", "name", Node.text),
            sale_status=_read_status(product),
            original_price=find_price(prices.at("consumer")),
            discounted_price=find_price(prices.at("thumbnail_price")),
            brand=fields.read("brand", "market.name", Node.label),
            rating=fields.read("rating", "review.rating", Node.rating),
            review_count=fields.read("review_count", "review.count", Node.count),
        )
        goods = replace(goods, notes=tell_odd(fields))
        return self.snapshot(product_id, goods, scanned_at)

    def product_url(self, product_id: str) -> str:
        """The product's page."""
        return f"{self.hosts[MAIN_HOST]}/goods/{self.check_id(product_id)}"

    def _read_screen(self, body: bytes, page: str, cursor: str | None) -> ListPage:
        reply = read_json(body, page)
        lists, odd = gather(reply.at("components").items(), _find_goods)
        rows = self.read_rows(page, [item for goods in lists for item in goods], _read_row)
        if odd and not rows.products:
            raise odd[0]
        following = reply.find("next_token")
        if following is None or not rows.products:
            return rows.to_page(None, odd)
        if (next_cursor := following.text()) == cursor:
            raise following.changed("another token than the page was asked with")
        return rows.to_page(next_cursor, odd)


def _ask_screen(path: str, words: dict[str, str], cursor: str | None, api: str) -> PageRequest:
    token = {"next_token": cursor} if cursor is not None else {}
    return PageRequest(f"{path}?{urlencode({**words, **token})}", capture=api)


def _find_goods(component: Node) -> list[Node] | None:
    """The goods of a component; None of one of another type."""
    kind = component.find("type.item_list")
    if kind is None or kind.text() != GOODS_LIST:
        return None
    return component.at("entity.item_list").items()


def _read_row(entry: Node) -> tuple[str, str]:
    item = entry.at("item")
    return item.at("sno").word(), item.at("name").text()


def _read_status(product: Node) -> SaleStatus:
    """What sale_type says; where there is none, as in the shop's own data, a flag says that it is sold out."""
    kind = product.find("sale_type")
    if kind is not None:
        return kind.choose(SALE_STATUS)
    for name in SOLD_OUT_FLAGS:
        if (flag := product.find(name)) is not None:
            return SaleStatus.SOLD_OUT if flag.flag() else SaleStatus.ON_SALE
    raise product.at("sale_type").changed("a sale type")


def _check_errors(reply: Node) -> None:
    for name in ERRORS:
        if (said := reply.find(name)) is not None:
            shown = said.value if isinstance(said.value, str | int) else name
            is_gone(reply.page, str(shown), MEANINGS)
