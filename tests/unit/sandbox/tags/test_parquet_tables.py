# pyright: standard, reportAttributeAccessIssue=false
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sandbox.tags.dates import DateForm
from sandbox.tags.layouts import Column, Layout
from sandbox.tags.parquet_tables import ParquetTable
from sandbox.tags.rows import Row

COLUMNS = (Column("id", "row_id", numeric=True), Column("date", "date"), Column("body", "body"))


def write(path: Path, rows: list[Row], form: DateForm = DateForm.SECOND) -> list[int]:
    table = ParquetTable(path, Layout("parquet", "", COLUMNS, form))
    numbers = [table.write(row) for row in rows]
    table.close()
    return numbers


def test_rows_come_back_with_their_types_and_numbers(tmp_path: Path):
    rows = [Row(7, "2024-01-02 03:04:05", body=["a", "b"]), Row(None, None, body=["\x01"])]
    assert write(tmp_path / "t", rows) == [1, 2]
    assert pq.read_table(tmp_path / "t").to_pylist() == [
        {"id": 7, "date": "2024-01-02 03:04:05", "body": "a b"},
        {"id": None, "date": None, "body": "\x01"},
    ]


@pytest.mark.parametrize(
    ("form", "value", "read"),
    [
        (DateForm.TIMESTAMP, 1_700_000_000_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (DateForm.DAY, 19_000, date(2022, 1, 8)),
    ],
)
def test_dates_can_have_a_type(form: DateForm, value: int, read: date, tmp_path: Path):
    write(tmp_path / "t", [Row(1, value), Row(2, None)], form)
    assert pq.read_table(tmp_path / "t")["date"].to_pylist() == [read, None]


def test_a_table_without_rows_has_its_columns(tmp_path: Path):
    write(tmp_path / "t", [], DateForm.TIMESTAMP)
    schema = pq.read_table(tmp_path / "t").schema
    assert schema.names == ["id", "date", "body"]
    assert schema.field("date").type == pa.timestamp("us", tz="UTC")


def test_the_same_rows_give_the_same_bytes_in_several_row_groups(tmp_path: Path):
    for name in ("one", "two"):
        write(tmp_path / name, [Row(n, "x", body=["글", str(n)]) for n in range(9000)])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert pq.ParquetFile(tmp_path / "one").metadata.num_row_groups == 3
