from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.tags.convert.dates import read_time

SEOUL = timezone(timedelta(hours=9))


def at(*parts: int, zone: timezone = SEOUL) -> datetime:
    return datetime(*parts, tzinfo=zone)  # type: ignore[arg-type]


READ = {
    "2024-01-15": at(2024, 1, 15),
    "2024-01-15 10:11": at(2024, 1, 15, 10, 11),
    "2024-01-15 10:11:12": at(2024, 1, 15, 10, 11, 12),
    "2024-01-15T10:11:12": at(2024, 1, 15, 10, 11, 12),
    "2024-01-15T10:11:12.345678": at(2024, 1, 15, 10, 11, 12, 345678),
    "2024-01-15T10:11:12.345678901Z": at(2024, 1, 15, 10, 11, 12, 345678, zone=UTC),
    "2024-01-15T10:11:12Z": at(2024, 1, 15, 10, 11, 12, zone=UTC),
    "2024-01-15 10:11:12 UTC": at(2024, 1, 15, 10, 11, 12, zone=UTC),
    "2024-01-15T10:11:12+09:00": at(2024, 1, 15, 10, 11, 12),
    "2024-01-15 10:11:12-0330": at(2024, 1, 15, 13, 41, 12, zone=UTC),
    "2024-01-15T10:11+09": at(2024, 1, 15, 10, 11),
    "2024.01.15": at(2024, 1, 15),
    "2024.01.15 10:11": at(2024, 1, 15, 10, 11),
    "2024. 1. 5.": at(2024, 1, 5),
    "2024. 1. 5. 9:05": at(2024, 1, 5, 9, 5),
    "2024년 1월 5일": at(2024, 1, 5),
    "2024/1/5": at(2024, 1, 5),
    "03.11.21": at(2003, 11, 21),
    "99.12.31": at(1999, 12, 31),
    "68.01.01": at(2068, 1, 1),
    "69.01.01": at(1969, 1, 1),
    "20240115": at(2024, 1, 15),
    "202401151011": at(2024, 1, 15, 10, 11),
    "20240115101112": at(2024, 1, 15, 10, 11, 12),
    "1705281072": at(2024, 1, 15, 1, 11, 12, zone=UTC),
    "1705281072.5": at(2024, 1, 15, 1, 11, 12, 500000, zone=UTC),
    "1705281072345": at(2024, 1, 15, 1, 11, 12, 345000, zone=UTC),
    " 2024-01-15 ": at(2024, 1, 15),
    1705281072: at(2024, 1, 15, 1, 11, 12, zone=UTC),
    1705281072.25: at(2024, 1, 15, 1, 11, 12, 250000, zone=UTC),
    1705281072345: at(2024, 1, 15, 1, 11, 12, 345000, zone=UTC),
    date(2024, 1, 15): at(2024, 1, 15),
    datetime(2024, 1, 15, 10, 11): at(2024, 1, 15, 10, 11),  # noqa: DTZ001 - as tables have them
    at(2024, 1, 15, 10, 11, zone=UTC): at(2024, 1, 15, 10, 11, zone=UTC),
    # Summer time of 1988, and the half hour before 1961.
    "1988-07-01 12:00": at(1988, 7, 1, 2, zone=UTC),
    "1960-07-01": datetime(1960, 6, 30, 14, 30, tzinfo=UTC),
}


@pytest.mark.parametrize(("value", "expected"), READ.items(), ids=map(str, READ))
def test_a_time_is_read_and_those_without_a_zone_are_in_seoul(value: object, expected: datetime):
    read = read_time(value)
    assert read is not None
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=read) == expected


@pytest.mark.parametrize(
    "value", [None, "", "  ", "NULL", "null", r"\N", "None", "nan", float("nan"), "-",
     "0", 0, "0000-00-00", "0000-00-00 00:00:00"]
)  # fmt: skip
def test_no_time_is_none(value: object):
    assert read_time(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "어제", "2024-13-01", "2023-02-29", "24.2.30", "2024-01-15 24:00", "2024-01-15 10:61", "01/15/2024", "2024",
        "12345", "20241301", "202401152460", "99999999999", "1850-01-01", "2150.01.01", "0001-01-01",
        "2024-01-15T10:11:12+99:00", "2024-01-15 오후", "10:11", True, False, 12, -5, float("inf"), 10**20,
        ["2024-01-15"], {"date": 1}, b"2024-01-15", "1" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(value: object):
    with pytest.raises(ValueError, match="it is|must be in|out of range|day is|timedelta"):
        read_time(value)


@given(
    st.text(max_size=30)
    | st.from_regex(r"\d{2,4}[-./]\d{1,2}[-./]\d{1,2}( \d{1,2}:\d{2})?", fullmatch=True)
)
def test_any_text_is_read_or_refused(text: str):
    try:
        read = read_time(text)
    except ValueError:
        return
    assert read is None or -(10**16) < read < 10**16


@given(
    st.datetimes(
        datetime.fromisoformat("1900-02-01"),
        datetime.fromisoformat("2099-11-30"),
        timezones=st.just(UTC),
    )
)
def test_any_iso_time_is_read_exactly(moment: datetime):
    read = read_time(moment.isoformat())
    assert read is not None
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=read) == moment
