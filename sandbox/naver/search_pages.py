"""Whole pages of a search, of a keyword and a day: integrated (PC and mobile), and the tabs of blogs and of cafes.

No page of the cafe tab was saved: it is built like the blog tab, which the site renders with the same parts.
"""

from collections.abc import Sequence
from html import escape
from itertools import zip_longest
from typing import cast

from sandbox.igdb.hashing import mix, salt_of
from sandbox.naver.candidates import Candidate, PlaceSpot, Post, RankType, list_candidates
from sandbox.naver.cards import (
    write_ad_url,
    write_block,
    write_bought_card,
    write_card,
    write_url,
)
from sandbox.naver.markup import Frame, Look, write_link, write_nothing_found
from sandbox.naver.place_pages import write_list_page, write_openings_block, write_search_block
from sandbox.naver.place_states import choose_bought, write_list_state
from sandbox.naver.ranking import LIST_PLACES, View, order_results, show

_FRAMES = {
    View.INTEGRATED: Frame("네이버 검색", "tab.nx.all", "nexearch", "wrap-new api_animation"),
    View.MOBILE: Frame(
        "네이버 검색", "tab.m.all", "m", "s api_animation type_floating", is_mobile=True
    ),
}
_TAB_FRAMES = {
    RankType.BLOG: Frame("네이버 블로그검색", "tab.blog.all", "", "wrap-new tabsch tabsch_blog"),
    RankType.CAFE: Frame("네이버 카페검색", "tab.cafe.all", "", "wrap-new tabsch tabsch_cafe"),
}
_STRANGERS = 20
"""Candidates from the end of the order, which stand in for places that a search does not find."""


def write_tab(look: Look, rank_type: RankType) -> str:
    """The tab of blogs or of cafes: 30 results, with advertisements between them."""
    frame = _TAB_FRAMES[rank_type]
    posts = cast("Sequence[Post]", _find(look, rank_type, View.TAB))
    if not posts:
        return frame.wrap(look, write_nothing_found(look))
    cards = [write_card(look, post) for post in posts]
    if rank_type is RankType.BLOG:
        # The first result is bought on many days, and one further down on all.
        if salt_of(look.keyword, look.day) % 2:
            cards.insert(0, write_bought_card(look, 0, posts[-1]))
        cards.insert(len(cards) // 2, write_bought_card(look, 1))
    name = f"review/prs_template_v2_review_{rank_type}_tab_desk.ts"
    block = write_block(look, name, "blg" if rank_type is RankType.BLOG else "caf", "", cards)
    listed = f'<section class="sc_new"><div class="api_subject_bx"><ul class="lst_view">{block}</ul></div></section>'
    return frame.wrap(look, listed)


def write_integrated(look: Look, view: View) -> str:
    """The integrated page: bought links, places, blocks of blogs and cafes, sites of the web."""
    frame = _FRAMES[view]
    places = cast("Sequence[PlaceSpot]", _find(look, RankType.PLACE, view))
    if not places:
        return frame.wrap(look, write_nothing_found(look))
    blogs = cast("Sequence[Post]", _find(look, RankType.BLOG, view))
    cafes = cast("Sequence[Post]", _find(look, RankType.CAFE, view))
    blocks = [_write_power_links(look), _write_places(look, view, places), *_write_openings(look)]
    blocks += [_write_power_contents(look), *_write_posts(look, blogs, cafes)]
    blocks += [_write_popular(look, cafes), _write_web(look, blogs)]
    return frame.wrap(look, "\n".join(blocks))


def write_places(look: Look, start: int) -> str:
    """The list of places that the map shows, from a place on."""
    found = cast("Sequence[PlaceSpot]", _find(look, RankType.PLACE, View.OPENAPI))
    shown = found[start - 1 : start - 1 + LIST_PLACES]
    bought = choose_bought(look, shown, _list_strangers(look))
    state = write_list_state(
        look, shown, bought, total=len(found), start=start, display=LIST_PLACES, device="pcmap"
    )
    return write_list_page(look, state, shown, bought)


def _find(look: Look, rank_type: RankType, view: View) -> tuple[Candidate, ...]:
    return show(order_results(look.seed, rank_type, look.keyword, look.day), rank_type, view)


def _list_strangers(look: Look) -> list[PlaceSpot]:
    """Places that no list of the keyword shows near its top."""
    candidates = list_candidates(look.seed, RankType.PLACE, look.keyword)
    return cast("list[PlaceSpot]", list(candidates[-_STRANGERS:]))


def _write_power_links(look: Look) -> str:
    salt = salt_of(look.seed, look.keyword, look.day, "power links")
    items = [
        f"<li>{write_link(write_ad_url(mix(number, salt)), f'{look.shown} 전문 {number + 1}호점')}</li>"
        for number in range(8)
    ]
    return (
        f'<section><div id="pcPowerLink_{salt % 65536:04x}"><h2 class="title">파워링크</h2>'
        f'<ul>{"".join(items)}</ul></div></section><div class="_scrollLog" data-slog-id="pwl_nop"></div>'
    )


def _write_places(look: Look, view: View, places: Sequence[PlaceSpot]) -> str:
    total = len(_find(look, RankType.PLACE, View.OPENAPI))
    is_mobile = view is View.MOBILE
    bought = choose_bought(look, places, _list_strangers(look))
    device = "mobile" if is_mobile else "pc"
    state = write_list_state(look, places, bought, total=total, display=len(places), device=device)
    return write_search_block(look, state, places, bought, is_mobile=is_mobile)


def _write_openings(look: Look) -> list[str]:
    """New places, where there are any: for every third keyword there are none."""
    if salt_of(look.seed, look.keyword, "openings") % 3 == 0:
        return []
    return [write_openings_block(look, _list_strangers(look)[:9])]


def _write_power_contents(look: Look) -> str:
    cards = [write_bought_card(look, number) for number in range(2, 5)]
    heading = f"'{look.shown}' 관련 브랜드 콘텐츠"
    return write_block(
        look, "ugc/prs_template_v2_ugc_powercontents_desk.ts", "ugB_adR", heading, cards
    )


def _write_posts(look: Look, blogs: Sequence[Post], cafes: Sequence[Post]) -> list[str]:
    """Blocks in which posts of blogs and cafes stand in turn, three in each."""
    mixed = [post for pair in zip_longest(blogs, cafes) for post in pair if post is not None]
    name = "review/prs_template_v2_review_blog_rra_desk.ts"
    cards = [write_card(look, post) for post in mixed]
    return [
        write_block(
            look, name, "urB_coR", f"'{look.shown}' 인기글 {start}", cards[start : start + 3]
        )
        for start in range(0, len(cards), 3)
    ]


def _write_popular(look: Look, cafes: Sequence[Post]) -> str:
    """Popular posts of cafes, which the page has shown already."""
    name, heading = "ugc/prs_template_v2_ugc_popular_cafe_desk.ts", f"{look.shown} 인기 카페글"
    cards = (write_card(look, post) for post in reversed(cafes[:3]))
    return write_block(look, name, "ugB_ctR", heading, cards)


def _write_web(look: Look, blogs: Sequence[Post]) -> str:
    """Sites of the web, and a post that the page has shown already."""
    items = [
        write_link(f"https://www.site-{number}.example/{look.quoted}", look.shown, "", ".link")
        for number in range(3)
    ]
    items += [write_link(write_url(post), escape(post.title), "", ".link") for post in blogs[:1]]
    return write_block(look, "web/prs_template_v2_web_basic_desk.ts", "web_gen", "", items)
