"""What only the local store has: links, temporary files, times and etags of its own making."""

import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from platform_assets.core.errors import RefusedError
from platform_assets.core.objects import ObjectMissingError
from resources.objects.local import LocalObjectStore
from resources.objects.local_area import StagingArea


class FixedClock:
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def store(root: Path) -> LocalObjectStore:
    return LocalObjectStore(root)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"secret")
    return folder


def test_a_linked_folder_is_not_followed(
    store: LocalObjectStore, root: Path, outside: Path
) -> None:
    store.put("a/b", b"data")
    (root / "linked").symlink_to(outside)

    with pytest.raises(ObjectMissingError):
        store.get("linked/secret")
    assert store.head("linked/secret") is None
    assert [info.key for info in store.list("")] == ["a/b"]
    assert list(store.list("linked/")) == []
    store.delete("linked/secret")
    with pytest.raises(RefusedError, match=r"linked/new.*in the way"):
        store.put("linked/new", b"data")
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_a_linked_file_is_replaced_and_not_written_through(
    store: LocalObjectStore, root: Path, outside: Path
) -> None:
    store.put("a/b", b"data")
    (root / "a" / "link").symlink_to(outside / "secret")

    with pytest.raises(ObjectMissingError):
        store.get("a/link")
    store.put("a/link", b"mine")

    assert store.get("a/link") == b"mine"
    assert (outside / "secret").read_bytes() == b"secret"


def test_a_key_below_an_object_is_refused(store: LocalObjectStore) -> None:
    store.put("a", b"data")

    with pytest.raises(RefusedError, match=r"a/b.*in the way") as caught:
        store.put("a/b", b"data")
    assert caught.value.kind == "object_store_path_taken"


@pytest.mark.parametrize("method", ["put", "put_new"])
def test_a_folder_is_never_replaced_by_an_object(store: LocalObjectStore, method: str) -> None:
    store.put("a/b", b"data")

    with pytest.raises(RefusedError, match=r"in the way"):
        getattr(store, method)("a", b"data")
    assert store.get("a/b") == b"data"


def test_leftovers_of_killed_processes_go_after_an_hour(
    store: LocalObjectStore, root: Path
) -> None:
    store.put("a", b"data")
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    temporary = root / ".sluice" / "tmp"
    for name, age in (("old", timedelta(minutes=61)), ("new", timedelta(minutes=59))):
        (temporary / name).write_bytes(b"half")
        at = (now - age).timestamp()
        os.utime(temporary / name, (at, at))

    LocalObjectStore(root, clock=FixedClock(now))

    assert [path.name for path in temporary.iterdir()] == ["new"]
    assert [info.key for info in store.list("")] == ["a"]


def test_nothing_temporary_is_left_after_writes(store: LocalObjectStore, root: Path) -> None:
    store.put("a", b"data")
    store.put_new("b", b"data")

    assert list((root / ".sluice" / "tmp").iterdir()) == []


def test_the_time_is_the_clocks_to_the_microsecond(root: Path) -> None:
    now = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
    store = LocalObjectStore(root, clock=FixedClock(now))

    assert store.put("a", b"data").modified_at == now
    assert [info.modified_at for info in store.list("")] == [now]


def test_the_same_bytes_at_the_same_time_get_another_etag(root: Path) -> None:
    store = LocalObjectStore(root, clock=FixedClock(datetime(2026, 11, 20, tzinfo=UTC)))

    etags = [store.put("a", b"same").etag for _ in range(30)]

    # The file before is still there while the next is written, so neighbours have other inodes.
    assert all(before != after for before, after in pairwise(etags))
    # Inodes come back every second time; random digits tell those apart. All 30 alike: once in 1000 ** 28.
    assert len(set(etags)) > 2


def test_a_reader_keeps_the_version_it_opened(store: LocalObjectStore) -> None:
    store.put("a", b"old")

    with store.open_read("a") as file:
        store.put("a", b"new")
        assert file.read() == b"old"


def test_a_lock_is_there_for_a_store_whose_own_folder_was_cleared(root: Path) -> None:
    area = StagingArea(root, FixedClock(datetime(2026, 11, 20, tzinfo=UTC)))

    with area.lock("a"):
        assert len(list((root / ".sluice" / "locks").iterdir())) == 1
