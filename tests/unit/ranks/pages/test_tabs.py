import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType, Surface
from tests.unit.ranks.pages.builders import (
    ad_card,
    card,
    link,
    make_blog_tab,
    make_cafe_tab,
    make_search,
    source,
)

BLOG = "https://blog.naver.com/{}/{}"
NOTHING = '<div class="api_noresult_wrap">검색결과가 없습니다.</div>'


def read(body: bytes, rank_type: RankType = RankType.BLOG) -> list[tuple[int, str]]:
    return [(item.position, item.identity) for item in read_page(body, rank_type).items]


def test_every_organic_card_of_the_blog_tab_counts_and_advertisements_do_not():
    cards = [card(BLOG.format(f"name{number}", number)) for number in range(1, 31)]
    found = read_page(make_blog_tab(ad_card(), *cards), RankType.BLOG, Surface.BLOG_TAB)
    assert found.surface is Surface.BLOG_TAB
    assert [item.position for item in found.items] == list(range(1, 31))
    assert found.find_rank("blog.naver.com/name30/30") == 30


def test_a_post_on_another_site_counts_by_its_url_without_query():
    page = make_blog_tab(
        card("https://name.tistory.com/entry/12?category=1#a", front="https://name.tistory.com/"),
        card("https://brunch.co.kr/@name/7", front="https://brunch.co.kr/@name"),
        card("https://in.naver.com/someone/contents/internal/8"),
        card(BLOG.format("name", 9), front="https://blog.naver.com/name"),
    )
    assert read(page) == [
        (1, "https://name.tistory.com/entry/12"),
        (2, "https://brunch.co.kr/@name/7"),
        (3, "https://in.naver.com/someone/contents/internal/8"),
        (4, "blog.naver.com/name/9"),
    ]


def test_posts_on_another_site_that_differ_in_their_query_alone_are_two_results():
    page = make_blog_tab(*(card(f"https://a.example/?p={number}#x") for number in (1, 2)))
    assert read(page) == [(1, "https://a.example?p=1"), (2, "https://a.example?p=2")]


def test_folded_posts_of_a_card_share_its_position():
    page = make_blog_tab(
        card(BLOG.format("one", 1), BLOG.format("one", 2)), card(BLOG.format("two", 3))
    )
    assert [position for position, _ in read(page)] == [1, 1, 2]


def test_cards_of_older_pages_are_list_items():
    items = "".join(
        f'<li class="bx">{link(f"https://blog.naver.com/n{number}", "주인")}'
        f"{link(f'https://blog.naver.com/n{number}/{number}', '제목')}</li>"
        for number in (1, 2)
    )
    page = make_search("tab.blog.all", f'<ul class="lst_view">{items}</ul>')
    assert read(page) == [(1, "blog.naver.com/n1/1"), (2, "blog.naver.com/n2/2")]


@pytest.mark.parametrize(
    ("ssc", "rank_type"), [("tab.blog.all", RankType.BLOG), ("tab.cafe.all", RankType.CAFE)]
)
def test_a_tab_that_says_that_it_found_nothing_has_no_items(ssc: str, rank_type: RankType):
    found = read_page(make_search(ssc, NOTHING), rank_type)
    assert (found.items, found.total) == ((), None)


def test_the_cafe_tab_ranks_posts_of_cafes_also_by_number():
    page = make_cafe_tab(
        card("https://cafe.naver.com/one/1", "https://cafe.naver.com/one/2"),
        card("https://cafe.naver.com/ca-fe/cafes/77/articles/3"),
    )
    assert read(page, RankType.CAFE) == [
        (1, "cafe.naver.com/one/1"),
        (1, "cafe.naver.com/one/2"),
        (2, "cafe.naver.com/~77/3"),
    ]


@pytest.mark.parametrize(
    "page",
    [
        make_blog_tab(card(BLOG.format("one", 1)), card("#")),
        make_blog_tab(f'<div data-template-id="ugcItem">{source(BLOG.format("one", ""))}</div>'),
        make_blog_tab(card(BLOG.format("one", 1), template="newItem")),
    ],
    ids=["one card leads nowhere", "only who wrote it", "cards of another name"],
)
def test_cards_that_cannot_be_read_are_an_error_and_no_shorter_list(page: bytes):
    with pytest.raises(PermanentError, match="replay the day") as refused:
        read_page(page, RankType.BLOG)
    assert refused.value.kind == "changed_structure"


def test_a_tab_without_anything_is_not_rendered():
    with pytest.raises(PermanentError) as refused:
        read_page(make_search("tab.blog.all", "<script></script>"), RankType.BLOG)
    assert refused.value.kind == "not_rendered"
