"""The tab of cafes: cards like those of the tab of blogs.

Assumed, no real page of this tab was found: that it has the same cards and the same notice of no result.
"""

from platform_assets.ranks.pages.document import Document
from platform_assets.ranks.pages.tab_cards import read_cards
from platform_assets.ranks.result_page import RankType, ResultPage, Surface


def read_cafe_tab(document: Document) -> ResultPage:
    """All organic results of the tab."""
    return read_cards(document, RankType.CAFE, Surface.CAFE_TAB)
