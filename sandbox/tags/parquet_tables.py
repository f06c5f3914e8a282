# pyright: standard, reportAttributeAccessIssue=false
"""Parquet tables; the same rows give the same bytes."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.tags.dates import DateForm
from sandbox.tags.layouts import Column, Layout
from sandbox.tags.rows import Row, Written
from sandbox.tags.text_tables import make_picker

_GROUP_ROWS = 4096
_DATES = {DateForm.TIMESTAMP: pa.timestamp("us", tz="UTC"), DateForm.DAY: pa.date32()}


class ParquetTable:
    """Writes one table.

    Args:
        path: Replaced.
        layout: What its columns are; the encoding means nothing.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._schema = pa.schema(
            [(column.name, _find_type(column, layout.date_form)) for column in layout.columns]
        )
        self._writer = pq.ParquetWriter(path, self._schema, compression="snappy", version="2.6")
        self._pick = make_picker(layout.columns)
        self._rows: list[tuple[Written, ...]] = []
        self._number = 0
        self.size_bytes = 0

    def write(self, row: Row) -> int:
        """Adds a row.

        Returns:
            Its number, counted from 1.
        """
        self._rows.append(self._pick(row))
        if len(self._rows) == _GROUP_ROWS:
            self._flush()
        self._number += 1
        return self._number

    def close(self) -> None:
        """Ends the file."""
        if self._rows or not self._number:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        columns = list(zip(*self._rows, strict=True)) or [()] * len(self._schema)
        arrays = [
            pa.array(values, field.type)
            for values, field in zip(columns, self._schema, strict=True)
        ]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        self._writer.write_table(table, row_group_size=_GROUP_ROWS)
        self.size_bytes += table.nbytes
        self._rows.clear()


def _find_type(column: Column, form: DateForm) -> pa.DataType:
    if column.holds == "date" and form in _DATES:
        return _DATES[form]
    return pa.int64() if column.numeric else pa.string()
