"""Temporary folders that do not outlive their owner for long, however it ends.

An owner holds a lock on a file beside its folder. The system frees the lock when the last process of the owner is gone,
killed or not, so whoever opens the next folder can tell which ones nobody uses any more, and removes them.
"""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from platform_assets.core.errors import RefusedError

_PREFIX = "sluice-tags-"
_LOCK = ".lock"


@contextmanager
def open_scratch(root: Path | None = None) -> Generator[Path]:
    """A folder for temporary files, removed at the end; folders of processes that were killed are removed first.

    Args:
        root: Where it is made; the system's folder for temporary files if omitted.

    Raises:
        RefusedError: kind `temporary_folder`: it cannot be made.
    """
    root = root or Path(tempfile.gettempdir())
    try:
        sweep(root)
        folder, lock = _make(root)
    except OSError as error:
        raise RefusedError(
            f"no temporary folder can be made in {root} ({error}): make free space there or set TMPDIR, then run it "
            "again",
            kind="temporary_folder",
        ) from error
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


def sweep(root: Path) -> int:
    """Removes folders whose owner is gone; returns how many."""
    swept = 0
    for lock in root.glob(f"{_PREFIX}*{_LOCK}"):
        with suppress(OSError):  # somebody else's, or somebody else was faster
            fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(lock.with_suffix(""))
                swept += 1
            finally:
                os.close(fd)
    return swept


def _make(root: Path) -> tuple[Path, int]:
    """A new folder, and the descriptor that holds its lock; the lock comes first, so that no folder lacks one."""
    while True:
        folder = root / f"{_PREFIX}{secrets.token_hex(6)}"
        lock = os.open(_lock_of(folder), os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            folder.mkdir(mode=0o700)
            return folder, lock
        os.close(lock)  # somebody swept it between two calls


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_LOCK}")


def _remove(folder: Path) -> None:
    """The lock goes last: a folder without one is never looked at again."""
    shutil.rmtree(folder, ignore_errors=True)
    _lock_of(folder).unlink(missing_ok=True)
