import json
import textwrap
import tomllib

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.products import declaration
from platform_assets.products.platforms.configured import ConfiguredPlatform, declare_platform
from platform_assets.products.product import SaleStatus
from tests.unit.products.payloads import DECLARED, KEYWORD, NOW, PAYLOADS, to_json

LD_SHOP = """
name = "ld_shop"
base_url = "http://127.0.0.1:8080/shop"
currency = "USD"
decimals = 2

[product]
path = "/p/{product_id}"
source = "ld_json"
optional = ["rating"]
[product.fields]
name = "name"
brand = "brand.name"
sale_status = "offers[0].availability"
discounted_price = "offers[0].price"
rating = "aggregateRating.ratingValue"
[product.sale_status]
on_sale = ["https://schema.org/InStock"]
sold_out = ["https://schema.org/OutOfStock"]

[list]
path = "/all"
source = "next_data"
products = "props.pageProps.items"
[list.fields]
product_id = "id"
name = "title.en"
"""
LD_PAGE = b"""<html><script type="application/ld+json">{"@type": "WebSite"}</script>
<script type="application/ld+json">{broken</script>
<script data-n="1" type='application/ld+json'>{"@graph": [{"@type": "Offer"}, {"@type": ["Product"],
 "name": "Cream", "brand": {"name": "B"},
 "offers": [{"price": "12.50", "availability": "https://schema.org/InStock"}]}]}</script></html>"""


def declare(text: str) -> ConfiguredPlatform:
    return declare_platform(text.encode(), "shops/declared.toml")


def find_mistakes(text: str) -> list[str]:
    with pytest.raises(PermanentError) as caught:
        declare(text)
    assert caught.value.kind == "bad_platform"
    head, *mistakes = caught.value.message.split("\n- ")
    assert head == "shops/declared.toml declares no usable shop:"
    return mistakes


def test_toml_and_json_declare_the_same_shop():
    written = json.dumps(tomllib.loads(DECLARED)).encode()
    shops = [declare(DECLARED), declare_platform(written, "shop.json")]
    on_sale = to_json(PAYLOADS["default"].on_sale)
    first, second = (shop.read_product("7", on_sale, NOW) for shop in shops)
    assert first == second
    assert [shop.hosts["main"] for shop in shops] == ["https://shop.example"] * 2


def test_the_example_in_the_docs_of_declarations_is_a_shop():
    example = textwrap.dedent((declaration.__doc__ or "").split("\n\n", 1)[1])
    shop = declare(example.rpartition("\n\nFurther fields")[0])
    goods = {"name": "a", "state": "HIDDEN", "prices": [{"won": 5}]}
    found = shop.read_product("7", to_json({"data": {"goods": goods}}), NOW)
    assert (found.original_price, found.sale_status) == (5, SaleStatus.OFF_SALE)
    assert shop.read_product("7", b'{"data": {"goods": null}}', NOW).name is None


def test_requests_are_made_from_the_templates_with_their_words_quoted():
    shop = declare(DECLARED)
    assert shop.product_request("7").path == "/api/goods/7"
    assert shop.product_request("7").headers == {"Accept": "application/json"}
    assert shop.list_request(None).path == "/api/goods?page=1"
    assert shop.list_request("a/b&c").path == "/api/goods?page=a%2Fb%26c"
    assert shop.search_request(KEYWORD, "2").path == (
        "/api/search?q=%EC%88%98%EB%B6%84%20%ED%81%AC%EB%A6%BC%2Fa%26b&page=2"
    )
    assert shop.product_url("7") == "https://shop.example/goods/7"


def test_without_a_cursor_in_the_reply_pages_are_counted_until_one_is_empty():
    shop = declare(DECLARED)
    full, empty = to_json(PAYLOADS["default"].found), to_json({"items": []})
    assert shop.read_search(full, None).next_cursor == "2"
    assert shop.read_search(full, "2").next_cursor == "3"
    assert shop.read_search(empty, "3").next_cursor is None


def test_a_schema_org_product_is_read_in_cents():
    shop = declare(LD_SHOP)
    found = shop.read_product("a-1", LD_PAGE, NOW)
    assert (found.name, found.brand, found.sale_status) == ("Cream", "B", SaleStatus.ON_SALE)
    assert (found.original_price, found.discounted_price, found.currency) == (1250, 1250, "USD")
    assert (found.rating, found.url) == (None, "http://127.0.0.1:8080/shop/p/a-1")


def test_a_page_without_a_schema_org_product_has_changed():
    with pytest.raises(PermanentError, match="lacks a Product in application/ld") as caught:
        declare(LD_SHOP).read_product("a-1", b"<html></html>", NOW)
    assert caught.value.kind == "changed_structure"


