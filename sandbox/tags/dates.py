"""Dates as the tables of one tenant write them: each table in its own way. Pure.

A moment is seconds since 1970; what has no zone is the clock on the wall in Seoul.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from types import MappingProxyType

from sandbox.tags.rows import Written

SEOUL = timezone(timedelta(hours=9))
"""Without daylight saving time since 1988."""


class DateForm(StrEnum):
    """How a table writes dates."""

    NONE = "none"
    ISO_SEOUL = "iso_seoul"
    ISO_UTC = "iso_utc"
    SECOND = "second"
    MINUTE = "minute"
    DOTTED = "dotted"
    SHORT_YEAR = "short_year"
    DIGITS = "digits"
    KOREAN = "korean"
    EPOCH_SECONDS = "epoch_seconds"
    EPOCH_MILLISECONDS = "epoch_milliseconds"
    TIMESTAMP = "timestamp"
    DAY = "day"


TYPED = frozenset({DateForm.TIMESTAMP, DateForm.DAY})
"""Forms of Parquet alone: the value is microseconds, or days, since 1970."""

TEXTUAL = tuple(form for form in DateForm if form not in TYPED)

_FORMATS: Mapping[DateForm, str] = MappingProxyType(
    {
        DateForm.ISO_SEOUL: "%Y-%m-%dT%H:%M:%S+09:00",
        DateForm.SECOND: "%Y-%m-%d %H:%M:%S",
        DateForm.MINUTE: "%Y/%m/%d %H:%M",
        DateForm.DOTTED: "%Y.%m.%d",
        DateForm.SHORT_YEAR: "%y.%m.%d",
        DateForm.DIGITS: "%Y%m%d",
        DateForm.KOREAN: "%Y년 %m월 %d일",
    }
)
_OTHERS: Mapping[DateForm, Callable[[int], Written]] = MappingProxyType(
    {
        DateForm.NONE: lambda _: None,
        DateForm.ISO_UTC: lambda at: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        DateForm.EPOCH_SECONDS: lambda at: at,
        DateForm.EPOCH_MILLISECONDS: lambda at: at * 1000,
        DateForm.TIMESTAMP: lambda at: at * 1_000_000,
        DateForm.DAY: lambda at: (at + 9 * 3600) // 86_400,
    }
)

NO_DATES = (
    "2024-13-45",
    "2023-02-30",
    "31일쯤",
    "작년 여름",
    "soon",
    "2024-05-05 25:61",
    "24시간 전",
)
"""What nobody can read as a date."""


def write_date(at: int, form: DateForm) -> tuple[Written, str]:
    """A moment as it is written, and its month in Seoul; no month where no date is written."""
    if form is DateForm.NONE:
        return None, ""
    moment = datetime.fromtimestamp(at, SEOUL)
    month = f"{moment.year}-{moment.month:02}"
    if form in _FORMATS:
        return moment.strftime(_FORMATS[form]), month
    return _OTHERS[form](at), month
