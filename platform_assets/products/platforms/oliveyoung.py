"""Olive Young (cosmetics): the JSON that the mobile pages fetch, through a browser.

Measured (a stored reply): the whole of a search's reply. Measured (public code): the addresses of the search page and
of the product page, and that the latter fetches /goods/api/v1/detail, with goodsNumber, goodsName and
onlineBrandName.
Assumed: the rest of a product's reply has the names of the search: originalPrice, priceToPay, soldOutFlag,
goodsEvaluationScoreValue, goodsAssessmentTotalCount; saleStopFlag true is off sale; a gone product has `data` null.
The search page passes `page` of its address on to its API; the list is the search page of a category, with the same
reply.
"""

import re
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlencode

from platform_assets.products.envelopes import HTTP_CODES, Meaning, is_gone
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

SKIN_CARE = "10000010001"
LIST_SIZE = 10
SUCCESS = "SUCCESS"
MEANINGS = {**HTTP_CODES, "200": Meaning.FAILED}
"""Codes beside a `status` that is not SUCCESS. Measured: SUCCESS with 200; assumed: the others are HTTP's."""

SEARCH_API = "/search/api/v3/common/unified-search/goods"
DETAIL_API = "/goods/api/v1/detail"


class Oliveyoung(ShopPlatform):
    """Olive Young.

    Args:
        category: The category that is listed; 10000010001 is skin care.
    """

    name = "oliveyoung"
    kind = WorkerKind.BROWSER
    hosts = MappingProxyType({MAIN_HOST: "https://m.oliveyoung.co.kr"})
    id_pattern = re.compile(r"[A-Z][0-9]{12}")

    def __init__(self, category: str = SKIN_CARE) -> None:
        self._category = category

    def list_request(self, cursor: str | None) -> PageRequest:
        """A page of the category."""
        return _ask_search({"displayCategoryNumber": self._category}, cursor)

    def read_list(self, body: bytes, cursor: str | None) -> ListPage:
        """The goods of the category."""
        return self._read_goods(body, "oliveyoung list", cursor)

    def search_request(self, keyword: str, cursor: str | None) -> PageRequest:
        """A page of the search."""
        return _ask_search({"query": keyword}, cursor)

    def read_search(self, body: bytes, cursor: str | None) -> ListPage:
        """The goods that were found."""
        return self._read_goods(body, "oliveyoung search", cursor)

    def product_request(self, product_id: str) -> PageRequest:
        """The product's page, and the reply that it fetches."""
        query = urlencode({"goodsNo": self.check_id(product_id)})
        return PageRequest(f"/m/goods/getGoodsDetail.do?{query}", capture=DETAIL_API)

    def read_product(self, product_id: str, body: bytes, scanned_at: datetime) -> ProductSnapshot:
        """The goods; gone when the envelope says so, or when all is well and there are none."""
        reply = read_json(body, self.page_of(product_id))
        data = reply.at("data")
        if data.value is None:
            _check_envelope(reply)
            return not_found_snapshot(self, product_id, scanned_at)
        self.check_answer(product_id, data.at("goodsNumber"))
        fields = OptionalFields(data)
        goods = Goods(
            name=fields.need("name", "goodsName", Node.text),
            sale_status=_read_status(data),
            original_price=find_price(data.at("originalPrice")),
            discounted_price=find_price(data.at("priceToPay")),
            brand=fields.read("brand", "onlineBrandName", Node.label),
            rating=fields.read("rating", "goodsEvaluationScoreValue", Node.rating),
            review_count=fields.read("review_count", "goodsAssessmentTotalCount", Node.count),
        )
        goods = replace(goods, notes=tell_odd(fields))
        return self.snapshot(product_id, goods, scanned_at)

    def product_url(self, product_id: str) -> str:
        """The product's page."""
        query = urlencode({"goodsNo": self.check_id(product_id)})
        return f"{self.hosts[MAIN_HOST]}/m/goods/getGoodsDetail.do?{query}"

    def _read_goods(self, body: bytes, page: str, cursor: str | None) -> ListPage:
        reply = read_json(body, page)
        if reply.at("data").value is None:
            _check_envelope(reply)
        goods = reply.at("data.oliveGoods")
        rows = self.read_rows(page, goods.at("data").items(), _read_row)
        number = read_page_number(cursor)
        more = bool(rows.products) and number * LIST_SIZE < goods.at("totalCount").whole()
        return rows.to_page(str(number + 1) if more else None)


def _read_row(item: Node) -> tuple[str, str]:
    return item.at("goodsNumber").word(), item.at("goodsName").text()


def _check_envelope(reply: Node) -> None:
    """Raises what the envelope of a reply without data says, unless all is well or the goods are gone."""
    if reply.at("status").word() != SUCCESS:
        is_gone(reply.page, reply.read("code", Node.word) or "", MEANINGS)


def _ask_search(words: dict[str, str], cursor: str | None) -> PageRequest:
    query = urlencode({**words, "page": read_page_number(cursor), "size": LIST_SIZE})
    return PageRequest(f"/m/mtn/search/result?{query}", capture=SEARCH_API)


def _read_status(goods: Node) -> SaleStatus:
    stopped = goods.find("saleStopFlag")
    if stopped is not None and stopped.flag():
        return SaleStatus.OFF_SALE
    return SaleStatus.SOLD_OUT if goods.at("soldOutFlag").flag() else SaleStatus.ON_SALE
