"""What a shop has on offer, page by page."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from platform_assets.core.errors import PermanentError, PlatformError, RefusedError
from platform_assets.products.blocking import BLOCKED
from platform_assets.products.platform import PageRequest, ShopPlatform
from platform_assets.products.product import ListedProduct, ListPage
from platform_assets.products.source import ShopSource

MOST_PAGES = 1000
"""Of a list: a shop whose list has no end is cut off there."""

MOST_SEARCH_PAGES = 50
"""Of a search: what comes later has little to do with the keyword, and each product found is scanned every day."""


@dataclass(frozen=True, slots=True)
class ListReport:
    """How a shop's list was read.

    Attributes:
        listed: Products on it; of a list that failed, those before it did.
        added: Those of them that were not known before.
        odd: What on it is no product; a line each.
        error: Why it could not be read to its end; None if it was.
    """

    listed: int = 0
    added: int = 0
    odd: tuple[str, ...] = ()
    error: PlatformError | None = None

    @property
    def may_pass(self) -> bool:
        """Whether another try may succeed: all but what a person must put right first."""
        return self.error is not None and (
            not isinstance(self.error, RefusedError) or self.error.kind == BLOCKED
        )


@dataclass(frozen=True, slots=True)
class _Pages:
    """A list or a search of a shop."""

    ask: Callable[[str | None], PageRequest]
    read: Callable[[bytes, str | None], ListPage]
    most: int


def list_products(
    platform: ShopPlatform,
    source: ShopSource,
    on_odd: Callable[[Sequence[str]], None] | None = None,
) -> AsyncIterator[list[ListedProduct]]:
    """The products on offer, a page at a time; each product once.

    Args:
        platform: The shop.
        source: Sends its requests.
        on_odd: Called with what of a page is no product.

    Raises:
        PermanentError: kind `blocked` or `changed_structure`: the list cannot be read; kind `no_list`: there is none.
        TransientError: The shop does not answer.
        RefusedError: The shop refuses all requests.
    """
    pages = _Pages(platform.list_request, platform.read_list, MOST_PAGES)
    return _follow(platform, source, pages, on_odd)


def search_products(
    platform: ShopPlatform, source: ShopSource, keyword: str
) -> AsyncIterator[list[ListedProduct]]:
    """What a shop finds for a keyword, as `list_products` gives its list: the first `MOST_SEARCH_PAGES` pages."""
    pages = _Pages(
        lambda cursor: platform.search_request(keyword, cursor),
        platform.read_search,
        MOST_SEARCH_PAGES,
    )
    return _follow(platform, source, pages)


async def _follow(
    platform: ShopPlatform,
    source: ShopSource,
    pages: _Pages,
    on_odd: Callable[[Sequence[str]], None] | None = None,
) -> AsyncIterator[list[ListedProduct]]:
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(pages.most):
        body = await source.fetch(pages.ask(cursor))
        if body is None:
            raise PermanentError(
                f"{platform.name}: the shop has no such list (404): adapt its module",
                kind="no_list",
            )
        page = pages.read(body, cursor)
        if page.odd and on_odd is not None:
            on_odd(page.odd)
        new = [each for each in page.products if each.product_id not in seen]
        seen.update(each.product_id for each in new)
        yield new
        # A shop that gives its last page again and again has nothing new on it.
        if page.next_cursor is None or not new:
            return
        cursor = page.next_cursor
