"""Keys as files below a root folder: opening a key's folder, and walking files in key order.

Every step goes through the open folder before it and follows no symbolic link, so that no key and no planted link leads
out of the root. Entries whose name starts with a dot are no objects.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from platform_assets.core.object_keys import is_valid_key

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def open_folder(root: Path, segments: list[str], *, create: bool) -> Generator[int]:
    """A descriptor of the folder below `root`; with `create`, folders are made and made durable.

    Raises:
        OSError: A folder is missing (without `create`), is no folder, is a link, or cannot be made.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for segment in segments:
            inner = _open_inner(folder, segment, create=create)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _open_inner(folder: int, segment: str, *, create: bool) -> int:
    try:
        return os.open(segment, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not create:
            raise
    try:
        os.mkdir(segment, dir_fd=folder)
    except FileExistsError:
        pass  # another writer made it first
    else:
        os.fsync(folder)
    return os.open(segment, _FOLDER, dir_fd=folder)


def walk_files(root: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """Key and stat of each regular file whose key starts with `prefix`, by key in code point order."""
    base, slash, _ = prefix.rpartition("/")
    segments = base.split("/") if base else []
    try:
        with open_folder(root, segments, create=False) as folder:
            yield from _walk(folder, base + slash, prefix)
    except (FileNotFoundError, NotADirectoryError):
        return


def _walk(folder: int, base: str, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    for name in _list_names(folder):
        path = base + name
        if not path.startswith(prefix):
            continue
        try:
            if name.endswith("/"):
                inner = os.open(name[:-1], _FOLDER, dir_fd=folder)
                try:
                    yield from _walk(inner, path, prefix)
                finally:
                    os.close(inner)
            else:
                yield path, os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            continue  # deleted since the folder was read


def _list_names(folder: int) -> list[str]:
    """Names of folders (with a slash behind) and regular files, sorted as the keys below them sort."""
    with os.scandir(folder) as entries:
        return sorted(
            f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
            for entry in entries
            if is_valid_key(entry.name) and not entry.is_symlink()
        )
