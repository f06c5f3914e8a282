"""From measured collections to the table, the goals and the JSON document. Pure."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

import msgspec

from benchmarks.collecting.measuring import Row
from benchmarks.collecting.modes import MODES
from benchmarks.tables import Goal, describe_goals, format_table

HEADERS = (
    "collector",
    "runs",
    "wall s",
    "x limit",
    "(range)",
    "requests",
    "429s",
    "CPU s",
    "peak MB",
    "records",
    "order, unique",
)


def format_rows(rows: Sequence[Row]) -> str:
    """One line a mode: medians over its runs; for the 429s every run, for the records the worst."""
    lines = [
        _format_mode(mode.title, found)
        for mode in MODES
        if (found := [row for row in rows if row.mode == mode.name])
    ]
    return format_table(HEADERS, lines)


def list_goals(rows: Sequence[Row]) -> list[Goal]:
    """The goals of the collector (docs/benchmarks.md): medians, but the worst run for the 429s."""
    plain, faults, packed = (_of(rows, name) for name in ("plain", "faults", "multiquery"))
    return [
        Goal("plain: wall / (pages / rate)", 1.02, _median(row.ratio for row in plain)),
        Goal("plain: 429s, worst run", 0, max((row.refused for row in plain), default=None)),
        Goal("plain: CPU seconds", 7, _median(row.cpu_seconds for row in plain)),
        Goal("plain: peak MB", 120, _median(row.peak_megabytes for row in plain)),
        Goal("faults: wall / (pages / rate)", 1.08, _median(row.ratio for row in faults)),
        Goal("multiquery: wall seconds", 30, _median(row.wall_seconds for row in packed)),
        Goal("multiquery: peak MB", 250, _median(row.peak_megabytes for row in packed)),
        Goal("runs with wrong records", 0, sum(row.verdict != "exact" for row in rows)),
    ]


def describe(rows: Sequence[Row], failures: Sequence[str], options: dict[str, Any]) -> object:
    """Everything as JSON: options, runs, failures, goals."""
    return {
        "options": options,
        "runs": msgspec.to_builtins(rows),
        "failures": list(failures),
        "goals": describe_goals(list_goals(rows)),
    }


def _format_mode(title: str, rows: Sequence[Row]) -> tuple[str, ...]:
    ratios = [row.ratio for row in rows]
    wrong = [row.verdict for row in rows if row.verdict != "exact"]
    return (
        title,
        str(len(rows)),
        f"{median(row.wall_seconds for row in rows):.1f}",
        f"{median(ratios):.3f}",
        f"({min(ratios):.3f}-{max(ratios):.3f})",
        f"{median(row.requests for row in rows):g}",
        "/".join(str(row.refused) for row in rows),
        f"{median(row.cpu_seconds for row in rows):.1f}",
        f"{median(row.peak_megabytes for row in rows):.0f}",
        str(min(row.records for row in rows)),
        wrong[0] if wrong else "exact",
    )


def _of(rows: Sequence[Row], mode: str) -> list[Row]:
    return [row for row in rows if row.mode == mode]


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None
