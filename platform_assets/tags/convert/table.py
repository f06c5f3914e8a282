# pyright: standard, reportAttributeAccessIssue=false
"""The first step of a table: raw rows of any format to rows of one, the rest to dead letters. Streams.

Every row of the file is in one of the two. Text stays as it is, markup too, but personal data is masked: what people
read of it is made in `platform_assets/tags/prep/table.py`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from math import isnan
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from platform_assets.tags.convert.columns import TableOptions
from platform_assets.tags.convert.dates import read_time
from platform_assets.tags.convert.dead_letters import Letters
from platform_assets.tags.convert.formats import read_rows
from platform_assets.tags.convert.lines import ReadNotes
from platform_assets.tags.convert.markup_masking import mask_markup
from platform_assets.tags.convert.row_ids import RowIds
from platform_assets.tags.convert.rows import BadRow, RawRow
from platform_assets.tags.table.files import TableFile
from platform_assets.tags.table.schemas import CONVERTED, DEAD_LETTERS

CONVERT_VERSION = 2
"""Raised whenever the same raw table would give another output."""

MAX_ID_CHARACTERS = 200

_BATCH_ROWS = 512
_BATCH_CHARACTERS = 512 * 1024
_HASH_DIGITS = 16
_KEY_BYTES = 64


@dataclass(frozen=True, slots=True)
class TablePlace:
    """Whose table it is: written into every row."""

    tenant_id: str
    source: str
    table_id: str


@dataclass(frozen=True, slots=True)
class ConvertResult:
    """What became of a table's rows.

    Attributes:
        rows: In the output.
        dead_letters: Rows that could not be read.
        kinds: Kind -> number of them.
        unread_dates: Rows in the output whose date was not understood.
        unsure_syllables: See `lines.ReadNotes`.
        dead_letter_share: Share of rows that may be dead letters.
    """

    rows: int
    dead_letters: int
    kinds: Mapping[str, int] = field(default_factory=dict[str, int])
    unread_dates: int = 0
    unsure_syllables: int = 0
    dead_letter_share: float = 1.0


def convert_table(
    raw: BinaryIO,
    key: str,
    options: TableOptions,
    place: TablePlace,
    out: Path,
    letters_out: Path,
) -> ConvertResult:
    """Writes a raw table's rows to `out` (`CONVERTED`) and its dead letters to `letters_out` (`DEAD_LETTERS`).

    A table without rows gives files without rows. The same table gives the same bytes.

    Args:
        raw: The table's file, seekable, at its start.
        key: Its object key: the extension says what it is, and dead letters name it.
        options: Of the table's source.
        place: Whose table it is.
        out: Replaced; removed when the table cannot be read.
        letters_out: Likewise.

    Returns:
        Rows and dead letters written.

    Raises:
        PermanentError: Kinds `bad_format`, `unknown_encoding`, `truncated`, `bad_columns`: the table cannot be read.
        RefusedError: kind `temporary_folder`: no room to write.
    """
    with (
        TableFile(out, CONVERTED) as table,
        TableFile(letters_out, DEAD_LETTERS) as letter_table,
        RowIds(key) as ids,
    ):
        letters = Letters(letter_table, place.table_id, key)
        reader = _RowReader(place.tenant_id, ids, by_line=options.row_id == "line")
        batch = _Batch(place)
        notes = ReadNotes()
        kinds: Counter[str] = Counter()
        for raw_row in read_rows(raw, key, options, notes):
            row = raw_row if isinstance(raw_row, BadRow) else reader.read(raw_row)
            if isinstance(row, BadRow):
                letters.add(row)
                kinds[row.kind] += 1
                continue
            batch.add(row)
            if batch.is_full:
                table.write(batch.take())
        table.write(batch.take())
        letters.flush()
    share = 1.0 if options.dead_letter_share is None else options.dead_letter_share
    return ConvertResult(
        rows=table.rows,
        dead_letters=letter_table.rows,
        kinds=dict(kinds),
        unread_dates=reader.unread_dates,
        unsure_syllables=notes.unsure_syllables,
        dead_letter_share=share,
    )


_Row = tuple[str, int | None, str | None, str, str]
"""The columns of `CONVERTED` after those of the place."""


class _BadValueError(Exception):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class _RowReader:
    def __init__(self, tenant_id: str, ids: RowIds, *, by_line: bool) -> None:
        self.unread_dates = 0
        self._ids = ids
        self._by_line = by_line
        secret = tenant_id.encode()
        if len(secret) > _KEY_BYTES:
            secret = blake2b(secret).digest()
        self._hash = blake2b(key=secret)

    def read(self, row: RawRow) -> _Row | BadRow:
        """The row, or why it is none."""
        row_id, created_at, author, title, body = row.values
        created, understood = _read_created(created_at)
        try:
            converted = (
                self._read_id(row.line if self._by_line else row_id),
                created,
                self._hash_author(author),
                mask_markup(read_text(title, "title")),
                mask_markup(read_text(body, "body")),
            )
            # Last, so that a row which is a dead letter anyway takes no id from a later one.
            if not self._ids.add(converted[0]):
                raise _BadValueError("repeated_row_id", "a row before it has the same row_id")
        except _BadValueError as error:
            return BadRow(row.line, error.kind, str(error), row.raw)
        self.unread_dates += not understood
        return converted

    def _read_id(self, value: object) -> str:
        text = read_text(value, "row_id").strip().strip("\ufeff")
        if not text:
            raise _BadValueError("missing_row_id", "it has no row_id")
        if len(text) > MAX_ID_CHARACTERS:
            message = f"its row_id has more than {MAX_ID_CHARACTERS} characters"
            raise _BadValueError("bad_row_id", message)
        # An address may serve as an id. A number is one, whatever it looks like.
        if text.isdigit() or mask_markup(text) is text:
            return text
        return f"masked-{self._digest(text)}"

    def _hash_author(self, value: object) -> str | None:
        author = read_text(value, "author").strip()
        return self._digest(author) if author else None

    def _digest(self, text: str) -> str:
        digest = self._hash.copy()
        digest.update(text.encode())
        return digest.hexdigest()[:_HASH_DIGITS]


def read_text(value: object, what: str) -> str:
    """A value as text; empty when there is none.

    Args:
        value: As it was read.
        what: Its field, for the message of an error.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return "" if isnan(value) else str(int(value) if value.is_integer() else value)
    if isinstance(value, bool | dict | list):
        raise _BadValueError("bad_value", f"{what} is no text: it holds {type(value).__name__}")
    return str(value)


def _read_created(value: object) -> tuple[int | None, bool]:
    """The time, and whether the value was understood: one that was not costs the date and not the text."""
    try:
        return read_time(value), True
    except ValueError:
        return None, False


class _Batch:
    """Rows on their way into the file."""

    def __init__(self, place: TablePlace) -> None:
        self._place = (place.tenant_id, place.source, place.table_id)
        self._rows: list[_Row] = []
        self._characters = 0

    @property
    def is_full(self) -> bool:
        return len(self._rows) >= _BATCH_ROWS or self._characters >= _BATCH_CHARACTERS

    def add(self, row: _Row) -> None:
        self._rows.append(row)
        self._characters += len(row[3]) + len(row[4])

    def take(self) -> pa.RecordBatch:
        columns = zip(*self._rows, strict=True) if self._rows else [()] * (len(CONVERTED) - 3)
        place = [pa.repeat(pa.scalar(value, pa.string()), len(self._rows)) for value in self._place]
        values = [
            pa.array(column, field.type)
            for column, field in zip(columns, list(CONVERTED)[len(place) :], strict=True)
        ]
        self._rows = []
        self._characters = 0
        return pa.RecordBatch.from_arrays([*place, *values], schema=CONVERTED)
