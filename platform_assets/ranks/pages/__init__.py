"""Reads any page of results: finds out which page it is, and hands it to that page's reader. Pure."""

from platform_assets.ranks.pages.apollo import read_states
from platform_assets.ranks.pages.blog_tab import read_blog_tab
from platform_assets.ranks.pages.cafe_tab import read_cafe_tab
from platform_assets.ranks.pages.document import parse_document
from platform_assets.ranks.pages.faults import truncated, wrong_page
from platform_assets.ranks.pages.integrated import read_integrated
from platform_assets.ranks.pages.mobile import read_mobile
from platform_assets.ranks.pages.openapi import is_json, read_openapi
from platform_assets.ranks.pages.place_list import read_place_list
from platform_assets.ranks.pages.surfaces import find_surface
from platform_assets.ranks.result_page import RankType, ResultPage, Surface

HELD = {
    Surface.INTEGRATED: frozenset(RankType),
    Surface.MOBILE: frozenset(RankType),
    Surface.BLOG_TAB: frozenset({RankType.BLOG}),
    Surface.CAFE_TAB: frozenset({RankType.CAFE}),
    Surface.PLACE_LIST: frozenset({RankType.PLACE}),
    Surface.OPENAPI: frozenset({RankType.BLOG, RankType.CAFE}),
}
"""Results of which types a page can show."""


def read_page(body: bytes, rank_type: RankType, expected: Surface | None = None) -> ResultPage:
    """The results of a type on a page.

    Args:
        body: As received, not compressed.
        rank_type: Which results count.
        expected: Which page was asked for; any, if None.

    Raises:
        PermanentError: It is no such page, or one that cannot be read. Kinds: `blocked`, `login_wall`, `adult_notice`,
            `gateway_error`, `not_rendered`, `truncated`, `wrong_page`, `changed_structure`.
    """
    if not body.strip():
        raise truncated(expected or "search", "anything: it is empty")
    if is_json(body):
        check_page(Surface.OPENAPI, rank_type, expected)
        return read_openapi(body, rank_type)
    document = parse_document(body)
    states = tuple(read_states(document.text))
    surface = find_surface(document, states)
    check_page(surface, rank_type, expected)
    match surface:
        case Surface.BLOG_TAB:
            return read_blog_tab(document)
        case Surface.CAFE_TAB:
            return read_cafe_tab(document)
        case Surface.PLACE_LIST:
            return read_place_list(document, states)
        case Surface.MOBILE:
            return read_mobile(document, states, rank_type)
        case _:
            return read_integrated(document, states, rank_type)


def check_page(surface: Surface, rank_type: RankType, expected: Surface | None) -> None:
    """Refuses another page than the one that was asked for, and one that cannot show the type."""
    if expected is not None and surface is not expected:
        raise wrong_page(f"the {surface} page", f"the {expected} page")
    if rank_type not in HELD[surface]:
        raise wrong_page(f"the {surface} page", f"a page that shows results of type {rank_type}")
