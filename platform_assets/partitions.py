"""Every partitions definition, and decoding partition keys into values.

Holds no asset and no schedule. All partitions share one timezone: Dagster refuses or misreads mappings between others.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from platform_assets.core.errors import PermanentError

TIMEZONE = "Asia/Seoul"
"""Timezone of every day and month in the platform."""

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", timezone=TIMEZONE, end_offset=1)
"""Days up to and including today: what is collected today belongs to today."""


def today(now: datetime) -> str:
    """The partition key of the day that `now` (aware) falls on."""
    return now.astimezone(ZoneInfo(TIMEZONE)).strftime("%Y-%m-%d")


def read_day(context: dg.AssetExecutionContext, now: datetime) -> str:
    """The day that a run is for: its partition key, or today when it was started without one.

    Raises:
        PermanentError: kind `bad_partition`: the key is no day that the platform has. Nothing was done.
    """
    if not context.has_partition_key:
        return today(now)
    key = context.partition_key
    if not DAYS.has_partition_key(key):
        raise PermanentError(
            f"partition {key!r} is no day between {DAYS.start.date()} and {today(now)}; days are written YYYY-MM-DD",
            kind="bad_partition",
        )
    return key
