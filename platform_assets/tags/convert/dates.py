"""Times as people write them in tables. Those without a zone are in the platform's; a day alone is its first moment."""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
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
_HALF = "오전|오후|AM|PM|A\\.M\\.|P\\.M\\."
_ZONE_NAME = r"(?:\s*(?P<zone>Z|KST|(?:UTC|GMT)?[+-]\d\d(?::?\d\d)?|UTC|GMT)(?:\s*\([^()]{1,40}\)|\[Asia/Seoul\])?)?"
_CLOCK = (
    rf"(?:(?P<half>{_HALF})\s*)?(?P<hour>\d{{1,2}}):(?P<minute>\d\d)"
    rf"(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{{1,9}}))?)?(?:\s*(?P<half_after>{_HALF}))?"
)
_KOREAN_CLOCK = (
    rf"(?:(?P<half>{_HALF})\s*)?(?P<hour>\d{{1,2}})\s*시"
    r"(?:\s*(?P<minute>\d{1,2})\s*분(?:\s*(?P<second>\d{1,2})\s*초)?)?"
)
_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_DAY = (
    r"(?P<year>\d{4}|\d\d)\s*[-./년]\s*(?P<month>\d{1,2})\s*[-./월]\s*(?P<day>\d{1,2})\s*[.일]?"
    rf"(?:\s*(?:\([월화수목금토일](?:요일)?\)|[월화수목금토일]요일|\({_WEEKDAY}\)),?)?"
)
_BETWEEN = r"(?:[T\s]\s*|,\s*|(?<=[)일.]))"
_MONTH_NAME = r"(?P<month_name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_DIGITS = (
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
    r"(?:(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?)?"
)
_ISO_BASIC = (
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T(?P<hour>\d\d):?(?P<minute>\d\d)"
    rf"(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d{{1,9}}))?)?{_ZONE_NAME}"
)
# Mail (RFC 2822) and cookies; JavaScript and people; Java and `date`.
_MAIL = (
    rf"(?:{_WEEKDAY},?\s+)?(?P<day>\d{{1,2}})[\s-]{_MONTH_NAME},?[\s-](?P<year>\d{{4}})"
    rf"(?:,?\s+{_CLOCK}{_ZONE_NAME})?"
)
_SCRIPT = (
    rf"(?:{_WEEKDAY},?\s+)?{_MONTH_NAME}\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}})"
    rf"(?:,?\s+{_CLOCK}{_ZONE_NAME})?"
)
_UNIX = (
    rf"{_WEEKDAY}\s+{_MONTH_NAME}\s+(?P<day>\d{{1,2}})\s+{_CLOCK}{_ZONE_NAME}\s+(?P<year>\d{{4}})"
)
_FORMS = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"{_DAY}(?:{_BETWEEN}{_CLOCK}{_ZONE_NAME})?",
        rf"{_DAY}{_BETWEEN}{_KOREAN_CLOCK}{_ZONE_NAME}",
        _DIGITS,
        _ISO_BASIC,
        _MAIL,
        _SCRIPT,
        _UNIX,
    )
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST = 100
_SECONDS = re.compile(r"([1-9]\d{8,9})(?:\.(\d+))?", re.ASCII)
_MILLISECONDS = re.compile(r"[1-9]\d{12}", re.ASCII)


def read_time(value: object) -> int | None:
    """Microseconds since 1970 in UTC; None when there is no time.

    Understood are ISO 8601, basic too, `YYYY-MM-DD HH:MM`, with seconds or not, `YYYY.MM.DD`, `YYYY/MM/DD`,
    `YYYY년 M월 D일`, `yy.mm.dd` (69 to 99 are the last century), each with a weekday or not (`(금)`, `금요일`);
    hours of 12 (`오후 3:20`, `3:20 PM`) and `15시 20분`; zones as `Z`, `UTC`, `GMT`, `KST` or an offset; `YYYYMMDD`
    with `HHMM` and `SS` or not; mail dates (`Fri, 05 Jan 2024 15:20:11 +0900`) and what JavaScript, Java and `date`
    print; seconds (9 or 10 digits, with a fraction or not) or milliseconds (13) since 1970. Empty text, a zero, `NULL`,
    `0000-00-00` and the like mean that there is no time.

    Refused are orders that begin with day or month (`01/05/2024`): which is which shows in some values of a column
    only. A number of 5 digits may be a day of Excel's or anything else.

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
    if len(text) > _LONGEST:
        raise ValueError("it is in none of the forms that are known")
    # Browsers write narrow spaces before PM, spreadsheets full-width digits.
    text = unicodedata.normalize("NFKC", text).strip()
    for form in _FORMS:
        if match := form.fullmatch(text):
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
    name = parts.get("month_name")
    month = int(parts["month"]) if name is None else _MONTHS.index(name.lower()) + 1
    half = parts.get("half") or parts.get("half_after")
    return datetime(
        year,
        month,
        int(parts["day"]),
        _read_hour(int(parts.get("hour") or 0), half),
        int(parts.get("minute") or 0),
        int(parts.get("second") or 0),
        int((parts.get("fraction") or "0")[:6].ljust(6, "0")),
        tzinfo=_read_zone(parts.get("zone")),
    )


def _read_hour(hour: int, half: str | None) -> int:
    """The hour of the day. `오후 15:20` is written, and says the same twice."""
    if half is None:
        return hour
    if half == "오후" or half[0] in "Pp":
        return hour if hour >= 12 else hour + 12
    if hour > 12:
        raise ValueError(f"it is {half} and {hour} hours at once")
    return hour % 12


def _read_zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    offset = text.upper().removeprefix("UTC").removeprefix("GMT")
    if offset == "KST":
        return timezone(timedelta(hours=9))
    if offset in {"Z", ""}:
        return UTC
    minutes = int(offset[1:3]) * 60 + int(offset[-2:] if len(offset) > 3 else 0)
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


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
