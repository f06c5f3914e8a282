"""Hwahae's gateway, version 14: rankings with entries that are not sold, a search for visitors with three headers."""

import re
from collections.abc import Sequence
from typing import Any

from sandbox.shops.generated import Numbering
from sandbox.shops.goods import Product, Sale
from sandbox.shops.wires.wire import BadCallError, Call, Kind, Question, Wire, cut, page_start

_RANKING = re.compile(r"/v14/rankings/[0-9]+/details")
_GOODS = re.compile(r"/v14/commerce/goods/([0-9]+)")
_SEARCH = "/v14/search/products/text"
_MOST, _SEARCH_SIZE = 100, 20
_NOT_SOLD_EVERY = 20
_STATUS = {Sale.ON_SALE: "SELNG", Sale.SOLD_OUT: "SLDOT", Sale.OFF_SALE: "STSEL"}


class HwahaeWire(Wire):
    """See `Wire`."""

    name = "hwahae"
    numbering = Numbering(20_000, 13)

    def read(self, call: Call) -> Question | None:
        """See `Wire.read`."""
        if call.method != "GET":
            return None
        if goods := _GOODS.fullmatch(call.path):
            return Question(Kind.PRODUCT, goods[1])
        if call.path == _SEARCH:
            _check_visitor(call)
            start = call.read_number("pageNum", 0) * _SEARCH_SIZE
            return Question(Kind.SEARCH, call.query.get("query", ""), start, _SEARCH_SIZE)
        if not _RANKING.fullmatch(call.path):
            return None
        size = call.read_number("page_size", _SEARCH_SIZE)
        if not 1 <= size <= _MOST:
            raise BadCallError(400, _wrap(None, code=1400))
        return Question(Kind.LIST, start=page_start(call.read_number("page", 1), size), size=size)

    def write_product(self, product: Product) -> dict[str, Any]:
        """See `Wire.write_product`."""
        return _wrap(
            {
                "id": product.number,
                "name": product.name,
                "brand": {"id": len(product.brand), "name": product.brand},
                "consumer_price": product.original,
                "price": product.discounted,
                "sale_status": _STATUS[product.sale],
                "review_rating": product.rating,
                "review_count": product.reviews,
            }
        )

    def write_gone(self) -> dict[str, Any]:
        """See `Wire.write_gone`."""
        return _wrap(None)

    def write_list(self, products: Sequence[Product], question: Question) -> dict[str, Any]:
        """See `Wire.write_list`; among them are entries that are not sold here."""
        entries: list[Product | None] = []
        for position, product in enumerate(products):
            entries += [None, product] if position % _NOT_SOLD_EVERY == 1 else [product]
        shown = [_write_entry(entry) for entry in cut(entries, question)]
        paging = {
            "total_count": len(entries),
            "count": len(shown),
            "page": question.start // question.size,
            "page_size": question.size,
        }
        key = "details" if question.kind is Kind.LIST else "products"
        return _wrap({key: shown}, pagination=paging)

    def write_url(self, product_id: str) -> str:
        """See `Wire.write_url`."""
        return f"https://www.hwahae.co.kr/goods/{product_id}"


def _check_visitor(call: Call) -> None:
    names = (call.headers.get("hwahae-user-id"), call.headers.get("hwahae-device-id"))
    bearer = call.headers.get("authorization", "").strip()
    if names != ("anonymous", "anonymous") or bearer != "Bearer":
        raise BadCallError(401, _wrap(None, code=2100))


def _write_entry(product: Product | None) -> dict[str, Any]:
    if product is None:
        return {"brand": {}, "goods": None, "product": {"id": 1, "is_commerce": False}}
    goods = {"id": product.number, "name": product.name}
    return {
        "brand": {"name": product.brand},
        "goods": goods,
        "product": {"id": product.number + 1},
        "is_rank_new": False,
        "rank_delta": 0,
    }


def _wrap(data: object, *, code: int = 1000, pagination: object = None) -> dict[str, Any]:
    meta = {"code": code, "message": "성공" if code == 1000 else "실패"}
    return {"meta": meta | ({"pagination": pagination} if pagination else {}), "data": data}
