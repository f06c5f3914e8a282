from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError
from platform_assets.core.months import (
    add_months,
    check_month,
    list_months,
    month_end,
    month_of,
    month_start,
)

MONTHS = st.builds("{:04}-{:02}".format, st.integers(1900, 2200), st.integers(1, 12))
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@pytest.mark.parametrize("month", ["2026-01", "2026-12", "1000-01", "2999-12"])
def test_a_month_is_written_year_dash_month(month: str) -> None:
    assert check_month(month) == month


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026", "2026-1", "2026-00", "2026-13", "26-01", "0999-01", "3000-01"),
        *("2026/01", "2026-01-01", " 2026-01", "2026-01\n", "2026-\uff101", "\u0662026-01"),
    ],
)
def test_another_text_is_no_month(text: str) -> None:
    with pytest.raises(PermanentError, match="written YYYY-MM") as caught:
        check_month(text)
    assert caught.value.kind == "bad_month"


def test_a_long_text_that_is_no_month_is_cut_in_the_message() -> None:
    with pytest.raises(PermanentError) as caught:
        check_month("x" * 10_000)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("moment", "month"),
    [
        (datetime(2026, 1, 31, 14, 59, 59, tzinfo=UTC), "2026-01"),
        (datetime(2026, 1, 31, 15, 0, 0, tzinfo=UTC), "2026-02"),
        (datetime(2025, 12, 31, 15, 0, 0, tzinfo=UTC), "2026-01"),
    ],
)
def test_a_month_begins_at_midnight_in_seoul(moment: datetime, month: str) -> None:
    assert month_of(moment) == month


@pytest.mark.parametrize(
    ("month", "count", "result"),
    [
        ("2026-02", 0, "2026-02"),
        ("2026-02", -24, "2024-02"),
        ("2026-01", -1, "2025-12"),
        ("2025-12", 1, "2026-01"),
        ("2026-12", 13, "2028-01"),
    ],
)
def test_months_are_added_over_the_turn_of_the_year(month: str, count: int, result: str) -> None:
    assert add_months(month, count) == result


@given(MONTHS, st.integers(-600, 600))
def test_added_months_can_be_taken_away_again(month: str, count: int) -> None:
    later = add_months(month, count)

    assert check_month(later) == later
    assert add_months(later, -count) == month
    assert (later > month) == (count > 0)


@given(MONTHS, st.integers(-5, 40))
def test_listed_months_are_consecutive_and_hold_both_ends(first: str, count: int) -> None:
    last = add_months(first, count)
    months = list_months(first, last)

    assert len(months) == max(0, count + 1)
    assert months == sorted(set(months))
    if months:
        assert (months[0], months[-1]) == (first, last)


@given(MOMENTS)
def test_a_moment_lies_within_the_bounds_of_its_month(moment: datetime) -> None:
    month = month_of(moment)

    assert month_start(month) <= moment < month_end(month)


@given(MONTHS)
def test_a_month_ends_where_the_next_one_begins(month: str) -> None:
    assert month_end(month) == month_start(add_months(month, 1))
    assert month_of(month_start(month)) == month
    assert month_of(month_end(month) - timedelta(microseconds=1)) == month
