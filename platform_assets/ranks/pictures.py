"""The trackings of a day that moved most, and their ranks over time as Markdown with pictures inside. Pure.

The pictures are part of the text (`data:` URLs): Dagster's UI shows them without asking another server.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from platform_assets.ranks.chart import Point, draw_ranks
from platform_assets.ranks.tracking import RankRecord, Tracking

PICTURES = 5
"""Of a day. One over 90 days is 16 kB of text, and Dagster's pages load the metadata of many days at once."""

PICTURE_DAYS = 90


def days_before(day: str, days: int) -> str:
    """The day that is so many days before another one."""
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()


def find_movers(
    records: Iterable[RankRecord], before: Iterable[RankRecord], most: int = PICTURES
) -> list[int]:
    """Numbers of the trackings whose rank moved most since the day before, the furthest first.

    Args:
        records: Of the day.
        before: Of the day before; what has no record there has not moved.
        most: How many at most.
    """
    old = {each.capture.tracking_id: _place(each) for each in before}
    moves = {
        each.capture.tracking_id: abs(_place(each) - old[each.capture.tracking_id])
        for each in records
        if each.capture.tracking_id in old
    }
    moved = [number for number, places in moves.items() if places]
    return sorted(moved, key=lambda number: (-moves[number], number))[:most]


def draw_pictures(histories: Mapping[Tracking, Sequence[RankRecord]]) -> str:
    """Markdown: a picture for each tracking, one under the other.

    Args:
        histories: What each picture shows, by day.
    """
    return "\n\n".join(_embed(tracking, records) for tracking, records in histories.items())


def _place(record: RankRecord) -> int:
    """The rank; what is not exposed counts as next after all that the page shows."""
    capture = record.capture
    return capture.result_count + 1 if capture.rank is None else capture.rank


def _embed(tracking: Tracking, records: Sequence[RankRecord]) -> str:
    points = [
        Point(each.capture.checked_on, each.capture.rank, each.session_number) for each in records
    ]
    title = f"{tracking.keyword} ({tracking.rank_type}, {tracking.target})"
    code = base64.b64encode(draw_ranks(title, points).encode()).decode()
    return f"![tracking {tracking.tracking_id}](data:image/svg+xml;base64,{code})"
