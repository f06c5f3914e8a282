"""Kurly (groceries): the JSON that the server gives its product pages, and that its lists fetch, through a browser.

Measured (public code, see the sources of the test data): `props.pageProps.product` in `__NEXT_DATA__` with no, name,
retailPrice (may be null), basePrice, discountedPrice (null without a discount), isSoldOut (null when the product is
not sold any more), isPurchaseStatus, brandInfo.nameGate.name; of the search data.listSections[].data.items with no
and name.
Assumed: reviewCount; a gone product is null; data.meta.pagination.totalPages; the category page fetches the same
shape, and both pages pass `page` of their address on. A product's page has no rating.
"""

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlencode

from platform_assets.products.faults import adults_only
from platform_assets.products.json_reading import Node, OptionalFields, gather, read_json
from platform_assets.products.next_data import read_next_data
from platform_assets.products.platform import (
    MAIN_HOST,
    Goods,
    PageRequest,
    ShopPlatform,
    WorkerKind,
    not_found_snapshot,
    read_page_number,
    tell_odd,
)
from platform_assets.products.prices import find_price
from platform_assets.products.product import ListPage, ProductSnapshot, SaleStatus

VEGETABLES = "907"
PAID = ("discountedPrice", "showablePrices.salesPrice", "basePrice")
"""What is paid, the first that is there: the order of a public client of this shop."""

SEARCH_API = "/normal-search"


class Kurly(ShopPlatform):
    """Kurly.

    Args:
        category: The category that is listed; 907 is vegetables.
    """

    name = "kurly"
    kind = WorkerKind.BROWSER
    hosts = MappingProxyType({MAIN_HOST: "https://www.kurly.com"})

    def __init__(self, category: str = VEGETABLES) -> None:
        self._category = self.check_id(category)

    def list_request(self, cursor: str | None) -> PageRequest:
        """A page of the category."""
        query = urlencode({"page": read_page_number(cursor)})
        return PageRequest(
            f"/categories/{self._category}?{query}",
            capture=f"/product-categories/{self._category}/products",
        )

    def read_list(self, body: bytes, cursor: str | None) -> ListPage:
        """The products of the category."""
        return self._read_sections(body, "kurly list", cursor)

    def search_request(self, keyword: str, cursor: str | None) -> PageRequest:
        """A page of the search."""
        query = urlencode({"sword": keyword, "page": read_page_number(cursor)})
        return PageRequest(f"/search?{query}", capture=SEARCH_API)

    def read_search(self, body: bytes, cursor: str | None) -> ListPage:
        """The products that were found."""
        return self._read_sections(body, "kurly search", cursor)

    def product_request(self, product_id: str) -> PageRequest:
        """The product's page."""
        return PageRequest(f"/goods/{self.check_id(product_id)}")

    def read_product(self, product_id: str, body: bytes, scanned_at: datetime) -> ProductSnapshot:
        """The product; gone when it is null, unless it is shown to adults only."""
        page = read_next_data(body, self.page_of(product_id)).at("props.pageProps")
        product = page.at("product")
        if product.value is None:
            if _is_for_adults(page):
                raise adults_only(page.page)
            return not_found_snapshot(self, product_id, scanned_at)
        self.check_answer(product_id, product.at("no"))
        product.at("basePrice")  # a page without it has changed
        fields = OptionalFields(product)
        goods = Goods(
            name=fields.need("name", "name", Node.text),
            sale_status=_read_status(product),
            original_price=_first_price(product, "retailPrice", "basePrice"),
            discounted_price=_first_price(product, *PAID),
            brand=fields.read("brand", "brandInfo.nameGate.name", Node.label),
            review_count=fields.read("review_count", "reviewCount", Node.count),
        )
        goods = replace(goods, notes=tell_odd(fields))
        return self.snapshot(product_id, goods, scanned_at)

    def product_url(self, product_id: str) -> str:
        """The product's page."""
        return f"{self.hosts[MAIN_HOST]}/goods/{self.check_id(product_id)}"

    def _read_sections(self, body: bytes, page: str, cursor: str | None) -> ListPage:
        data = read_json(body, page).at("data")
        sections, odd = gather(
            data.at("listSections").items(), lambda section: section.at("data.items").items()
        )
        rows = self.read_rows(page, [item for items in sections for item in items], _read_row)
        if odd and not sections:
            raise odd[0]
        number = read_page_number(cursor)
        more = bool(rows.products) and number < data.at("meta.pagination.totalPages").whole()
        return rows.to_page(str(number + 1) if more else None, odd)


def _read_row(item: Node) -> tuple[str, str]:
    return item.at("no").word(), item.at("name").text()


def _first_price(product: Node, *paths: str) -> int | None:
    """The first of these prices that is one: null and 0 say that there is none of this kind."""
    for path in paths:
        if (found := product.find(path)) is not None and (price := find_price(found)):
            return price
    return None


def _is_for_adults(page: Node) -> bool:
    failed = page.find("adultVerificationFailed")
    return failed is not None and failed.value is True


def _read_status(product: Node) -> SaleStatus:
    sold_out = product.at("isSoldOut")
    sold_here = product.find("isPurchaseStatus")
    if sold_out.value is None or (sold_here is not None and not sold_here.flag()):
        return SaleStatus.OFF_SALE
    return SaleStatus.SOLD_OUT if sold_out.flag() else SaleStatus.ON_SALE
