"""What only one shop does; what every shop does is in the grid."""

import copy
from typing import Any

import pytest

from platform_assets.core.errors import PermanentError, PlatformError, TransientError
from platform_assets.products.platform import PageRequest, read_page_number
from platform_assets.products.platforms import PLATFORMS, find_platform
from platform_assets.products.platforms.hwahae import Hwahae
from platform_assets.products.platforms.zigzag import Zigzag
from platform_assets.products.product import COMPUTED_PRICE, ProductSnapshot, SaleStatus
from tests.unit.products.payloads import DISCOUNTED, NOW, ORIGINAL, PAYLOADS, SHOPS, to_json


def read(name: str, document: Any) -> ProductSnapshot:
    payloads = PAYLOADS[name]
    return PLATFORMS[name].read_product(payloads.product_id, payloads.wrap(document), NOW)


def zigzag_product() -> tuple[Any, Any]:
    document = copy.deepcopy(PAYLOADS["zigzag"].on_sale)
    return document, document["data"]["pdp_option_info"]["catalog_product"]


def test_a_platform_is_found_by_its_name_and_a_declared_one_too():
    assert find_platform("zigzag") is PLATFORMS["zigzag"]
    declared = SHOPS["default"]
    assert find_platform("declared", [declared]) is declared
    with pytest.raises(PermanentError, match="there are ably, declared, hwahae, ") as caught:
        find_platform("zigzak", [declared])
    assert caught.value.kind == "unknown_platform"


def test_a_platform_stands_in_the_registry_under_its_own_name_with_a_cap_of_its_own():
    assert all(name == shop.name for name, shop in PLATFORMS.items())
    assert len({shop.cap_name for shop in PLATFORMS.values()}) == len(PLATFORMS)


@pytest.mark.parametrize(
    ("url", "is_captured"),
    [
        ("https://m.shop.example/search/api/goods", True),
        ("https://m.shop.example/search/api/goods?page=2", True),
        ("https://m.shop.example/search/api/goods/filters?page=2", False),
        ("https://m.shop.example/log?from=/search/api/goods", False),
    ],
)
def test_a_reply_is_captured_by_the_end_of_its_path(url: str, is_captured: bool):
    assert PageRequest("/search", capture="/search/api/goods").captures(url) is is_captured
    assert not PageRequest("/search").captures(url)


def test_a_page_is_counted_from_what_was_asked_for():
    assert (read_page_number(None), read_page_number(None, 0), read_page_number("7")) == (1, 0, 7)


def test_hwahae_needs_a_visitors_headers_and_says_so_when_they_are_refused():
    request = Hwahae().search_request("a", None)
    assert request.headers["hwahae-user-id"] == "anonymous"
    with pytest.raises(PermanentError, match="code 2100") as caught:
        read("hwahae", {"meta": {"code": 2100, "message": "unauthorized"}, "data": None})
    assert caught.value.kind == "blocked"


def test_hwahae_searches_from_page_0_in_pages_of_20():
    shop, found = Hwahae(), copy.deepcopy(PAYLOADS["hwahae"].found)
    found["meta"]["pagination"]["total_count"] = 41
    assert "pageNum=0" in shop.search_request("a", None).path
    assert shop.read_search(to_json(found), None).next_cursor == "1"
    assert shop.read_search(to_json(found), "1").next_cursor == "2"
    assert shop.read_search(to_json(found), "2").next_cursor is None


def test_hwahae_lists_the_ranking_that_it_is_given():
    assert Hwahae("4157").list_request("3").path == (
        "/v14/rankings/4157/details?page=3&page_size=100"
    )


def test_musinsa_reads_the_price_of_a_ranking_as_discounted_already():
    document = copy.deepcopy(PAYLOADS["musinsa"].on_sale)
    document["data"]["goodsPrice"] = {"price": 139000, "discountRate": 0}
    found = read("musinsa", document)
    assert (found.original_price, found.discounted_price) == (139000, 139000)


def test_musinsa_guesses_no_original_price_from_a_percentage():
    document = copy.deepcopy(PAYLOADS["musinsa"].on_sale)
    document["data"]["goodsPrice"] = {"price": 155400, "discountRate": 40}
    with pytest.raises(PermanentError, match="data.goodsPrice.discountRate is 40, expected 0"):
        read("musinsa", document)


def test_musinsa_lists_and_shows_products_on_two_hosts():
    shop = PLATFORMS["musinsa"]
    assert shop.hosts[shop.list_request(None).host] == "https://api.musinsa.com"
    assert shop.hosts[shop.product_request("1").host] == "https://goods-detail.musinsa.com"


