"""Zigzag (fashion and cosmetics): GraphQL over plain HTTP.

Measured (stored replies): a product in three cases (coupon price, sold out, the shop's own pick), and a page of the
search: goods cards among bars, banners and carousels, which are not what was searched for; end_cursor and has_next.
Measured (public notes): the address and the variables of a product, the sales status SUSPENDED, and that a first
purchase coupon is in final_discount_info, while display_final_price.final_price.price is what everybody pays. No stored
reply has that price, so it is not asked for: a field that the schema lacks would fail every query. It is read if it is
there, else computed from max_price_info and product_promotion_discount_info, which stored replies have.
Assumed: the variables of the search, and that the list is a search in the category without a keyword; a gone product
is null, without an error beside it. A product's reply has no rating.
"""

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from platform_assets.products.envelopes import WORDS, is_gone
from platform_assets.products.faults import changed_structure
from platform_assets.products.json_reading import Node, OptionalFields, gather, read_json
from platform_assets.products.platform import (
    MAIN_HOST,
    Goods,
    PageRequest,
    ShopPlatform,
    WorkerKind,
    not_found_snapshot,
    tell_odd,
)
from platform_assets.products.prices import find_price, read_price
from platform_assets.products.product import COMPUTED_PRICE, ListPage, ProductSnapshot, SaleStatus

BEAUTY = "2277"
GOODS_CARD = "UxGoodsCardItem"
FIRST_PURCHASE = "첫구매"
"""In the badge of a price that only a customer's first order has."""

HEADERS = MappingProxyType({"Origin": "https://zigzag.kr", "Referer": "https://zigzag.kr/"})
PRODUCT_QUERY = """
query GetCatalogProductDetailPageOption($catalog_product_id: ID!, $input: PdpBaseInfoInput) {
  pdp_option_info(catalog_product_id: $catalog_product_id, input: $input) {
    catalog_product {
      id name shop_name
      matched_item_list { sales_status display_status }
      product_price {
        max_price_info { price }
        final_discount_info { discount_price }
        product_promotion_discount_info { discount_amount }
        display_final_price {
          final_price { badge { text } }
          final_price_additional { badge { text } }
        }
      }
    }
  }
}
"""
SEARCH_QUERY = """
query GetSearchResult($input: SearchResultInput!) {
  search_result(input: $input) {
    end_cursor has_next total_count
    ui_item_list { __typename ... on UxGoodsCardItem { catalog_product_id title shop_name } }
  }
}
"""
ITEM_STATUS = {
    "ON_SALE": SaleStatus.ON_SALE,
    "SOLD_OUT": SaleStatus.SOLD_OUT,
    "SUSPENDED": SaleStatus.OFF_SALE,
}
MEANINGS = dict(WORDS)
"""Codes of GraphQL errors, by the words that servers commonly use."""

