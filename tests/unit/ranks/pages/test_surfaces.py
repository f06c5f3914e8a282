import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError, PlatformError
from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType, ResultPage, Surface
from tests.unit.ranks.pages.builders import (
    HEALTHY_NOISE,
    ad_card,
    block,
    card,
    link,
    make_blog_tab,
    make_cafe_tab,
    make_integrated,
    make_mobile,
    make_place_page,
    make_search,
    make_state,
)

POST = "https://blog.naver.com/name/1"
STATE = make_state(["HospitalSummary:5001"], ads=["5002"])
PAGES = {
    Surface.INTEGRATED: make_integrated(block(ad_card(), card(POST)), STATE),
    Surface.MOBILE: make_mobile(block(card(POST)), STATE),
    Surface.BLOG_TAB: make_blog_tab(ad_card(), card(POST), card("https://a.tistory.com/1")),
    Surface.CAFE_TAB: make_cafe_tab(card("https://cafe.naver.com/name/1")),
    Surface.PLACE_LIST: make_place_page(STATE),
    Surface.OPENAPI: b'{"total": 0, "start": 1, "items": []}',
}
TYPES = {
    Surface.BLOG_TAB: RankType.BLOG,
    Surface.CAFE_TAB: RankType.CAFE,
    Surface.OPENAPI: RankType.BLOG,
}


def make_notice(text: str) -> bytes:
    return f"<html><head>{HEALTHY_NOISE}</head><body><h1>{text}</h1></body></html>".encode()


BARE_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>"
)


def make_post() -> bytes:
    """A blog post as it is saved: its head has a link to the login, its text says anything."""
    return (
        f'<html><head>{HEALTHY_NOISE}<meta property="og:url" content="https://blog.naver.com/name/223">'
        '</head><body><a href="https://nid.naver.com/nidlogin.login">로그인</a>'
        "<p>비정상적인 접근 502 Bad Gateway 연령 확인이 필요</p></body></html>"
    ).encode()


def make_detail() -> bytes:
    meta = '<meta property="og:url" content="https://m.place.naver.com/restaurant/5001/home">'
    return make_place_page(meta, "<script>window.__APOLLO_STATE__ = {}</script>")


def refuse(body: bytes, rank_type: RankType, expected: Surface | None = None) -> PermanentError:
    with pytest.raises(PermanentError) as refused:
        read_page(body, rank_type, expected)
    return refused.value


@pytest.mark.parametrize("surface", Surface)
def test_a_page_says_itself_which_one_it_is(surface: Surface):
    rank_type = TYPES.get(surface, RankType.PLACE)
    assert read_page(PAGES[surface], rank_type).surface is surface
    assert read_page(PAGES[surface], rank_type, surface).surface is surface


@pytest.mark.parametrize("found", Surface)
@pytest.mark.parametrize("asked", Surface)
def test_another_page_than_the_one_that_was_asked_for_is_refused(asked: Surface, found: Surface):
    if asked is found:
        return
    error = refuse(PAGES[found], TYPES.get(found, RankType.PLACE), asked)
    assert error.kind == "wrong_page"
    assert f"looked for the {asked} page, found the {found} page" in error.message


