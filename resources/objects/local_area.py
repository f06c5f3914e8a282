"""The local store's own folder: unfinished files, and locks between processes.

`<root>/.sluice/tmp` holds files being written, on the same file system as the objects; `<root>/.sluice/locks` holds
lock files. Nothing in it is an object.
"""

import fcntl
import os
import secrets
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal
from zlib import crc32

from platform_assets.core.clock import Clock

LEFTOVER_AGE = timedelta(hours=1)
"""A temporary file not written to for so long belongs to a process that was killed."""

_EPOCH = datetime.fromtimestamp(0, UTC)
_LOCKS = 256  # writers of different keys rarely meet, and the lock files stay few


class StagingArea:
    """Temporary files and locks below a root folder; made on the first write, so that a read-only store opens."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._clock = clock
        self._temporary = root / ".sluice" / "tmp"
        self._locks = root / ".sluice" / "locks"

    @contextmanager
    def stage(self) -> Generator[tuple[Path, BinaryIO]]:
        """A new temporary file, open for writing; it is removed at the end unless it was moved away.

        Raises:
            OSError: It cannot be made.
        """
        path = self._temporary / uuid.uuid4().hex
        try:
            with self._create(path, "xb") as file:
                yield path, file
        finally:
            path.unlink(missing_ok=True)

    def finish(self, file: BinaryIO) -> os.stat_result:
        """Stamps a staged file and flushes it to the disk; its stat from now on is the object's.

        The stamp is the clock's microsecond and three random digits: with the inode it makes the etag, and file systems
        stamp too coarsely (milliseconds) to tell two writes apart that got the same inode.
        """
        file.flush()
        microseconds = (self._clock.now() - _EPOCH) // timedelta(microseconds=1)
        stamp = microseconds * 1000 + secrets.randbelow(1000)
        os.utime(file.fileno(), ns=(stamp, stamp))
        os.fsync(file.fileno())
        return os.fstat(file.fileno())

    @contextmanager
    def lock(self, key: str) -> Generator[None]:
        """Keeps all other writers of the key out, in this and other processes; ends with the process at the latest."""
        name = f"{crc32(key.encode()) % _LOCKS:02x}"
        with self._create(self._locks / name, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def sweep(self) -> int:
        """Removes the temporary files that killed processes left; returns how many."""
        swept = 0
        oldest = (self._clock.now() - LEFTOVER_AGE).timestamp()
        with suppress(FileNotFoundError), os.scandir(self._temporary) as entries:
            for entry in entries:
                # Gone already or not ours to remove: whoever writes next will say so.
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < oldest:
                        Path(entry.path).unlink()
                        swept += 1
        return swept

    def _create(self, path: Path, mode: Literal["xb", "ab"]) -> BinaryIO:
        try:
            return path.open(mode)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open(mode)
