"""Which page a request asks for, by path, query and the `Host` header. Pure."""

import re
from dataclasses import dataclass

from sandbox.naver.candidates import tidy_keyword
from sandbox.naver.exchange import Call
from sandbox.naver.faults import PageKind
from sandbox.naver.pace import Host

MOBILE_PREFIX = "/m"
_PLACE_LIST = re.compile(r"/(place|restaurant|hospital|hairshop|accommodation)/list")
_TABS = {"tab.blog.all": PageKind.BLOG, "tab.cafe.all": PageKind.CAFE, "tab.m.all": PageKind.MOBILE}


@dataclass(frozen=True, slots=True)
class Page:
    """A page that there is.

    Attributes:
        kind: Which one.
        keyword: What is searched for, tidied.
        start: Number of the first result, where it may be asked for.
    """

    kind: PageKind
    keyword: str
    start: int = 1

    @property
    def host(self) -> Host:
        """Whose page it is."""
        return _HOSTS.get(self.kind, Host.SEARCH)


_HOSTS = {
    PageKind.MOBILE: Host.MOBILE,
    PageKind.PLACE: Host.MAP,
    PageKind.API: Host.OPENAPI,
}


def find_page(call: Call) -> Page | None:
    """The page that a request asks for; None if there is none.

    `where=blog` and `where=article` give the integrated page, as the site answers plain HTTP.
    """
    keyword = tidy_keyword(call.query.get("query", ""))
    if call.path.startswith("/v1/search/"):
        return Page(PageKind.API, keyword)
    if not keyword:
        return None
    if _PLACE_LIST.fullmatch(call.path):
        start = call.query.get("start", "1")
        is_number = start.isascii() and start.isdigit()
        return Page(PageKind.PLACE, keyword, max(1, int(start)) if is_number else 1)
    path = call.path.removeprefix(MOBILE_PREFIX)
    if path != "/search.naver":
        return None
    is_mobile = path != call.path or call.headers.get("host", "").startswith("m.search.")
    if is_mobile or call.query.get("where") == "m":
        return Page(PageKind.MOBILE, keyword)
    return Page(_TABS.get(call.query.get("ssc", ""), PageKind.INTEGRATED), keyword)