def test_zigzag_leaves_out_the_coupon_of_a_first_purchase():
    document, product = zigzag_product()
    product["product_price"]["display_final_price"] = {
        "final_price": {"price": 14_800, "badge": None},
        "final_price_additional": {"price": 10_360, "badge": {"text": "첫구매쿠폰"}},
    }
    assert read("zigzag", document).discounted_price == 14_800


def test_zigzag_computes_what_everybody_pays_where_the_page_shows_a_first_purchase_only():
    document, product = zigzag_product()
    product["product_price"] = {
        "max_price_info": {"price": 21_800},
        "final_discount_info": {"discount_price": 10_360},
        "product_promotion_discount_info": {"discount_amount": 7_000},
        "display_final_price": {
            "final_price": {"badge": None},
            "final_price_additional": {"badge": {"text": "첫구매쿠폰"}},
        },
    }
    found = read("zigzag", document)
    assert (found.original_price, found.discounted_price) == (21_800, 14_800)
    assert found.notes == (COMPUTED_PRICE,)
    product["product_price"]["product_promotion_discount_info"] = None
    assert read("zigzag", document).discounted_price == 21_800
    product["product_price"]["max_price_info"] = None
    with pytest.raises(PermanentError, match="max_price_info is null, expected a price above"):
        read("zigzag", document)


@pytest.mark.parametrize(
    ("code", "error", "kind"),
    [
        ("INTERNAL_SERVER_ERROR", TransientError, "shop_error"),
        ("TOO_MANY_REQUESTS", TransientError, "throttled"),
        ("UNAUTHENTICATED", PermanentError, "blocked"),
        ("GRAPHQL_VALIDATION_FAILED", PermanentError, "changed_structure"),
    ],
)
def test_zigzags_errors_are_what_their_codes_say(code: str, error: type[PlatformError], kind: str):
    said = [{"message": "x", "extensions": {"code": code}}]
    with pytest.raises(error) as caught:
        read("zigzag", {"errors": said, "data": {"pdp_option_info": None}})
    assert caught.value.kind == kind


ENVELOPES = [
    ("musinsa", {"meta": {"result": "FAIL", "errorCode": "FORBIDDEN"}, "data": None}, "blocked"),
    ("musinsa", {"meta": {"result": "FAIL"}, "data": None}, "shop_error"),
    ("musinsa", {"data": None}, "changed_structure"),
    ("oliveyoung", {"status": "ERROR", "code": 500, "data": None}, "shop_error"),
    ("oliveyoung", {"status": "ERROR", "code": 429, "data": None}, "throttled"),
    ("oliveyoung", {"status": "FAIL", "code": 403, "data": None}, "blocked"),
    ("oliveyoung", {"data": None}, "changed_structure"),
    ("ably", {"goods": None, "message": "internal"}, "shop_error"),
    ("ably", {"goods": None, "code": 401}, "blocked"),
    ("hwahae", {"meta": {"code": 9999}, "data": {}}, "shop_error"),
]


@pytest.mark.parametrize(("name", "document", "kind"), ENVELOPES)
def test_null_beside_an_error_is_not_a_gone_product(name: str, document: Any, kind: str):
    with pytest.raises(PlatformError) as caught:
        read(name, document)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("musinsa", {"meta": {"result": "SUCCESS"}, "data": None}),
        ("oliveyoung", {"status": "ERROR", "code": 404, "data": None}),
    ],
)
def test_an_envelope_that_says_so_is_a_gone_product(name: str, document: Any):
    assert read(name, document).sale_status is SaleStatus.NOT_FOUND


def test_kurlys_products_for_adults_are_there_and_cannot_be_read():
    page = {"product": None, "adultVerificationFailed": True}
    with pytest.raises(PermanentError, match="verified adults only") as caught:
        read("kurly", {"props": {"pageProps": page}})
    assert caught.value.kind == "adults_only"


@pytest.mark.parametrize(("sold_out", "status"), [(True, "sold_out"), (False, "on_sale")])
def test_ably_products_without_a_sale_type_are_known_by_a_flag(sold_out: bool, status: str):
    document = copy.deepcopy(PAYLOADS["ably"].on_sale)
    del document["goods"]["sale_type"]
    with pytest.raises(PermanentError, match="goods.sale_type is missing"):
        read("ably", document)
    document["goods"]["is_soldout"] = sold_out
    assert read("ably", document).sale_status == status


