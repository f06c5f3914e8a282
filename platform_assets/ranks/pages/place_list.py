"""The list of places that the map shows in a frame (pcmap): its state has them all, its list items only the first."""

from collections.abc import Sequence

from platform_assets.ranks.pages.apollo import State
from platform_assets.ranks.pages.document import Document
from platform_assets.ranks.pages.faults import changed_structure
from platform_assets.ranks.pages.places import list_entries, read_place_items
from platform_assets.ranks.pages.surfaces import PLACE_ITEMS
from platform_assets.ranks.result_page import RankType, ResultPage, Surface


def read_place_list(document: Document, states: Sequence[State]) -> ResultPage:
    """All places of the list, without advertisements.

    Raises:
        PermanentError: `changed_structure`: no state, and list items without links to places.
    """
    for state in states:
        if (found := state.find_list()) is not None:
            return ResultPage(Surface.PLACE_LIST, RankType.PLACE, list_entries(found), found.total)
    items = read_place_items(document.tree.css(PLACE_ITEMS))
    if not items:
        raise changed_structure(Surface.PLACE_LIST, "a state, or links to places in its items")
    return ResultPage(Surface.PLACE_LIST, RankType.PLACE, items)
