"""Ably's mobile pages: shells without data, whose scripts fetch a product or a screen of components."""

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
    read_cursor,
    write_cursor,
)

_GOODS = re.compile(r"/goods/([0-9]+)")
_GOODS_API = re.compile(r"/api/v3/goods/([0-9]+)/basic/")
_CATEGORY_API = "/api/v2/screens/SUB_CATEGORY_DEPARTMENT/"
_SEARCH_API = "/api/v2/screens/SEARCH_RESULT/"
_SIZE = 30
_STATUS = {Sale.ON_SALE: "ON_SALE", Sale.SOLD_OUT: "SOLD_OUT", Sale.OFF_SALE: "OFF_SALE"}
_LISTS = {
    "/category": (Kind.LIST, "category_sno", Form.SCRIPT),
    _CATEGORY_API: (Kind.LIST, "category_sno", Form.DATA),
    "/search": (Kind.SEARCH, "keyword", Form.SCRIPT),
    _SEARCH_API: (Kind.SEARCH, "query", Form.DATA),
}


class AblyWire(Wire):
    """See `Wire`."""

    name = "ably"
    numbering = Numbering(10_000_000, 211)
    per_second = 2
    open_limit = 4

    def read(self, call: Call) -> Question | None:
        """See `Wire.read`."""
        if call.method != "GET":
            return None
        for pattern, form in ((_GOODS, Form.SCRIPT), (_GOODS_API, Form.DATA)):
            if goods := pattern.fullmatch(call.path):
                return Question(Kind.PRODUCT, goods[1], form=form)
        if call.path not in _LISTS:
            return None
        kind, word, form = _LISTS[call.path]
        start = read_cursor(call.query.get("next_token"))
        return Question(kind, call.query.get(word, ""), start, _SIZE, form)

    def find_fetch(self, question: Question) -> Fetch:
        """See `Wire.find_fetch`."""
        if question.kind is Kind.PRODUCT:
            return Fetch(f"/api/v3/goods/{question.target}/basic/")
        is_search = question.kind is Kind.SEARCH
        words = {"query" if is_search else "category_sno": question.target}
        before = Question(question.kind, size=question.start)
        if (token := write_cursor(before, question.start + 1)) and question.start:
            words["next_token"] = token
        return Fetch(f"{_SEARCH_API if is_search else _CATEGORY_API}?{urlencode(words)}")

    def write_product(self, product: Product) -> dict[str, Any]:
        """See `Wire.write_product`; one that nobody rated has no `rating`."""
        rated = {} if product.rating is None else {"rating": product.rating}
        prices = {"consumer": product.original, "thumbnail_price": product.discounted}
        goods = {
            "sno": product.number,
            "name": product.name,
            "sale_type": _STATUS[product.sale],
            "market": {"name": product.brand},
            "price_info": prices,
            "review": {"count": product.reviews, **rated},
        }
        return {"goods": goods}

    def write_gone(self) -> dict[str, Any]:
        """See `Wire.write_gone`."""
        return {"goods": None}

    def write_list(self, products: Sequence[Product], question: Question) -> dict[str, Any]:
        """See `Wire.write_list`; a banner and what others bought stand beside it."""
        shown = [
            {"item": {"sno": product.number, "name": product.name, "market_name": product.brand}}
            for product in cut(products, question)
        ]
        components = [
            {"type": {"item_list": "BANNER"}, "entity": {"item_list": [{"item": {}}]}},
            {"entity": {}},
            {"type": {"item_list": "THREE_COL_GOODS_LIST"}, "entity": {"item_list": shown}},
        ]
        return {"components": components, "next_token": write_cursor(question, len(products))}

    def write_url(self, product_id: str) -> str:
        """See `Wire.write_url`."""
        return f"https://m.a-bly.com/goods/{product_id}"
