# pyright: standard, reportAttributeAccessIssue=false
"""The Parquet copy of a day's records: the same records, the same bytes.

ranks/daily/dt=2026-11-21/ranks.parquet
"""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from platform_assets.core.object_keys import join_key, name_date
from platform_assets.core.objects import ObjectChangedError, ObjectStore
from platform_assets.ranks.tracking import RankRecord, Tracking

_TRIES = 20
"""Each other run of the day can come between, once per run."""

SCHEMA = pa.schema(
    [
        pa.field("checked_on", pa.date32(), nullable=False),
        pa.field("tracking_id", pa.int64(), nullable=False),
        pa.field("customer", pa.string(), nullable=False),
        pa.field("rank_type", pa.string(), nullable=False),
        pa.field("keyword", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("rank", pa.int32()),
        pa.field("session_number", pa.int32(), nullable=False),
        pa.field("result_count", pa.int32(), nullable=False),
        pa.field("page_key", pa.string(), nullable=False),
        pa.field("captured_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)
"""One row per tracking, by its number; what the columns mean is `Tracking` and `Capture`."""


def day_key(day: str) -> str:
    """Object key of a day's table."""
    return join_key("ranks", "daily", name_date(date.fromisoformat(day)), "ranks.parquet")


def write_day(records: Sequence[RankRecord], trackings: Mapping[int, Tracking]) -> bytes:
    """The table of a day's records, as a file.

    Args:
        records: Of one day.
        trackings: By number; all that the records name.
    """
    rows = [
        {
            "checked_on": date.fromisoformat(record.capture.checked_on),
            "tracking_id": record.capture.tracking_id,
            "customer": tracking.customer,
            "rank_type": tracking.rank_type.value,
            "keyword": tracking.keyword,
            "target": tracking.target,
            "rank": record.capture.rank,
            "session_number": record.session_number,
            "result_count": record.capture.result_count,
            "page_key": record.capture.page_key,
            "captured_at": record.capture.captured_at,
        }
        for record in sorted(records, key=lambda each: each.capture.tracking_id)
        if (tracking := trackings[record.capture.tracking_id])
    ]
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), target, compression="zstd")
    return target.getvalue()


def publish_day(
    objects: ObjectStore,
    day: str,
    read: Callable[[], tuple[Sequence[RankRecord], Mapping[int, Tracking]]],
) -> int:
    """Writes the day's table as the history has it; how many rows.

    Args:
        objects: Where it goes.
        day: The day.
        read: The day's records and their trackings. Called again when another run has written meanwhile, so that the
            last table holds what both have recorded.

    Raises:
        ObjectChangedError: Others came between again and again.
        TransientError: The store does not answer.
    """
    key = day_key(day)
    for tries_left in reversed(range(_TRIES)):
        info = objects.head(key)
        records, trackings = read()
        try:
            objects.put_if(key, write_day(records, trackings), info.etag if info else None)
        except ObjectChangedError:
            if not tries_left:
                raise
        else:
            return len(records)
    raise AssertionError("unreachable: the last try returns or raises")
