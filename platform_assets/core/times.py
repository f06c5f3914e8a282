"""Times as people store them, and what each means: texts, numbers since an epoch, native times. Pure.

A value means one wall time in the platform's zone or none. The month that a text or number belongs to can also be told
from its first characters or its size alone (`find_month`): SQL asks for months by the same rules
(`resources/event_databases/times.py`), so that a month is found by the value of its times and not by how they sort.

    ISO 8601            2024-01-05 15:20:11, 2024-01-05T06:20:11Z, 20240105T152011
    other texts         2024/1/5 15:20, 2024.01.05, 2024. 1. 5. 오후 3:20:11, 2024년 1월 5일 15시 20분, 20240105
    since 1970, UTC     seconds, milliseconds, microseconds or nanoseconds as numbers or digits, 1980 to 2099
    Julian days, UTC    as numbers, as SQLite's julianday() gives them

Two-digit years, days before months and names of months are not read: they mean more than one thing, or one language.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from platform_assets.core.months import TIMEZONE, month_end, month_start

YEARS = tuple(str(year) for year in range(1900, 2200))
"""Years that a text may begin with; others belong to no month."""

PADDED = tuple(f"{month:02}" for month in range(1, 13))
"""Months as they follow a year."""

UNPADDED = tuple(f"{month}{mark}" for month in range(1, 10) for mark in "-./월")
"""Months of one digit with what must follow them."""

WIDE_MARKS = (". ", "년 ")
"""Two characters that may stand between year and month."""

MARKS = ("-", ".", "/", "년")
"""Single characters that may."""

DIGIT_LENGTHS = (10, 13, 16)
"""Digits of seconds, milliseconds and microseconds since 1970, where they are texts."""

_FIRST, _END = datetime(1980, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_ZONE = ZoneInfo(TIMEZONE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JULIAN_EPOCH = Decimal("2440587.5")
_DAY_SECONDS = 86_400
_MILLION = 1_000_000
_YEARS, _PADDED, _UNPADDED = frozenset(YEARS), frozenset(PADDED), frozenset(UNPADDED)

_DATE = r"(?P<year>\d{4}) ?[-./년] ?(?P<month>\d{1,2}) ?[-./월] ?(?P<day>\d{1,2})(?: ?일|\.)?"
_WEEKDAY = r"(?: ?\([월화수목금토일]\)| ?[월화수목금토일]요일)?"
_CLOCK = (
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"|시(?: ?(?P<min>\d{1,2})분(?: ?(?P<sec>\d{1,2})초)?)?)"
)
_OFFSET = r"(?: ?(?P<offset>Z|UTC|GMT|KST|[+-]\d\d(?::?\d\d)?))?"
_WRITTEN = re.compile(
    rf"{_DATE}{_WEEKDAY}(?:[T ] ?(?P<half>오전|오후|AM|PM)? ?{_CLOCK} ?(?P<half_after>AM|PM)?{_OFFSET})?",
    re.ASCII | re.IGNORECASE,
)
_COMPACT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
    rf"(?:[T ]?(?P<hour>\d\d)(?P<minute>\d\d)(?:(?P<second>\d\d)(?:\.?(?P<fraction>\d{{1,9}}))?)?{_OFFSET})?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number can count; the ranges of two units do not meet.

    Attributes:
        name: For messages.
        first: Least number that is a time.
        end: The least number beyond.
        per_second: How many of it are a second; 0 for Julian days.
        digits: For numbers that are written dates, such as 20240131: how many digits they have.
    """

    name: str
    first: float
    end: float
    per_second: int = 0
    digits: int = 0

    def bounds(self, month: str) -> tuple[float, float]:
        """The numbers of a month: the first, and the first after it. Julian days, which are rounded, a second wider."""
        start, end = month_start(month), month_end(month)
        if self.digits:
            places = 10 ** (self.digits - 6)
            return int(f"{start:%Y%m}") * places, int(f"{end:%Y%m}") * places
        seconds = [int((moment - _EPOCH).total_seconds()) for moment in (start, end)]
        if self.per_second:
            return seconds[0] * self.per_second, seconds[1] * self.per_second
        days = float(_JULIAN_EPOCH)
        return (seconds[0] - 1) / _DAY_SECONDS + days, (seconds[1] + 1) / _DAY_SECONDS + days


def _since_1970(name: str, per_second: int) -> Unit:
    first, end = (int((moment - _EPOCH).total_seconds()) * per_second for moment in (_FIRST, _END))
    return Unit(name, first, end, per_second)


def _as_digits(digits: int) -> Unit:
    places = 10 ** (digits - 8)
    return Unit("a date in digits", 19800101 * places, 21000101 * places, digits=digits)


UNITS = (
    Unit("Julian days", 2_444_239.5, 2_488_069.5),
    _as_digits(8),
    _since_1970("seconds since 1970", 1),
    _as_digits(12),
    _since_1970("milliseconds since 1970", 1000),
    _as_digits(14),
    _since_1970("microseconds since 1970", _MILLION),
    _since_1970("nanoseconds since 1970", 1000 * _MILLION),
)
"""All units, the smaller numbers first."""


