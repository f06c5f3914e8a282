# pyright: standard, reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions at import: no type checker sees them)
"""Rows of a table as a stream: reading the previous one forward by id, writing the next one in even row groups."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from platform_assets.core.errors import RefusedError


class DamagedTableError(RefusedError):
    """The previous table cannot be read: it is not what was written."""

    default_kind = "damaged_table"


@contextmanager
def explained_damage(what: str) -> Generator[None]:
    """Arrow says in many ways that a file is not what it was; an error of the machine keeps its number.

    Raises:
        DamagedTableError: It is damaged.
    """
    try:
        yield
    except (pa.ArrowException, OSError, EOFError) as error:
        if getattr(error, "errno", None) is not None or isinstance(error, MemoryError):
            raise
        raise DamagedTableError(f"{what} is damaged ({error})") from error


ROW_GROUP_ROWS = 16_384
"""Rows per row group of a table: about 20 MB of games before compression."""


class OldRows:
    """The previous table, read forward in id order.

    Args:
        stream: The Parquet object; None when there is no previous table.
        schema: The schema that its rows are given.
    """

    def __init__(self, stream: BinaryIO | None, schema: pa.Schema) -> None:
        self._stream = stream
        self._schema = schema
        try:
            with explained_damage("the previous table"):
                self._batches = self._open()
        except DamagedTableError:
            self.close()
            raise
        self._rest = schema.empty_table()

    def _open(self) -> Iterator[Any]:
        if self._stream is None:
            return iter(())
        file = pq.ParquetFile(self._stream, page_checksum_verification=True)
        if "id" not in file.schema_arrow.names:
            raise pa.ArrowInvalid("it has no ids")
        return file.iter_batches(batch_size=ROW_GROUP_ROWS)

    def take_until(self, last_id: int | None) -> pa.Table:
        """The next rows with an id up to and including `last_id` (None: all that are left)."""
        taken: list[pa.Table] = []
        while True:
            end = self._rest.num_rows
            if last_id is not None and end:
                end = pc.sum(pc.less_equal(self._rest["id"], last_id)).as_py()
            taken.append(self._rest.slice(0, end))
            self._rest = self._rest.slice(end)
            if self._rest.num_rows:
                return pa.concat_tables(taken)
            with explained_damage("the previous table"):
                batch = next(self._batches, None)
                if batch is None:
                    return pa.concat_tables(taken)
                self._rest = self._conform(pa.Table.from_batches([batch]))

    def _conform(self, table: pa.Table) -> pa.Table:
        """Columns that the table of entities gained since are null; those that it lost are dropped."""
        columns = [
            table[field.name].cast(field.type)
            if field.name in table.column_names
            else pa.nulls(table.num_rows, field.type)
            for field in self._schema
        ]
        return pa.Table.from_arrays(columns, schema=self._schema)

    def close(self) -> None:
        """Closes the stream."""
        if self._stream is not None:
            self._stream.close()


class RowWriter:
    """Writes rows in row groups of one size, so that the bytes depend on the rows only.

    Args:
        path: File to write.
        schema: Schema of all rows.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)
        self._pending: list[pa.Table] = []
        self._rows = 0

    def add(self, rows: pa.Table) -> None:
        """Takes the next rows."""
        self._pending.append(rows)
        self._rows += rows.num_rows
        while self._rows >= ROW_GROUP_ROWS:
            self._write(ROW_GROUP_ROWS)

    def close(self) -> None:
        """Writes what is left and ends the file."""
        if self._rows:
            self._write(self._rows)
        self._writer.close()

    def _write(self, count: int) -> None:
        table = pa.concat_tables(self._pending)
        self._writer.write_table(table.slice(0, count).combine_chunks(), row_group_size=count)
        self._pending = [table.slice(count)]
        self._rows -= count
