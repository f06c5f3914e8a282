# pyright: standard, reportAttributeAccessIssue=false
"""How a table of the tags pipeline becomes a file: Parquet in row groups, the same bytes for the same rows.

Where a row group ends follows from the rows alone, and no clock is asked. Which columns there are is in `schemas.py`.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from platform_assets.core.errors import RefusedError

ROW_GROUP_ROWS = 8192
ROW_GROUP_BYTES = 16 * 1024 * 1024
"""A row group ends with the batch that reaches one of the two: what is in memory while a table is written or read."""

_REPEATED = (
    "tenant_id", "source", "table_id", "author_hash", "tag_id", "term", "field", "month", "file", "kind", "message",
    "sentences.list.element.field", "tokens.list.element.form", "tokens.list.element.pos", "tokens.list.element.field",
)  # fmt: skip
"""Columns whose values repeat. A dictionary of the others takes time and room."""


class TableFile:
    """A Parquet file that is written batch by batch; a context manager. An error removes the file.

    Args:
        path: Where; it is replaced.
        schema: One of `schemas.py`.

    Attributes:
        rows: How many were written so far.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._batches: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows; give a few hundred at a time.

        Raises:
            RefusedError: kind `temporary_folder`: the file cannot be written.
        """
        if not len(batch):
            return
        self.rows += len(batch)
        self._batches.append(batch)
        self._waiting_rows += len(batch)
        self._waiting_bytes += batch.nbytes
        if self._waiting_rows >= ROW_GROUP_ROWS or self._waiting_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        table = pa.Table.from_batches(self._batches, self._schema)
        self._batches = []
        self._waiting_rows = self._waiting_bytes = 0
        try:
            self._open().write_table(table, row_group_size=max(1, len(table)))
        except OSError as error:
            raise self._refuse(error) from error

    def _open(self) -> pq.ParquetWriter:
        if self._writer is None:
            names = self._schema.names
            repeated: Any = [path for path in _REPEATED if path.partition(".")[0] in names]
            self._writer = pq.ParquetWriter(
                self._path, self._schema, compression="zstd", use_dictionary=repeated
            )
        return self._writer

    def _refuse(self, error: OSError) -> RefusedError:
        return RefusedError(
            f"{self._path} could not be written ({error}): make free space there or set TMPDIR, then run it again; "
            "what was published stays as it was",
            kind="temporary_folder",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._finish()
        except BaseException:
            self._path.unlink(missing_ok=True)
            raise
        if error is not None:
            self._abandon()

    def _finish(self) -> None:
        if self._batches:
            self._flush()
        try:
            self._open().close()
        except OSError as failure:
            raise self._refuse(failure) from failure

    def _abandon(self) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
        except OSError:
            pass  # the error that ended it says more
        finally:
            self._path.unlink(missing_ok=True)


def read_batches(path: Path, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of a file of this module, in its order, in bounded memory.

    Args:
        path: Of a file that `TableFile` wrote.
        batch_rows: At most so many at a time.
    """
    with pq.ParquetFile(path) as table:
        yield from table.iter_batches(batch_rows, use_threads=False)
