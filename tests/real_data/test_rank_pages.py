"""The readers on real pages of Naver: which page each is, what it holds, and the answers that people know."""

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from platform_assets.core.errors import PermanentError, PlatformError
from platform_assets.ranks.identity import identify_target
from platform_assets.ranks.pages import read_page
from platform_assets.ranks.pages.cards import read_posts
from platform_assets.ranks.pages.document import parse_document
from platform_assets.ranks.result_page import RankType, ResultPage, Surface
from tests.real_data.conftest import ROOT, find_data

PLACE, BLOG, CAFE = RankType.PLACE, RankType.BLOG, RankType.CAFE
INTEGRATED = {
    "bp4sp4__naver_search": (0, 6, 2),
    "crazat__debug_serp": (7, 4, 5),
    "crazy-vincnet__debug_search": (7, 0, 3),
    "crazy-vincnet__naver_blog": (7, 0, 3),
    "hyperkh65__naver_search": (0, 0, 0),
    "jsky9292__naver-search-result": (7, 4, 0),
    "kkhwan1__마라탕": (7, 4, 4),
    "kkhwan1__밀키트": (7, 9, 0),
    "kkhwan1__바겐슈타이거": (0, 6, 6),
    "kkhwan1__소갈비탕": (7, 3, 0),
    "kkhwan1__제육볶음": (7, 4, 0),
    "kkhwan1__천안가구단지": (7, 3, 0),
    "kkhwan1__호텔베게": (0, 6, 5),
    "km2535__debug_search": (0, 7, 4),
    "luckysohee__debug_naver_search": (0, 18, 7),
    "whalez0416__naver_test": (1, 7, 6),
    "yoohojong__ab_cafe_top": (0, 9, 4),
    "yoohojong__mixed_blocks": (0, 8, 1),
    "yoohojong__no_match": (0, 2, 0),
    "yoohojong__popular_cafe": (0, 7, 3),
}
"""Places, blog posts and cafe posts on each page."""
OTHERS = {
    "Han-jinwook__debug_detail_page": "wrong_page",
    "Han-jinwook__debug_청라동_피부관리": "not_rendered",
    "enkeiko__place-1265317185": "wrong_page",
    "enkeiko__test-html-source": "wrong_page",
    "hayoshiisy__naver_search_result": "wrong_page",
    "namea1000__naver_search": "wrong_page",
    "yoohojong__login_wall": "login_wall",
    "yoohojong__popular_same_cafe_two_cards": "truncated",
}
REST = {
    "crazat__청주_한의원_iframe",
    "crazy-vincnet__m_search_test",
    "yeonuk-hwang__naver_blog_search_no_result",
    "yeonuk-hwang__naver_blog_search_result",
}
CLASSES = re.compile(rb'\bclass="(?!api_noresult)[^"]*"')


@pytest.fixture(scope="module")
def folder(give_up: Callable[[str], NoReturn]) -> Path:
    """The folder of real pages."""
    data = find_data()
    if data is None or not (data / "rank" / "naver_html").is_dir():
        give_up(
            f"no real pages beside {ROOT}: looked for shared/data/rank in the folders above it; "
            "SLUICE_TEST_DATA names another place"
        )
    return data / "rank"


def load(folder: Path, name: str) -> bytes:
    return gzip.decompress((folder / "naver_html" / f"{name}.html.gz").read_bytes())


def identities(page: ResultPage) -> list[str]:
    return [item.identity for item in page.items]


def positions(page: ResultPage) -> list[int]:
    return [item.position for item in page.items]


def test_every_real_page_has_a_claim(folder: Path):
    files = {file.name.removesuffix(".html.gz") for file in (folder / "naver_html").iterdir()}
    assert files == {*INTEGRATED, *OTHERS, *REST}


@pytest.mark.parametrize("name", INTEGRATED)
def test_an_integrated_page_holds_what_it_shows(folder: Path, name: str):
    body = load(folder, name)
    for rank_type, count in zip((PLACE, BLOG, CAFE), INTEGRATED[name], strict=True):
        page = read_page(body, rank_type, Surface.INTEGRATED)
        assert len(page.items) == count, rank_type
        check_items(page)


def check_items(page: ResultPage) -> None:
    """Positions from 1 without gaps, identities once and in their own form, titles on all."""
    assert len(set(identities(page))) == len(page.items)
    assert sorted(set(positions(page))) == list(range(1, len(set(positions(page))) + 1))
    assert positions(page) == sorted(positions(page))
    for item in page.items:
        assert item.title
        if not item.identity.startswith("http"):
            assert identify_target(page.rank_type, item.identity) == item.identity
            assert identify_target(page.rank_type, item.url) == item.identity


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_page_of_results_is_named(folder: Path, name: str):
    for rank_type in RankType:
        with pytest.raises(PermanentError) as refused:
            read_page(load(folder, name), rank_type)
        assert refused.value.kind == OTHERS[name]


