import pytest

from benchmarks.tags_reference import (
    ATTEMPTS,
    OURS,
    REFERENCE,
    TABLES,
    TOTAL_SECONDS,
    WAITED_SECONDS,
    Outcome,
    Table,
    choose_timeout,
    deal,
    draw_tables,
    find_limit,
    format_outcomes,
    list_goals,
    measure_line,
    simulate_all,
)

TABLES_OF_ONE_SEED = draw_tables(1.0, 1)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    timeout = choose_timeout(TABLES_OF_ONE_SEED)
    return {each.name: each for each in simulate_all(TABLES_OF_ONE_SEED, timeout, ATTEMPTS)}


def test_the_tables_are_drawn_again_as_they_were() -> None:
    assert draw_tables(1.0, 1) == TABLES_OF_ONE_SEED
    assert draw_tables(1.0, 2) != TABLES_OF_ONE_SEED
    assert len(TABLES_OF_ONE_SEED) == TABLES
    assert sum(table.seconds == float("inf") for table in TABLES_OF_ONE_SEED) == 2


def test_a_line_takes_the_first_free_place() -> None:
    assert measure_line([4, 1, 1, 1, 1], 2) == 4
    assert measure_line([float("inf"), 1, 2, 3], 2) == 6


def test_the_limit_is_the_total_or_the_longest() -> None:
    tables = [Table("a", 1, 10), Table("b", 1, 2), Table("c", 1, float("inf"))]
    assert find_limit(tables, 1) == 12
    assert find_limit(tables, 4) == 10


def test_every_table_is_dealt_once_the_largest_first() -> None:
    shards = deal(TABLES_OF_ONE_SEED, 100)
    names = [table.name for shard in shards for table in shard]
    assert sorted(names) == sorted(table.name for table in TABLES_OF_ONE_SEED)
    for shard in shards:
        sizes = [table.size for table in shard]
        assert sizes == sorted(sizes, reverse=True)
    loads = [sum(table.size for table in shard) for shard in shards]
    longest = max(table.size for table in TABLES_OF_ONE_SEED)
    assert max(loads) <= 1.05 * max(sum(loads) / 100, longest)


def test_the_reference_takes_three_hours_and_waits_37_minutes(
    outcomes: dict[str, Outcome],
) -> None:
    reference = outcomes[REFERENCE]
    assert reference.seconds == pytest.approx(TOTAL_SECONDS, abs=1)
    assert reference.waited_seconds == pytest.approx(WAITED_SECONDS, abs=1)
    assert reference.unfinished == 2


def test_ours_loses_only_what_hangs_and_waits_for_it_only_as_long_as_the_timeout(
    outcomes: dict[str, Outcome],
) -> None:
    ours = outcomes[OURS]
    assert ours.unfinished == 2
    assert ours.seconds < 0.6 * outcomes[REFERENCE].seconds
    timeout = choose_timeout(TABLES_OF_ONE_SEED)
    assert ours.seconds <= 1.05 * (ours.limit_seconds + ATTEMPTS * timeout)


def test_without_anything_that_hangs_ours_is_at_the_limit(outcomes: dict[str, Outcome]) -> None:
    ours = outcomes["ours, nothing hangs"]
    assert ours.unfinished == 0
    assert ours.seconds == pytest.approx(ours.limit_seconds, rel=0.05)


def test_goals_and_the_table_show_the_cases(outcomes: dict[str, Outcome]) -> None:
    timeout = choose_timeout(TABLES_OF_ONE_SEED)
    goals = list_goals(list(outcomes.values()), ATTEMPTS * timeout)
    assert {goal.verdict for goal in goals} == {"yes"}
    assert "180.0" in format_outcomes(list(outcomes.values()))
