"""Zigzag's GraphQL: a product with its options, and a search whose goods cards stand among other cards."""

from collections.abc import Sequence
from typing import Any, cast

from sandbox.shops.generated import Numbering
from sandbox.shops.goods import Product, Sale
from sandbox.shops.wires.wire import (
    BadCallError,
    Call,
    Kind,
    Question,
    Wire,
    cut,
    read_cursor,
    write_cursor,
)

_ROOT = "/api/2/graphql/"
_PRODUCT, _SEARCH = "GetCatalogProductDetailPageOption", "GetSearchResult"
_SIZE = 50
_FIRST_PURCHASE_EVERY = 5
_SHOWN = {"display_status": "VISIBLE"}
_OPTIONS = {
    Sale.ON_SALE: [{"sales_status": "SOLD_OUT"} | _SHOWN, {"sales_status": "ON_SALE"} | _SHOWN],
    Sale.SOLD_OUT: [
        {"sales_status": "SOLD_OUT"} | _SHOWN,
        {"sales_status": "ON_SALE", "display_status": "HIDDEN"},
    ],
    Sale.OFF_SALE: [{"sales_status": "SUSPENDED"} | _SHOWN],
}


class ZigzagWire(Wire):
    """See `Wire`."""

    name = "zigzag"
    numbering = Numbering(100_000_000, 173)
    tells_rating = False
    tells_reviews = False

    def read(self, call: Call) -> Question | None:
        """See `Wire.read`."""
        operation = call.path.removeprefix(_ROOT)
        if call.method != "POST" or operation not in {_PRODUCT, _SEARCH}:
            return None
        body = call.read_body()
        if body.get("operationName") != operation or operation not in str(body.get("query")):
            raise BadCallError(400, _refuse(f"no operation {operation} in the query"))
        variables = _read_object(body, "variables")
        if operation == _PRODUCT:
            return Question(Kind.PRODUCT, str(variables.get("catalog_product_id")))
        words = _read_object(variables, "input")
        kind = Kind.LIST if words.get("display_category_id_list") else Kind.SEARCH
        start = read_cursor(words.get("after"))
        return Question(kind, str(words.get("q") or ""), start, _SIZE)

    def write_product(self, product: Product) -> dict[str, Any]:
        """See `Wire.write_product`; every fifth has a coupon for a customer's first order beside its price."""
        return _wrap(
            {
                "id": self.write_id(product.number),
                "name": product.name,
                "shop_name": product.brand,
                "matched_item_list": _OPTIONS[product.sale],
                "product_price": _write_prices(product),
            }
        )

    def write_gone(self) -> dict[str, Any]:
        """See `Wire.write_gone`."""
        return _wrap(None)

    def write_list(self, products: Sequence[Product], question: Question) -> dict[str, Any]:
        """See `Wire.write_list`."""
        cards = [self._write_card(product) for product in cut(products, question)]
        bar = {"__typename": "UxSearchResultFilterBar"}
        group = {"__typename": "UxGoodsGroup", "goods_carousel": {"component_list": cards[:1]}}
        cursor = write_cursor(question, len(products))
        result = {
            "ui_item_list": [bar, *cards[:3], group, *cards[3:]],
            "has_next": cursor is not None,
            "end_cursor": cursor,
            "total_count": len(products),
        }
        return {"data": {"search_result": result}}

    def write_url(self, product_id: str) -> str:
        """See `Wire.write_url`."""
        return f"https://zigzag.kr/catalog/products/{product_id}"

    def _write_card(self, product: Product) -> dict[str, Any]:
        return {
            "__typename": "UxGoodsCardItem",
            "catalog_product_id": self.write_id(product.number),
            "title": product.name,
            "price": None,
            "final_price": product.discounted,
            "shop_name": product.brand,
            "review_count": None,
        }


def _write_prices(product: Product) -> dict[str, Any]:
    price = product.discounted
    if product.original is None or price is None:
        free = {"final_price": None, "final_price_additional": None}
        return {
            "max_price_info": None,
            "final_discount_info": None,
            "display_final_price": free,
        }
    first_order = product.number % _FIRST_PURCHASE_EVERY == 0
    coupon = {"price": price - 1000, "badge": {"text": "첫구매쿠폰"}}
    return {
        "max_price_info": {"price": product.original},
        "final_discount_info": {"discount_price": price - 1000 if first_order else price},
        "display_final_price": {
            "final_price": {"price": price, "badge": None},
            "final_price_additional": coupon if first_order else None,
        },
    }


def _read_object(parent: dict[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    if not isinstance(value, dict):
        raise BadCallError(400, _refuse(f"{key} is no object"))
    return cast("dict[str, Any]", value)


def _refuse(message: str) -> dict[str, Any]:
    return {"errors": [{"message": message}], "data": None}


def _wrap(product: object) -> dict[str, Any]:
    return {"data": {"pdp_option_info": {"catalog_product": product}}}
