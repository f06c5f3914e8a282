"""Calendar months as the text `YYYY-MM`: how long one is, and which one a written time sorts into. Pure.

Times in the tables are naive and mean the clock on the wall in Seoul, as the platform reads them.
"""

import re
from calendar import monthrange
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from platform_assets.core.errors import RefusedError

_ZONE = ZoneInfo("Asia/Seoul")
_MONTH = re.compile(r"[12][0-9]{3}-(?:0[1-9]|1[0-2])")
_FORMAT = "%Y-%m-%d %H:%M:%S"


def check_month(text: str) -> str:
    """The month itself.

    Raises:
        RefusedError: It is not written `YYYY-MM`.
    """
    if _MONTH.fullmatch(text) is None:
        raise RefusedError(f"{text!r} is no month: write YYYY-MM, such as 2026-01")
    return text


def to_local(moment: datetime) -> datetime:
    """An aware moment as the naive time on the wall."""
    return moment.astimezone(_ZONE).replace(tzinfo=None)


def list_months(until: str, count: int) -> list[str]:
    """`count` months, ascending, the last of them `until`."""
    year, month = (int(part) for part in until.split("-"))
    last = year * 12 + month - 1
    return [f"{n // 12:04}-{n % 12 + 1:02}" for n in range(last - count + 1, last + 1)]


def count_days(month: str) -> int:
    """Days of the month."""
    year, number = (int(part) for part in month.split("-"))
    return monthrange(year, number)[1]


def last_second(month: str) -> datetime:
    """The last whole second of the month, naive."""
    return read_time(f"{month}-{count_days(month):02} 23:59:59")


def written_month(event_at: str) -> str:
    """The month that a time is written as of, even if there is no such day: 2024-01 for `2024-1-5` and `2024-01-32`."""
    year, month, _ = event_at.split("-", 2)
    return f"{year}-{int(month):02}"


def read_time(text: str) -> datetime:
    """A naive time from `YYYY-MM-DD HH:MM:SS`."""
    return datetime.fromisoformat(text)


def write_time(moment: datetime) -> str:
    """`YYYY-MM-DD HH:MM:SS`."""
    return moment.strftime(_FORMAT)


def add_minutes(text: str, minutes: int) -> str:
    """A written time, some minutes later."""
    return write_time(read_time(text) + timedelta(minutes=minutes))
