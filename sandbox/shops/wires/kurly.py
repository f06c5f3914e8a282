"""Kurly: product pages that carry `__NEXT_DATA__`, and lists that their pages' scripts fetch."""

import re
from collections.abc import Sequence
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
)

_GOODS = re.compile(r"/goods/([0-9]+)")
_CATEGORY = re.compile(r"/categories/([0-9]+)")
_CATEGORY_API = re.compile(r"/collection/v2/home/product-categories/([0-9]+)/products")
_SEARCH_API = "/search/v4/sites/market/normal-search"
_SIZE = 96


class KurlyWire(Wire):
    """See `Wire`."""

    name = "kurly"
    numbering = Numbering(5_000_000, 31)
    tells_rating = False
    per_second = 2
    open_limit = 4

    def read(self, call: Call) -> Question | None:
        """See `Wire.read`."""
        if call.method != "GET":
            return None
        if goods := _GOODS.fullmatch(call.path):
            return Question(Kind.PRODUCT, goods[1], form=Form.NEXT_DATA)
        start = page_start(call.read_number("page", 1), _SIZE)
        for pattern, form in ((_CATEGORY, Form.SCRIPT), (_CATEGORY_API, Form.DATA)):
            if category := pattern.fullmatch(call.path):
                return Question(Kind.LIST, category[1], start, _SIZE, form)
        words = call.query.get("sword", "")
        if call.path == "/search":
            return Question(Kind.SEARCH, words, start, _SIZE, Form.SCRIPT)
        if call.path == _SEARCH_API:
            return Question(Kind.SEARCH, call.query.get("keyword", ""), start, _SIZE)
        return None

    def find_fetch(self, question: Question) -> Fetch:
        """See `Wire.find_fetch`."""
        page = question.start // question.size + 1
        if question.kind is Kind.SEARCH:
            return Fetch(f"{_SEARCH_API}?{urlencode({'keyword': question.target, 'page': page})}")
        category = f"/collection/v2/home/product-categories/{question.target}/products"
        return Fetch(f"{category}?{urlencode({'page': page})}")

    def write_product(self, product: Product) -> dict[str, Any]:
        """See `Wire.write_product`; only a discount has a `retailPrice` and a `discountedPrice`."""
        is_cheaper = product.discounted != product.original
        return _wrap(
            {
                "no": product.number,
                "name": product.name,
                "brandInfo": {"nameGate": {"name": product.brand}},
                "retailPrice": product.original if is_cheaper else None,
                "basePrice": product.original,
                "discountedPrice": product.discounted if is_cheaper else None,
                "isSoldOut": None if product.sale is Sale.OFF_SALE else is_sold_out(product),
                "isPurchaseStatus": product.sale is not Sale.OFF_SALE,
                "reviewCount": product.reviews,
            }
        )

    def write_gone(self) -> dict[str, Any]:
        """See `Wire.write_gone`."""
        return _wrap(None)

    def write_list(self, products: Sequence[Product], question: Question) -> dict[str, Any]:
        """See `Wire.write_list`; the items stand in two sections."""
        items = [
            {"no": product.number, "name": product.name} for product in cut(products, question)
        ]
        half = (len(items) + 1) // 2
        sections = [{"view": {}, "data": {"items": part}} for part in (items[:half], items[half:])]
        paging = {
            "currentPage": question.start // question.size + 1,
            "totalPages": -(-len(products) // question.size),
        }
        data = {"meta": {"pagination": paging}, "listSections": sections}
        return {"success": True, "data": data}

    def write_url(self, product_id: str) -> str:
        """See `Wire.write_url`."""
        return f"https://www.kurly.com/goods/{product_id}"


def _wrap(product: object) -> dict[str, Any]:
    return {"props": {"pageProps": {"product": product}}, "page": "/goods/[productNo]"}
