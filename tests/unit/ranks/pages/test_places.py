import json

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType, ResultPage, Surface
from tests.unit.ranks.pages.builders import (
    block,
    card,
    link,
    make_integrated,
    make_mobile,
    make_place_page,
    make_state,
    place_item,
)

POSTS = block(card("https://blog.naver.com/name/1"))
REFS = [f"HospitalSummary:{number}" for number in (5001, 5002, 5003)]


def read(body: bytes) -> ResultPage:
    return read_page(body, RankType.PLACE)


def identities(page: ResultPage) -> list[str]:
    return [item.identity for item in page.items]


def test_the_list_of_the_map_is_read_from_its_state():
    found = read(make_place_page(make_state(REFS, ads=["5002", "9999"])))
    assert (found.surface, found.total) == (Surface.PLACE_LIST, 383)
    assert identities(found) == ["place/5001", "place/5002", "place/5003"]
    assert [item.position for item in found.items] == [1, 2, 3]
    assert found.items[0].title == "장소 5001"
    assert found.items[0].url == "https://map.naver.com/p/entry/place/5001"


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("restaurantList", "RestaurantListSummary:{0}:{0}"),
        ("nxPlaces", "PlaceSummary:{0}"),
        ("newKindOfList", "HairshopSummary:{0}"),
    ],
)
def test_lists_of_all_kinds_of_places_are_read(query: str, kind: str):
    refs = [kind.format(number) for number in (6001, 6002)]
    found = read(make_place_page(make_state(refs, query=query)))
    assert identities(found) == ["place/6001", "place/6002"]


def test_parts_of_a_list_that_was_scrolled_are_joined_in_order():
    places = {f"PlaceSummary:{number}": {"id": str(number), "name": ""} for number in (7001, 7002)}
    root = {
        'placeList({"input":{"start":71}})': {
            "total": 2,
            "items": [{"__ref": "PlaceSummary:7002"}],
        },
        'placeList({"input":{"start":1}})': {
            "businesses": {"total": 2, "items": [{"__ref": "PlaceSummary:7001"}]}
        },
    }
    state = json.dumps({**places, "ROOT_QUERY": root})
    found = read(make_place_page(f"<script>window.__APOLLO_STATE__={state}</script>"))
    assert identities(found) == ["place/7001", "place/7002"]


def test_a_list_that_does_not_start_at_the_first_place_is_another_page():
    with pytest.raises(PermanentError, match="found places from 71 on") as refused:
        read(make_place_page(make_state(REFS, arguments={"start": 71})))
    assert refused.value.kind == "wrong_page"


def test_a_list_without_places_is_a_page_without_results():
    found = read(make_place_page(make_state([], total=0)))
    assert (found.items, found.total) == ((), 0)


def test_without_a_state_list_items_are_read_and_advertised_ones_left_out():
    items = (
        place_item("5009", advertised=True)
        + place_item("5001", name="하나")
        + place_item("5002")
        + place_item("5001")
    )
    found = read(make_place_page(f'<div class="place_section"><ul>{items}</ul></div>'))
    assert identities(found) == ["place/5001", "place/5002"]
    assert found.items[0].title == "하나"


@pytest.mark.parametrize(
    "page",
    [
        make_place_page(f'<div class="place_section"><ul><li>{link("#", "장소")}</li></ul></div>'),
        make_place_page(make_state(REFS).replace('"id": "5002"', '"key": "5002"')),
        make_integrated(POSTS, '<div id="place-main-section-root"><li>장소</li></div>'),
        make_integrated(POSTS, make_state(REFS, name="naver.search.ext.new.salt")),
        make_integrated(POSTS, make_state(REFS, name="search.nmb").replace("ROOT_QUERY", "ROOT")),
        make_integrated(
            POSTS,
            "<script>search.nmb.__APOLLO_STATE__ = {broken};</script>",
            f'<div id="loc-main-section-root"><ul>{place_item("5001")}</ul></div>',
        ),
    ],
    ids=[
        "items without ids",
        "one place without id",
        "a block without ids",
        "a list in a block of a new name",
        "a state without a list",
        "a state that is no JSON",
    ],
)
def test_places_that_cannot_be_read_are_an_error_and_no_shorter_list(page: bytes):
    with pytest.raises(PermanentError) as refused:
        read(page)
    assert refused.value.kind == "changed_structure"


@pytest.mark.parametrize("block_name", ["nmb", "loc"])
def test_the_block_of_places_of_an_integrated_page_is_read_from_its_state(block_name: str):
    name = f"naver.search.ext.{block_name}.salt"
    others = make_state(["PlaceSummary:8001"], name="naver.search.ext.nop.salt")
    state = make_state(REFS, ads=["9999"], name=name)
    for make in (make_integrated, make_mobile):
        found = read(make(others, state, POSTS))
        assert identities(found) == ["place/5001", "place/5002", "place/5003"]
        assert found.total == 383


def test_new_openings_and_similar_places_are_no_results():
    states = [
        make_state(["PlaceSummary:8001"], name=f"naver.search.ext.{name}.salt")
        for name in ("nop", "rbp")
    ]
    assert read(make_integrated(*states, POSTS)).items == ()


def test_the_one_place_that_a_search_means_is_its_only_result():
    state = (
        '<script>naver.search.ext.nmb.salt.__APOLLO_STATE__={"PlaceDetailBase:5001":{"id":"5001",'
        '"name":"장소"},"ROOT_QUERY":{"placeDetail({})":{"base":{"__ref":"PlaceDetailBase:5001"}}}}</script>'
    )
    assert identities(read(make_integrated(state, POSTS))) == ["place/5001"]


def test_without_a_state_the_block_of_places_is_read_from_its_items():
    items = (
        f"<li>{link('https://ader.naver.com/v1/x', '광고')}</li>"
        + place_item("5003")
        + place_item("5001")
    )
    page = make_integrated(f'<div id="loc-main-section-root"><ul>{items}</ul></div>', POSTS)
    assert identities(read(page)) == ["place/5003", "place/5001"]


def test_a_state_that_is_cut_off_is_not_read_as_a_shorter_list():
    page = make_place_page(make_state(REFS))
    cut = page[: page.index(b"ROOT_QUERY") + 60]
    with pytest.raises(PermanentError) as refused:
        read(cut)
    assert refused.value.kind == "truncated"


def test_names_hold_nothing_that_cannot_be_written():
    state = make_state(REFS).replace("장소 5001", "\\ud800장소\\n 5001")
    assert read(make_place_page(state)).items[0].title == "?장소 5001"
