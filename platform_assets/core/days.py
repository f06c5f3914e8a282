"""Days as everybody here means them: those of Asia/Seoul, written `YYYY-MM-DD`. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from platform_assets.core.months import TIMEZONE

SEOUL = ZoneInfo(TIMEZONE)


def day_of(moment: datetime) -> str:
    """The day that a moment (aware) falls on."""
    return moment.astimezone(SEOUL).strftime("%Y-%m-%d")
