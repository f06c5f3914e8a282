from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.core.object_keys import ObjectKeyError
from platform_assets.core.objects import (
    ObjectChangedError,
    ObjectExistsError,
    ObjectMissingError,
    ObjectStore,
)

KEY = "games/raw/platforms/dt=2026-11-20/part-00001.jsonl.zst"


def test_what_was_put_is_read_back(store: ObjectStore) -> None:
    store.put(KEY, b"\x00\r\n\xff--records")

    assert store.get(KEY) == b"\x00\r\n\xff--records"


def test_a_put_replaces_the_object_and_changes_its_etag(store: ObjectStore) -> None:
    first = store.put(KEY, b"first")
    second = store.put(KEY, b"second, longer")

    assert store.get(KEY) == b"second, longer"
    assert first.etag != second.etag
    assert second.size_bytes == 14


def test_a_put_describes_the_object_as_head_does(store: ObjectStore) -> None:
    put = store.put(KEY, b"data")
    head = store.head(KEY)

    assert head is not None
    assert (put.key, put.size_bytes, put.etag) == (head.key, head.size_bytes, head.etag)
    assert abs(put.modified_at - head.modified_at) <= timedelta(seconds=5)


def test_times_are_aware_and_in_utc(store: ObjectStore) -> None:
    modified_at = store.put(KEY, b"data").modified_at

    assert modified_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - modified_at) < timedelta(minutes=1)


def test_an_object_may_be_empty(store: ObjectStore) -> None:
    store.put(KEY, b"")

    assert store.get(KEY) == b""
    assert store.get_range(KEY, 0, 10) == b""
    with store.open_read(KEY) as file:
        assert file.read() == b""
    assert [info.size_bytes for info in store.list("")] == [0]


def test_keys_may_be_korean(store: ObjectStore) -> None:
    key = "태그/오늘의 집/결과 (1)+&%=.jsonl"
    store.put(key, "값".encode())

    assert store.get(key).decode() == "값"
    assert [info.key for info in store.list("태그/오늘")] == [key]
    assert store.head(key) is not None


def test_a_new_object_is_created_once(store: ObjectStore) -> None:
    store.put_new(KEY, b"first")

    with pytest.raises(ObjectExistsError, match="part-00001"):
        store.put_new(KEY, b"second")
    assert store.get(KEY) == b"first"


def test_a_deleted_object_may_be_created_again(store: ObjectStore) -> None:
    store.put_new(KEY, b"first")
    store.delete(KEY)

    assert store.put_new(KEY, b"second").size_bytes == 6


def test_a_swap_with_the_present_etag_succeeds(store: ObjectStore) -> None:
    info = store.put(KEY, b"first")

    swapped = store.put_if(KEY, b"second", info.etag)

    assert store.get(KEY) == b"second"
    assert swapped.etag != info.etag


def test_a_swap_with_an_old_etag_is_refused(store: ObjectStore) -> None:
    old = store.put(KEY, b"first")
    store.put(KEY, b"second")

    with pytest.raises(ObjectChangedError, match="part-00001"):
        store.put_if(KEY, b"third", old.etag)
    assert store.get(KEY) == b"second"


def test_a_swap_of_a_deleted_object_is_refused(store: ObjectStore) -> None:
    old = store.put(KEY, b"first")
    store.delete(KEY)

    with pytest.raises(ObjectChangedError):
        store.put_if(KEY, b"second", old.etag)
    assert store.head(KEY) is None


def test_a_swap_from_nothing_creates(store: ObjectStore) -> None:
    store.put_if(KEY, b"first", None)

    with pytest.raises(ObjectChangedError):
        store.put_if(KEY, b"second", None)
    assert store.get(KEY) == b"first"


def test_an_etag_that_no_object_had_matches_nothing(store: ObjectStore) -> None:
    store.put(KEY, b"first")

    with pytest.raises(ObjectChangedError):
        store.put_if(KEY, b"second", "0")


def test_delete_may_be_repeated(store: ObjectStore) -> None:
    store.put(KEY, b"data")
    store.delete(KEY)
    store.delete(KEY)

    assert store.head(KEY) is None


def test_what_is_missing_is_said_to_be_missing(store: ObjectStore) -> None:
    store.put("games/other", b"")

    assert store.head(KEY) is None
    for read in (
        lambda: store.get(KEY),
        lambda: store.open_read(KEY),
        lambda: store.get_range(KEY, 0, 0),
    ):
        with pytest.raises(ObjectMissingError, match="part-00001"):
            read()


@pytest.mark.parametrize("key", ["", "/etc/passwd", "a/../../b", "a//b", "a/", ".sluice/x", "a\0b"])
def test_a_key_that_leads_elsewhere_is_refused_by_every_method(
    store: ObjectStore, key: str, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"data")
    for act in (
        lambda: store.put(key, b""),
        lambda: store.put_new(key, b""),
        lambda: store.put_if(key, b"", "etag"),
        lambda: store.put_file(key, source),
        lambda: store.get(key),
        lambda: store.get_range(key, 0, 1),
        lambda: store.head(key),
        lambda: store.open_read(key),
        lambda: store.delete(key),
    ):
        with pytest.raises(ObjectKeyError):
            act()


def test_a_url_tells_where_the_object_is(store: ObjectStore) -> None:
    url = store.url("games/part-00001.parquet")

    assert "://" in url
    assert url.endswith("/games/part-00001.parquet")


class TestFiles:
    @pytest.fixture
    def large(self, tmp_path: Path) -> Path:
        """16 MiB whose blocks differ, so that a swapped or missing part shows."""
        path = tmp_path / "large.bin"
        path.write_bytes(b"".join(number.to_bytes(4, "big") * 16384 for number in range(256)))
        return path

    def test_a_large_file_arrives_whole(self, store: ObjectStore, large: Path) -> None:
        info = store.put_file(KEY, large)

        assert info.size_bytes == 16 * 1024 * 1024
        assert store.get(KEY) == large.read_bytes()
        head = store.head(KEY)
        assert head is not None
        assert head.etag == info.etag

    @pytest.mark.parametrize("size_bytes", [0, 5, 16 * 1024 * 1024])
    def test_a_file_is_swapped_like_bytes(
        self, store: ObjectStore, large: Path, size_bytes: int
    ) -> None:
        with large.open("r+b") as file:
            file.truncate(size_bytes)
        old = store.put_file(KEY, large, etag=None)
        with pytest.raises(ObjectChangedError):
            store.put_file(KEY, large, etag=None)
        store.put(KEY, b"somebody else's")
        with pytest.raises(ObjectChangedError):
            store.put_file(KEY, large, etag=old.etag)

        assert store.get(KEY) == b"somebody else's"
        present = store.head(KEY)
        assert present is not None
        assert store.put_file(KEY, large, etag=present.etag).size_bytes == size_bytes

    def test_a_file_that_is_not_there_is_named(self, store: ObjectStore, tmp_path: Path) -> None:
        with pytest.raises(PermanentError, match=r"no-such-file.*No such file") as caught:
            store.put_file(KEY, tmp_path / "no-such-file")

        assert caught.value.kind == "source_file_unreadable"
        assert store.head(KEY) is None
