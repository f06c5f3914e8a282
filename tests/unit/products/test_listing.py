from collections.abc import AsyncIterator

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.products.listing import (
    MOST_PAGES,
    MOST_SEARCH_PAGES,
    list_products,
    search_products,
)
from platform_assets.products.platform import PageRequest
from platform_assets.products.platforms import PLATFORMS
from platform_assets.products.product import ListedProduct
from tests.unit.products.payloads import KEYWORD, PAYLOADS, to_json

MUSINSA, REPLIES = PLATFORMS["musinsa"], PAYLOADS["musinsa"]


class Pages:
    """Replies to requests in turn; the last one again and again."""

    def __init__(self, *bodies: bytes | None) -> None:
        self._bodies = bodies
        self.asked: list[PageRequest] = []

    def slow_down(self, seconds: float) -> None:
        del seconds

    async def fetch(self, request: PageRequest) -> bytes | None:
        self.asked.append(request)
        return self._bodies[min(len(self.asked), len(self._bodies)) - 1]


async def read(pages: AsyncIterator[list[ListedProduct]]) -> list[list[str]]:
    return [[product.product_id for product in page] async for page in pages]


async def test_a_list_is_followed_to_its_last_page():
    source = Pages(to_json(REPLIES.first_page), to_json(REPLIES.last_page))
    found = await read(list_products(MUSINSA, source))
    assert found[0] == [REPLIES.product_id, REPLIES.other_id]
    assert [request.path for request in source.asked] == [
        MUSINSA.list_request(None).path,
        MUSINSA.list_request(REPLIES.next_cursor).path,
    ]


async def test_a_product_that_comes_again_counts_once():
    source = Pages(to_json(REPLIES.first_page), to_json(REPLIES.last_page))
    found = [each for page in await read(list_products(MUSINSA, source)) for each in page]
    assert len(found) == len(set(found))


async def test_a_shop_that_gives_a_page_again_and_again_ends_there():
    source = Pages(to_json(REPLIES.first_page))
    assert await read(list_products(MUSINSA, source)) == [
        [REPLIES.product_id, REPLIES.other_id],
        [],
    ]
    assert len(source.asked) == 2 < MOST_PAGES


async def test_a_list_that_is_not_there_is_an_error():
    with pytest.raises(PermanentError, match="no such list") as caught:
        await read(list_products(MUSINSA, Pages(None)))
    assert caught.value.kind == "no_list"


class Endless:
    """A search that finds another product on each page."""

    def __init__(self) -> None:
        self.asked = 0

    def slow_down(self, seconds: float) -> None:
        del seconds

    async def fetch(self, request: PageRequest) -> bytes | None:
        del request
        self.asked += 1
        found = [{"goodsNo": 1000 + self.asked, "goodsName": "셔츠"}]
        return to_json({"data": {"list": found, "pagination": {"hasNext": True}}})


async def test_a_search_ends_after_its_first_pages():
    source = Endless()
    found = await read(search_products(MUSINSA, source, KEYWORD))
    assert len(found) == source.asked == MOST_SEARCH_PAGES


async def test_a_search_asks_for_its_keyword_and_may_find_nothing():
    source = Pages(to_json(REPLIES.nothing_found))
    assert await read(search_products(MUSINSA, source, KEYWORD)) == [[]]
    assert source.asked == [MUSINSA.search_request(KEYWORD, None)]
