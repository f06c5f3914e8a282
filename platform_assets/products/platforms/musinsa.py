"""Musinsa (fashion): the JSON of the list and of the goods' page, over plain HTTP.

Measured (public code): both addresses; of a list data.list with goodsNo and goodsName, and data.pagination.hasNext; of
goods goodsNo, goodsNm, goodsSaleType SALE, SOLDOUT, STOP_SALE, and goodsPrice with normalPrice and salePrice. Measured
(7,176 rows of rankings): `price` is what is paid already, and discountRate a whole percent.
Assumed: brandInfo.brandName; goodsReview with totalCount and satisfactionScore of 5; a gone one has `data` null; the
ranking's price and discountRate stand in goodsPrice where normalPrice and salePrice do not.
The coupon price is left out: not every customer pays it.
"""

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlencode

from platform_assets.products.envelopes import WORDS, Meaning, is_gone
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
LIST_HOST = "list"
HEADERS = MappingProxyType({"Referer": "https://www.musinsa.com/"})
SUCCESS = "SUCCESS"
MEANINGS = {
    **WORDS,
    "GOODS": Meaning.GONE,
    "GOODS_NOT_FOUND": Meaning.GONE,
    "NOT_FOUND": Meaning.GONE,
}
"""Error codes of `meta`. Measured: TOO_MANY_REQUESTS, INTERNAL_SERVER_ERROR; assumed: those that say "gone"."""

SALE_STATUS = {
    "SALE": SaleStatus.ON_SALE,
    "SOLDOUT": SaleStatus.SOLD_OUT,
    "STOP_SALE": SaleStatus.OFF_SALE,
}


class Musinsa(ShopPlatform):
    """Musinsa.

    Args:
        category: The category that is listed; 001 is tops.
    """

    name = "musinsa"
    kind = WorkerKind.HTTP
    hosts = MappingProxyType(
        {MAIN_HOST: "https://goods-detail.musinsa.com", LIST_HOST: "https://api.musinsa.com"}
    )

    def __init__(self, category: str = "001") -> None:
        self._category = category

    def list_request(self, cursor: str | None) -> PageRequest:
        """A page of the category, best sold first."""
        return self._ask_list({"caller": "CATEGORY", "category": self._category}, cursor)

    def read_list(self, body: bytes, cursor: str | None) -> ListPage:
        """The goods of the category."""
        return self._read_goods(body, "musinsa list", cursor)

    def search_request(self, keyword: str, cursor: str | None) -> PageRequest:
        """A page of the search, best sold first."""
        return self._ask_list({"caller": "SEARCH", "keyword": keyword}, cursor)

    def read_search(self, body: bytes, cursor: str | None) -> ListPage:
        """The goods that were found."""
        return self._read_goods(body, "musinsa search", cursor)

    def product_request(self, product_id: str) -> PageRequest:
        """The goods."""
        return PageRequest(f"/api2/goods/{self.check_id(product_id)}", headers=HEADERS)

    def read_product(self, product_id: str, body: bytes, scanned_at: datetime) -> ProductSnapshot:
        """The goods; gone when the envelope says so, or when all is well and there are none."""
        reply = read_json(body, self.page_of(product_id))
        data = reply.at("data")
        if data.value is None:
            _check_envelope(reply)
            return not_found_snapshot(self, product_id, scanned_at)
        self.check_answer(product_id, data.at("goodsNo"))
        original, discounted = _read_prices(data.at("goodsPrice"))
        fields = OptionalFields(data)
        goods = Goods(
            name=fields.need("name", "goodsNm", Node.text),
            sale_status=data.at("goodsSaleType").choose(SALE_STATUS),
            original_price=original,
            discounted_price=discounted,
            brand=fields.read("brand", "brandInfo.brandName", Node.label),
            rating=fields.read("rating", "goodsReview.satisfactionScore", Node.rating),
            review_count=fields.read("review_count", "goodsReview.totalCount", Node.count),
        )
        goods = replace(goods, notes=tell_odd(fields))
        return self.snapshot(product_id, goods, scanned_at)

    def product_url(self, product_id: str) -> str:
        """The goods' page."""
        return f"https://www.musinsa.com/products/{self.check_id(product_id)}"

    def _ask_list(self, query: dict[str, str], cursor: str | None) -> PageRequest:
        paging = {"gf": "A", "sortCode": "POPULAR", "page": read_page_number(cursor)}
        words = urlencode({**query, **paging, "size": LIST_SIZE})
        return PageRequest(f"/api2/dp/v1/plp/goods?{words}", headers=HEADERS, host=LIST_HOST)

    def _read_goods(self, body: bytes, page: str, cursor: str | None) -> ListPage:
        reply = read_json(body, page)
        data = reply.at("data")
        if data.value is None:
            _check_envelope(reply)
        rows = self.read_rows(page, data.at("list").items(), _read_row)
        more = data.at("pagination.hasNext").flag() and bool(rows.products)
        return rows.to_page(str(read_page_number(cursor) + 1) if more else None)


def _read_row(item: Node) -> tuple[str, str]:
    return item.at("goodsNo").word(), item.at("goodsName").text()


def _check_envelope(reply: Node) -> None:
    """Raises what the envelope of a reply without data says, unless all is well or the goods are gone."""
    page, meta = reply.page, reply.at("meta")
    if meta.at("result").word() != SUCCESS:
        is_gone(page, meta.read("errorCode", Node.word) or "", MEANINGS)


def _read_prices(prices: Node) -> tuple[int | None, int | None]:
    """The original and the discounted price of goods.

    A ranking's `price` is discounted already. What it was before can be told from a discountRate of 0 only: other
    percentages are rounded.
    """
    if prices.value is None:
        return None, None
    if prices.find("normalPrice") or prices.find("salePrice"):
        return find_price(prices.at("normalPrice")), find_price(prices.at("salePrice"))
    paid = find_price(prices.at("price"))
    rate = prices.at("discountRate")
    if paid is not None and rate.whole() != 0:
        raise rate.changed("0 where there is no normalPrice")
    return paid, paid
