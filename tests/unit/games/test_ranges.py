from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from platform_assets.games.ranges import (
    PAGE_SIZE,
    IdRange,
    cut_at,
    cut_by_density,
    cut_full_pages,
)


def test_boundaries_become_ranges_with_an_open_tail():
    assert cut_at([10, 20]) == [IdRange(-1, 10), IdRange(10, 20), IdRange(20, None)]


def test_without_boundaries_one_range_covers_everything():
    assert cut_at([]) == [IdRange(-1, None)]


@given(
    count=st.integers(1, 400_000),
    after=st.integers(0, 10_000),
    gaps=st.floats(1, 3),
    lanes=st.integers(1, 100),
)
def test_a_cut_by_density_covers_every_id_once(count: int, after: int, gaps: float, lanes: int):
    last_id = after + int(count * gaps)
    ranges = cut_by_density(count, after, last_id, lanes)
    assert ranges[0].after == after
    assert ranges[-1].upto is None
    assert all(left.upto == right.after for left, right in pairwise(ranges))
    assert ranges[-1].after == last_id


def test_stretches_get_shorter_so_that_lanes_end_together():
    ranges = cut_by_density(689 * PAGE_SIZE, 0, 400_000, lanes=8)
    widths = [r.upto - r.after for r in ranges[:-1] if r.upto is not None]
    assert widths[0] > 3 * widths[-1]
    assert len(ranges) < 60, "each range wastes half a page: few of them"


@given(st.lists(st.integers(1, 1200), max_size=20))
def test_the_next_snapshot_is_cut_at_every_full_page_however_this_one_was_cut(sizes: list[int]):
    ids = [7 * n for n in range(1, sum(sizes) + 1)]
    edges = [sum(sizes[:n]) for n in range(len(sizes) + 1)]
    stretches = [ids[low:high] for low, high in pairwise(edges)]
    assert cut_full_pages(stretches) == ids[PAGE_SIZE - 1 : -1 : PAGE_SIZE]
