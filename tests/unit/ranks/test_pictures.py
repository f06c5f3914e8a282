"""Which trackings of a day moved most, and the Markdown that shows them."""

import base64
import re
from xml.etree import ElementTree as ET

import pytest

from platform_assets.ranks.pictures import PICTURES, days_before, draw_pictures, find_movers
from platform_assets.ranks.tracking import Capture, RankRecord
from tests.fakes.clock import START
from tests.unit.ranks.bench import make_tracking

PICTURE = re.compile(r"!\[tracking (\d+)\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)")


def record(number: int, rank: int | None, day: str = "2026-11-20", count: int = 30) -> RankRecord:
    return RankRecord(Capture(number, day, rank, count, "ranks/pages/x", START), 1)


def test_the_furthest_moves_come_first_whichever_way_they_go():
    before = [record(1, 5), record(2, 9), record(3, 1)]
    after = [record(1, 6), record(2, 2), record(3, 4)]
    assert find_movers(after, before) == [2, 3, 1]


def test_what_stands_still_or_has_no_record_of_the_day_before_is_left_out():
    before = [record(1, 5), record(2, None)]
    assert find_movers([record(1, 5), record(2, None), record(3, 1)], before) == []


@pytest.mark.parametrize(("old", "new"), [(2, None), (None, 2)])
def test_coming_and_going_is_a_move_beyond_the_last_result(old: int | None, new: int | None):
    before, after = [record(1, 20), record(2, old)], [record(1, 1), record(2, new)]
    assert find_movers(after, before) == [2, 1]


def test_there_are_five_pictures_at_most_and_equal_moves_go_by_number():
    before = [record(number, 1) for number in range(9)]
    after = [record(number, 2) for number in reversed(range(9))]
    assert find_movers(after, before) == list(range(PICTURES))


def test_each_picture_is_a_whole_svg_inside_the_text():
    histories = {
        make_tracking(7, keyword="강릉 <맛집> ](x)"): [
            record(7, 3, "2026-11-19"),
            record(7, None, "2026-11-20"),
        ],
        make_tracking(8): [record(8, 1)],
    }
    text = draw_pictures(histories)
    found = PICTURE.findall(text)
    assert [number for number, _ in found] == ["7", "8"]
    assert PICTURE.sub("", text) == "\n\n"
    first = base64.b64decode(found[0][1]).decode()
    assert ET.fromstring(first).tag == "{http://www.w3.org/2000/svg}svg"
    assert "강릉 &lt;맛집&gt; ](x) (blog, " in first
    assert "2026-11-19: rank 3" in first
    assert "2026-11-20: not exposed" in first


def test_days_are_counted_back_over_months_and_years():
    assert days_before("2026-01-01", 1) == "2025-12-31"
    assert days_before("2026-11-21", 89) == "2026-08-24"
