"""The simulation of makespans: its bound is one, and its plans are what they say."""

from random import Random

import pytest

from benchmarks.tags_makespan import (
    EVEN,
    EXPONENTS,
    GOAL,
    compare,
    deal_by_hash,
    deal_in_turn,
    deal_ours,
    draw_sizes,
    find_bound,
    find_makespan,
    list_goals,
)

SIZES = {"a": 6, "b": 5, "c": 4, "d": 3}


def test_a_shard_goes_to_the_worker_that_is_free_first():
    assert find_makespan([4, 3, 2, 1], 2) == 5
    assert find_makespan([1, 2, 3, 4], 2) == 6, "the heaviest last is worse"
    assert find_makespan([4, 3], 100) == 4


def test_the_bound_is_the_mean_or_the_longest_table():
    assert find_bound(SIZES, 2) == (9.0, "mean")
    assert find_bound(SIZES, 100) == (6, "longest")


def test_every_plan_deals_everything():
    assert deal_in_turn(SIZES, 2) == [10, 8]
    assert deal_ours(SIZES, 2) == [9, 9]
    assert sum(deal_by_hash(SIZES, 2)) == 18


def test_sizes_follow_the_law_and_are_drawn_again_as_they_were():
    sizes = draw_sizes(645, 1.0, Random(1))
    ordered = sorted(sizes.values(), reverse=True)
    assert ordered[0] == pytest.approx(10 * ordered[9], rel=1e-6)
    assert sizes == draw_sizes(645, 1.0, Random(1))
    assert sizes != draw_sizes(645, 1.0, Random(2))


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_ours_is_within_the_goal_and_no_worse_than_the_peers(exponent: float):
    found = compare(645, 100, exponent, 100, draws=3)
    assert found.ours <= GOAL
    assert found.ours <= found.round_robin
    assert found.ours <= found.by_hash


def test_the_goal_is_for_skewed_tables_where_every_shard_has_a_worker():
    outcomes = [compare(645, 100, e, w, draws=1) for e in (EVEN, 0.4) for w in (100, 2)]
    assert [goal.label for goal in list_goals(outcomes, 100)] == [
        "Zipf 0.4, 100 workers: makespan / bound"
    ]
    assert outcomes[0].ours == pytest.approx(7 / 6.45)
