"""Replies of each platform for each case of the grid, in the shape of the real ones.

Every platform tells of the same product: `NAME` of `BRAND`, 30,000 before and 24,000 after the discount. A platform is
one entry of `PAYLOADS`; `Payloads` has no defaults, so that a case cannot be left out.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from platform_assets.products.platform import ShopPlatform
from platform_assets.products.platforms import PLATFORMS
from platform_assets.products.platforms.configured import declare_platform

NOW = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
NAME = "[6월 특가][1+1] 수분 크림 100ml"
BRAND = "토리든"
ORIGINAL, DISCOUNTED = 30_000, 24_000
RATING, REVIEWS = 4.8, 11_777
KEYWORD = "수분 크림/a&b"
BLOCK_PAGES = {
    "captcha": b"<html><title>Just a moment...</title><div id='cf-challenge'></div></html>",
    "login": b'\xef\xbb\xbf\n<!doctype html><form><input type="password"></form>',
    "block": b"<HTML><H1>Access Denied</H1></HTML>",
}


@dataclass(frozen=True)
class Payloads:
    """Replies of one platform.

    Attributes:
        product_id: The product of the single pages.
        other_id: The second product of the lists.
        bad_id: What cannot be an id there.
        on_sale, sold_out, off_sale, gone, no_price, too_dear: Replies to a product request.
        changed: A product's reply without one field, and the path that the error must name.
        first_page, last_page: Replies to a list request, with both products; more pages follow the first.
        found, nothing_found: Replies to a search request.
        next_cursor: What follows `first_page`.
        has_rating: Whether the product's page has rating and review count.
        wrap: How JSON becomes the body of a product's page.
    """

    product_id: str
    other_id: str
    bad_id: str
    on_sale: Any
    sold_out: Any
    off_sale: Any
    gone: Any
    no_price: Any
    too_dear: Any
    changed: tuple[Any, str]
    first_page: Any
    last_page: Any
    found: Any
    nothing_found: Any
    next_cursor: str
    has_rating: tuple[float | None, int | None]
    wrap: Callable[[Any], bytes]


def to_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def to_next_data(value: Any) -> bytes:
    script = b'<script id="__NEXT_DATA__" type="application/json">' + to_json(value) + b"</script>"
    return b"<!DOCTYPE html><html><body><div>captcha</div>" + script + b"</body></html>"


def without(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: kept for key, kept in value.items() if key not in keys}


def build_hwahae() -> Payloads:
    def reply(data: Any, total: int = 2) -> Any:
        paging = {"total_count": total, "count": 2, "page": 1, "page_size": 100}
        return {"meta": {"code": 1000, "message": "성공", "pagination": paging}, "data": data}

    goods = {
        "id": 61560,
        "name": NAME,
        "brand": {"id": 3264, "name": BRAND},
        "consumer_price": ORIGINAL,
        "price": DISCOUNTED,
        "sale_status": "SELNG",
        "review_rating": RATING,
        "review_count": REVIEWS,
    }
    details = [
        {"brand": {}, "goods": {"id": 61560, "name": NAME}, "product": {"id": 1}, "rank_delta": 2},
        {"brand": {}, "goods": None, "product": {"id": 2, "is_commerce": False}},
        {"brand": {}, "goods": {"id": 21320, "name": "샴푸"}, "product": {"id": 3}},
        {"brand": {}, "goods": {"id": 61560, "name": NAME}, "product": {"id": 1}},
    ]
    return Payloads(
        product_id="61560",
        other_id="21320",
        bad_id="A000000165598",
        on_sale=reply(goods),
        sold_out=reply(goods | {"sale_status": "SLDOT"}),
        off_sale=reply(goods | {"sale_status": "STSEL", "price": None, "consumer_price": None}),
        gone={"meta": {"code": 1000}, "data": None},
        no_price=reply(goods | {"price": None, "consumer_price": None}),
        too_dear=reply(goods | {"price": ORIGINAL + 1}),
        changed=(reply(without(goods, "consumer_price")), "data.consumer_price is missing"),
        first_page=reply({"details": details}, total=101),
        last_page=reply({"details": details}, total=100),
        found=reply({"products": details}, total=2),
        nothing_found=reply({"products": []}, total=0),
        next_cursor="2",
        has_rating=(RATING, REVIEWS),
        wrap=to_json,
    )


def build_musinsa() -> Payloads:
    def reply(goods: Any) -> Any:
        return {"meta": {"result": "SUCCESS", "errorCode": "", "message": ""}, "data": goods}

    def listing(items: list[Any], *, more: bool) -> Any:
        return reply({"list": items, "pagination": {"page": 1, "totalCount": 2, "hasNext": more}})

    prices = {"normalPrice": ORIGINAL, "salePrice": DISCOUNTED, "couponPrice": 20_000}
    goods = {
        "goodsNo": 4507335,
        "goodsNm": NAME,
        "brandInfo": {"brandName": BRAND},
        "goodsSaleType": "SALE",
        "goodsPrice": prices,
        "goodsReview": {"totalCount": REVIEWS, "satisfactionScore": RATING},
    }
    items = [
        {"goodsNo": 4507335, "goodsName": NAME, "price": DISCOUNTED},
        {"goodsNo": 3276429, "goodsName": "SHOWER - 808 (a)", "price": 155400},
    ]
    return Payloads(
        product_id="4507335",
        other_id="3276429",
        bad_id="4507335/options",
        on_sale=reply(goods),
        sold_out=reply(goods | {"goodsSaleType": "SOLDOUT"}),
        off_sale=reply(goods | {"goodsSaleType": "STOP_SALE", "goodsPrice": None}),
        gone={"meta": {"result": "FAIL", "errorCode": "GOODS"}, "data": None},
        no_price=reply(goods | {"goodsPrice": None}),
        too_dear=reply(goods | {"goodsPrice": prices | {"salePrice": ORIGINAL + 1}}),
        changed=(reply(without(goods, "goodsSaleType")), "data.goodsSaleType is missing"),
        first_page=listing(items, more=True),
        last_page=listing(items, more=False),
        found=listing(items, more=False),
        nothing_found=listing([], more=False),
        next_cursor="2",
        has_rating=(RATING, REVIEWS),
        wrap=to_json,
    )


def build_zigzag() -> Payloads:
    def reply(product: Any) -> Any:
        return {"data": {"pdp_option_info": {"catalog_product": product}}}

    def listing(cards: list[Any], *, more: bool) -> Any:
        result = {"ui_item_list": cards, "has_next": more, "end_cursor": "WyIx" if more else None}
        return {"data": {"search_result": result}}

    prices = {
        "max_price_info": {"price": ORIGINAL},
        "final_discount_info": {"discount_price": DISCOUNTED},
        "display_final_price": {
            "final_price": {"price": DISCOUNTED, "badge": None},
            "final_price_additional": None,
        },
    }
    option = {"sales_status": "ON_SALE", "display_status": "VISIBLE"}
    product = {
        "id": "117931583",
        "name": NAME,
        "shop_name": BRAND,
        "matched_item_list": [option | {"sales_status": "SOLD_OUT"}, option],
        "product_price": prices,
    }
    bar = {"__typename": "UxSearchResultFilterBar"}
    card = {"__typename": "UxGoodsCardItem", "catalog_product_id": "117931583", "title": NAME}
    carousel = {"__typename": "UxGoodsGroup", "goods_carousel": {"component_list": [card]}}
    cards = [bar, card, carousel, card | {"catalog_product_id": "116580170", "title": "세럼"}]
    hidden = option | {"display_status": "HIDDEN"}
    sold = [option | {"sales_status": "SOLD_OUT"}, hidden]
    free = prices | {"max_price_info": None, "final_discount_info": None}
    dear = prices | {"final_discount_info": {"discount_price": ORIGINAL + 1}}
    return Payloads(
        product_id="117931583",
        other_id="116580170",
        bad_id="",
        on_sale=reply(product),
        sold_out=reply(product | {"matched_item_list": sold}),
        off_sale=reply(product | {"matched_item_list": [hidden], "product_price": free}),
        gone=reply(None),
        no_price=reply(product | {"product_price": free}),
        too_dear=reply(product | {"product_price": dear}),
        changed=(
            reply(without(product, "matched_item_list")),
            "data.pdp_option_info.catalog_product.matched_item_list is missing",
        ),
        first_page=listing(cards, more=True),
        last_page=listing(cards, more=False),
        found=listing(cards, more=False),
        nothing_found=listing([bar], more=False),
        next_cursor="WyIx",
        has_rating=(None, None),
        wrap=to_json,
    )


def build_oliveyoung() -> Payloads:
    def reply(goods: Any) -> Any:
        return {"status": "SUCCESS", "code": 200, "message": "", "data": goods}

    def listing(items: list[Any], total: int) -> Any:
        return reply({"oliveGoods": {"count": len(items), "totalCount": total, "data": items}})

    goods = {
        "goodsNumber": "A000000165598",
        "goodsName": NAME,
        "onlineBrandName": BRAND,
        "originalPrice": ORIGINAL,
        "priceToPay": DISCOUNTED,
        "soldOutFlag": False,
        "goodsEvaluationScoreValue": RATING,
        "goodsAssessmentTotalCount": REVIEWS,
    }
    items = [goods, goods | {"goodsNumber": "A000000169313", "goodsName": "수딩 크림"}]
    free = {"originalPrice": None, "priceToPay": None}
    return Payloads(
        product_id="A000000165598",
        other_id="A000000169313",
        bad_id="165598",
        on_sale=reply(goods),
        sold_out=reply(goods | {"soldOutFlag": True}),
        off_sale=reply(goods | free | {"saleStopFlag": True}),
        gone=reply(None),
        no_price=reply(goods | free),
        too_dear=reply(goods | {"priceToPay": ORIGINAL + 1}),
        changed=(reply(without(goods, "priceToPay")), "data.priceToPay is missing"),
        first_page=listing(items, 11),
        last_page=listing(items, 10),
        found=listing(items, 2),
        nothing_found=listing([], 0),
        next_cursor="2",
        has_rating=(RATING, REVIEWS),
        wrap=to_json,
    )


def build_kurly() -> Payloads:
    def reply(product: Any) -> Any:
        return {"props": {"pageProps": {"product": product}}, "page": "/goods/[productNo]"}

    def listing(items: list[Any], pages: int) -> Any:
        sections = [{"view": {}, "data": {"items": items[:1]}}, {"data": {"items": items[1:]}}]
        paging = {"pagination": {"currentPage": 1, "totalPages": pages}}
        return {"success": True, "data": {"meta": paging, "listSections": sections}}

    product = {
        "no": 5053329,
        "name": NAME,
        "brandInfo": {"nameGate": {"name": BRAND}},
        "retailPrice": ORIGINAL,
        "basePrice": 27_000,
        "discountedPrice": DISCOUNTED,
        "isSoldOut": False,
        "isPurchaseStatus": True,
        "reviewCount": REVIEWS,
    }
    items = [{"no": 5053329, "name": NAME}, {"no": 5179413, "name": "햇 감자 1kg"}]
    free = {"retailPrice": None, "basePrice": None, "discountedPrice": None}
    return Payloads(
        product_id="5053329",
        other_id="5179413",
        bad_id="0",
        on_sale=reply(product),
        sold_out=reply(product | {"isSoldOut": True}),
        off_sale=reply(product | free | {"isSoldOut": None}),
        gone=reply(None),
        no_price=reply(product | free),
        too_dear=reply(product | {"discountedPrice": ORIGINAL + 1}),
        changed=(
            reply(without(product, "isSoldOut")),
            "props.pageProps.product.isSoldOut is missing",
        ),
        first_page=listing(items, 2),
        last_page=listing(items, 1),
        found=listing(items, 1),
        nothing_found=listing([], 0),
        next_cursor="2",
        has_rating=(None, REVIEWS),
        wrap=to_next_data,
    )


def build_ably() -> Payloads:
    def screen(items: list[Any], token: str | None) -> Any:
        goods = {"item_list": [{"item": item} for item in items]}
        banner = {"type": {"item_list": "BANNER"}, "entity": {"item_list": [{"item": {}}]}}
        shown = {"type": {"item_list": "THREE_COL_GOODS_LIST"}, "entity": goods}
        return {"components": [banner, {"entity": {}}, shown], "next_token": token}

    product = {
        "sno": 20787714,
        "name": NAME,
        "sale_type": "ON_SALE",
        "market": {"name": BRAND},
        "price_info": {"consumer": ORIGINAL, "thumbnail_price": DISCOUNTED},
        "review": {"count": REVIEWS, "rating": RATING},
    }
    items = [{"sno": 20787714, "name": NAME}, {"sno": 32438971, "name": "니트"}]
    free = {"price_info": {"consumer": None, "thumbnail_price": None}}
    dear = {"price_info": {"consumer": ORIGINAL, "thumbnail_price": ORIGINAL + 1}}
    return Payloads(
        product_id="20787714",
        other_id="32438971",
        bad_id="-1",
        on_sale={"goods": product},
        sold_out={"goods": product | {"sale_type": "SOLD_OUT"}},
        off_sale={"goods": product | free | {"sale_type": "OFF_SALE"}},
        gone={"goods": None},
        no_price={"goods": product | free},
        too_dear={"goods": product | dear},
        changed=({"goods": without(product, "price_info")}, "goods.price_info is missing"),
        first_page=screen(items, "abc"),
        last_page=screen(items, None),
        found=screen(items, None),
        nothing_found=screen([], None),
        next_cursor="abc",
        has_rating=(RATING, REVIEWS),
        wrap=to_json,
    )


DECLARED = """
name = "declared"
base_url = "https://shop.example/"
product_id = "[0-9]+"
page_url = "https://shop.example/goods/{product_id}"
headers = { Accept = "application/json" }

