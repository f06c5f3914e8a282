"""Which page a page is, by what it says itself: the form field `ssc` of the search, or the state of a page of places.

What is no page of results is named here: a block page, a login, the frame of a page, a part of one, another page.
"The word captcha" is no sign: every healthy page loads a script of that name.
"""

import re
from collections.abc import Sequence

from platform_assets.core.errors import PermanentError
from platform_assets.ranks.identity import identify_link
from platform_assets.ranks.pages.apollo import State
from platform_assets.ranks.pages.cards import CARD
from platform_assets.ranks.pages.document import Document
from platform_assets.ranks.pages.faults import (
    adult_notice,
    blocked,
    changed_structure,
    gateway_error,
    login_wall,
    not_rendered,
    truncated,
    wrong_page,
)
from platform_assets.ranks.result_page import Surface

TABS = {
    "tab.nx.all": Surface.INTEGRATED,
    "tab.m.all": Surface.MOBILE,
    "tab.blog.all": Surface.BLOG_TAB,
    "tab.cafe.all": Surface.CAFE_TAB,
}
OLD_TABS = {
    "nexearch": Surface.INTEGRATED,
    "m": Surface.MOBILE,
    "blog": Surface.BLOG_TAB,
    "article": Surface.CAFE_TAB,
}
"""Values of `where`, on pages from before `ssc`."""
CONTAINERS = "#main_pack, #ct"
LINKS = 'a[href^="http"]'
PLACE_ITEMS = ".place_section > ul > li, #_pcmap_list_scroll_container > ul > li"
PLACE_DETAIL = re.compile(r"place\.naver\.com/[a-z]+/[0-9]+")
BLOCK_SIGNS = (
    "서비스 이용이 제한",
    "과도한 접근 요청",
    "비정상적인 접근",
    "비정상적인 검색",
    "자동화된 접근",
    "자동입력 방지",
    "자동등록방지",
    "접속이 일시적으로 제한",
    "보안 확인을 완료",
    "unusual traffic",
)
"""What Naver writes to visitors that it refuses, as public crawlers quote it."""
ADULT_SIGNS = (
    "연령 확인이 필요",
    "연령확인이 필요",
    "성인 인증이 필요",
    "성인인증이 필요",
    "청소년에게 노출하기",
    "청소년 유해",
    "19세 미만",
)
"""What Naver writes where results are shown to adults only; pages with results may say it, too."""
GATEWAY_SIGN = re.compile(
    r"\b50[0234]\b.{0,30}?(?:bad gateway|gateway time-?out|service (?:temporarily )?unavailable|server error)",
    re.IGNORECASE,
)
"""Titles and headings of the error pages that gateways write themselves: "502 Bad Gateway"."""
NOTICE_LENGTH = 1_000
"""Characters at the beginning of what a page shows, in which a gateway says what is wrong."""
LOGIN_PAGE = "nid.naver.com/nidlogin"
LOOKED_FOR = "the search form (`ssc`) or the state of a page of places"


def find_surface(document: Document, states: Sequence[State]) -> Surface:
    """Which page it is.

    Raises:
        PermanentError: It is no page of results; the kind says what it is.
    """
    if ssc := document.read_field("ssc") or document.read_field("where"):
        return check_search(document, ssc)
    if is_place_page(document, states):
        return check_places(document, states)
    raise name_other(document)


def check_search(document: Document, ssc: str) -> Surface:
    """The surface of a page of the search."""
    surface = TABS.get(ssc) or OLD_TABS.get(ssc)
    if surface is None:
        raise wrong_page(f"a search page with ssc={ssc[:40]!r}", f"one of {', '.join(TABS)}")
    if not document.is_complete:
        raise truncated(surface, "its end")
    if document.tree.css_first(CONTAINERS) is not None:
        return surface
    lacking = changed_structure if document.tree.css_first(LINKS) else not_rendered
    raise find_notice(document) or lacking(surface, CONTAINERS)


def is_place_page(document: Document, states: Sequence[State]) -> bool:
    """Whether it is a page of the map or of places."""
    return (
        any(state.block == "window" for state in states)
        or document.tree.css_first(PLACE_ITEMS) is not None
        or "PLACE_SALT__" in document.text
    )


def check_places(document: Document, states: Sequence[State]) -> Surface:
    """The surface of a page of places."""
    if any(state.find_list() is not None for state in states):
        return Surface.PLACE_LIST
    if any(state.find_detail() for state in states) or PLACE_DETAIL.search(
        document.read_meta("og:url")
    ):
        raise wrong_page("the page of one place", "the list of places of a search")
    if not document.is_complete:
        raise truncated(Surface.PLACE_LIST, "its state or its end")
    if document.tree.css_first(PLACE_ITEMS) is not None:
        return Surface.PLACE_LIST
    raise find_notice(document) or not_rendered(Surface.PLACE_LIST, "places")


def name_other(document: Document) -> PermanentError:
    """The error for a page that is neither."""
    if document.tree.css_first(f"[data-template-id={CARD}]") is not None:
        return truncated("search", LOOKED_FOR)
    if (found := identify_link(document.read_meta("og:url"))) is not None:
        return wrong_page(f"the page of one {found[0]} ({found[1]})", "a page of results")
    if (error := find_notice(document)) is not None:
        return error
    if not document.is_complete and "<html" in document.text[:4_096].lower():
        return truncated("unknown", LOOKED_FOR)
    if LOGIN_PAGE in document.text:
        return login_wall()
    return changed_structure("unknown", LOOKED_FOR)


def find_notice(document: Document) -> PermanentError | None:
    """The error for a page that says why it has no results; None if it does not say so."""
    shown = document.show()
    if sign := next((sign for sign in BLOCK_SIGNS if sign in shown), None):
        return blocked(sign)
    if found := GATEWAY_SIGN.search(f"{document.read_title()} {shown}"[:NOTICE_LENGTH]):
        return gateway_error(found[0])
    sign = next((sign for sign in ADULT_SIGNS if sign in shown), None)
    return adult_notice(sign) if sign else None
