"""CSV, TSV and JSON Lines, packed with gzip or not: rows to bytes, and the line that each begins on.

The same rows give the same bytes: gzip's header has no time and no name.
"""

import gzip
import json
import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, cast

from sandbox.tags.layouts import Column, Layout
from sandbox.tags.rows import BAD_BYTE, BadKind, Row, Written

_PACKING_LEVEL = 6
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_SPECIAL = {
    delimiter: re.compile(rf'["\r\n{delimiter}]').search for delimiter in _DELIMITERS.values()
}
_FIELDS = ("row_id", "date", "author", "title", "body")
_BROKEN_BYTE = b"\xff"


def make_picker(columns: Sequence[Column]) -> Callable[[Row], tuple[Written, ...]]:
    """What takes the values of the columns, two at least, out of a row."""
    indexes: list[int] = []
    extras = 0
    for column in columns:
        if column.holds == "extra":
            indexes.append(len(_FIELDS) + extras)
            extras += 1
        else:
            indexes.append(_FIELDS.index(column.holds))
    pick = itemgetter(*indexes)

    def pick_values(row: Row) -> tuple[Written, ...]:
        title, body = " ".join(row.title), " ".join(row.body)
        return pick((row.row_id, row.date, row.author, title, body, *row.extra))

    return pick_values


class TextTable:
    """Writes one table.

    Args:
        path: Replaced.
        layout: csv, tsv or jsonl, and the rest.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._file = path.open("wb")
        self._packed = _pack(self._file) if layout.extension.endswith(".gz") else None
        self._out = self._packed or self._file
        self._layout = layout
        self._pick = make_picker(layout.columns)
        # Of a mark for the byte order, only the first row has one.
        self._encoding = layout.encoding.removesuffix("-sig")
        self._line = 1
        self.size_bytes = 0
        mark = "\ufeff" if layout.encoding.endswith("-sig") else ""
        header = "" if layout.format == "jsonl" else self._format_header()
        self._put((mark + header).encode(self._encoding))

    def write(self, row: Row) -> int:
        """Adds a row.

        Returns:
            The line that it begins on, counted from 1.
        """
        values = self._pick(row)
        line = self._format_json(values, row) if self._is_json else self._format_values(values, row)
        data = line.encode(self._encoding)
        if row.bad is BadKind.BAD_BYTES:
            data = data.replace(BAD_BYTE.encode(), _BROKEN_BYTE)
        at = self._line
        self._put(data)
        return at

    def close(self) -> None:
        """Ends the file."""
        if self._packed:
            self._packed.close()
        self._file.close()

    @property
    def _is_json(self) -> bool:
        return self._layout.format == "jsonl"

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self.size_bytes += len(data)
        self._line += data.count(b"\n")

    def _format_header(self) -> str:
        return self._join([column.name for column in self._layout.columns])

    def _format_values(self, values: tuple[Written, ...], row: Row) -> str:
        if row.bad is BadKind.FIELD_COUNT:
            values = values[:-1] if len(row.body) & 1 else (*values, "")
        return self._join(["" if value is None else str(value) for value in values])

    def _join(self, values: Sequence[str]) -> str:
        delimiter = _DELIMITERS[self._layout.format]
        special = _SPECIAL[delimiter]
        quotes_all = self._layout.quotes_all
        written = [
            '"' + value.replace('"', '""') + '"' if quotes_all or special(value) else value
            for value in values
        ]
        return delimiter.join(written) + self._layout.line_end

    def _format_json(self, values: tuple[Written, ...], row: Row) -> str:
        names = (column.name for column in self._layout.columns)
        pairs = dict(zip(names, values, strict=True))
        if row.bad is BadKind.MISSING_ID and len(row.body) & 1:
            pairs = {name: value for name, value in pairs.items() if value is not None}
        line = json.dumps(pairs, ensure_ascii=False, separators=(", ", ": "))
        if row.bad is BadKind.BAD_JSON:
            line = _break_json(line, len(row.body))
        return line + self._layout.line_end


def _break_json(line: str, drawn: int) -> str:
    """What is no JSON object: cut in the middle, without its end, with two of them, or a list."""
    broken = (line[: len(line) * 2 // 3], line[:-1], f"{line}, {line}", f"[{line}]")
    return broken[drawn % len(broken)]


def _pack(file: BinaryIO) -> BinaryIO:
    packed = gzip.GzipFile("", "wb", _PACKING_LEVEL, file, mtime=0)
    return cast("BinaryIO", packed)
