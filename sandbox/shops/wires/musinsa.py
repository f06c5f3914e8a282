"""Musinsa: the API of its goods' pages, and the list of categories and of the search. One prefix for both hosts."""

import re
from collections.abc import Sequence
from typing import Any

from sandbox.shops.generated import Numbering
from sandbox.shops.goods import Product, Sale
from sandbox.shops.wires.wire import Call, Kind, Question, Wire, cut, page_start

_GOODS = re.compile(r"/api2/goods/([0-9]+)")
_LIST = "/api2/dp/v1/plp/goods"
_SIZE = 60
_STATUS = {Sale.ON_SALE: "SALE", Sale.SOLD_OUT: "SOLDOUT", Sale.OFF_SALE: "STOP_SALE"}


class MusinsaWire(Wire):
    """See `Wire`."""

    name = "musinsa"
    numbering = Numbering(1_000_000, 97)

    def read(self, call: Call) -> Question | None:
        """See `Wire.read`."""
        if call.method != "GET":
            return None
        if goods := _GOODS.fullmatch(call.path):
            return Question(Kind.PRODUCT, goods[1])
        if call.path != _LIST:
            return None
        size = max(1, call.read_number("size", _SIZE))
        start = page_start(call.read_number("page", 1), size)
        is_search = call.query.get("caller") == "SEARCH"
        kind = Kind.SEARCH if is_search else Kind.LIST
        return Question(kind, call.query.get("keyword", "") if is_search else "", start, size)

    def write_product(self, product: Product) -> dict[str, Any]:
        """See `Wire.write_product`; without prices there is no `goodsPrice`."""
        prices = {
            "normalPrice": product.original,
            "salePrice": product.discounted,
            "couponPrice": product.discounted and product.discounted * 9 // 10,
        }
        reviews = {"totalCount": product.reviews, "satisfactionScore": product.rating}
        return _wrap(
            {
                "goodsNo": product.number,
                "goodsNm": product.name,
                "brandInfo": {"brandName": product.brand},
                "goodsSaleType": _STATUS[product.sale],
                "goodsPrice": None if product.original is None else prices,
                "goodsReview": reviews,
            }
        )

    def write_gone(self) -> dict[str, Any]:
        """See `Wire.write_gone`."""
        return {"meta": {"result": "FAIL", "errorCode": "GOODS", "message": ""}, "data": None}

    def write_list(self, products: Sequence[Product], question: Question) -> dict[str, Any]:
        """See `Wire.write_list`."""
        shown = cut(products, question)
        paging = {
            "page": question.start // question.size + 1,
            "totalCount": len(products),
            "hasNext": question.start + len(shown) < len(products),
        }
        return _wrap({"list": [_write_item(product) for product in shown], "pagination": paging})

    def write_url(self, product_id: str) -> str:
        """See `Wire.write_url`."""
        return f"https://www.musinsa.com/products/{product_id}"


def _write_item(product: Product) -> dict[str, Any]:
    return {
        "goodsNo": product.number,
        "goodsName": product.name,
        "brandName": product.brand,
        "price": product.discounted,
    }


def _wrap(data: object) -> dict[str, Any]:
    return {"meta": {"result": "SUCCESS", "errorCode": "", "message": ""}, "data": data}
