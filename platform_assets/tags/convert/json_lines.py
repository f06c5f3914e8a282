"""JSON Lines: one object per line; keys may come in any order, and be missing.

Objects that are written over several lines are read too, in one list or one after the other, as data frames and editors
leave them under the name of JSON Lines.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, cast

from platform_assets.core.errors import PermanentError
from platform_assets.tags.convert.columns import Columns, TableOptions, check_columns, find_columns
from platform_assets.tags.convert.delimited import take_sample
from platform_assets.tags.convert.lines import BadLine
from platform_assets.tags.convert.rows import MAX_ROW_CHARACTERS, BadRow, RawRow

_KNOWN_SHAPES = 1000
_SAMPLE_OBJECTS = 100
_SHOWN_CHARACTERS = 16 * 1024
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}]')
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
    sample = take_sample(lines)
    first = next((line for line in sample if not line.isspace()), "")
    rows = enumerate(chain(sample, lines), 1)
    if _begins_over_lines(first):
        begun = list(islice(_join_objects(rows), _SAMPLE_OBJECTS))
        sample = [text for _, text in begun]
        rows = chain(begun, _join_objects(rows))
    _check_sample(sample, options, key)
    shapes: dict[tuple[str, ...], Columns] = {}
    for number, line in rows:
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


def _begins_over_lines(first: str) -> bool:
    """Whether the first line that is not blank begins a list of objects, or an object that goes on below."""
    text = first.strip()
    if text.startswith("[") and (text == "[" or text[1:].lstrip().startswith("{")):
        return True
    return text == "{" or (
        text.startswith("{")
        and isinstance(_read_object(text, 0), BadRow)
        and text.endswith(("{", ","))
    )


class _Joiner:
    """Cuts lines into the objects that they make together. A text of JSON never goes over a line's end."""

    def __init__(self) -> None:
        self._depth = 0
        self._parts: list[str] = []
        self._size = 0
        self._number = 0

    def add(self, number: int, line: str) -> Iterator[tuple[int, str]]:
        """The objects that end in a line, with the lines that they begin on; anything that cannot be one, too."""
        start = 0
        for token in _TOKEN.finditer(line):
            mark = token[0]
            if mark == "{":
                if self._depth == 0:
                    start, self._number = token.start(), number
                self._depth += 1
            elif mark == "}" and self._depth:
                self._depth -= 1
                if self._depth == 0:
                    yield self._finish(line[start : token.end()])
        if self._depth:
            self._parts.append(line[start:])
            self._size += len(line) - start
            if self._size > MAX_ROW_CHARACTERS:
                yield self.give_up()

    def give_up(self) -> tuple[int, str]:
        """What there is of an object without an end."""
        message = f"an object does not end within {MAX_ROW_CHARACTERS:,} characters"
        text = "".join(self._parts)[:_SHOWN_CHARACTERS]
        self._parts, self._size, self._depth = [], 0, 0
        return self._number, BadLine(text, "bad_json", message)

    @property
    def is_open(self) -> bool:
        return self._depth > 0

    def _finish(self, end: str) -> tuple[int, str]:
        text = "".join((*self._parts, end))
        self._parts, self._size = [], 0
        return self._number, text


def _join_objects(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The objects of a text, each with the line that it begins on."""
    joiner = _Joiner()
    for number, line in lines:
        if type(line) is str:
            yield from joiner.add(number, line)
        else:
            yield number, line  # it did not decode, or is too long
    if joiner.is_open:
        yield joiner.give_up()


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
