"""Kurly (groceries): the JSON that the server gives its product pages, and that its lists fetch, through a browser.

Measured (public code, see the sources of the test data): `props.pageProps.product` in `__NEXT_DATA__` with no, name,
retailPrice (may be null), basePrice, discountedPrice (null without a discount), isSoldOut (null when the product is
not sold any more), isPurchaseStatus, brandInfo.nameGate.name; of the search data.listSections[].data.items with no
and name.
Assumed: reviewCount; a gone product is null; data.meta.pagination.totalPages; the category page fetches the same
shape, and both pages pass `page` of their address on. A product's page has no rating.
"""

from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlencode

from platform_assets.products.json_reading import Node, read_json
from platform_assets.products.next_data import read_next_data
from platform_assets.products.platform import (
    MAIN_HOST,
    Goods,
    PageRequest,
    ShopPlatform,
    WorkerKind,
    not_found_snapshot,
    read_page_number,
)
from platform_assets.products.prices import find_price
from platform_assets.products.product import ListPage, ProductSnapshot, SaleStatus

VEGETABLES = "907"
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
        """The product; gone when it is null."""
        page = read_next_data(body, self.page_of(product_id))
        product = page.at("props.pageProps.product")
        if product.value is None:
            return not_found_snapshot(self, product_id, scanned_at)
        self.check_answer(product_id, product.at("no"))
        base = product.at("basePrice")
        goods = Goods(
            name=product.at("name").text(),
            sale_status=_read_status(product),
            original_price=find_price(product.find("retailPrice") or base),
            discounted_price=find_price(product.find("discountedPrice") or base),
            brand=product.read("brandInfo.nameGate.name", Node.label),
            review_count=product.read("reviewCount", Node.count),
        )
        return self.snapshot(product_id, goods, scanned_at)

    def product_url(self, product_id: str) -> str:
        """The product's page."""
        return f"{self.hosts[MAIN_HOST]}/goods/{self.check_id(product_id)}"

    def _read_sections(self, body: bytes, page: str, cursor: str | None) -> ListPage:
        data = read_json(body, page).at("data")
        sections = data.at("listSections").items()
        items = [item for section in sections for item in section.at("data.items").items()]
        found = [(item.at("no").word(), item.at("name").text()) for item in items]
        number = read_page_number(cursor)
        more = bool(found) and number < data.at("meta.pagination.totalPages").whole()
        return self.list_page(found, str(number + 1) if more else None)


def _read_status(product: Node) -> SaleStatus:
    sold_out = product.at("isSoldOut")
    sold_here = product.find("isPurchaseStatus")
    if sold_out.value is None or (sold_here is not None and not sold_here.flag()):
        return SaleStatus.OFF_SALE
    return SaleStatus.SOLD_OUT if sold_out.flag() else SaleStatus.ON_SALE
