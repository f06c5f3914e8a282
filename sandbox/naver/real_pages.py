"""Saved real pages, served byte for byte for the keyword that each was saved for. None of them is kept here."""

import gzip
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from platform_assets.core.errors import RefusedError
from sandbox.naver.candidates import tidy_keyword
from sandbox.naver.faults import PageKind
from sandbox.naver.page_requests import MOBILE_PREFIX

_FOLDER = "naver_html"
_KEYWORD_FIELD = re.compile(r'<input\b[^>]*\bid="nx_query"[^>]*>')
_VALUE = re.compile(r'\bvalue="([^"]*)"')
_TAB_FIELD = re.compile(r'<input\b(?=[^>]*\bname="ssc")[^>]*\bvalue="(tab\.[a-z.]+)"')
_MAP_KEYWORD = re.compile(r'\bg_query = "([^"]*)"')
_TABS = {
    "tab.nx.all": PageKind.INTEGRATED,
    "tab.m.all": PageKind.MOBILE,
    "tab.blog.all": PageKind.BLOG,
    "tab.cafe.all": PageKind.CAFE,
}
_PATHS = {
    PageKind.INTEGRATED: "/search.naver?where=nexearch&query=",
    PageKind.MOBILE: f"{MOBILE_PREFIX}/search.naver?where=m&query=",
    PageKind.BLOG: "/search.naver?ssc=tab.blog.all&sm=tab_jum&query=",
    PageKind.CAFE: "/search.naver?ssc=tab.cafe.all&sm=tab_jum&query=",
    PageKind.PLACE: "/place/list?query=",
}


@dataclass(frozen=True, slots=True)
class RealPage:
    """One saved page.

    Attributes:
        file: Its name.
        kind: Which page it is.
        keyword: What was searched for.
        body: As saved.
    """

    file: str
    kind: PageKind
    keyword: str
    body: bytes

    @property
    def path(self) -> str:
        """Where it is served."""
        return _PATHS[self.kind] + quote(self.keyword, safe="")


RealPages = Mapping[tuple[PageKind, str], RealPage]


def read_pages(data: Path) -> RealPages:
    """Pages by kind and keyword; of two for the same the first file counts, other pages are left out.

    Args:
        data: The folder that holds `naver_html`.

    Raises:
        RefusedError: There are none.
    """
    pages: dict[tuple[PageKind, str], RealPage] = {}
    for file in sorted((data / _FOLDER).glob("*.html.gz")):
        body = gzip.decompress(file.read_bytes())
        if (found := find_keyword(body.decode(errors="replace"))) is not None:
            pages.setdefault(found, RealPage(file.name, *found, body))
    if not pages:
        raise RefusedError(
            f"no pages {_FOLDER}/*.html.gz in {data}: name the folder of real ranks, or leave --data out"
        )
    return pages


def find_keyword(text: str) -> tuple[PageKind, str] | None:
    """Kind and keyword as a page says them itself; None for pages that are no results of a search."""
    tab, field = _TAB_FIELD.search(text), _KEYWORD_FIELD.search(text)
    if field is not None and (value := _VALUE.search(field[0])):
        kind = _TABS.get(tab[1]) if tab else None
        return (kind, tidy_keyword(html.unescape(value[1]))) if kind else None
    on_map = _MAP_KEYWORD.search(text) if "place_on_pcmap" in text else None
    return (PageKind.PLACE, tidy_keyword(on_map[1])) if on_map and on_map[1].strip() else None
