"""The local store on disks that refuse: full, read-only, not a folder."""

import multiprocessing
import resource
import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from platform_assets.core.errors import RefusedError
from resources.objects.local import LocalObjectStore

KEY = "games/raw/part-00001.jsonl.zst"
OLD = b"old" * 10_000
LARGE = b"new" * 100_000


def put_with_little_room(root: Path, method: str) -> tuple[str, str]:
    """Kind and message of the failure in a process whose files may have 64 KiB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))
    return put_large(LocalObjectStore(root), root, method)


def put_large(store: LocalObjectStore, root: Path, method: str) -> tuple[str, str]:
    try:
        if method == "put_file":
            store.put_file(KEY, root.parent / "large.bin")
        elif method == "put_if":
            info = store.head(KEY)
            store.put_if(KEY, LARGE, None if info is None else info.etag)
        else:
            store.put(KEY, LARGE)
    except RefusedError as error:
        return error.kind, error.message
    return "", "it was written"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "large.bin").write_bytes(LARGE)
    return tmp_path / "objects"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    (tmp_path / "large.bin").write_bytes(LARGE)
    if not mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)):
        pytest.skip("this process may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("method", ["put", "put_if", "put_file"])
def test_a_file_too_large_for_the_disk_is_refused_and_the_old_one_stays(
    root: Path, method: str
) -> None:
    store = LocalObjectStore(root)
    store.put(KEY, OLD)

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        kind, message = pool.submit(put_with_little_room, root, method).result()

    check_refused_for_room(store, root, kind, message)


@pytest.mark.parametrize("method", ["put", "put_if", "put_file"])
def test_a_full_disk_is_refused_and_the_old_object_stays(small_disk: Path, method: str) -> None:
    store = LocalObjectStore(small_disk)
    store.put(KEY, OLD)

    kind, message = put_large(store, small_disk, method)

    check_refused_for_room(store, small_disk, kind, message)
    assert store.put(KEY, b"small").size_bytes == 5


def check_refused_for_room(store: LocalObjectStore, root: Path, kind: str, message: str) -> None:
    assert kind == "object_store_full"
    assert KEY in message
    assert f"free space on the disk of {root}" in message
    assert store.get(KEY) == OLD
    assert [info.key for info in store.list("")] == [KEY]
    assert list((root / ".sluice" / "tmp").iterdir()) == []


def test_a_read_only_disk_is_refused_for_writes_and_still_read(small_disk: Path) -> None:
    LocalObjectStore(small_disk).put(KEY, OLD)
    assert mount("-o", "remount,ro", str(small_disk))

    store = LocalObjectStore(small_disk)

    for act in (lambda: store.put(KEY, b"new"), lambda: store.delete(KEY)):
        with pytest.raises(
            RefusedError, match=rf"{KEY}.*let this user read and write in {small_disk}"
        ) as caught:
            act()
        assert caught.value.kind == "object_store_denied"
    assert store.get(KEY) == OLD
    assert [info.key for info in store.list("")] == [KEY]


@pytest.mark.parametrize("below", ["a-file", "a-file/objects"])
def test_a_folder_that_cannot_be_one_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "a-file").write_bytes(b"")
    root = tmp_path / below

    with pytest.raises(RefusedError, match=rf"{root}"):
        LocalObjectStore(root).put(KEY, b"data")


def test_a_place_where_nobody_may_write_is_refused() -> None:
    root = Path("/proc/sluice-objects")

    with pytest.raises(RefusedError, match=rf"put of file://{root}/{KEY}"):
        LocalObjectStore(root).put(KEY, b"data")
