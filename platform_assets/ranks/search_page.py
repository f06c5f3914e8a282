"""Which page of results is asked for a tracking: its surface, its host, its path. Pure.

Trackings whose answers stand on one page share it: a page is known by where it is.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from platform_assets.core.engine.units import JsonObject
from platform_assets.ranks.result_page import RankType, Surface
from platform_assets.ranks.tracking import Tracking


class PageHost(StrEnum):
    """Hosts of Naver, each with a pace of its own; the settings say where they are."""

    SEARCH = "search"
    MAP = "map"
    OPENAPI = "openapi"


class RankSource(StrEnum):
    """What fetches pages. Places are always read from the map: the Open API has no ids of places."""

    HTTP = "http"
    BROWSER = "browser"
    OPENAPI = "openapi"


class RankView(StrEnum):
    """Which results of the search a rank is a position in."""

    TAB = "tab"
    """Those of the tab of blogs, or of cafes."""
    INTEGRATED = "integrated"
    """Those of the type on the integrated page."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of results.

    Attributes:
        surface: What it shows.
        keyword: What was searched for.
        host: Whose it is.
        path: Path and query.
    """

    surface: Surface
    keyword: str
    host: PageHost
    path: str

    @property
    def page_id(self) -> str:
        """The page's name in plans and stores: the same every day, at most 40 characters."""
        digest = hashlib.sha256(f"{self.host} {self.path}".encode()).hexdigest()[:20]
        return f"{self.surface}-{digest}"

    def to_payload(self) -> JsonObject:
        """For the ledger."""
        return {
            "surface": self.surface.value,
            "keyword": self.keyword,
            "host": self.host.value,
            "path": self.path,
        }


def read_payload(payload: JsonObject) -> SearchPage:
    """The page that `to_payload` made."""
    return SearchPage(
        Surface(payload["surface"]),
        payload["keyword"],
        PageHost(payload["host"]),
        payload["path"],
    )


_PATHS: dict[tuple[Surface, RankType | None], tuple[PageHost, str]] = {
    (Surface.INTEGRATED, None): (PageHost.SEARCH, "/search.naver?where=nexearch&query="),
    (Surface.BLOG_TAB, None): (PageHost.SEARCH, "/search.naver?ssc=tab.blog.all&sm=tab_jum&query="),
    (Surface.CAFE_TAB, None): (PageHost.SEARCH, "/search.naver?ssc=tab.cafe.all&sm=tab_jum&query="),
    (Surface.PLACE_LIST, None): (PageHost.MAP, "/place/list?query="),
    (Surface.OPENAPI, RankType.BLOG): (
        PageHost.OPENAPI,
        "/v1/search/blog.json?display=100&start=1&sort=sim&query=",
    ),
    (Surface.OPENAPI, RankType.CAFE): (
        PageHost.OPENAPI,
        "/v1/search/cafearticle.json?display=100&start=1&sort=sim&query=",
    ),
}
"""Where each surface is; the Open API has an address per type. SOURCE: public crawlers and naver-openapi-guide."""

_TABS = {
    RankType.PLACE: Surface.PLACE_LIST,
    RankType.BLOG: Surface.BLOG_TAB,
    RankType.CAFE: Surface.CAFE_TAB,
}


def choose_surface(rank_type: RankType, source: RankSource, view: RankView) -> Surface:
    """Where a type is looked for."""
    if rank_type is RankType.PLACE:
        return Surface.PLACE_LIST
    if source is RankSource.OPENAPI:
        return Surface.OPENAPI
    return Surface.INTEGRATED if view is RankView.INTEGRATED else _TABS[rank_type]


def build_page(
    rank_type: RankType, keyword: str, surface: Surface, location: str = ""
) -> SearchPage:
    """The page of a keyword on a surface.

    Args:
        rank_type: What is looked for.
        keyword: What is searched for.
        surface: Where.
        location: Where the list of places is looked at from, as `longitude,latitude`; empty: Naver decides.
    """
    by_type = rank_type if surface is Surface.OPENAPI else None
    host, path = _PATHS[surface, by_type]
    stands = _locate(location) if location and surface is Surface.PLACE_LIST else ""
    return SearchPage(surface, keyword, host, path + quote(keyword, safe="") + stands)


def _locate(location: str) -> str:
    """The middle of the map and the visitor. SOURCE: addresses of the map's frame in public crawlers."""
    x, _, y = location.partition(",")
    return f"&x={x}&y={y}&clientX={x}&clientY={y}"


def list_candidates(
    rank_type: RankType, keyword: str, source: RankSource, view: RankView, location: str = ""
) -> list[SearchPage]:
    """Pages that hold the answer, best first: the one that is asked for now, then what other settings asked for."""
    wanted = choose_surface(rank_type, source, view)
    others = [choose_surface(rank_type, each, way) for each in RankSource for way in RankView]
    surfaces = dict.fromkeys([wanted, *others])
    pages = [
        build_page(rank_type, keyword, surface, place)
        for surface in surfaces
        for place in (location, "")
    ]
    return list(dict.fromkeys(pages))


def list_pages(
    trackings: Iterable[Tracking], source: RankSource, view: RankView, location: str = ""
) -> list[SearchPage]:
    """The pages of trackings, each once, in the order of the trackings."""
    pages = (
        build_page(
            each.rank_type, each.keyword, choose_surface(each.rank_type, source, view), location
        )
        for each in trackings
    )
    return list({page.page_id: page for page in pages}.values())
