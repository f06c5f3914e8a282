# pyright: standard, reportAttributeAccessIssue=false
"""Rows of a Parquet file, a few at a time and only the columns that are needed."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from platform_assets.core.errors import PermanentError
from platform_assets.tags.convert.columns import FIELDS, Columns, TableOptions, check_columns
from platform_assets.tags.convert.rows import MAX_ROW_CHARACTERS, BadRow, RawRow

_BATCH_ROWS = 1024
_BATCH_BYTES = 4 * 1024 * 1024
_BUFFER_BYTES = 256 * 1024
_MARK = b"PAR1"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times without a zone stay without one
_READABLE = (
    kinds.is_string, kinds.is_large_string, kinds.is_string_view, kinds.is_binary, kinds.is_large_binary,
    kinds.is_binary_view, kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_date, kinds.is_timestamp,
    kinds.is_null,
)  # fmt: skip
_TEXTS = _READABLE[:3]
_BYTES = _READABLE[3:6]


def read_parquet(file: BinaryIO, options: TableOptions, key: str) -> Iterator[RawRow | BadRow]:
    """The rows; `line` is a row's number.

    Args:
        file: Seekable, at its start.
        options: Of the table's source; delimiter and encoding mean nothing here.
        key: Object key of the table, for messages.

    Raises:
        PermanentError: kind `truncated` (the end is missing), `bad_format` (no Parquet, damaged, or a column that holds
            no text, numbers or times), `bad_columns`.
    """
    first = file.read(len(_MARK))
    if not first:
        return
    if first != _MARK:
        message = f"{key} is no Parquet file: correct its extension, or write it again"
        raise PermanentError(message, kind="bad_format")
    watched = _Watched(file)
    try:
        with pq.ParquetFile(watched, pre_buffer=False, buffer_size=_BUFFER_BYTES) as table:
            yield from _read_rows(table, options, key)
    except (pa.ArrowException, OSError) as error:
        if watched.failed:
            raise  # the store's own
        file.seek(max(len(_MARK), file.seek(0, 2) - len(_MARK)))
        kind = "bad_format" if file.read() == _MARK else "truncated"
        raise PermanentError(
            f"{key} cannot be read as Parquet ({error}): write it again", kind=kind
        ) from error


def _read_rows(table: pq.ParquetFile, options: TableOptions, key: str) -> Iterator[RawRow | BadRow]:
    columns = check_columns(table.schema_arrow.names, options, key)
    _check_types(table.schema_arrow, columns, key)
    names = [name for name in columns if name is not None]
    number = 0
    for batch in table.iter_batches(_fit_batch(table), columns=names, use_threads=False):
        nothing = [None] * len(batch)
        values = [nothing if name is None else _read_values(batch.column(name)) for name in columns]
        for row in zip(*values, strict=True):
            number += 1
            yield _check_row(RawRow(number, row))


def _check_row(row: RawRow) -> RawRow | BadRow:
    for name, value in zip(FIELDS, row.values, strict=True):
        if isinstance(value, bytes):
            shown = value[:MAX_ROW_CHARACTERS].decode(errors="replace")
            return BadRow(row.line, "undecodable", f"{name} is not UTF-8", shown)
        if isinstance(value, str) and len(value) > MAX_ROW_CHARACTERS:
            message = f"{name} is longer than {MAX_ROW_CHARACTERS:,} characters"
            return BadRow(row.line, "row_too_long", message, value[:MAX_ROW_CHARACTERS])
    return row


def _check_types(schema: pa.Schema, columns: Columns, key: str) -> None:
    for field, name in zip(FIELDS, columns, strict=True):
        kind = pa.null() if name is None else schema.field(name).type
        inner = kind.value_type if kinds.is_dictionary(kind) else kind
        if not any(is_kind(inner) for is_kind in _READABLE):
            raise PermanentError(
                f"{key} has {kind} in column {name!r}, the one for {field}, which takes text, numbers or times: write "
                "the table again, or name another column in its _columns.json",
                kind="bad_format",
            )


def _fit_batch(table: pq.ParquetFile) -> int:
    """Rows per batch, fewer where they are large."""
    metadata = table.metadata
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    largest = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=0)
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, largest)))


def _read_values(column: pa.Array) -> Sequence[Any]:
    """Values for Python; those that are not UTF-8 stay bytes."""
    if kinds.is_dictionary(column.type):
        column = column.dictionary_decode()
    if kinds.is_timestamp(column.type):
        return _read_times(column)
    if any(is_kind(column.type) for is_kind in _BYTES):
        return [_decode(value) for value in column.to_pylist()]
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        return [_decode(value) for value in column.cast(pa.large_binary()).to_pylist()]


def _decode(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value


def _read_times(column: pa.Array) -> Sequence[Any]:
    """Times; those that Python has no value for as numbers of microseconds."""
    zone = None if column.type.tz is None else UTC
    counts = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False).cast(pa.int64())
    return [_read_moment(count, zone) for count in counts.to_pylist()]


def _read_moment(count: int | None, zone: timezone | None) -> datetime | str | None:
    if count is None:
        return None
    try:
        return (_EPOCH + timedelta(microseconds=count)).replace(tzinfo=zone)
    except OverflowError:
        return f"{count} microseconds since 1970"


class _Watched:
    """The file, which remembers whether reading it failed: Arrow's own errors look the same.

    Attributes:
        failed: Whether it did.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failed = False
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """See `BinaryIO`."""
        try:
            return self._file.read(size)
        except BaseException:
            self.failed = True
            raise

    def seek(self, offset: int, whence: int = 0) -> int:
        """See `BinaryIO`."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """See `BinaryIO`."""
        return self._file.tell()

    def seekable(self) -> bool:
        """See `BinaryIO`."""
        return True

    def readable(self) -> bool:
        """See `BinaryIO`."""
        return True

    def close(self) -> None:
        """The file is closed by whoever opened it."""