@pytest.mark.parametrize("info", ["max_price_info", "final_discount_info"])
def test_zigzag_prices_that_went_elsewhere_are_no_missing_discount(info: str):
    document, product = zigzag_product()
    product["product_price"][info] = {"amount": 1}
    with pytest.raises(PermanentError, match=rf"product_price\.{info}\..*price is missing"):
        read("zigzag", document)
    del product["product_price"][info]
    with pytest.raises(PermanentError, match=rf"product_price\.{info} is missing"):
        read("zigzag", document)


def test_zigzag_takes_off_the_discount_of_the_shops_own_pick():
    document, product = zigzag_product()
    product["product_price"]["display_final_price"] = {
        "final_price": {"price": 27_000, "badge": None},
        "final_price_additional": {"price": DISCOUNTED, "badge": {"text": "직잭픽"}},
    }
    assert read("zigzag", document).discounted_price == DISCOUNTED


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ([("SOLD_OUT", "VISIBLE"), ("ON_SALE", "VISIBLE")], SaleStatus.ON_SALE),
        ([("SOLD_OUT", "VISIBLE"), ("ON_SALE", "HIDDEN")], SaleStatus.SOLD_OUT),
        ([("SUSPENDED", "VISIBLE"), ("SOLD_OUT", "VISIBLE")], SaleStatus.SOLD_OUT),
        ([("SUSPENDED", "VISIBLE")], SaleStatus.OFF_SALE),
        ([("ON_SALE", "HIDDEN")], SaleStatus.OFF_SALE),
        ([], SaleStatus.OFF_SALE),
    ],
)
def test_zigzag_products_are_on_sale_while_an_option_that_is_shown_is(
    options: list[tuple[str, str]], status: SaleStatus
):
    document, product = zigzag_product()
    product["matched_item_list"] = [
        {"sales_status": sales, "display_status": display} for sales, display in options
    ]
    assert read("zigzag", document).sale_status is status


def test_zigzag_refusing_a_query_is_a_changed_structure_and_no_gone_product():
    refused = {"errors": [{"message": "Cannot query field"}], "data": None}
    with pytest.raises(PermanentError, match="the query was refused: Cannot query") as caught:
        read("zigzag", refused)
    assert caught.value.kind == "changed_structure"


def test_zigzag_cards_under_a_new_name_are_a_changed_structure_and_no_empty_page():
    page = copy.deepcopy(PAYLOADS["zigzag"].first_page)
    for card in page["data"]["search_result"]["ui_item_list"]:
        card["__typename"] = "UxGoodsCardItemV2"
    with pytest.raises(PermanentError, match="ui_item_list is a list, expected a UxGoodsCardItem"):
        Zigzag().read_search(to_json(page), None)


@pytest.mark.parametrize("name", ["ably", "zigzag", "default"])
def test_a_cursor_that_leads_to_itself_is_refused(name: str):
    payloads = PAYLOADS[name]
    with pytest.raises(PermanentError, match="expected another (cursor|token)"):
        SHOPS[name].read_list(to_json(payloads.first_page), payloads.next_cursor)


@pytest.mark.parametrize(
    ("retail", "discounted", "prices"),
    [
        (ORIGINAL, DISCOUNTED, (ORIGINAL, DISCOUNTED)),
        (ORIGINAL, None, (ORIGINAL, 27_000)),
        (None, DISCOUNTED, (27_000, DISCOUNTED)),
        (None, None, (27_000, 27_000)),
    ],
)
def test_kurly_prices_fall_back_to_the_base_price(
    retail: int | None, discounted: int | None, prices: tuple[int, int]
):
    document = copy.deepcopy(PAYLOADS["kurly"].on_sale)
    document["props"]["pageProps"]["product"] |= {
        "retailPrice": retail,
        "discountedPrice": discounted,
    }
    found = read("kurly", document)
    assert (found.original_price, found.discounted_price) == prices


def test_kurly_does_not_sell_what_cannot_be_purchased():
    document = copy.deepcopy(PAYLOADS["kurly"].on_sale)
    document["props"]["pageProps"]["product"]["isPurchaseStatus"] = False
    assert read("kurly", document).sale_status is SaleStatus.OFF_SALE


def test_a_web_page_without_its_data_and_without_a_sign_of_a_block_has_changed():
    with pytest.raises(PermanentError, match="the page lacks __NEXT_DATA__") as caught:
        PLATFORMS["kurly"].read_product("7", b"<html><body>new design</body></html>", NOW)
    assert caught.value.kind == "changed_structure"