@pytest.mark.parametrize(
    ("surface", "rank_type"),
    [
        (Surface.BLOG_TAB, RankType.CAFE),
        (Surface.CAFE_TAB, RankType.BLOG),
        (Surface.PLACE_LIST, RankType.BLOG),
        (Surface.OPENAPI, RankType.PLACE),
    ],
)
def test_a_page_that_cannot_show_the_type_is_refused(surface: Surface, rank_type: RankType):
    assert refuse(PAGES[surface], rank_type).kind == "wrong_page"


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (make_notice("검색 서비스 이용이 제한되었습니다"), "blocked", "서비스 이용이 제한"),
        (make_notice("과도한 접근 요청으로 제한되었습니다"), "blocked", "Crawl slower"),
        (make_notice("비정상적인 접근이 감지되었습니다"), "blocked", "비정상적인 접근"),
        (make_place_page("<p>과도한 접근 요청</p>"), "blocked", "과도한 접근 요청"),
        (make_search("tab.blog.all", "<p>비정상적인 접근</p>"), "blocked", "비정상적인 접근"),
        (make_notice("네이버 카페"), "login_wall", "asks for a login"),
        (make_notice("502 Bad Gateway"), "gateway_error", "502 Bad Gateway"),
        (make_notice("504 Gateway Time-out"), "gateway_error", "passes by itself"),
        (BARE_GATEWAY, "gateway_error", "502 Bad Gateway"),
        (make_place_page("<h1>502 Bad Gateway</h1>"), "gateway_error", "502 Bad Gateway"),
        (make_notice("이 검색어는 연령 확인이 필요합니다"), "adult_notice", "pause the tracking"),
        (
            make_search("tab.blog.all", "<p>청소년에게 노출하기 부적합한 검색결과를 제외</p>"),
            "adult_notice",
            "청소년에게 노출하기",
        ),
        (make_notice("비정상적인 접근: 연령 확인이 필요합니다"), "blocked", "비정상적인 접근"),
        (make_post(), "wrong_page", "the page of one blog (blog.naver.com/name/223)"),
        (make_place_page("<span>로딩중</span>"), "not_rendered", "found only its frame"),
        (make_search("tab.nx.all", ""), "not_rendered", "integrated"),
        (make_search("tab.nx.all", "", '<div id="other">'), "not_rendered", "#main_pack"),
        (
            make_search("tab.nx.all", link(POST, "글"), '<div id="other">'),
            "changed_structure",
            "#main_pack",
        ),
        (make_detail(), "wrong_page", "the page of one place"),
        (
            make_search("tab.news.all", link("https://a.example/1", "뉴스")),
            "wrong_page",
            "tab.news.all",
        ),
        (b"", "truncated", "it is empty"),
        (b" \n", "truncated", "it is empty"),
        (PAGES[Surface.INTEGRATED][:-30], "truncated", "which is cut off"),
        (PAGES[Surface.BLOG_TAB][:-30], "truncated", "which is cut off"),
        (card(POST).encode(), "truncated", "which is cut off"),
        (b"<!doctype html><html><head>", "truncated", "which is cut off"),
        (b"<html><body>hello</body></html>", "changed_structure", "replay the day"),
        (b"\x1f\x8b\x08\x00", "changed_structure", "replay the day"),
        (make_integrated(block(card("#"))), "changed_structure", "in each card"),
        (make_integrated(block(link("#", "글"))), "not_rendered", "integrated"),
    ],
)
def test_what_is_no_page_of_results_is_named(body: bytes, kind: str, said: str):
    error = refuse(body, RankType.BLOG)
    assert error.kind == kind
    assert said in error.message


@pytest.mark.parametrize(
    "notice", ["502 Bad Gateway", "청소년에게 노출하기 부적합한 검색결과를 제외"]
)
def test_a_page_with_results_is_read_whatever_it_says_beside_them(notice: str):
    for body in (
        make_blog_tab(f"<p>{notice}</p>", card(POST)),
        make_integrated(f"<p>{notice}</p>", block(card(POST))),
    ):
        assert len(read_page(body, RankType.BLOG).items) == 1


def test_a_page_from_before_ssc_is_known_by_where():
    body = PAGES[Surface.BLOG_TAB].replace(
        b'name="ssc" value="tab.blog.all"', b'name="where" value="blog"'
    )
    assert read_page(body, RankType.BLOG).surface is Surface.BLOG_TAB


def test_words_of_a_post_do_not_make_a_page_blocked():
    body = make_integrated(block(link(POST, "비정상적인 접근 captcha 로그인")))
    assert len(read_page(body, RankType.BLOG).items) == 1


@pytest.mark.parametrize("surface", Surface)
@pytest.mark.parametrize("rank_type", RankType)
def test_a_page_cut_anywhere_is_read_or_named(surface: Surface, rank_type: RankType):
    body = PAGES[surface]
    for end in range(0, len(body), 7):
        assert read_or_name(body[:end], rank_type)


@given(st.binary(max_size=400), st.sampled_from(RankType))
def test_any_bytes_are_named(body: bytes, rank_type: RankType):
    assert read_or_name(body, rank_type)


@given(
    st.sampled_from(list(PAGES.values())),
    st.integers(0, 3_000),
    st.binary(min_size=1, max_size=20),
    st.sampled_from(RankType),
)
def test_a_damaged_page_is_read_or_named(page: bytes, at: int, damage: bytes, rank_type: RankType):
    assert read_or_name(page[:at] + damage + page[at + len(damage) :], rank_type)


def read_or_name(body: bytes, rank_type: RankType) -> ResultPage | PlatformError:
    try:
        return read_page(body, rank_type)
    except PlatformError as error:
        return error