[product]
path = "/api/goods/{product_id}"
gone = "data.goods[0]"
optional = ["brand"]

[product.fields]
product_id = "data.goods[0].no"
name = "data.goods[0].title"
sale_status = "data.goods[0].state"
original_price = "data.goods[0].before"
discounted_price = "data.goods[0].now"
brand = "data.goods[0].maker"
rating = "data.goods[0].stars"
review_count = "data.goods[0].reviews"

[product.sale_status]
on_sale = ["SALE", 1]
sold_out = ["OUT"]
off_sale = [false]

[list]
path = "/api/goods?page={cursor}"
products = "items"
next_cursor = "next"
[list.fields]
product_id = "no"
name = "title"

[search]
path = "/api/search?q={keyword}&page={cursor}"
products = "items"
[search.fields]
product_id = "no"
name = "title"
"""


def build_declared() -> Payloads:
    def reply(goods: Any) -> Any:
        return {"data": {"goods": [goods]}}

    goods = {
        "no": 7,
        "title": NAME,
        "state": "SALE",
        "before": "30,000원",
        "now": "₩24,000",
        "maker": BRAND,
        "stars": "4.8",
        "reviews": "11,777",
    }
    items = [{"no": 7, "title": NAME}, {"no": "8", "title": "b"}]
    return Payloads(
        product_id="7",
        other_id="8",
        bad_id="7 OR 1",
        on_sale=reply(goods),
        sold_out=reply(goods | {"state": "OUT"}),
        off_sale=reply(goods | {"state": False, "before": None, "now": None}),
        gone=reply(None),
        no_price=reply(goods | {"before": None, "now": None}),
        too_dear=reply(goods | {"now": "30,001원"}),
        changed=(reply(without(goods, "now")), "data.goods[0].now is missing"),
        first_page={"items": items, "next": 2},
        last_page={"items": items},
        found={"items": items},
        nothing_found={"items": []},
        next_cursor="2",
        has_rating=(RATING, REVIEWS),
        wrap=to_json,
    )


SHOPS: dict[str, ShopPlatform] = {
    **PLATFORMS,
    "default": declare_platform(DECLARED.encode(), "declared.toml"),
}
"""The registry, and a declared shop for the `default` platform."""

PAYLOADS: dict[str, Payloads] = {
    "ably": build_ably(),
    "default": build_declared(),
    "hwahae": build_hwahae(),
    "kurly": build_kurly(),
    "musinsa": build_musinsa(),
    "oliveyoung": build_oliveyoung(),
    "zigzag": build_zigzag(),
}
