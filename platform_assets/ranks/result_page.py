"""What a page of results holds, whatever page it was: the values that readers return and crawls work with.

No reading here (`pages/`), and no rules about which URL is which post (`identity.py`).
"""

from dataclasses import dataclass
from enum import StrEnum


class RankType(StrEnum):
    """What is tracked."""

    PLACE = "place"
    BLOG = "blog"
    CAFE = "cafe"


class Surface(StrEnum):
    """Where results are shown; one reader each, under `pages/`."""

    INTEGRATED = "integrated"
    """Integrated search on a PC."""
    MOBILE = "mobile"
    """Integrated search on a phone."""
    BLOG_TAB = "blog_tab"
    CAFE_TAB = "cafe_tab"
    PLACE_LIST = "place_list"
    """The list of places that the map shows (pcmap)."""
    OPENAPI = "openapi"
    """A body of the official search API, whose order is the rank."""


@dataclass(frozen=True, slots=True)
class ResultItem:
    """One result that counts; advertisements never become one.

    Attributes:
        position: From 1, in the order of the page among the results that count for the type; posts that the page folds
            into one card share its position, as a person counts.
        identity: Canonical identity, as `identity.py` writes it; of a result that is neither a blog post, a cafe post
            nor a place (an external site in the blog tab): its URL without query and fragment.
        url: As on the page.
        title: Text as shown, without markup; empty where the page shows none.
    """

    position: int
    identity: str
    url: str
    title: str


@dataclass(frozen=True, slots=True)
class ResultPage:
    """The results of a type on one page.

    Attributes:
        surface: Which page it is.
        rank_type: Results of which type.
        items: In order, each identity once, positions from 1 without gaps; none is a page without a result.
        total: How many results the page says there are in all; None where it does not say.
    """

    surface: Surface
    rank_type: RankType
    items: tuple[ResultItem, ...]
    total: int | None = None

    def find_rank(self, identity: str) -> int | None:
        """The position of a target; None if it is not exposed."""
        for item in self.items:
            if item.identity == identity:
                return item.position
        return None
