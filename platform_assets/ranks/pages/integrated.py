"""Integrated search on a PC: blocks of places, posts, documents, goods and advertisements in one page.

Posts are all organic ones of the type, whichever block shows them: popular posts, topics, documents of the web.
Places are those of the block of places; without such a block the page has none.
"""

from collections.abc import Sequence

from selectolax.lexbor import LexborNode

from platform_assets.ranks.pages.apollo import MAIN_BLOCKS, OTHER_BLOCKS, PlaceEntries, State
from platform_assets.ranks.pages.cards import CARD, Cards, leads_nowhere, read_posts
from platform_assets.ranks.pages.document import Document, says_no_result
from platform_assets.ranks.pages.faults import changed_structure, not_rendered
from platform_assets.ranks.pages.places import list_entries, read_place_items
from platform_assets.ranks.pages.surfaces import find_notice
from platform_assets.ranks.result_page import RankType, ResultPage, Surface

PLACE_BLOCKS = "#place-main-section-root, #loc-main-section-root"


def read_integrated(document: Document, states: Sequence[State], rank_type: RankType) -> ResultPage:
    """The results of a type on the integrated page of a PC."""
    return read_blocks(document, states, rank_type, Surface.INTEGRATED, "#main_pack")


def read_blocks(
    document: Document,
    states: Sequence[State],
    rank_type: RankType,
    surface: Surface,
    container: str,
) -> ResultPage:
    """The results of a type in a page of blocks.

    Args:
        document: The page.
        states: Its states.
        rank_type: Which results.
        surface: Which page it is, for messages.
        container: Selects the element that holds all results.
    """
    root = document.tree.css_first(container)
    if root is None:
        raise changed_structure(surface, container)
    check_filled(document, root, surface)
    if rank_type is RankType.PLACE:
        return read_place_block(root, states, surface)
    return ResultPage(surface, rank_type, read_posts(root, rank_type))


def check_filled(document: Document, root: LexborNode, surface: Surface) -> None:
    """Refuses a page that shows nothing, unless it says that there is nothing; and cards that lead nowhere."""
    if says_no_result(root):
        return
    if root.css_first('a[href^="http"]') is None:
        raise find_notice(document) or not_rendered(surface, "results")
    cards = Cards(root)
    for card in root.css(f"[data-template-id={CARD}]"):
        if not cards.is_bought(card) and leads_nowhere(card):
            raise changed_structure(surface, "a link to what it shows in each card")


def read_place_block(root: LexborNode, states: Sequence[State], surface: Surface) -> ResultPage:
    """The places of the block of places: of its state, or of its list items where there is none."""
    for state in states:
        if state.block in OTHER_BLOCKS:
            continue
        found, one = state.find_list(), state.find_detail()
        if state.block in MAIN_BLOCKS and found is not None:
            return ResultPage(surface, RankType.PLACE, list_entries(found), found.total)
        if state.block in MAIN_BLOCKS and one is not None:
            only = PlaceEntries((one,), None)
            return ResultPage(surface, RankType.PLACE, list_entries(only))
        if state.block in MAIN_BLOCKS or found is not None:
            raise changed_structure(surface, "a list of places in the state of a block of places")
    block = root.css_first(PLACE_BLOCKS)
    items = read_place_items(block.css("li")) if block is not None else ()
    if block is not None and not items:
        raise changed_structure(surface, "places in the block of places")
    return ResultPage(surface, RankType.PLACE, items)
