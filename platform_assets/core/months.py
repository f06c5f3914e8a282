"""Calendar months as the text `YYYY-MM`, which sorts by time, and their bounds in the platform's timezone.

No partitions here: those are Dagster's, in `platform_assets/partitions.py`.
"""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from platform_assets.core.errors import PermanentError

TIMEZONE = "Asia/Seoul"
"""Timezone of every day and month in the platform: one for all, or mappings between partitions would be refused."""

_ZONE = ZoneInfo(TIMEZONE)
_MONTH = re.compile(r"(?P<year>[12][0-9]{3})-(?P<month>0[1-9]|1[0-2])")


def check_month(text: str) -> str:
    """The month itself.

    Raises:
        PermanentError: kind `bad_month`: not a month written `YYYY-MM` between 1000-01 and 2999-12.
    """
    if _MONTH.fullmatch(text) is None:
        raise PermanentError(
            f"{text[:50]!r} is no month; months are written YYYY-MM, such as 2026-01",
            kind="bad_month",
        )
    return text


def month_of(moment: datetime) -> str:
    """The month that an aware moment falls in."""
    return moment.astimezone(_ZONE).strftime("%Y-%m")


def add_months(month: str, count: int) -> str:
    """The month `count` months later; earlier if negative."""
    index = _index(month) + count
    return f"{index // 12:04}-{index % 12 + 1:02}"


def list_months(first: str, last: str) -> list[str]:
    """All months from `first` to `last`, both included; empty if `last` is earlier."""
    return [add_months(first, n) for n in range(_index(last) - _index(first) + 1)]


def month_start(month: str) -> datetime:
    """The first moment of the month, aware."""
    year, number = divmod(_index(month), 12)
    return datetime(year, number + 1, 1, tzinfo=_ZONE)


def month_end(month: str) -> datetime:
    """The first moment after the month, aware."""
    return month_start(add_months(month, 1))


def _index(month: str) -> int:
    year, _, number = month.partition("-")
    return int(year) * 12 + int(number) - 1
