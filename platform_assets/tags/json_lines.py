"""JSON Lines: one object per line; keys may come in any order, and be missing."""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, cast

from platform_assets.core.errors import PermanentError
from platform_assets.tags.columns import Columns, TableOptions, check_columns, find_columns
from platform_assets.tags.lines import BadLine
from platform_assets.tags.rows import BadRow, RawRow

_SAMPLE_LINES = 1000
_SAMPLE_CHARACTERS = 1024 * 1024
_KNOWN_SHAPES = 1000
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_json_lines(
    lines: Iterator[str], options: TableOptions, key: str
) -> Iterator[RawRow | BadRow]:
    """The rows; blank lines are none.

    Args:
        lines: Lines with their line feeds.
        options: Of the table's source.
        key: Object key of the table, for messages.

    Raises:
        PermanentError: kind `bad_format`: none of the first lines begins an object; `bad_columns`.
    """
    sample = _take_sample(lines)
    _check_sample(sample, options, key)
    shapes: dict[tuple[str, ...], Columns] = {}
    for number, line in enumerate(chain(sample, lines), 1):
        if line.isspace():
            continue
        row = _read_object(line, number)
        if isinstance(row, BadRow):
            yield row
            continue
        names = tuple(row)
        columns = shapes.get(names)
        if columns is None:
            columns = find_columns(names, options)
            if len(shapes) < _KNOWN_SHAPES:
                shapes[names] = columns
        values = tuple(None if name is None else row.get(name) for name in columns)
        if _HALF.search(line):
            values = tuple(map(_mend, values))
        yield RawRow(number, values, (line,))


def _take_sample(lines: Iterator[str]) -> Sequence[str]:
    sample: list[str] = []
    characters = 0
    for line in lines:
        sample.append(line)
        characters += len(line)
        if len(sample) == _SAMPLE_LINES or characters > _SAMPLE_CHARACTERS:
            break
    return sample


def _check_sample(sample: Sequence[str], options: TableOptions, key: str) -> None:
    filled = [line for line in sample if not line.isspace()]
    if filled and not any(line.lstrip().startswith("{") for line in filled):
        found = "one JSON list" if filled[0].lstrip().startswith("[") else "something else"
        raise PermanentError(
            f"{key} holds {found} and not JSON Lines: write one object per line, or correct its extension",
            kind="bad_format",
        )
    rows = [_read_object(line, 0) for line in filled]
    names = dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row)
    if names:
        check_columns(names, options, key)


def _read_object(line: str, number: int) -> dict[str, Any] | BadRow:
    if isinstance(line, BadLine):
        return BadRow(number, line.kind, line.message, line)
    try:
        row = json.loads(line)
    except RecursionError:
        return BadRow(number, "bad_json", "it is nested too deeply", line)
    except ValueError as error:
        return BadRow(number, "bad_json", str(error), line)
    if not isinstance(row, dict):
        return BadRow(number, "bad_json", "it is no JSON object", line)
    return cast("dict[str, Any]", row)


def _mend(value: object) -> object:
    """Text without halves of characters, as they are left where text was cut by its length in UTF-16."""
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value
