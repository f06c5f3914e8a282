"""Between the games domain and Dagster: results become metadata and check results.

No decisions about data: those are pure functions in the domain.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from platform_assets.core.errors import PermanentError
from platform_assets.games.collect import Collection
from platform_assets.games.merge import Merged, Unmerged
from platform_assets.games.plan import Mode
from platform_assets.games.source import Traffic
from platform_assets.glue import report_metadata
from resources.alerts.outbox import Alerts

MODE_TAG = "sluice/mode"
"""Run tag by which a job says what it collects. Not run configuration: `dagster job execute` ignores a partitioned
job's own configuration (1.13.27), a tag reaches every way of starting it."""


def read_mode(context: dg.AssetExecutionContext, configured: str) -> Mode:
    """What a run collects: its job's tag, else the asset's configuration.

    Raises:
        PermanentError: kind `bad_mode`: the tag names no mode.
    """
    asked = context.run.tags.get(MODE_TAG, configured)
    if asked not in set(Mode):
        raise PermanentError(
            f"run tag {MODE_TAG} is {asked!r}: use one of {', '.join(Mode)}", kind="bad_mode"
        )
    return Mode(asked)


def collection_metadata(
    collection: Collection, traffic: Traffic, requests_per_second: float
) -> dict[str, Any]:
    """Numbers of one collection, for plots.

    `cap_used` is the share of the requests that the cap allowed: so many a second, and those of the second that had
    begun. It is 1 at most, and says little about a run of a few seconds.

    Args:
        collection: What came out of a run that published.
        traffic: What the client sent in this run.
        requests_per_second: What the cap allows.
    """
    segment = collection.published
    rate = traffic.requests / max(collection.seconds, 0.001)
    allowed = requests_per_second * (collection.seconds + 1)
    return {
        "mode": segment.mode,
        "records": segment.records,
        "parts": len(segment.parts),
        "set_aside": len(segment.set_aside),
        "bytes": segment.size_bytes,
        "requests": traffic.requests,
        "http_retries": traffic.retries,
        "http_429": traffic.throttled,
        "requests_per_second": round(rate, 3),
        "cap_used": round(traffic.requests / allowed, 3),
        "watermark": _moment(segment.watermark),
        "since": _moment(segment.since),
        **report_metadata(collection.report),
        "seconds": round(collection.seconds, 3),
    }


UNMERGED_ALERT = "games_unmerged"
"""Kind of the alert about segments that are not in a table; its subject is the entity."""


def alert_unmerged(alerts: Alerts, entity: str, unmerged: Sequence[Unmerged]) -> None:
    """Tells once of what could not be merged, and that it is over when all is in the table."""
    if unmerged:
        alerts.tell_once(UNMERGED_ALERT, entity, "; ".join(each.message for each in unmerged[:5]))
    else:
        alerts.clear(UNMERGED_ALERT, entity)


def merged_metadata(merged: Merged) -> dict[str, Any]:
    """Numbers of one merge, for plots."""
    return {
        "dagster/row_count": merged.rows,
        "live_rows": merged.rows - merged.deleted,
        "deleted_rows": merged.deleted,
        "merged_segments": len(merged.applied),
        "merged_records": merged.drift.records,
        "unmerged_segments": len(merged.unmerged),
        "built_anew": merged.built_anew or "no",
        "newest": _moment(merged.newest),
        "object": merged.key,
    }


def _moment(seconds: int | None) -> str:
    if seconds is None:
        return "none"
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return f"second {seconds}"
