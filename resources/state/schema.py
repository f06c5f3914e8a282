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
from resources.state.database_errors import damaged, translate_error
from resources.state.engines import for_writing, without_transactions
from resources.state.tables import metadata

VERSION_TABLE = "sluice_revision"
"""Not Alembic's default: Dagster keeps its own `alembic_version`, perhaps in the same PostgreSQL schema."""

_REVISION = select(column("version_num")).select_from(table(VERSION_TABLE))

_COLUMNS = text(
    "SELECT t.name, c.name FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'"
)
"""Tables of a SQLite file and their columns, in one read."""

_ADVISORY_LOCK = 5_145_201_923_771
"""An arbitrary number that means "migrating Sluice's state" among PostgreSQL's advisory locks."""

_MADE = "a state database was made beside this file; delete it only to begin anew without one\n"

_alembic_lock = threading.Lock()
"""Alembic keeps the current migration in module globals: one at a time in a process."""


def ensure_schema(engine: Engine, place: str) -> bool:
    """Applies the missing migrations, all or none; one small read when there are none. Whether it applied any.

    Raises:
        RefusedError: The database has a revision that this code does not know, a migration failed, tables of it are
            missing, it is somebody else's, or there is none where there was one.
    """
    with _file_lock(engine, fcntl.LOCK_SH):
        _check_file(engine, place)
        with engine.connect() as connection:
            if _is_ready(connection):
                _check_tables(connection, place)
                _mark(engine)
                return False
    with _alembic_lock, _file_lock(engine, fcntl.LOCK_EX):
        _check_file(engine, place)
        with engine.connect() as connection:
            _check_owner(connection, place)
        _use_wal(engine)
        with for_writing(engine).begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK}
                )
            migrated = _upgrade(connection, place)
        _mark(engine)
        return migrated


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


def _check_file(engine: Engine, place: str) -> None:
    """Does nothing where the file has something in it, or where there never was one."""
    if engine.dialect.name != "sqlite":
        return
    path = Path(str(engine.url.database))
    if not path.exists():
        found = "the file is not there"
    elif path.is_file() and not path.stat().st_size:
        found = "the file has 0 bytes"
    else:
        return
    if _was_made(path):
        raise _lost(path, place, found)


def _check_owner(connection: Connection, place: str) -> None:
    """Refuses a SQLite file without our revision where ours was, or that has tables of something else."""
    if connection.dialect.name != "sqlite" or read_revision(connection) is not None:
        return
    path = Path(str(connection.engine.url.database))
    if _was_made(path):
        raise _lost(path, place, "the file holds none of its tables")
    if foreign := sorted(set(inspect(connection).get_table_names()) - {"alembic_version"}):
        named = ", ".join(foreign[:5]) + (" ..." if len(foreign) > 5 else "")
        raise RefusedError(
            f"{place} is a database of something else: it has the tables {named} and not {VERSION_TABLE}; nothing was "
            "changed. Point SLUICE_STATE_URL at a file of Sluice's own",
            kind="state_foreign",
        )


def _check_tables(connection: Connection, place: str) -> None:
    """Refuses a SQLite file whose revision is ours and whose tables or columns are not all there."""
    if connection.dialect.name != "sqlite":
        return
    there: dict[str, set[str]] = {}
    for name, of_it in connection.execute(_COLUMNS):
        there.setdefault(name, set()).add(of_it)
    if missing := sorted(metadata.tables.keys() - there.keys()):
        raise damaged(place, f"the tables {', '.join(missing)} are missing")
    wanted = {f"{each.table.name}.{each.name}" for t in metadata.tables.values() for each in t.c}
    if lost := sorted(wanted - {f"{name}.{each}" for name in there for each in there[name]}):
        raise damaged(place, f"the columns {', '.join(lost)} are missing")


def _lost(path: Path, place: str, found: str) -> RefusedError:
    return RefusedError(
        f"the state database at {place} is lost: {found}, and {_marker(path)} says that there was one, with all that "
        "is known of units, tenants and ranks. Restore it from a backup (the file with its -wal, if there is one). To "
        f"begin anew without it, delete {_marker(path)}",
        kind="state_lost",
    )


def _marker(path: Path) -> Path:
    """The file beside the database whose text says that there is one; its lock, too."""
    return Path(f"{path}.lock")


def _was_made(path: Path) -> bool:
    marker = _marker(path)
    return marker.exists() and marker.stat().st_size > 0


def _mark(engine: Engine) -> None:
    """Says beside a SQLite file that it was made, so that its loss is noticed."""
    if engine.dialect.name == "sqlite" and not _was_made(path := Path(str(engine.url.database))):
        _marker(path).write_text(_MADE)


@contextmanager
def _file_lock(engine: Engine, kind: int) -> Generator[None]:
    """Holds `<file>.lock` of a SQLite database, shared or exclusive. The kernel frees it if this process dies.

    The migration alone would be safe in its own transaction; the switch to WAL before it is not: SQLite gives up at
    once, without waiting, when another connection just reads or switches too.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    path = _marker(Path(str(engine.url.database)))
    try:
        lock = path.open("a")
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
