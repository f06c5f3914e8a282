"""The tab of blogs: 30 cards a page; posts on other sites than Naver's are results too."""

from platform_assets.ranks.pages.document import Document
from platform_assets.ranks.pages.tab_cards import read_cards
from platform_assets.ranks.result_page import RankType, ResultPage, Surface


def read_blog_tab(document: Document) -> ResultPage:
    """All organic results of the tab."""
    return read_cards(document, RankType.BLOG, Surface.BLOG_TAB)
