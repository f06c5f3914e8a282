"""Pictures of ranks over time."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from platform_assets.ranks.chart import HEIGHT, WIDTH, Point, draw_ranks

SVG = "{http://www.w3.org/2000/svg}"
FIRST = date(2026, 11, 1)


def points(*ranks: int | None, session: int = 1) -> list[Point]:
    """A day after another from 2026-11-01."""
    return [
        Point(str(FIRST + timedelta(days=number)), rank, session)
        for number, rank in enumerate(ranks)
    ]


def draw(drawn: Sequence[Point], title: str = "bread") -> ET.Element:
    return ET.fromstring(draw_ranks(title, drawn))


def find_places(picture: ET.Element) -> dict[str, tuple[float, float]]:
    """What each point says -> where it is."""
    return {
        circle.findtext(f"{SVG}title", ""): (float(circle.attrib["cx"]), float(circle.attrib["cy"]))
        for circle in picture.iter(f"{SVG}circle")
    }


def read_lines(picture: ET.Element) -> list[list[tuple[float, float]]]:
    return [
        [(float(x), float(y)) for x, y in re.findall(r"([\d.]+),([\d.]+)", line.attrib["points"])]
        for line in picture.iter(f"{SVG}polyline")
    ]


def read_texts(picture: ET.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def test_without_a_record_a_picture_says_so():
    picture = draw([])
    assert read_texts(picture) == ["bread", "no record yet"]
    assert find_places(picture) == {}


def test_a_picture_has_its_size_and_a_title_for_who_cannot_see_it():
    picture = draw(points(1))
    assert picture.tag == f"{SVG}svg"
    assert picture.attrib["viewBox"] == "0 0 720 240"
    assert picture.attrib["role"] == "img"
    assert picture.findtext(f"{SVG}title") == "bread"


def test_the_first_place_is_on_top_and_later_days_are_on_the_right():
    places = find_places(draw(points(1, 10, 5)))
    (x1, y1), (x2, y2), (x3, y3) = (
        places[said] for said in ("2026-11-01: rank 1", "2026-11-02: rank 10", "2026-11-03: rank 5")
    )
    assert x1 < x2 < x3
    assert y1 < y3 < y2
    assert x2 - x1 == x3 - x2


def test_points_are_on_the_line():
    picture = draw(points(1, 10, 5))
    assert read_lines(picture) == [list(find_places(picture).values())]


def test_a_day_that_was_not_exposed_is_a_gap_with_a_mark_below():
    picture = draw(points(1, 2, None, 3, 4))
    places = find_places(picture)
    assert [len(line) for line in read_lines(picture)] == [2, 2]
    gone = places.pop("2026-11-03: not exposed")
    assert gone[1] > max(y for _, y in places.values())


def test_a_day_without_a_record_is_a_gap_without_a_mark():
    first, second, third, fourth = points(1, 2, 3, 4)
    picture = draw([first, second, fourth])
    assert [len(line) for line in read_lines(picture)] == [2, 1]
    assert len(find_places(picture)) == 3
    assert third.day not in draw_ranks("bread", [first, second, fourth])


def test_the_ends_of_the_period_and_the_ranks_are_written():
    assert read_texts(draw(points(1, 21))) == ["bread", "1", "11", "21", "2026-11-01", "2026-11-02"]


def test_one_day_alone_is_in_the_middle_and_named_once():
    picture = draw(points(3))
    assert read_texts(picture).count("2026-11-01") == 1
    ((x, _),) = find_places(picture).values()
    assert 0.4 * WIDTH < x < 0.6 * WIDTH


def test_good_ranks_are_not_spread_over_the_whole_height():
    places = find_places(draw(points(1, 2)))
    assert places["2026-11-02: rank 2"][1] - places["2026-11-01: rank 1"][1] < HEIGHT / 4


def test_days_that_were_never_exposed_have_no_line():
    picture = draw(points(None, None))
    assert read_lines(picture) == []
    assert len(find_places(picture)) == 2


def find_mark(drawn: Sequence[Point]) -> tuple[float, str]:
    (mark,) = (
        text for text in draw(drawn).iter(f"{SVG}text") if (text.text or "").startswith("session")
    )
    return float(mark.attrib["x"]), mark.attrib["text-anchor"]


def test_the_mark_of_a_session_that_begins_at_the_end_is_not_cut():
    days = [1] * 40
    x, anchor = find_mark([*points(*days)[:-1], *points(*days, session=12)[-1:]])
    assert anchor == "end"
    assert x <= WIDTH
    early = [*points(*days)[:1], *points(*days, session=2)[1:]]
    assert find_mark(early)[1] == "start"


def test_a_new_session_is_marked_where_it_begins():
    before, after = points(1, 2)[:1], points(1, 2, session=2)[1:]
    texts = read_texts(draw([*before, *after]))
    assert "session 2" in texts
    assert "session 1" not in texts
    assert [text for text in read_texts(draw(points(1, 2))) if "session" in text] == []


def test_markup_in_a_title_stays_text():
    title = "</title><script>alert('1')</script>&amp; \"<!--"
    picture = draw(points(1), title)
    assert picture.findtext(f"{SVG}title") == title
    assert read_texts(picture)[0] == title
    assert list(picture.iter(f"{SVG}script")) == []


DAYS = st.lists(st.integers(0, 400), unique=True, max_size=40).map(sorted)
RANKS = st.none() | st.integers(1, 2000)


@given(st.data())
def test_any_history_is_a_picture_within_its_frame(data: st.DataObject):
    days = data.draw(DAYS)
    ranks = data.draw(st.lists(RANKS, min_size=len(days), max_size=len(days)))
    drawn = [
        Point(str(FIRST + timedelta(days=day)), rank, 1 + number // 25)
        for number, (day, rank) in enumerate(zip(days, ranks, strict=True))
    ]
    picture = draw(drawn)
    places = find_places(picture)
    assert len(places) == len(days)
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in places.values())
    assert sum(map(len, read_lines(picture))) == sum(rank is not None for rank in ranks)
