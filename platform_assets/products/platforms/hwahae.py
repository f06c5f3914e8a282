"""Hwahae (cosmetics): the JSON gateway, version 14, over plain HTTP.

Measured (public code and notes): of the ranking its address, paging and fields, goods null for what is not sold
there, and {"meta": {"code": 1000}, "data": ...} around it; of goods the fields id, name, price, consumer_price and
sale_status SELNG, SLDOT, STSEL; of the search its address, page numbers from 0 in pages of 20,
meta.pagination.total_count, and code 2100 without the three anonymous headers.
Assumed: goods are wrapped as the ranking is, with its names brand, review_count and review_rating; a gone one has
`data` null; the search finds data.products with the ranking's `goods`, because the id of a product is not that of the
goods.
"""

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlencode

from platform_assets.products.envelopes import Meaning, is_gone
from platform_assets.products.json_reading import Node, OptionalFields, read_json
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
from platform_assets.products.prices import find_price
from platform_assets.products.product import ListPage, ProductSnapshot, SaleStatus

LIST_SIZE = 100
"""The most that the gateway gives."""

SEARCH_SIZE = 20
MEANINGS = {"1000": Meaning.FINE, "2100": Meaning.BLOCKED}
"""Codes of `meta`: 2100 says that there is no access; any other one is a failure of the shop."""

ANONYMOUS = MappingProxyType(
    {
        "hwahae-user-id": "anonymous",
        "hwahae-device-id": "anonymous",
        "Authorization": "Bearer",
    }
)
"""What the shop's own site sends for visitors; without any of them the search answers 401."""

SALE_STATUS = {
    "SELNG": SaleStatus.ON_SALE,
    "SLDOT": SaleStatus.SOLD_OUT,
    "STSEL": SaleStatus.OFF_SALE,
}


class Hwahae(ShopPlatform):
    """Hwahae.

    Args:
        theme_id: The ranking that is listed; 5102 is what trends now.
    """

    name = "hwahae"
    kind = WorkerKind.HTTP
    hosts = MappingProxyType({MAIN_HOST: "https://gateway.hwahae.co.kr"})

    def __init__(self, theme_id: str = "5102") -> None:
        self._theme_id = self.check_id(theme_id)

    def list_request(self, cursor: str | None) -> PageRequest:
        """A page of the ranking."""
        query = urlencode({"page": read_page_number(cursor), "page_size": LIST_SIZE})
        return PageRequest(f"/v14/rankings/{self._theme_id}/details?{query}", headers=ANONYMOUS)

    def read_list(self, body: bytes, cursor: str | None) -> ListPage:
        """The ranking's goods; what is not sold there is left out."""
        reply = self._read_reply(body, "hwahae list")
        details = reply.at("data.details").items()
        page = read_page_number(cursor)
        return self._read_goods(reply, details, page * LIST_SIZE, page + 1)

    def search_request(self, keyword: str, cursor: str | None) -> PageRequest:
        """A page of the search, best first."""
        page = read_page_number(cursor, first=0)
        query = urlencode({"query": keyword, "orderType": "ranking", "pageNum": page})
        return PageRequest(f"/v14/search/products/text?{query}", headers=ANONYMOUS)

    def read_search(self, body: bytes, cursor: str | None) -> ListPage:
        """The goods that were found; what is not sold there is left out."""
        reply = self._read_reply(body, "hwahae search")
        products = reply.at("data.products").items()
        page = read_page_number(cursor, first=0)
        return self._read_goods(reply, products, (page + 1) * SEARCH_SIZE, page + 1)

    def product_request(self, product_id: str) -> PageRequest:
        """The goods."""
        return PageRequest(f"/v14/commerce/goods/{self.check_id(product_id)}", headers=ANONYMOUS)

    def read_product(self, product_id: str, body: bytes, scanned_at: datetime) -> ProductSnapshot:
        """The goods; gone when all is well and there are none."""
        data = self._read_reply(body, self.page_of(product_id)).at("data")
        if data.value is None:
            return not_found_snapshot(self, product_id, scanned_at)
        self.check_answer(product_id, data.at("id"))
        fields = OptionalFields(data)
        goods = Goods(
            name=fields.need("name", "name", Node.text),
            sale_status=data.at("sale_status").choose(SALE_STATUS),
            original_price=find_price(data.at("consumer_price")),
            discounted_price=find_price(data.at("price")),
            brand=fields.read("brand", "brand.name", Node.label),
            rating=fields.read("rating", "review_rating", Node.rating),
            review_count=fields.read("review_count", "review_count", Node.count),
        )
        goods = replace(goods, notes=tell_odd(fields))
        return self.snapshot(product_id, goods, scanned_at)

    def product_url(self, product_id: str) -> str:
        """The goods' page."""
        return f"https://www.hwahae.co.kr/goods/{self.check_id(product_id)}"

    def _read_reply(self, body: bytes, page: str) -> Node:
        reply = read_json(body, page)
        is_gone(page, str(reply.at("meta.code").whole()), MEANINGS)
        return reply

    def _read_goods(self, reply: Node, items: list[Node], seen: int, page: int) -> ListPage:
        total = reply.at("meta.pagination.total_count").whole()
        rows = self.read_rows(reply.page, items, _read_row)
        return rows.to_page(str(page) if items and seen < total else None)


def _read_row(item: Node) -> tuple[str, str] | None:
    goods = item.at("goods")
    if goods.value is None:
        return None
    return goods.at("id").word(), goods.at("name").text()