def test_a_list_without_paging_is_one_page_and_its_fields_may_lie_deeper():
    items = {"props": {"pageProps": {"items": [{"id": "a-1", "title": {"en": "Cream"}}]}}}
    body = b"<script id='__NEXT_DATA__'>" + to_json(items) + b"</script>"
    page = declare(LD_SHOP).read_list(body, None)
    assert [(found.product_id, found.name) for found in page.products] == [("a-1", "Cream")]
    assert page.next_cursor is None


def test_a_field_that_is_not_optional_must_be_there_but_may_be_null():
    shop, document = declare(DECLARED), json.loads(to_json(PAYLOADS["default"].on_sale))
    goods = document["data"]["goods"][0]
    goods["reviews"] = None
    del goods["maker"]
    found = shop.read_product("7", to_json(document), NOW)
    assert (found.review_count, found.brand) == (None, None)
    del goods["reviews"]
    assert shop.read_product("7", to_json(document), NOW).notes == ("odd:review_count",)
    del goods["now"]
    with pytest.raises(PermanentError, match=r"data\.goods\[0\]\.now is missing"):
        shop.read_product("7", to_json(document), NOW)


def test_a_shop_without_a_search_says_so_when_it_is_searched():
    with pytest.raises(PermanentError, match="ld_shop declares no usable shop") as caught:
        declare(LD_SHOP).search_request("a", None)
    assert caught.value.kind == "bad_platform"


def test_all_mistakes_of_a_file_are_named_at_once():
    mistakes = find_mistakes(
        """
        name = "Bad Name"
        base_url = "shop.example"
        currency = "won"
        decimals = 9
        product_id = "["
        page_url = "https://shop.example/"
        colour = "red"
        headers = { Accept = 3 }
        [product]
        path = "goods/{id}"
        source = "xml"
        gone = "a..b"
        optional = ["name", "weight"]
        [product.fields]
        name = "a["
        price = "x"
        [product.sale_status]
        on_sale = "SALE"
        sold_out = ["OUT"]
        off_sale = ["OUT", [1]]
        gone = []
        [list]
        path = "/api?{page}"
        source = "ld_json"
        next_cursor = "next"
        fields = { name = "" }
        [search]
        path = "/search"
        products = "items"
        first_cursor = "a"
        fields = []
        """
    )
    named = [mistake.split(": ")[0] for mistake in mistakes]
    assert sorted(set(named)) == [
        "base_url",
        "colour",
        "currency",
        "decimals",
        "headers.Accept",
        "list.fields.name",
        "list.fields.product_id",
        "list.path",
        "list.products",
        "list.source",
        "name",
        "page_url",
        "product.fields.name",
        "product.fields.original_price",
        "product.fields.price",
        "product.fields.sale_status",
        "product.gone",
        "product.optional",
        "product.path",
        "product.sale_status.gone",
        "product.sale_status.off_sale",
        "product.sale_status.on_sale",
        "product.source",
        "product_id",
        "search.fields",
        "search.fields.name",
        "search.fields.product_id",
        "search.first_cursor",
        "search.path",
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('name = "declared"', 'nam = "declared"', "name: is missing: add it"),
        ('name = "declared"', 'nam = "declared"', "nam: is not known here: there are base_url"),
        ("/api/goods/{product_id}", "/api/goods", "product.path: lacks {product_id}: put it where"),
        ("?q={keyword}&", "?", "search.path: lacks {keyword}"),
        ("page={cursor}", "p={page}", "list.path: {page} stands for nothing: there are {cursor}"),
        ("goods?page={cursor}", "goods", "list.path: lacks {cursor}: next_cursor has nowhere"),
        ('["OUT"]', '["SALE"]', "product.sale_status.sold_out: 'SALE' stands under on_sale too"),
    ],
)
def test_a_mistake_says_where_it_is_and_what_to_do(before: str, after: str, said: str):
    assert before in DECLARED
    mistakes = find_mistakes(DECLARED.replace(before, after))
    assert any(mistake.startswith(said) for mistake in mistakes), mistakes


@pytest.mark.parametrize(
    ("content", "file", "said"),
    [
        (b"name = ", "shop.toml", "it cannot be read"),
        (b"\xff", "shop.toml", "it cannot be read"),
        (b"[1]", "shop.json", "it cannot be read"),
        (b"name: a", "shop.yaml", "it is neither .toml nor .json: rename it"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(content: bytes, file: str, said: str):
    with pytest.raises(PermanentError, match=said) as caught:
        declare_platform(content, file)
    assert caught.value.kind == "bad_platform"
    assert caught.value.message.startswith(f"{file} declares no usable shop:")
