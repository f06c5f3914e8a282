import json
from typing import Any

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType, Surface


def make_body(items: list[dict[str, Any]], **fields: Any) -> bytes:
    return json.dumps({"total": 652, "start": 1, "display": 100, "items": items} | fields).encode()


def blog_item(url: str, title: str = "제목") -> dict[str, Any]:
    return {"title": title, "link": url, "bloggername": "주인", "postdate": "20260101"}


def test_the_order_of_blog_posts_is_the_rank_and_other_sites_count():
    body = make_body(
        [
            blog_item("https://name.tistory.com/158?x=1", "<b>강릉</b> &amp; 바다"),
            blog_item("https://blog.naver.com/name?Redirect=Log&amp;logNo=223"),
        ]
    )
    found = read_page(body, RankType.BLOG, Surface.OPENAPI)
    assert (found.surface, found.total) == (Surface.OPENAPI, 652)
    assert [(item.position, item.identity, item.title) for item in found.items] == [
        (1, "https://name.tistory.com/158", "강릉 & 바다"),
        (2, "blog.naver.com/name/223", "제목"),
    ]


def test_posts_of_one_blog_are_one_result_each():
    urls = [f"https://blog.naver.com/name/{number}" for number in (1, 2, 1)]
    found = read_page(make_body([blog_item(url) for url in urls]), RankType.BLOG)
    assert [item.position for item in found.items] == [1, 2]


def test_posts_of_cafes_are_read():
    item = {"title": "제목", "link": "http://cafe.naver.com/name/5", "cafename": "카페"}
    found = read_page(make_body([item]), RankType.CAFE)
    assert found.find_rank("cafe.naver.com/name/5") == 1


def test_no_items_is_a_body_without_results():
    found = read_page(make_body([], total=0), RankType.BLOG)
    assert (found.items, found.total) == ((), 0)


@pytest.mark.parametrize(
    ("body", "rank_type", "kind"),
    [
        (make_body([blog_item("https://blog.naver.com/a1/1")]), RankType.CAFE, "wrong_page"),
        (make_body([]), RankType.PLACE, "wrong_page"),
        (make_body([], start=101), RankType.BLOG, "wrong_page"),
        (b'{"errorCode":"024","errorMessage":"NID"}', RankType.BLOG, "wrong_page"),
        (make_body([{"title": "x"}]), RankType.BLOG, "changed_structure"),
        (b'{"result": []}', RankType.BLOG, "changed_structure"),
        (b"[1, 2]", RankType.BLOG, "changed_structure"),
        (make_body([])[:-9], RankType.BLOG, "truncated"),
        (b"[" * 100_000, RankType.BLOG, "truncated"),
    ],
)
def test_other_bodies_are_named(body: bytes, rank_type: RankType, kind: str):
    with pytest.raises(PermanentError) as refused:
        read_page(body, rank_type)
    assert refused.value.kind == kind
