from datetime import UTC, datetime

import pytest

from platform_assets.core.errors import RefusedError
from sandbox.tenants.months import (
    add_minutes,
    check_month,
    count_days,
    last_second,
    list_months,
    to_local,
    written_month,
)


def test_months_are_listed_over_the_turn_of_the_year():
    assert list_months("2025-02", 4) == ["2024-11", "2024-12", "2025-01", "2025-02"]


@pytest.mark.parametrize("text", ["2024-13", "2024-1", "24-01", "2024-01-01", ""])
def test_what_is_no_month_is_refused(text: str):
    with pytest.raises(RefusedError, match="no month"):
        check_month(text)


@pytest.mark.parametrize(
    ("event_at", "month"),
    [
        ("2024-01-01 00:00:00", "2024-01"),
        ("2024-01-32 10:00:00", "2024-01"),
        ("2024-12-31 23:59:59", "2024-12"),
        ("2024-1-5 10:00:00", "2024-01"),
        ("2024-5-5 10:00:00", "2024-05"),
        ("2024-11-5 10:00:00", "2024-11"),
    ],
)
def test_a_time_belongs_to_the_month_that_it_is_written_as_of(event_at: str, month: str):
    assert written_month(event_at) == month


def test_days_and_ends_of_months_follow_the_calendar():
    assert [count_days(month) for month in ("2023-02", "2024-02", "2024-04")] == [28, 29, 30]
    assert str(last_second("2024-02")) == "2024-02-29 23:59:59"


def test_times_are_those_of_a_wall_in_seoul():
    assert str(to_local(datetime(2026, 1, 31, 15, 0, tzinfo=UTC))) == "2026-02-01 00:00:00"


def test_minutes_carry_into_the_next_month():
    assert add_minutes("2024-02-29 23:50:00", 15) == "2024-03-01 00:05:00"