def test_the_list_of_the_map_has_70_of_382_places_and_the_known_first_four(folder: Path):
    page = read_page(load(folder, "crazat__청주_한의원_iframe"), PLACE, Surface.PLACE_LIST)
    assert (len(page.items), page.total) == (70, 382)
    check_items(page)
    known = ["11737098", "1624874317", "34954201", "12071988"]
    assert [page.find_rank(f"place/{place_id}") for place_id in known] == [1, 2, 3, 4]
    # The first advertisement is that same place; a place that is only advertised has no rank.
    assert page.find_rank("place/1675279192") is None


def test_the_phone_shows_5_places_where_a_pc_shows_7(folder: Path):
    body = load(folder, "crazy-vincnet__m_search_test")
    pages = [read_page(body, rank_type, Surface.MOBILE) for rank_type in (PLACE, BLOG, CAFE)]
    assert [len(page.items) for page in pages] == [5, 0, 3]
    pc = read_page(load(folder, "crazy-vincnet__debug_search"), CAFE)
    assert identities(pages[2]) == identities(pc)


def test_the_blog_tab_has_30_cards_and_no_advertisement(folder: Path):
    body = load(folder, "yeonuk-hwang__naver_blog_search_result")
    assert body.count(b'data-template-id="ugcItem"') == 31
    page = read_page(body, BLOG, Surface.BLOG_TAB)
    assert (len(page.items), positions(page)[-1]) == (33, 30)
    check_items(page)


def test_a_blog_tab_without_result_is_a_page_without_items(folder: Path):
    page = read_page(load(folder, "yeonuk-hwang__naver_blog_search_no_result"), BLOG)
    assert (page.surface, page.items) == (Surface.BLOG_TAB, ())


def test_the_known_cafe_post_is_first_also_by_a_url_with_a_query(folder: Path):
    page = read_page(load(folder, "yoohojong__ab_cafe_top"), CAFE)
    target = identify_target(CAFE, "https://cafe.naver.com/pusanmommy/1445556?query=x")
    assert page.find_rank(target) == 1


def test_the_known_popular_post_is_shown_with_two_posts_folded_under_it(folder: Path):
    page = read_page(load(folder, "yoohojong__popular_cafe"), CAFE)
    assert page.find_rank("cafe.naver.com/cosmania/38373348") == 1
    assert positions(page) == [1, 1, 1]


@pytest.mark.parametrize("templates", [True, False])
def test_two_cards_of_one_cafe_are_two_positions_with_and_without_templates(
    folder: Path, templates: bool
):
    body = load(folder, "yoohojong__popular_same_cafe_two_cards")
    if not templates:
        body = body.replace(b'"ugcItem"', b'"renamed"')
    root = parse_document(body).tree.body
    assert root is not None
    items = read_posts(root, CAFE)
    assert [item.position for item in items] == [1, 1, 1, 2, 2, 3, 4, 5]
    assert items[-1].identity == "cafe.naver.com/com2usbaseball2015/1996063"


@pytest.mark.parametrize("name", INTEGRATED)
def test_ranks_of_posts_hold_when_templates_or_classes_are_renamed(folder: Path, name: str):
    body = load(folder, name)
    renamed = (body.replace(b'"ugcItem"', b'"renamed"'), CLASSES.sub(b'class="q"', body))
    for rank_type in (BLOG, CAFE):
        found = read_page(body, rank_type).items
        assert [read_page(other, rank_type).items for other in renamed] == [found, found]


@pytest.mark.parametrize("name", [name for name, (places, *_) in INTEGRATED.items() if places > 1])
def test_without_its_state_a_block_of_places_is_read_from_its_items(folder: Path, name: str):
    body = load(folder, name)
    listed = identities(read_page(body, PLACE))
    shown = identities(read_page(body.replace(b"__APOLLO_STATE__", b"__RENAMED__"), PLACE))
    assert len(shown) >= 5
    assert shown == listed[: len(shown)]


@pytest.mark.parametrize("name", [*INTEGRATED, *sorted(REST)])
def test_a_cut_page_is_never_a_page_with_fewer_results(folder: Path, name: str):
    body = load(folder, name)
    for rank_type in RankType:
        whole = read_or_name(body, rank_type)
        for cut in cut_everywhere(body):
            found = read_or_name(cut, rank_type)
            assert found in ("truncated", whole)


def cut_everywhere(body: bytes) -> Iterator[bytes]:
    return (body[: len(body) * part // 12] for part in range(1, 12))


def read_or_name(body: bytes, rank_type: RankType) -> ResultPage | str:
    try:
        return read_page(body, rank_type)
    except PlatformError as error:
        return error.kind


@pytest.mark.parametrize(
    ("name", "rank_type", "count", "total"),
    [
        ("blog_response_display2", BLOG, 2, 172_598),
        ("blog_response_excerpt_4_of_20", BLOG, 4, 652),
        ("cafearticle_response_excerpt_4_of_10", CAFE, 4, 6_642_457),
    ],
)
def test_bodies_of_the_open_api_are_read(
    folder: Path, name: str, rank_type: RankType, count: int, total: int
):
    body = (folder / "naver_openapi" / f"{name}.json").read_bytes()
    page = read_page(body, rank_type, Surface.OPENAPI)
    assert (len(page.items), page.total) == (count, total)
    assert positions(page) == list(range(1, count + 1))
