"""A tracking's history as text for other programs: CSV and JSON Lines, one record a day, oldest first. Pure."""

import csv
import io
from collections.abc import Sequence

import msgspec

from platform_assets.ranks.tracking import RankRecord

COLUMNS = ("checked_on", "rank", "session_number", "result_count", "captured_at")


def write_csv(records: Sequence[RankRecord]) -> str:
    """CSV with a heading (RFC 4180); a rank that is null is an empty field."""
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(COLUMNS)
    writer.writerows(_list_values(record) for record in records)
    return target.getvalue()


def write_json_lines(records: Sequence[RankRecord]) -> str:
    """One JSON object a line, with the columns of the CSV."""
    rows = [dict(zip(COLUMNS, _list_values(record), strict=True)) for record in records]
    return "".join(f"{msgspec.json.encode(row).decode()}\n" for row in rows)


def _list_values(record: RankRecord) -> tuple[object, ...]:
    capture = record.capture
    return (
        capture.checked_on,
        capture.rank,
        record.session_number,
        capture.result_count,
        capture.captured_at.isoformat(),
    )
