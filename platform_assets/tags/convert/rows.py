"""What the readers of raw tables give: rows, and what should have been one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from platform_assets.tags.convert.columns import FIELDS

MAX_ROW_CHARACTERS = 1024 * 1024
"""A longer row is a dead letter: a quote that nobody closed must not read the rest of the table into memory."""


class RawRow(NamedTuple):
    """A row as it was read.

    Attributes:
        line: Where it begins, counted from 1.
        values: Of `columns.FIELDS`: text, numbers, times, None; anything else where the row is broken.
        lines: What it was read from; none if that is no text.
    """

    line: int
    values: tuple[object, ...]
    lines: Sequence[str] = ()

    @property
    def raw(self) -> str:
        """The row for people: its lines, or its values as JSON."""
        if self.lines:
            return "".join(self.lines)
        filled = {
            name: value
            for name, value in zip(FIELDS, self.values, strict=True)
            if value is not None
        }
        return json.dumps(filled, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class BadRow:
    """What could not be read as a row.

    Attributes:
        line: Where it begins, counted from 1.
        kind: Stable word: `undecodable`, `bad_row`, `bad_json`, `row_too_long`.
        message: What is wrong.
        raw: What is there; it may be cut.
    """

    line: int
    kind: str
    message: str
    raw: str
