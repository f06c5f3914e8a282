"""Times as people write them in tables. Those without a zone are in the platform's; a day alone is its first moment."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from platform_assets.core.months import TIMEZONE

FIRST_YEAR, LAST_YEAR = 1900, 2099
"""What lies outside is a mistake or a sentinel, and no time."""

_ZONE = ZoneInfo(TIMEZONE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ABSENT = frozenset(
    {"", "-", "0", "null", "none", "nan", "nat", "n/a", r"\n", "0000-00-00", "0000-00-00 00:00:00"}
)
_DATE = re.compile(
    r"(?P<year>\d{4}|\d\d)\s*[-./년]\s*(?P<month>\d{1,2})\s*[-./월]\s*(?P<day>\d{1,2})\s*[.일]?"
    r"(?:[T\s]\s*(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)
_DIGITS = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?:(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?)?",
    re.ASCII,
)
_SECONDS = re.compile(r"([1-9]\d{8,9})(?:\.(\d+))?", re.ASCII)
_MILLISECONDS = re.compile(r"[1-9]\d{12}", re.ASCII)


def read_time(value: object) -> int | None:
    """Microseconds since 1970 in UTC; None when there is no time.

    Understood are ISO 8601, `YYYY-MM-DD HH:MM`, with seconds or not, `YYYY.MM.DD`, `YYYY/MM/DD`, `yy.mm.dd` (69 to 99
    are the last century), `YYYYMMDD` with `HHMM` and `SS` or not, and seconds (9 or 10 digits, with a fraction or not)
    or milliseconds (13) since 1970. Empty text, a zero, `NULL`, `0000-00-00` and the like mean that there is no time.

    Args:
        value: Text, a number, a date, or a time.

    Raises:
        ValueError: It cannot be read as a time between `FIRST_YEAR` and `LAST_YEAR`.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _read_text(value.strip())
    if isinstance(value, datetime):
        return _count(value)
    if isinstance(value, date):
        return _count(datetime(value.year, value.month, value.day))  # noqa: DTZ001 - _count knows the zone
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _read_text(
            f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
        )
    raise ValueError("it is no text and no number")


@lru_cache(maxsize=4096)
def _read_text(text: str) -> int | None:
    if text.lower() in _ABSENT:
        return None
    if match := _DATE.fullmatch(text) or _DIGITS.fullmatch(text):
        return _count(_read_match(match))
    if match := _SECONDS.fullmatch(text):
        return _check(int(match[1]) * 1_000_000 + int((match[2] or "0")[:6].ljust(6, "0")))
    if _MILLISECONDS.fullmatch(text):
        return _check(int(text) * 1000)
    raise ValueError("it is in none of the forms that are known")


def _read_match(match: re.Match[str]) -> datetime:
    parts = match.groupdict()
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 2000 if year < 69 else 1900
    return datetime(
        year,
        int(parts["month"]),
        int(parts["day"]),
        int(parts["hour"] or 0),
        int(parts["minute"] or 0),
        int(parts["second"] or 0),
        int((parts.get("fraction") or "0")[:6].ljust(6, "0")),
        tzinfo=_read_zone(parts.get("zone")),
    )


def _read_zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text.upper() in {"Z", "UTC"}:
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:] if len(text) > 3 else 0)
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _count(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_ZONE)
    return _check((moment - _EPOCH) // _MICROSECOND)


_FIRST = (datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_END = (datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND


def _check(microseconds: int) -> int:
    if _FIRST <= microseconds < _END:
        return microseconds
    raise ValueError(f"it is not between {FIRST_YEAR} and {LAST_YEAR}")
