"""What the benchmark of kills counts, and when it kills."""

import random
from collections import Counter

import pytest

from benchmarks.reliability.contents import count_differences, name_differences
from benchmarks.reliability.killing import choose_moments


def test_a_row_that_is_missing_is_lost_and_one_that_is_there_again_is_twice() -> None:
    expected = {"games": Counter({"1": 1, "2": 1, "3": 1})}
    found = {"games": Counter({"1": 2, "2": 1})}
    assert count_differences(expected, found) == (1, 1)
    assert name_differences(expected, found) == ["games: 1 missing, 1 extra"]


def test_a_table_that_is_missing_or_that_nobody_wanted_counts_with_all_its_rows() -> None:
    rows = Counter({"1": 1, "2": 1})
    assert count_differences({"a": rows}, {"b": rows}) == (2, 2)
    assert count_differences({"a": rows}, {"a": rows}) == (0, 0)


@pytest.mark.parametrize(("total", "kills"), [(40, 10), (4, 10), (1000, 3)])
def test_kills_are_spread_over_the_whole_work(total: int, kills: int) -> None:
    moments = choose_moments(total, kills, random.Random(1))
    assert len(moments) == kills
    assert moments == sorted(moments)
    assert moments[0] >= 0
    assert total * (kills - 1) // kills <= moments[-1] < total
