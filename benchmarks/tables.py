"""How a benchmark shows what it measured: a table, the goals beside the measures, and the same as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """An upper bound for a measure.

    Attributes:
        label: What it is about, with the unit.
        most: The bound itself is still good.
        measured: None when it was not measured in this run.
    """

    label: str
    most: float
    measured: float | None

    @property
    def verdict(self) -> str:
        """`yes`, `NO`, or a dash when it was not measured."""
        if self.measured is None:
            return "-"
        return "yes" if self.measured <= self.most else "NO"


def format_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    cells = [headers, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    lines = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def format_goals(goals: Sequence[Goal]) -> str:
    """One line a goal: what, at most, measured, met."""
    rows = [
        (
            goal.label,
            f"{goal.most:g}",
            "-" if goal.measured is None else f"{goal.measured:.4g}",
            goal.verdict,
        )
        for goal in goals
    ]
    return format_table(("goal", "at most", "measured", "met"), rows)


def describe_goals(goals: Sequence[Goal]) -> list[dict[str, Any]]:
    """The goals as JSON objects `{goal, most, measured, met}`."""
    return [
        {
            "goal": goal.label,
            "most": goal.most,
            "measured": goal.measured,
            "met": None if goal.measured is None else goal.measured <= goal.most,
        }
        for goal in goals
    ]


def write_json(path: Path | None, document: object) -> None:
    """Writes the JSON file of a benchmark, if one was asked for."""
    if path is not None:
        path.write_text(json.dumps(document, indent=2) + "\n")
