"""What is said of the tables of a shard, and when it is an alarm."""

from typing import Any

import pytest

from platform_assets.tags.quality import (
    RATE_ROWS,
    TAG_RATE_BOUNDS,
    check_personal,
    check_rows,
    check_tag_rate,
)
from platform_assets.tags.shards.result import TableResult, TableState


def table(name: str = "t1", **numbers: Any) -> TableResult:
    return TableResult(name, TableState.DONE, **numbers)


def test_rows_and_dead_letters_of_all_tables_are_told():
    finding = check_rows([table(rows=5, rows_read=5, dead_letters=2), table(rows=1, rows_read=1)])
    assert finding.passed
    assert finding.numbers == {
        "rows": 6,
        "dead_letters": 2,
        "tables_with_losses": 0,
        "tables_unreadable": 0,
    }


def test_a_table_that_lost_rows_is_named_even_if_another_gained_as_many():
    finding = check_rows([table("a", rows=5, rows_read=4), table("b", rows=4, rows_read=5)])
    assert not finding.passed
    assert finding.grave
    assert "a 5 -> 4, b 4 -> 5" in finding.text


def test_a_table_with_something_personal_left_is_named():
    assert check_personal([table("a"), table("b")]).passed
    finding = check_personal([table("a"), table("b", personal=3)])
    assert (finding.passed, finding.grave) == (False, True)
    assert "3 texts of b" in finding.text


LOW, HIGH = (round(bound * 100_000) for bound in TAG_RATE_BOUNDS)


@pytest.mark.parametrize(
    ("tagged", "passes"),
    [(0, False), (LOW - 1, False), (LOW, True), (HIGH, True), (HIGH + 1, False)],
)
def test_a_share_of_tagged_rows_beyond_the_bounds_is_a_warning(tagged: int, passes: bool):
    finding = check_tag_rate([table(rows_read=100_000, rows_tagged=tagged)])
    assert (finding.passed, finding.grave) == (passes, False)


def test_a_share_of_few_rows_says_nothing():
    assert check_tag_rate([table(rows_read=RATE_ROWS - 1)]).passed
    assert not check_tag_rate([table(rows_read=RATE_ROWS)]).passed
    assert check_tag_rate([]).passed
