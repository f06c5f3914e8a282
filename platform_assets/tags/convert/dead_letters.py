# pyright: standard, reportAttributeAccessIssue=false
"""A table's dead letters: rows that could not be read, where they are, why, and what is in them, masked."""

import re

import pyarrow as pa

from platform_assets.tags.convert.markup_masking import mask_markup
from platform_assets.tags.convert.rows import BadRow
from platform_assets.tags.table.files import TableFile
from platform_assets.tags.table.schemas import DEAD_LETTERS

RAW_CHARACTERS = 2000
"""So much of a row is kept."""

_MESSAGE_CHARACTERS = 500
_BATCH_LETTERS = 256
_ESCAPED = re.compile(r"\\u((?![dD][89a-fA-F])[0-9a-fA-F]{4})")


class Letters:
    """The dead letters of one table, written as they come.

    Args:
        file: Of the schema `DEAD_LETTERS`.
        table_id: Of the table.
        key: Object key of the raw table.
    """

    def __init__(self, file: TableFile, table_id: str, key: str) -> None:
        self._file = file
        self._table_id = table_id
        self._key = key
        self._waiting: list[tuple[str, str, int, str, str, str]] = []

    def add(self, bad: BadRow) -> None:
        """Adds a letter.

        Raises:
            RefusedError: kind `temporary_folder`: the file cannot be written.
        """
        message = mask_markup(bad.message)[:_MESSAGE_CHARACTERS]
        letter = (self._table_id, self._key, bad.line, bad.kind, message, describe_raw(bad.raw))
        self._waiting.append(letter)
        if len(self._waiting) == _BATCH_LETTERS:
            self.flush()

    def flush(self) -> None:
        """Hands what was added to the file."""
        if self._waiting:
            columns = zip(zip(*self._waiting, strict=True), DEAD_LETTERS.types, strict=True)
            arrays = [pa.array(values, kind) for values, kind in columns]
            self._file.write(pa.RecordBatch.from_arrays(arrays, schema=DEAD_LETTERS))
            self._waiting = []


def describe_raw(raw: str) -> str:
    """The beginning of a row, masked; characters that JSON escaped are shown."""
    shown = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), raw[: 8 * RAW_CHARACTERS])
    # What begins within the characters that are kept is masked as a whole: so more of them are looked at.
    return mask_markup(shown[: 2 * RAW_CHARACTERS])[:RAW_CHARACTERS].rstrip("\r\n")
