"""Olive Young's mobile pages: shells without data, whose scripts fetch a product or post a search."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from sandbox.shops.generated import Numbering
from sandbox.shops.goods import Product, Sale
from sandbox.shops.wires.wire import (
    Call,
    Fetch,
    Form,
    Kind,
    Question,
    Wire,
    cut,
    is_sold_out,
    page_start,
    to_number,
)

_PAGE = "/m/goods/getGoodsDetail.do"
_DETAIL, _SEARCH = "/goods/api/v1/detail", "/search/api/v3/common/unified-search/goods"
_SIZE = 10


class OliveyoungWire(Wire):
    """See `Wire`."""

    name = "oliveyoung"
    numbering = Numbering(100_000, 57)
    per_second = 2
    open_limit = 4

    def read(self, call: Call) -> Question | None:
        """See `Wire.read`."""
        match call.method, call.path:
            case "GET", "/m/goods/getGoodsDetail.do":
                return Question(Kind.PRODUCT, call.query.get("goodsNo", ""), form=Form.SCRIPT)
            case "GET", "/goods/api/v1/detail":
                return Question(Kind.PRODUCT, call.query.get("goodsNumber", ""))
            case "GET", "/m/mtn/search/result":
                return _read_words(call.query, Form.SCRIPT)
            case "POST", "/search/api/v3/common/unified-search/goods":
                return _read_words(call.read_body(), Form.DATA)
            case _:
                return None

    def find_fetch(self, question: Question) -> Fetch:
        """See `Wire.find_fetch`."""
        if question.kind is Kind.PRODUCT:
            return Fetch(f"{_DETAIL}?{urlencode({'goodsNumber': question.target})}")
        page = {"page": question.start // question.size + 1, "size": question.size}
        if question.kind is Kind.SEARCH:
            return Fetch(_SEARCH, {"query": question.target, **page})
        return Fetch(_SEARCH, {"displayCategoryNumber": question.target, **page})

    def write_product(self, product: Product) -> dict[str, Any]:
        """See `Wire.write_product`."""
        return _wrap(self._write_goods(product))

    def write_gone(self) -> dict[str, Any]:
        """See `Wire.write_gone`."""
        return _wrap(None)

    def write_list(self, products: Sequence[Product], question: Question) -> dict[str, Any]:
        """See `Wire.write_list`."""
        shown = [self._write_goods(product) for product in cut(products, question)]
        return _wrap(
            {"oliveGoods": {"count": len(shown), "totalCount": len(products), "data": shown}}
        )

    def write_url(self, product_id: str) -> str:
        """See `Wire.write_url`."""
        return f"https://m.oliveyoung.co.kr{_PAGE}?goodsNo={product_id}"

    def write_id(self, number: int) -> str:
        """See `Wire.write_id`."""
        return f"A{number:012d}"

    def _write_goods(self, product: Product) -> dict[str, Any]:
        return {
            "goodsNumber": self.write_id(product.number),
            "goodsName": product.name,
            "onlineBrandName": product.brand,
            "originalPrice": product.original,
            "priceToPay": product.discounted,
            "soldOutFlag": is_sold_out(product),
            "saleStopFlag": product.sale is Sale.OFF_SALE,
            "goodsEvaluationScoreValue": product.rating,
            "goodsAssessmentTotalCount": product.reviews,
        }


def _read_words(words: Mapping[str, object], form: Form) -> Question:
    size = max(1, to_number(words.get("size", _SIZE)))
    start = page_start(to_number(words.get("page", 1)), size)
    if category := words.get("displayCategoryNumber"):
        return Question(Kind.LIST, str(category), start, size, form)
    return Question(Kind.SEARCH, str(words.get("query", "")), start, size, form)


def _wrap(data: object) -> dict[str, Any]:
    return {"status": "SUCCESS", "code": 200, "message": "요청에 성공하였습니다.", "data": data}
