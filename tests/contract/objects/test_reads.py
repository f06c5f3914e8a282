import io
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from platform_assets.core.objects import ObjectInfo, ObjectStore

KEY = "tenants/acme/events.parquet"
ORDERED = ["a", "a-b", "a.b", "a0", "b/1", "b/10", "b/2", "b/가", "c.d/e", "c/e", "c0/e"]


def test_listing_is_sorted_by_key(store: ObjectStore) -> None:
    for key in reversed(ORDERED):
        store.put(key, b"x")

    assert [info.key for info in store.list("")] == ORDERED


@pytest.mark.parametrize(
    ("prefix", "keys"),
    [
        ("b/", ["b/1", "b/10", "b/2", "b/가"]),
        ("b/1", ["b/1", "b/10"]),
        ("c", ["c.d/e", "c/e", "c0/e"]),
        ("c/e", ["c/e"]),
        ("c/e/", []),
        ("no/such/folder/", []),
    ],
)
def test_a_prefix_selects_keys_by_their_beginning(
    store: ObjectStore, prefix: str, keys: list[str]
) -> None:
    for key in ORDERED:
        store.put(key, b"x")

    assert [info.key for info in store.list(prefix)] == keys


def test_listing_describes_objects_as_head_does(store: ObjectStore) -> None:
    store.put("a/1", b"one")
    store.put("a/2", b"two!")

    listed = list(store.list("a/"))

    assert [info.size_bytes for info in listed] == [3, 4]
    for info in listed:
        head = store.head(info.key)
        assert head is not None
        assert (info.etag, info.modified_at.utcoffset()) == (
            head.etag,
            head.modified_at.utcoffset(),
        )


def test_an_empty_store_lists_nothing(store: ObjectStore) -> None:
    assert list(store.list("")) == []


def test_a_listing_of_more_than_a_page_is_complete(store: ObjectStore) -> None:
    keys = [f"many/{number:05d}" for number in range(1050)]
    for key in keys:
        store.put(key, b"")

    assert [info.key for info in store.list("many/")] == keys


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, 3, b"012"), (4, 3, b"456"), (8, 10, b"89"), (10, 5, b""), (99, 5, b""), (3, 0, b"")],
)
def test_a_range_ends_where_the_object_ends(
    store: ObjectStore, start: int, length: int, expected: bytes
) -> None:
    store.put(KEY, b"0123456789")

    assert store.get_range(KEY, start, length) == expected


def test_a_negative_range_is_refused(store: ObjectStore) -> None:
    store.put(KEY, b"0123456789")

    with pytest.raises(ValueError, match="negative"):
        store.get_range(KEY, -1, 2)


def test_a_reader_seeks_like_a_file(store: ObjectStore) -> None:
    data = bytes(range(256)) * 8192
    store.put(KEY, data)

    with store.open_read(KEY) as file:
        assert file.seekable()
        assert file.seek(-4, os.SEEK_END) == len(data) - 4
        assert file.read() == data[-4:]
        assert file.seek(1_000_000) == 1_000_000
        assert file.read(100) == data[1_000_000:1_000_100]
        file.seek(50, os.SEEK_CUR)
        assert file.read(10) == data[1_000_150:1_000_160]
        assert file.tell() == 1_000_160
        file.seek(0)
        assert file.read() == data


def test_parquet_reads_one_column_through_a_reader(store: ObjectStore) -> None:
    table = pa.table({"id": list(range(10_000)), "name": [f"name {n}" for n in range(10_000)]})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    store.put(KEY, sink.getvalue())

    with store.open_read(KEY) as file:
        assert pq.ParquetFile(file).read(columns=["id"]).column("id").to_pylist()[-1] == 9_999


def test_head_of_a_beginning_of_a_key_finds_nothing(store: ObjectStore) -> None:
    info: ObjectInfo = store.put("a/b/c", b"x")

    assert store.head("a/b") is None
    assert store.head(f"{info.key}/d") is None
    store.delete("a/b")
    assert store.get("a/b/c") == b"x"
