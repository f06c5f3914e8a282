"""What is checked about a collected day and about a table. Pure: values in, findings out."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from platform_assets.core.findings import Finding
from platform_assets.games.drift import Drift
from platform_assets.games.manifest import Part, Segment
from platform_assets.games.ranges import BEFORE_ALL
from platform_assets.games.set_aside import describe_odd

if TYPE_CHECKING:  # it loads Arrow, which collecting does without
    from platform_assets.games.merge import Merged

DRIFT_RECORDS = 500
"""With fewer records it is no news that none of them has some optional field."""


RAW_CHECKS = ("count_matches_api", "ids_unique", "ranges_cover_all_ids", "records_readable")
"""Checks of a collected day, in the order of `check_segment`."""

TABLE_CHECKS = ("schema_drift", "no_mass_deletion", "segments_merged", "days_published")
"""Checks of a table, in the order of `check_table`."""


def check_segment(
    segment: Segment, api_count: int | str, tolerance: float = 0.001
) -> list[Finding]:
    """Checks one collection.

    Args:
        segment: What was collected.
        api_count: Rows according to `/count`, asked after the collection; or why there is no such number.
        tolerance: Share of rows that may come or go between reading them and counting them.
    """
    return [
        _check_count(segment, api_count, tolerance),
        _check_unique(segment.parts),
        _check_ranges(segment.ranges),
        _check_readable(segment),
    ]


def check_table(merged: "Merged") -> list[Finding]:
    """Checks one merge."""
    mass = [each for each in merged.unmerged if each.kind == "mass_deletion"]
    others = [each.message for each in merged.unmerged if each.kind != "mass_deletion"]
    unread = merged.drift.unread
    if unread:
        others.append(f"{len(unread)} records could not be read: {'; '.join(unread[:5])}")
    return [
        check_drift(merged.drift),
        _check_none(TABLE_CHECKS[1], [each.message for each in mass], "No mass of rows vanished."),
        _check_none(TABLE_CHECKS[2], others, "Every published segment is in the table."),
        Finding(
            TABLE_CHECKS[3],
            not merged.unpublished,
            f"Days with parts and no manifest, which are not in the table: {', '.join(merged.unpublished)}. They were "
            "never finished, or their manifests were deleted: collect them again"
            if merged.unpublished
            else "Every day that has parts is published.",
            numbers={"days": len(merged.unpublished)},
        ),
    ]


def _check_none(name: str, problems: Sequence[str], fine: str) -> Finding:
    text = "; ".join(problems[:5]) or fine
    return Finding(name, not problems, text, grave=True, numbers={"count": len(problems)})


def check_drift(drift: Drift) -> Finding:
    """Fields that are new, or that the table names and no record had. A changed type stops the merge before this."""
    vanished = drift.vanished()
    new = ", ".join(f"{name} ({count})" for name, count in sorted(drift.new.items()))
    text = f"{drift.records} records. New fields, kept in `rest`: {new or 'none'}. "
    return Finding(
        "schema_drift",
        not vanished or drift.records < DRIFT_RECORDS,
        text + f"Named fields that no record had: {', '.join(vanished) or 'none'}.",
        numbers={
            "records": drift.records,
            "new_fields": dict(sorted(drift.new.items())),
            "missing_fields": dict(sorted(drift.missing.items())),
        },
    )


def _check_readable(segment: Segment) -> Finding:
    odd = segment.odd
    text = (
        f"{len(segment.set_aside)} records were set aside, {len(odd) - len(segment.set_aside)} have a time that is not "
        f"believed: {describe_odd(odd)}. Their ids are asked for again by the next collections."
    )
    return Finding(
        RAW_CHECKS[3],
        not odd,
        text if odd else "Every record could be read.",
        numbers={"set_aside": len(segment.set_aside), "odd": len(odd)},
    )


def _check_count(segment: Segment, api_count: int | str, tolerance: float) -> Finding:
    name, found = RAW_CHECKS[0], segment.records + len(segment.set_aside)
    if isinstance(api_count, str):
        text = f"{found} records collected; not compared with the API's count: {api_count}."
        return Finding(name, passed=segment.mode != "full", text=text)
    apart = abs(found - api_count)
    return Finding(
        name,
        apart <= max(1, tolerance * api_count),
        f"{found} records collected, the API counts {api_count}.",
        grave=segment.mode == "full",
        numbers={"records": found, "api_count": api_count, "apart": apart},
    )


def _check_unique(parts: Sequence[Part]) -> Finding:
    """Ids rise within a part (checked on receipt), so it is enough that parts do not overlap."""
    overlaps = [
        f"{left.key} and {right.key}"
        for left, right in pairwise(parts)
        if right.first_id <= left.last_id
    ]
    text = f"Parts overlap: {'; '.join(overlaps[:5])}" if overlaps else "No id twice."
    return Finding(
        RAW_CHECKS[1], not overlaps, text, grave=True, numbers={"overlaps": len(overlaps)}
    )


def _check_ranges(ranges: Sequence[tuple[int, int | None]]) -> Finding:
    gaps = [f"{left[1]} to {right[0]}" for left, right in pairwise(ranges) if left[1] != right[0]]
    ends = bool(ranges) and ranges[0][0] == BEFORE_ALL and ranges[-1][1] is None
    text = (
        "Every id was asked for."
        if ends and not gaps
        else f"Not asked for: ids {', '.join(gaps[:5]) or 'at an end'}."
    )
    return Finding(RAW_CHECKS[2], ends and not gaps, text, grave=True, numbers={"gaps": len(gaps)})
