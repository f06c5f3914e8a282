# pyright: standard, reportAttributeAccessIssue=false
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from platform_assets.core.errors import RefusedError
from platform_assets.tags.table import schemas
from platform_assets.tags.table.files import ROW_GROUP_ROWS, TableFile, read_batches
from platform_assets.tags.table.schemas import SUMMARY

SCHEMAS = (
    schemas.CONVERTED, schemas.PREPARED, schemas.TAGGED, schemas.SUMMARY, schemas.DEAD_LETTERS
)  # fmt: skip


def make(first: int, count: int) -> pa.RecordBatch:
    numbers = range(first, first + count)
    rows = [{"tag_id": f"t{n}", "month": "2024-01", "mentions": n, "rows": 1} for n in numbers]
    return pa.RecordBatch.from_pylist(rows, SUMMARY)


def write(path: Path, *batches: pa.RecordBatch) -> int:
    with TableFile(path, SUMMARY) as table:
        for batch in batches:
            table.write(batch)
    return table.rows


@pytest.mark.parametrize(
    "schema", SCHEMAS, ids=["converted", "prepared", "tagged", "summary", "letters"]
)
def test_a_table_without_rows_is_a_file_with_its_columns(tmp_path: Path, schema: pa.Schema):
    with TableFile(tmp_path / "out", schema) as table:
        pass
    assert table.rows == 0
    assert pq.read_table(tmp_path / "out").schema == schema


def test_rows_come_back_in_order_and_counted(tmp_path: Path):
    path = tmp_path / "out"
    assert write(path, make(0, 500), make(500, 0), make(500, 20_000)) == 20_500
    numbers = [n for batch in read_batches(path, 700) for n in batch.column("mentions").to_pylist()]
    assert numbers == list(range(20_500))
    assert max(len(batch) for batch in read_batches(path, 700)) == 700


def test_a_row_group_ends_with_the_batch_that_fills_it(tmp_path: Path):
    write(tmp_path / "out", *(make(n * 3000, 3000) for n in range(5)))
    metadata = pq.ParquetFile(tmp_path / "out").metadata
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [9000, 6000]
    assert ROW_GROUP_ROWS == 8192


def test_the_same_rows_give_the_same_bytes(tmp_path: Path):
    for name in ("one", "two"):
        write(tmp_path / name, make(0, 9000), make(9000, 50))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_older_file_is_replaced(tmp_path: Path):
    write(tmp_path / "out", make(0, 100))
    write(tmp_path / "out", make(0, 1))
    assert pq.read_table(tmp_path / "out").num_rows == 1


@pytest.mark.parametrize("rows", [0, 10, 10_000])
def test_an_error_removes_the_file(tmp_path: Path, rows: int):
    def write_and_fail() -> None:
        with TableFile(tmp_path / "out", SUMMARY) as table:
            table.write(make(0, rows))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_refused_and_leaves_no_file(tmp_path: Path):
    # A link, for what cannot be written is removed.
    (tmp_path / "out").symlink_to("/dev/full")
    with pytest.raises(RefusedError, match="free space") as caught:
        write(tmp_path / "out", make(0, 100))
    assert caught.value.kind == "temporary_folder"
    assert list(tmp_path.iterdir()) == []
