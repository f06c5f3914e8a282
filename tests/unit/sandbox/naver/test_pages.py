"""Pages are read by the platform's own readers, whose rules were made for real pages."""

import re
from datetime import timedelta

import pytest

from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType, Surface
from sandbox.naver.candidates import RankType as SandboxType
from sandbox.naver.markup import Look
from sandbox.naver.ranking import View, find_truth
from sandbox.naver.search_pages import write_integrated, write_places, write_tab
from tests.unit.sandbox.naver.hosts import DAY, KEYWORD

KEYWORDS = (KEYWORD, "수원 한의원", "김밥 & <b>굵게</b>", 'a "quoted" word', "ㅁㄴㅇㄹ")
DAYS = [DAY + timedelta(days=number) for number in (0, 1, 9)]
TABS = (SandboxType.BLOG, SandboxType.CAFE)
HASHED = re.compile(r'class="(x[A-Za-z0-9]{20})"')


@pytest.mark.parametrize("keyword", KEYWORDS)
@pytest.mark.parametrize("rank_type", ["blog", "cafe"])
def test_a_tab_is_read_as_the_truth_says(keyword: str, rank_type: str):
    for day in DAYS:
        page = write_tab(Look(1, keyword, day), SandboxType(rank_type))
        read = read_page(page.encode(), RankType(rank_type), Surface(f"{rank_type}_tab"))
        truth = find_truth(1, rank_type, keyword, day)
        assert tuple(item.identity for item in read.items) == truth
        assert [item.position for item in read.items] == list(range(1, len(truth) + 1))
        assert all(item.title for item in read.items)


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_a_list_of_places_is_read_as_the_truth_says(keyword: str):
    for day in DAYS:
        read = read_page(write_places(Look(1, keyword, day), 1).encode(), RankType.PLACE)
        everything = find_truth(1, "place", keyword, day, View.OPENAPI)
        assert tuple(item.identity for item in read.items) == everything[:70]
        assert read.total == len(everything)


@pytest.mark.parametrize("keyword", KEYWORDS)
@pytest.mark.parametrize("view", ["integrated", "mobile"])
@pytest.mark.parametrize("rank_type", list(RankType))
def test_an_integrated_page_is_read_as_the_truth_says(keyword: str, view: str, rank_type: RankType):
    for day in DAYS:
        page = write_integrated(Look(1, keyword, day), View(view))
        read = read_page(page.encode(), rank_type, Surface(view))
        truth = find_truth(1, rank_type, keyword, day, view)
        assert tuple(item.identity for item in read.items) == truth


def test_class_names_are_others_on_another_day():
    names = [
        set(HASHED.findall(write_tab(Look(1, KEYWORD, day), SandboxType.BLOG))) for day in DAYS
    ]
    assert all(names)
    assert not names[0] & names[1]


@pytest.mark.parametrize("kind", ["blog", "cafe", "integrated", "mobile", "place"])
def test_every_page_has_advertisements_and_says_captcha(kind: str):
    look = Look(1, KEYWORD, DAY)
    if kind == "place":
        page = write_places(look, 1)
    elif kind in ("blog", "cafe"):
        page = write_tab(look, SandboxType(kind))
    else:
        page = write_integrated(look, View(kind))
    assert "captcha" in page
    assert kind == "cafe" or re.search(r"https://(ader\.naver\.com/v1|cr\.naver\.com/adcr)", page)


def test_posts_have_urls_of_all_forms():
    looks = [Look(1, keyword, DAY) for keyword in KEYWORDS]
    page = "".join(write_tab(look, kind) for look in looks for kind in TABS)
    forms = ("m.blog.naver.com/", "PostView.naver?blogId=", "Redirect=Log&amp;logNo=", "m.cafe.")
    for form in (*forms, "?art=", "/ca-fe/cafes/", "?fromRss=", "https://in.naver.com/"):
        assert form in page


def test_some_found_places_are_advertised_too():
    page = write_places(Look(1, KEYWORD, DAY), 1)
    bought = set(re.findall(r'"[A-Za-z]+AdSummary:(\d+)":', page))
    found = {identity.removeprefix("place/") for identity in find_truth(1, "place", KEYWORD, DAY)}
    assert len(bought) == 12
    assert 0 < len(bought & found) < 12


def test_a_later_part_of_a_list_goes_on_where_the_first_ended():
    everything = find_truth(1, "place", KEYWORD, DAY, View.OPENAPI)
    page = write_places(Look(1, KEYWORD, DAY), 71)
    found = re.search(r'"items": (\[\{"__ref": "[A-Za-z]+Summary:\d[^]]*\])', page)
    assert found
    ids = re.findall(r"Summary:(\d+)", found[1])
    assert [f"place/{place_id}" for place_id in ids] == list(everything[70:140])


def test_pages_say_their_keyword_as_it_was_typed():
    page = write_tab(Look(1, 'a "b" <c>', DAY), SandboxType.BLOG)
    assert 'value="a &quot;b&quot; &lt;c&gt;"' in page
    assert "<c>" not in page
