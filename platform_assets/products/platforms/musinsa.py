"""Musinsa (fashion): the JSON of the list and of the goods' page, over plain HTTP.

Measured (public code): both addresses; of a list data.list with goodsNo and goodsName, and data.pagination.hasNext; of
goods goodsNo, goodsNm, goodsSaleType SALE, SOLDOUT, STOP_SALE, and goodsPrice with normalPrice and salePrice. Measured
(7,176 rows of rankings): `price` is what is paid already, and discountRate a whole percent.
Assumed: brandInfo.brandName; goodsReview with totalCount and satisfactionScore of 5; a gone one has `data` null; the
ranking's price and discountRate stand in goodsPrice where normalPrice and salePrice do not.
The coupon price is left out: not every customer pays it.
"""

from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlencode

from platform_assets.products.json_reading import Node, read_json
from platform_assets.products.platform import (
    MAIN_HOST,
    Goods,
    PageRequest,
    ShopPlatform,
    WorkerKind,
    not_found_snapshot,
    read_page_number,
)
from platform_assets.products.prices import find_price
from platform_assets.products.product import ListPage, ProductSnapshot, SaleStatus

LIST_SIZE = 100
LIST_HOST = "list"
HEADERS = MappingProxyType({"Referer": "https://www.musinsa.com/"})
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
        """The goods; gone when the reply's data is null."""
        data = read_json(body, self.page_of(product_id)).at("data")
        if data.value is None:
            return not_found_snapshot(self, product_id, scanned_at)
        self.check_answer(product_id, data.at("goodsNo"))
        original, discounted = _read_prices(data.at("goodsPrice"))
        goods = Goods(
            name=data.at("goodsNm").text(),
            sale_status=data.at("goodsSaleType").choose(SALE_STATUS),
            original_price=original,
            discounted_price=discounted,
            brand=data.read("brandInfo.brandName", Node.label),
            rating=data.read("goodsReview.satisfactionScore", Node.rating),
            review_count=data.read("goodsReview.totalCount", Node.count),
        )
        return self.snapshot(product_id, goods, scanned_at)

    def product_url(self, product_id: str) -> str:
        """The goods' page."""
        return f"https://www.musinsa.com/products/{self.check_id(product_id)}"

    def _ask_list(self, query: dict[str, str], cursor: str | None) -> PageRequest:
        paging = {"gf": "A", "sortCode": "POPULAR", "page": read_page_number(cursor)}
        words = urlencode({**query, **paging, "size": LIST_SIZE})
        return PageRequest(f"/api2/dp/v1/plp/goods?{words}", headers=HEADERS, host=LIST_HOST)

    def _read_goods(self, body: bytes, page: str, cursor: str | None) -> ListPage:
        data = read_json(body, page).at("data")
        items = data.at("list").items()
        found = [(item.at("goodsNo").word(), item.at("goodsName").text()) for item in items]
        more = data.at("pagination.hasNext").flag() and bool(found)
        return self.list_page(found, str(read_page_number(cursor) + 1) if more else None)


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