OUR_MISTAKES = frozenset({"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "BAD_USER_INPUT"})
"""Codes that say that the query is wrong: the shop has another schema."""

IS_SHOWN = {"VISIBLE": True, "HIDDEN": False}


class Zigzag(ShopPlatform):
    """Zigzag.

    Args:
        category: The category that is listed; 2277 is cosmetics.
    """

    name = "zigzag"
    kind = WorkerKind.HTTP
    hosts = MappingProxyType({MAIN_HOST: "https://api.zigzag.kr"})

    def __init__(self, category: str = BEAUTY) -> None:
        self._category = category

    def list_request(self, cursor: str | None) -> PageRequest:
        """A page of the category."""
        words = {"q": "", "display_category_id_list": [self._category], "after": cursor}
        return _ask("GetSearchResult", SEARCH_QUERY, {"input": words})

    def read_list(self, body: bytes, cursor: str | None) -> ListPage:
        """The goods of the category."""
        return self._read_cards(body, "zigzag list", cursor)

    def search_request(self, keyword: str, cursor: str | None) -> PageRequest:
        """A page of the search."""
        return _ask("GetSearchResult", SEARCH_QUERY, {"input": {"q": keyword, "after": cursor}})

    def read_search(self, body: bytes, cursor: str | None) -> ListPage:
        """The goods that were found, without those that are only recommended beside them."""
        return self._read_cards(body, "zigzag search", cursor)

    def product_request(self, product_id: str) -> PageRequest:
        """The product with its options."""
        asked = {"catalog_product_id": self.check_id(product_id)}
        variables = {**asked, "input": {**asked, "entry_source_type": ""}}
        return _ask("GetCatalogProductDetailPageOption", PRODUCT_QUERY, variables)

    def read_product(self, product_id: str, body: bytes, scanned_at: datetime) -> ProductSnapshot:
        """The product; gone when it is null."""
        info = _read_data(body, self.page_of(product_id)).at("pdp_option_info")
        product = info if info.value is None else info.at("catalog_product")
        if product.value is None:
            return not_found_snapshot(self, product_id, scanned_at)
        self.check_answer(product_id, product.at("id"))
        prices = product.at("product_price")
        original = _read_info(prices, "max_price_info", "price")
        discounted, is_computed = _read_discounted(prices, original)
        fields = OptionalFields(product)
        goods = Goods(
            name=fields.need("name", "name", Node.text),
            sale_status=_read_status(product.at("matched_item_list")),
            original_price=original,
            discounted_price=discounted,
            brand=fields.read("brand", "shop_name", Node.label),
        )
        computed = (COMPUTED_PRICE,) if is_computed else ()
        goods = replace(goods, notes=(*tell_odd(fields), *computed))
        return self.snapshot(product_id, goods, scanned_at)

    def product_url(self, product_id: str) -> str:
        """The product's page."""
        return f"https://zigzag.kr/catalog/products/{self.check_id(product_id)}"

    def _read_cards(self, body: bytes, page: str, cursor: str | None) -> ListPage:
        result = _read_data(body, page).at("search_result")
        cards, odd = gather(result.at("ui_item_list").items(), _find_goods)
        rows = self.read_rows(page, cards, _read_row)
        more = result.at("has_next").flag()
        if not more:
            return rows.to_page(None, odd)
        if not rows.products:
            raise result.at("ui_item_list").changed(
                f"a {GOODS_CARD} on a page that is not the last"
            )
        following = result.at("end_cursor")
        if (next_cursor := following.text()) == cursor:
            raise following.changed("another cursor than the page was asked with")
        return rows.to_page(next_cursor, odd)


def _ask(operation: str, query: str, variables: dict[str, Any]) -> PageRequest:
    body = {"operationName": operation, "query": query, "variables": variables}
    return PageRequest(f"/api/2/graphql/{operation}", "POST", HEADERS, body)


def _read_data(body: bytes, page: str) -> Node:
    """The reply's data; an error beside it says that the shop has another schema than the query."""
    reply = read_json(body, page)
    errors = reply.find("errors")
    if errors is not None and errors.items():
        code = errors.items()[0].find("extensions.code")
        if code is not None and code.word() not in OUR_MISTAKES:
            is_gone(page, code.word(), MEANINGS)
        said = errors.items()[0].find("message")
        raise changed_structure(
            page, f"the query was refused: {said.word()[:200] if said else '?'}"
        )
    return reply.at("data")


def _find_goods(card: Node) -> Node | None:
    return card if card.at("__typename").text() == GOODS_CARD else None


def _read_row(card: Node) -> tuple[str, str]:
    return card.at("catalog_product_id").word(), card.at("title").text()


def _read_status(items: Node) -> SaleStatus:
    """On sale when one of the options that are shown is; off sale when none is shown."""
    shown = {
        item.at("sales_status").choose(ITEM_STATUS)
        for item in items.items()
        if item.at("display_status").choose(IS_SHOWN)
    }
    ranked = (SaleStatus.ON_SALE, SaleStatus.SOLD_OUT)
    return next((status for status in ranked if status in shown), SaleStatus.OFF_SALE)


def _read_discounted(prices: Node, original: int | None) -> tuple[int | None, bool]:
    """What everybody pays, and whether it had to be computed.

    Coupons for all are taken off, one for the first order is not. Where the page shows the price of a first order and
    not the other one, it is the price before discounts less the promotion, which is for everybody.
    """
    badge = prices.read("display_final_price.final_price_additional.badge.text", Node.label)
    if badge is None or FIRST_PURCHASE not in badge:
        return _read_info(prices, "final_discount_info", "discount_price"), False
    shown = prices.find("display_final_price.final_price.price")
    if shown is not None:
        return read_price(shown), False
    promotion = prices.find("product_promotion_discount_info.discount_amount")
    taken_off = 0 if promotion is None else read_price(promotion)
    if original is None or taken_off >= original:
        raise prices.at("max_price_info").changed("a price above its promotion")
    return original - taken_off, True


def _read_info(prices: Node, info: str, price: str) -> int | None:
    """A price in an object of its own, which may be null but not missing."""
    found = prices.at(info)
    return None if found.value is None else find_price(found.at(price))
