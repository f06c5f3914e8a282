from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType, Surface
from tests.unit.ranks.pages.builders import (
    AD_URL,
    ad_card,
    block,
    card,
    link,
    make_integrated,
    make_mobile,
    old_card,
    post,
)

BLOG = "https://blog.naver.com/{}/{}"
CAFE = "https://cafe.naver.com/{}/{}?art=x.y"


def read(body: bytes, rank_type: RankType) -> list[tuple[int, str]]:
    return [(item.position, item.identity) for item in read_page(body, rank_type).items]


def test_posts_of_a_type_are_ranked_in_page_order_over_all_blocks():
    page = make_integrated(
        block(card(CAFE.format("one", 1)), card(BLOG.format("two", 2))),
        block(link("https://example.com/a", "다른 글"), name="web/template.ts", area="web_gen"),
        block(card(BLOG.format("three", 3))),
        block(link(BLOG.format("four", 4), "문서"), name="web/template.ts", area="web_gen"),
    )
    assert read(page, RankType.BLOG) == [
        (1, "blog.naver.com/two/2"),
        (2, "blog.naver.com/three/3"),
        (3, "blog.naver.com/four/4"),
    ]
    assert read(page, RankType.CAFE) == [(1, "cafe.naver.com/one/1")]
    assert read(page, RankType.PLACE) == []


def test_an_item_has_the_url_and_the_title_as_shown():
    url = "http://blog.naver.com/Name/5?from=search"
    found = read_page(
        make_integrated(block(card(url, front="https://blog.naver.com/name"))), RankType.BLOG
    )
    assert [(item.url, item.title) for item in found.items] == [(url, "제목 5?from=search")]
    assert (found.surface, found.total) == (Surface.INTEGRATED, None)


def test_a_title_has_neither_markup_nor_what_screen_readers_say():
    page = make_integrated(
        block(link(BLOG.format("one", 1), "<mark>좋은</mark>\n <b>글</b><span>새 창 열림</span>"))
    )
    assert [item.title for item in read_page(page, RankType.BLOG).items] == ["좋은 글"]


def test_the_line_that_says_where_a_document_is_from_is_no_title():
    url = BLOG.format("one", 1)
    page = make_integrated(block(link(url, "주인 blog.naver.com | one"), link(url, "진짜 제목")))
    assert [item.title for item in read_page(page, RankType.BLOG).items] == ["진짜 제목"]


def test_the_same_post_again_counts_once_at_its_first_place():
    first, second = BLOG.format("one", 1), BLOG.format("two", 2)
    again = "https://m.blog.naver.com/PostView.naver?blogId=one&logNo=1"
    page = make_integrated(block(card(first), card(second)), block(card(again)))
    assert read(page, RankType.BLOG) == [
        (1, "blog.naver.com/one/1"),
        (2, "blog.naver.com/two/2"),
    ]


def test_advertisements_never_count():
    page = make_integrated(
        block(ad_card(), card(BLOG.format("bought", 1), AD_URL)),
        block(card(BLOG.format("bought", 2)), area="ugB_adR"),
        block(card(BLOG.format("bought", 3)), name="ugc/template_powercontents_desk.ts"),
        f"<ul><li>{link(AD_URL, '광고')}{link(BLOG.format('bought', 4), '글')}</li></ul>",
        block(card(BLOG.format("real", 5))),
    )
    assert read(page, RankType.BLOG) == [(1, "blog.naver.com/real/5")]


def test_a_result_that_is_advertised_too_keeps_its_organic_place():
    post_url = BLOG.format("both", 2)
    page = make_integrated(
        block(card(post_url), area="ugB_adR"), block(card(BLOG.format("one", 1)), card(post_url))
    )
    assert read(page, RankType.BLOG) == [
        (1, "blog.naver.com/one/1"),
        (2, "blog.naver.com/both/2"),
    ]


def test_quotations_pictures_and_numbers_are_no_results():
    page = make_integrated(
        block(link(BLOG.format("quoted", 1), "인용"), name="ai-briefing/template.ts"),
        block(link(BLOG.format("picture", 2), "<img>"), link(BLOG.format("number", 3), "1,234")),
        block(card(BLOG.format("real", 4))),
    )
    assert read(page, RankType.BLOG) == [(1, "blog.naver.com/real/4")]


def test_posts_folded_into_one_card_share_its_position():
    front = "https://cafe.naver.com/one"
    page = make_integrated(
        block(
            card(CAFE.format("one", 1), CAFE.format("one", 2), front=front),
            card(CAFE.format("two", 3), front="https://cafe.naver.com/two"),
            card(CAFE.format("two", 4), front="https://cafe.naver.com/two"),
        )
    )
    found = read_page(page, RankType.CAFE)
    assert [item.position for item in found.items] == [1, 1, 2, 3]
    assert found.find_rank("cafe.naver.com/one/2") == 1
    assert found.find_rank("cafe.naver.com/two/4") == 3
    assert found.find_rank("cafe.naver.com/two/5") is None


def test_without_templates_a_card_begins_with_the_front_of_its_cafe():
    one, two = "https://cafe.naver.com/one", "https://cafe.naver.com/two"
    page = make_integrated(
        block(
            old_card(CAFE.format("one", 1), CAFE.format("one", 2), front=one),
            old_card(CAFE.format("two", 3), front=two),
            old_card(CAFE.format("two", 4), front=two),
        ),
        block(post(CAFE.format("two", 5)), post(CAFE.format("two", 6))),
    )
    assert [position for position, _ in read(page, RankType.CAFE)] == [1, 1, 2, 3, 4, 5]


def test_the_page_of_a_phone_has_the_same_blocks():
    page = make_mobile(
        block(card("https://m.cafe.naver.com/one/1?art=x", front="https://m.cafe.naver.com/one"))
    )
    found = read_page(page, RankType.CAFE)
    assert found.surface is Surface.MOBILE
    assert [item.identity for item in found.items] == ["cafe.naver.com/one/1"]


def test_links_outside_of_the_results_do_not_count():
    body = make_integrated(block(card(BLOG.format("in", 1))))
    outside = link(BLOG.format("out", 2), "옆 글").encode()
    page = body.replace(b"</body>", outside + b"</body>")
    assert outside in page
    assert read(page, RankType.BLOG) == [(1, "blog.naver.com/in/1")]
