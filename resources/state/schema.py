"""Brings a state database to the revision of this code, once, however many processes start at the same time.

The migrations themselves are in the package `migrations`.
"""

import fcntl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, column, inspect, select, table, text
from sqlalchemy.exc import SQLAlchemyError

from platform_assets.core.errors import RefusedError
from resources.state.database_errors import translate_error
from resources.state.engines import for_writing, without_transactions

VERSION_TABLE = "sluice_revision"
"""Not Alembic's default: Dagster keeps its own `alembic_version`, perhaps in the same PostgreSQL schema."""

_REVISION = select(column("version_num")).select_from(table(VERSION_TABLE))

_ADVISORY_LOCK = 5_145_201_923_771
"""An arbitrary number that means "migrating Sluice's state" among PostgreSQL's advisory locks."""

_alembic_lock = threading.Lock()
"""Alembic keeps the current migration in module globals: one at a time in a process."""


def ensure_schema(engine: Engine, place: str) -> bool:
    """Applies the missing migrations, all or none; one small read when there are none. Whether it applied any.

    Raises:
        RefusedError: The database has a revision that this code does not know, or a migration failed.
    """
    with _file_lock(engine, fcntl.LOCK_SH), engine.connect() as connection:
        if _is_ready(connection):
            return False
    with _alembic_lock, _file_lock(engine, fcntl.LOCK_EX):
        _use_wal(engine)
        with for_writing(engine).begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK}
                )
            return _upgrade(connection, place)


def newest_revision() -> str:
    """The revision that this code needs: the highest number among the files of `migrations/versions`."""
    folder = _migrations_folder() / "versions"
    return max(path.name.partition("_")[0] for path in folder.glob("[0-9]*_*.py"))


def read_revision(connection: Connection) -> str | None:
    """The revision of the database; None if no migration was ever applied."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(_REVISION)


def build_config(connection: Connection) -> Config:
    """Alembic's configuration for work on an open connection; `migrations/env.py` takes it from there."""
    config = Config()
    config.set_main_option("script_location", str(_migrations_folder()).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def _migrations_folder() -> Path:
    return Path(str(files("migrations")))


def _is_ready(connection: Connection) -> bool:
    if connection.dialect.name == "sqlite":
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        if mode != "wal":
            return False
    return read_revision(connection) == newest_revision()


@contextmanager
def _file_lock(engine: Engine, kind: int) -> Generator[None]:
    """Holds `<file>.lock` of a SQLite database, shared or exclusive. The kernel frees it if this process dies.

    The migration alone would be safe in its own transaction; the switch to WAL before it is not: SQLite gives up at
    once, without waiting, when another connection just reads or switches too.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    path = Path(f"{engine.url.database}.lock")
    try:
        lock = path.open("w")
    except OSError as error:
        raise RefusedError(
            f"cannot open the state database: {path} cannot be written ({error.strerror}); "
            "check the owner and the rights of its folder",
            kind="state_unusable",
        ) from error
    with lock:
        fcntl.flock(lock, kind)
        yield


def _use_wal(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        # Once for ever: the journal mode stays with the file.
        with without_transactions(engine).connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")


def _upgrade(connection: Connection, place: str) -> bool:
    config, current, newest = build_config(connection), read_revision(connection), newest_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise RefusedError(
            f"the state database at {place} is of a newer version: its revision {current} is unknown to this one, "
            f"whose newest is {newest}; update Sluice here, or point it at another database",
            kind="state_newer",
        )
    if current == newest:
        return False
    try:
        command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise translate_error(error, place) or RefusedError(
            f"could not bring the state database at {place} from revision {current} to {newest}: "
            f"{str(error).partition(chr(10))[0]}; nothing was changed; check that the database is Sluice's own",
            kind="state_migration",
        ) from error
    return True
