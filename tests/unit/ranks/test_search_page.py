"""Which page is asked for, and when two trackings share one."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.ranks.result_page import RankType, Surface
from platform_assets.ranks.search_page import (
    PageHost,
    RankSource,
    RankView,
    build_page,
    choose_surface,
    list_candidates,
    list_pages,
    read_payload,
)
from tests.unit.ranks.bench import make_tracking


@pytest.mark.parametrize("source", list(RankSource))
@pytest.mark.parametrize("view", list(RankView))
def test_places_are_always_read_from_the_map(source: RankSource, view: RankView):
    assert choose_surface(RankType.PLACE, source, view) is Surface.PLACE_LIST
    assert build_page(RankType.PLACE, "x", Surface.PLACE_LIST).host is PageHost.MAP


@pytest.mark.parametrize(
    ("rank_type", "source", "view", "surface"),
    [
        (RankType.BLOG, RankSource.HTTP, RankView.TAB, Surface.BLOG_TAB),
        (RankType.CAFE, RankSource.BROWSER, RankView.TAB, Surface.CAFE_TAB),
        (RankType.BLOG, RankSource.HTTP, RankView.INTEGRATED, Surface.INTEGRATED),
        (RankType.CAFE, RankSource.OPENAPI, RankView.TAB, Surface.OPENAPI),
    ],
)
def test_the_surface_follows_the_settings(
    rank_type: RankType, source: RankSource, view: RankView, surface: Surface
):
    assert choose_surface(rank_type, source, view) is surface


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200))
def test_any_keyword_arrives_as_it_is(keyword: str):
    page = build_page(RankType.BLOG, keyword, Surface.BLOG_TAB)
    query = parse_qs(urlsplit(page.path).query, keep_blank_values=True)
    assert query["query"] == [keyword]
    assert query["ssc"] == ["tab.blog.all"]
    assert len(page.page_id) <= 40


def test_a_page_survives_the_ledger():
    page = build_page(RankType.CAFE, '"강릉" 🍜', Surface.OPENAPI)
    assert read_payload(page.to_payload()) == page


def test_blogs_and_cafes_share_the_integrated_page_of_a_keyword():
    trackings = [make_tracking(1, "a"), make_tracking(2, "a", rank_type=RankType.CAFE)]
    assert len(list_pages(trackings, RankSource.HTTP, RankView.INTEGRATED)) == 1
    assert len(list_pages(trackings, RankSource.HTTP, RankView.TAB)) == 2


def test_pages_of_other_settings_are_candidates_after_the_present_one():
    candidates = list_candidates(RankType.BLOG, "a", RankSource.OPENAPI, RankView.TAB)
    assert [page.surface for page in candidates] == [
        Surface.OPENAPI,
        Surface.BLOG_TAB,
        Surface.INTEGRATED,
    ]


def test_a_list_of_places_is_looked_at_from_the_location_and_nothing_else_is():
    place = build_page(RankType.PLACE, "카페", Surface.PLACE_LIST, "127.0276,37.4979")
    assert place.path.endswith("&x=127.0276&y=37.4979&clientX=127.0276&clientY=37.4979")
    assert place.page_id != build_page(RankType.PLACE, "카페", Surface.PLACE_LIST).page_id
    blog = build_page(RankType.BLOG, "카페", Surface.BLOG_TAB, "127.0276,37.4979")
    assert blog == build_page(RankType.BLOG, "카페", Surface.BLOG_TAB)


def test_a_day_that_was_fetched_without_a_location_is_read_with_one():
    pages = list_candidates(
        RankType.PLACE, "카페", RankSource.HTTP, RankView.TAB, "127.0276,37.4979"
    )
    assert pages == [
        build_page(RankType.PLACE, "카페", Surface.PLACE_LIST, "127.0276,37.4979"),
        build_page(RankType.PLACE, "카페", Surface.PLACE_LIST),
    ]