def read_time(value: object) -> datetime | None:
    """Wall time in the platform's zone; None for what is no time, or more than one."""
    if isinstance(value, str):
        return _read_text(value)
    if isinstance(value, datetime):
        return value if value.tzinfo is None else _turn(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - wall time
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _read_number(value)
    return None


def find_month(value: object) -> str | None:
    """The month `YYYY-MM` whose rows a text or number is among; None for one that no month can hold.

    For a text with a zone it may be a neighbour of the month that its time falls in.
    """
    if isinstance(value, str):
        return _find_text_month(value)
    moment = _read_number(value) if isinstance(value, int | float | Decimal) else None
    return None if moment is None else f"{moment:%Y-%m}"


def find_unit(value: object) -> Unit | None:
    """What a number counts; None where it is beyond every unit, or no number."""
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        return None
    return next((unit for unit in UNITS if unit.first <= value < unit.end), None)


def is_epoch_text(text: str) -> bool:
    """Whether a text is digits that count from 1970, with a fraction of a second or without."""
    if not text[:10].isdigit() or not text.isascii():
        return False
    if len(text) in DIGIT_LENGTHS and text.isdigit():
        return True
    return text[10:11] == "." and text.replace(".", "").isdigit()


def _find_text_month(text: str) -> str | None:
    if is_epoch_text(text):
        moment = _read_number(int(text.partition(".")[0]))
        return None if moment is None else f"{moment:%Y-%m}"
    year = text[:4]
    if year not in _YEARS:
        return None
    begins = 6 if text[4:6] in WIDE_MARKS else 5 if text[4:5] in MARKS else 4
    month = text[begins : begins + 2]
    if month in _PADDED:
        return f"{year}-{month}"
    return f"{year}-0{month[0]}" if begins > 4 and month in _UNPADDED else None


def _read_text(text: str) -> datetime | None:
    if text[4:5] == "-" and text[7:8] == "-":
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            return found if found.tzinfo is None else _turn(found)
    if is_epoch_text(text):
        return _read_epoch(text)
    match = _WRITTEN.fullmatch(text) or _COMPACT.fullmatch(text)
    return None if match is None else _build(match.groupdict())


def _read_epoch(text: str) -> datetime | None:
    whole, _, fraction = text.partition(".")
    if "." in fraction:
        return None
    return _read_number(Decimal(f"{whole}.{fraction[:9] or 0}"))


def _build(parts: dict[str, str | None]) -> datetime | None:
    """The time of a match; None where there is no such day or hour."""
    number = {name: int(text) for name, text in parts.items() if text and text.isdigit()}
    hour = _turn_half(number.get("hour", 0), parts.get("half") or parts.get("half_after"))
    if hour is None:
        return None
    try:
        wall = datetime(  # noqa: DTZ001 - wall time
            number["year"],
            number["month"],
            number["day"],
            hour,
            number.get("minute", number.get("min", 0)),
            number.get("second", number.get("sec", 0)),
            int((parts.get("fraction") or "0").ljust(6, "0")[:6]),
        )
        return _turn_offset(wall, (parts.get("offset") or "").upper())
    except ValueError:
        return None


def _turn_half(hour: int, half: str | None) -> int | None:
    """The hour of 24; None where it contradicts its half of the day."""
    if half is None:
        return hour
    if hour > 12:
        return None
    return hour % 12 + (12 if half.upper() in {"오후", "PM"} else 0)


def _turn_offset(wall: datetime, offset: str) -> datetime | None:
    if offset in {"", "KST"}:
        return wall
    if offset in {"Z", "UTC", "GMT"}:
        offset = "+00:00"
    return _turn(datetime.fromisoformat(f"{wall.isoformat()}{offset}"))


def _read_number(value: float | Decimal) -> datetime | None:
    unit = find_unit(value)
    if unit is None:
        return None
    if unit.digits:
        match = _COMPACT.fullmatch(str(int(value))) if value == int(value) else None
        return None if match is None else _build(match.groupdict())
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if unit.per_second:
        microseconds = math.floor(exact * _MILLION / unit.per_second)
    else:
        # A double holds a Julian day to some 40 microseconds: SQLite itself shows milliseconds.
        microseconds = round((exact - _JULIAN_EPOCH) * _DAY_SECONDS * 1000) * 1000
    return _turn(_EPOCH + timedelta(microseconds=microseconds))


def _turn(moment: datetime) -> datetime | None:
    try:
        return moment.astimezone(_ZONE).replace(tzinfo=None)
    except OverflowError:
        return None  # the first or last day of the calendar


@lru_cache(maxsize=4096)
def bounds_in_digits(month: str) -> tuple[int, int]:
    """Seconds since 1970 of a month's first moment, and of the first after it."""
    first, end = month_start(month), month_end(month)
    return int((first - _EPOCH).total_seconds()), int((end - _EPOCH).total_seconds())
