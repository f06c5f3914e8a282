"""Which row ids a table has had, exactly, in bounded memory.

The newest ids are in a set. When it is full they go, sorted, into a private SQLite database, which is an unnamed
temporary file and gone with the process. Ids that rise, as most tables' do, never ask the database: an id is looked for
there only if it does not come after all that are in it.
"""

import sqlite3
from types import TracebackType
from typing import Self

from platform_assets.core.errors import RefusedError

SET_IDS = 50_000
"""Ids in memory: about 5 MB. Nearly all tables have fewer."""

CACHE_KIB = 8192
"""Memory of the database."""


class RowIds:
    """The ids of one table; a context manager.

    Args:
        what: What is read, for the message of an error.
        set_ids: How many are kept in memory.
    """

    def __init__(self, what: str, *, set_ids: int = SET_IDS) -> None:
        self._what = what
        self._set_ids = set_ids
        self._newest: set[str] = set()
        self._database: sqlite3.Connection | None = None
        self._last: tuple[int, str] = (-1, "")

    def add(self, row_id: str) -> bool:
        """Adds an id; whether it is new.

        Raises:
            RefusedError: kind `temporary_folder`: the database cannot be written.
        """
        if row_id in self._newest or self._is_stored(row_id):
            return False
        self._newest.add(row_id)
        if len(self._newest) == self._set_ids:
            self._store()
        return True

    def _is_stored(self, row_id: str) -> bool:
        # By length first, numbers rise like numbers.
        if self._database is None or (len(row_id), row_id) > self._last:
            return False
        try:
            found = self._database.execute("SELECT 1 FROM ids WHERE id = ?", (row_id,))
            return found.fetchone() is not None
        except sqlite3.Error as error:
            raise self._refuse(error) from error

    def _store(self) -> None:
        rising = sorted((len(row_id), row_id) for row_id in self._newest)
        try:
            if self._database is None:
                self._database = _open()
            self._database.executemany("INSERT INTO ids VALUES (?)", ((i,) for _, i in rising))
        except sqlite3.Error as error:
            raise self._refuse(error) from error
        self._last = max(self._last, rising[-1])
        self._newest.clear()

    def _refuse(self, error: sqlite3.Error) -> RefusedError:
        return RefusedError(
            f"the ids of {self._what} could not be kept in a temporary file ({error}): make free space in its folder "
            "or set TMPDIR, then run it again; what was published stays as it was",
            kind="temporary_folder",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._database is not None:
            self._database.close()


def _open() -> sqlite3.Connection:
    database = sqlite3.connect("", isolation_level=None)
    database.executescript(
        f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE_KIB}; "
        "PRAGMA temp_store = FILE; CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID; BEGIN"
    )
    return database
