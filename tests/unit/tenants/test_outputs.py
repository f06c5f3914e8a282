# pyright: standard
"""Tables of a tenant: the same bytes for the same rows, exact money, and published by whoever holds the month."""

import io
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from platform_assets.core.errors import LeaseLostError, RefusedError
from platform_assets.core.objects import ObjectChangedError
from platform_assets.tenants.outputs import (
    EVENTS,
    PROFILES,
    ROW_GROUP_ROWS,
    TableWriter,
    customers_key,
    month_key,
    publish,
    unscale,
)
from tests.fakes.event_source import refuse_nothing
from tests.fakes.memory_objects import MemoryObjectStore

KEY = "tenants/acme/2024-02/events.parquet"


def make_rows(count: int) -> list[tuple[Any, ...]]:
    return [(f"e{n}", None, n, "purchase", f"o{n}", 1, -n * 10**14, None) for n in range(count)]


def group(rows: list[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    return [rows[start : start + ROW_GROUP_ROWS] for start in range(0, len(rows), ROW_GROUP_ROWS)]


def write(rows: list[tuple[Any, ...]], schema: pa.Schema = EVENTS) -> bytes:
    with TableWriter("test") as writer:
        content = writer.write(schema, group(rows))
        return content if isinstance(content, bytes) else content.read_bytes()


def test_keys_are_the_ones_that_readers_know():
    assert month_key("acme", "2024-02", "events") == KEY
    assert customers_key("acme") == "tenants/acme/customers.parquet"


@pytest.mark.parametrize(
    "count", [0, 1, ROW_GROUP_ROWS - 1, ROW_GROUP_ROWS, 2 * ROW_GROUP_ROWS + 1]
)
def test_rows_come_back_and_the_same_rows_give_the_same_bytes(count: int):
    rows = make_rows(count)
    data = write(rows)
    assert write(rows) == data
    file = pq.ParquetFile(io.BytesIO(data))
    assert file.schema_arrow.equals(EVENTS)
    assert file.num_row_groups == -(-count // ROW_GROUP_ROWS)
    table = file.read()
    assert table["event_id"].to_pylist() == [row[0] for row in rows]
    assert unscale(table["amount"]) == [row[6] for row in rows]
    assert table["event_at"].null_count == 0
    assert table["updated_at"].null_count == count


def test_money_is_exact_also_beyond_64_bits():
    money = [10**37 - 1, -(10**37) + 1, 0, -1, 5]
    rows = [(f"c{n}", 1, 1, 1, amount, 0, 0, 0, False) for n, amount in enumerate(money)]
    table = pq.read_table(io.BytesIO(write(rows, PROFILES)))
    assert unscale(table["revenue"]) == money
    assert table["revenue"].to_pylist()[3:] == [Decimal("-0.0001"), Decimal("0.0005")]
    assert table["first_event_at"].to_pylist()[0] == datetime(1970, 1, 1)  # noqa: DTZ001


def test_the_temporary_folder_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with TableWriter("test") as writer:
        paths = [writer.write(EVENTS, group(make_rows(ROW_GROUP_ROWS))) for _ in range(2)]
        assert all(isinstance(path, Path) and path.exists() for path in paths)
        assert writer.write(EVENTS, []) is not None
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_folder_that_cannot_be_written_asks_for_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with (
        TableWriter("acme 2024-02") as writer,
        pytest.raises(RefusedError, match="TMPDIR") as caught,
    ):
        writer.write(EVENTS, group(make_rows(ROW_GROUP_ROWS)))
    assert caught.value.kind == "temporary_folder"


class ContestedStore(MemoryObjectStore):
    """Somebody else writes right before each of the first `rivals` writes."""

    rivals = 0
    before_write: Callable[[], object] = staticmethod(lambda: None)

    def put_if(self, key: str, data: bytes, etag: str | None) -> Any:
        if self.rivals > 0:
            self.rivals -= 1
            self.put(key, b"rival")
            self.before_write()
        return super().put_if(key, data, etag)


def test_objects_are_replaced_in_order_and_their_bytes_counted(tmp_path: Path):
    objects = MemoryObjectStore()
    large = tmp_path / "large"
    large.write_bytes(b"large")
    head = objects.put("b", b"old")
    assert (
        publish(objects, {"a": b"small", "b": large}, {"a": None, "b": head.etag}, refuse_nothing)
        == 10
    )
    assert (objects.get("a"), objects.get("b")) == (b"small", b"large")


def test_the_holder_writes_over_what_a_stale_worker_left_meanwhile():
    objects = ContestedStore()
    objects.rivals = 3
    publish(objects, {KEY: b"mine"}, {KEY: None}, refuse_nothing)
    assert objects.get(KEY) == b"mine"


def test_a_stale_worker_writes_nothing_over_the_holders_bytes():
    objects = ContestedStore()
    objects.rivals = 1
    held = [True]
    objects.before_write = held.clear  # the rival is the one who holds it now

    def check_held() -> None:
        if not held:
            raise LeaseLostError("lost")

    with pytest.raises(LeaseLostError):
        publish(objects, {KEY: b"mine"}, {KEY: None}, check_held)
    assert objects.get(KEY) == b"rival"


def test_who_does_not_hold_it_any_more_does_not_begin_to_publish():
    objects = MemoryObjectStore()

    def check_held() -> None:
        raise LeaseLostError("lost")

    with pytest.raises(LeaseLostError):
        publish(objects, {KEY: b"mine"}, {KEY: None}, check_held)
    assert objects.head(KEY) is None


def test_a_rival_that_never_ends_ends_the_try():
    objects = ContestedStore()
    objects.rivals = 1000
    with pytest.raises(ObjectChangedError):
        publish(objects, {KEY: b"mine"}, {KEY: None}, refuse_nothing)
    assert objects.rivals > 900
