"""Which schema.org Product of a page is its own, what it costs, and what is said when that is not clear."""

import json
from typing import Any

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.products.platforms.configured import declare_platform
from platform_assets.products.product import LOWEST_PRICE, ProductSnapshot, SaleStatus
from tests.unit.products.payloads import NOW
from tests.unit.products.test_configured import LD_SHOP

SHOP = declare_platform(LD_SHOP.replace("offers[0].", "offers.").encode(), "shop.toml")
IN_STOCK = {"availability": "https://schema.org/InStock", "priceCurrency": "USD"}


def product(price: object = "28.79", **more: Any) -> dict[str, Any]:
    offers = {"@type": "Offer", "price": price, **IN_STOCK}
    return {"@type": "Product", "name": "n", "brand": {"name": "b"}, "offers": offers, **more}


def page(*scripts: object, head: str = "") -> bytes:
    written = [each if isinstance(each, str) else json.dumps(each) for each in scripts]
    found = "".join(f'<script type="application/ld+json">{each}</script>' for each in written)
    return f"<html><head>{head}{found}</head></html>".encode()


def read(body: bytes) -> ProductSnapshot:
    return SHOP.read_product("a-1", body, NOW)


def refuse(body: bytes) -> str:
    with pytest.raises(PermanentError) as caught:
        read(body)
    assert caught.value.kind == "changed_structure"
    return caught.value.message


RELATED = product("1.00", name="related", url="https://shop.example/p/a-12")
OWN = [
    product(sku="a-1"),
    product(productID="a-1"),
    product(url="https://shop.example/p/a-1?ref=2"),
    {**product(), "@id": "http://127.0.0.1:8080/shop/p/a-1#product"},
    product(offers={"price": "28.79", "url": "/p/a-1", **IN_STOCK}),
]


@pytest.mark.parametrize("own", OWN)
def test_of_several_products_the_one_that_names_what_was_asked_for_is_read(own: dict[str, Any]):
    for body in (page(RELATED, own), page(own, RELATED), page({"@graph": [RELATED, own]})):
        assert read(body).discounted_price == 2879


def test_the_main_entity_of_the_page_is_its_own_product():
    body = page(RELATED, {"@type": "ItemPage", "mainEntity": product()})
    assert read(body).discounted_price == 2879
    by_id = page(
        {
            "@graph": [
                RELATED,
                {"@type": "WebPage", "mainEntity": {"@id": "#p"}},
                {**product(), "@id": "#p"},
            ]
        }
    )
    assert read(by_id).discounted_price == 2879


def test_the_pages_canonical_address_names_its_own_product():
    head = '<link rel="canonical" href="https://shop.example/cream.html">'
    own = product(url="https://shop.example/cream.html")
    assert read(page(RELATED, own, head=head)).discounted_price == 2879


def test_products_that_cost_the_same_need_no_choosing():
    assert read(page(product(), product())).discounted_price == 2879


def test_products_of_which_none_is_named_are_refused_with_the_reason():
    assert "2 Products of different prices" in refuse(page(product("1.00"), product()))


@pytest.mark.parametrize(
    ("offers", "cents", "notes"),
    [
        ([{"price": "28.79", **IN_STOCK}, {"price": "28.79", **IN_STOCK}], 2879, ()),
        ([{"price": "30", **IN_STOCK}, {"price": "28.79", **IN_STOCK}], 2879, (LOWEST_PRICE,)),
        (
            [{"price": "9", "availability": "OutOfStock"}, {"price": "28.79", **IN_STOCK}],
            2879,
            (),
        ),
        ({"lowPrice": 28.79, "highPrice": 28.79, **IN_STOCK}, 2879, ()),
        ({"lowPrice": 28.79, "highPrice": 30, **IN_STOCK}, 2879, (LOWEST_PRICE,)),
        (
            {
                "priceSpecification": [
                    {"price": 40, "priceType": "https://schema.org/ListPrice"},
                    {"price": 28.79},
                ],
                **IN_STOCK,
            },
            2879,
            (),
        ),
    ],
)
def test_offers_are_read_in_each_of_their_forms(offers: object, cents: int, notes: tuple[str, ...]):
    found = read(page(product(offers=offers)))
    assert (found.discounted_price, found.notes) == (cents, notes)
    assert found.sale_status is SaleStatus.ON_SALE


def test_two_prices_that_are_specified_alike_are_none():
    offers = {"priceSpecification": [{"price": 28.79}, {"price": 30}], **IN_STOCK}
    assert "price is missing" in refuse(page(product(offers=offers)))


def test_of_a_group_of_variants_the_one_that_was_asked_for_is_read():
    variants = [product("1.00", sku="a-2"), product(sku="a-1")]
    group = {"@type": "ProductGroup", "name": "g", "brand": {"name": "b"}, "hasVariant": variants}
    assert (read(page(group)).discounted_price, read(page(group)).name) == (2879, "n")
    group["hasVariant"] = [product("30", sku="b"), product(sku="c")]
    found = read(page(group))
    assert (found.name, found.discounted_price, found.notes) == ("g", 2879, (LOWEST_PRICE,))


def test_a_price_in_another_currency_than_the_shops_is_refused():
    offers = {**IN_STOCK, "price": "28.79", "priceCurrency": "EUR"}
    assert "priceCurrency is 'EUR', expected USD" in refuse(page(product(offers=offers)))


@pytest.mark.parametrize(
    "kind", ["http://schema.org/Product", "schema:Product", ["Thing", "Product"]]
)
def test_a_type_may_have_its_address(kind: object):
    assert read(page({**product(), "@type": kind})).discounted_price == 2879


@pytest.mark.parametrize("written", ["cp949", "euc-kr"])
def test_a_name_is_read_whether_its_writer_spells_out_rare_syllables_or_not(written: str):
    script = page(json.dumps(product(name="펲시 크림"), ensure_ascii=False)).decode()
    body = f'<meta charset="euc-kr">{script}'.encode(written)
    assert read(body).name == "펲시 크림"


def test_a_broken_script_and_another_charset_are_named_as_the_reason():
    assert "application/ld+json is no JSON" in refuse(page('{"@type": "Product", "name": '))
    unreadable = page(json.dumps(product(name="크림"), ensure_ascii=False)).decode().encode("cp949")
    assert "is no UTF-8, and the page names no other charset" in refuse(unreadable)
    assert "lacks a Product" in refuse(page({"@type": "WebSite"}))


@pytest.mark.parametrize(
    "wrapped",
    [
        "<!-- {} -->",
        "//<![CDATA[\n{}\n//]]>",
        "{};",
    ],
)
def test_a_script_may_be_wrapped(wrapped: str):
    assert read(page(wrapped.replace("{}", json.dumps(product())))).discounted_price == 2879


def test_a_text_with_a_line_break_and_a_comma_before_a_bracket_is_kept():
    script = json.dumps(product(description="a,\n}", name="x")).replace("\\n", "\n")
    assert read(page(script.replace('"name": "x"', '"name": "a,}"'))).name == "a,}"


def test_a_page_in_utf_16_is_read():
    body = page(json.dumps(product(name="크림"), ensure_ascii=False)).decode().encode("utf-16")
    assert read(body).name == "크림"
