import random
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from enum import StrEnum
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from platform_assets.core.engine.units import PlanState, UnitState
from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from platform_assets.ranks.result_page import RankType
from platform_assets.ranks.tracking import TrackingStatus
from platform_assets.tenants.tenant import MonthStatus, TenantType
from resources.state.columns import read_enum
from resources.state.database import StateDatabase, open_state
from resources.state.database_errors import translate_error
from resources.state.dead_letters import DeadLetter, SqlDeadLetters
from resources.state.notes import SqlNotes
from resources.state.tables import cap_states
from tests.fakes.clock import START, FakeClock


@pytest.fixture
def database(tmp_path: Path) -> Iterator[StateDatabase]:
    with open_state(f"sqlite:///{tmp_path}/state.db", FakeClock()) as database:
        yield database


def open_error(path: Path | str) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        open_state(f"sqlite:///{path}", FakeClock())
    assert str(path) in str(caught.value)
    return caught.value


class ServerError(psycopg2.OperationalError):
    """An error with the SQLSTATE that a server would send."""

    pgcode: str | None = None


def translate(message: str, state: str | None) -> PlatformError | None:
    error = ServerError(message)
    error.pgcode = state
    return translate_error(OperationalError("SELECT 1", {}, error), "postgresql://db:5432/s")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path):
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes\n" * 100)
    error = open_error(path)
    assert isinstance(error, RefusedError)
    assert "no SQLite database" in str(error)
    assert path.read_text().startswith("these are my notes")


def make_state(path: Path) -> None:
    """A state database with something in it, closed: all of it is in its file."""
    with open_state(f"sqlite:///{path}", FakeClock()) as database:
        SqlNotes(database).put("greeting", {"text": "안녕"})


def lose_everything(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    path.write_bytes(b"")


def lose_the_tables(path: Path) -> None:
    """As when the WAL was deleted before it came into the file: an empty database that says it has a WAL."""
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


@pytest.mark.parametrize(
    ("lose", "found"),
    [
        (lose_everything, "the file is not there"),
        (truncate, "the file has 0 bytes"),
        (lose_the_tables, "the file holds none of its tables"),
    ],
)
def test_a_database_that_is_gone_is_never_opened_as_a_new_one(
    tmp_path: Path, lose: Callable[[Path], None], found: str
):
    path = tmp_path / "state.db"
    make_state(path)
    lose(path)
    open_error(path)
    # The first look leaves nothing behind that the second one takes for a database.
    error = open_error(path)
    assert (type(error), error.kind) == (RefusedError, "state_lost")
    assert found in error.message
    assert "Restore it from a backup" in error.message
    Path(f"{path}.lock").unlink()
    path.unlink(missing_ok=True)
    with open_state(f"sqlite:///{path}", FakeClock()) as database:
        assert SqlNotes(database).find("") == {}


def test_a_database_whose_wal_was_deleted_while_it_was_open_is_not_taken_for_a_new_one(
    tmp_path: Path,
):
    path = tmp_path / "state.db"
    with open_state(f"sqlite:///{path}", FakeClock()) as database:
        SqlNotes(database).put("greeting", {"text": "안녕"})
        copy = tmp_path / "copy"
        copy.mkdir()
        for name in ("state.db", "state.db.lock"):
            shutil.copy(tmp_path / name, copy / name)
    error = open_error(copy / "state.db")
    assert (type(error), error.kind) == (RefusedError, "state_lost")


def test_a_database_from_before_the_marker_is_marked_when_it_is_opened(tmp_path: Path):
    path = tmp_path / "state.db"
    make_state(path)
    Path(f"{path}.lock").write_text("")
    make_state(path)
    truncate(path)
    assert open_error(path).kind == "state_lost"


def test_a_new_home_works_by_itself_though_an_empty_file_is_there(tmp_path: Path):
    path = tmp_path / "state.db"
    path.touch()
    make_state(path)
    with open_state(f"sqlite:///{path}", FakeClock()) as database:
        assert SqlNotes(database).find("") == {"greeting": {"text": "안녕"}}


def test_a_database_of_another_program_is_refused_by_its_tables(tmp_path: Path):
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE runs (id text)")
        connection.commit()
    before = path.read_bytes()
    error = open_error(path)
    assert (type(error), error.kind) == (RefusedError, "state_foreign")
    assert "it has the tables runs" in error.message
    assert path.read_bytes() == before


def test_a_table_that_is_missing_is_named(tmp_path: Path):
    path = tmp_path / "state.db"
    make_state(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE cap_states")
        connection.commit()
    error = open_error(path)
    assert (type(error), error.kind) == (RefusedError, "state_damaged")
    assert "the tables cap_states are missing" in error.message


@pytest.mark.parametrize("name", ["tenants", "units", "tenant_month_states"])
def test_a_column_whose_name_is_damaged_is_named(tmp_path: Path, name: str):
    path = tmp_path / "state.db"
    make_state(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"ALTER TABLE {name} RENAME COLUMN updated_at TO updatdd_at")
        connection.commit()
    error = open_error(path)
    assert (type(error), error.kind) == (RefusedError, "state_damaged")
    assert f"the columns {name}.updated_at are missing" in error.message
    assert "restore it from a backup" in error.message


@pytest.mark.parametrize(
    "kind", [MonthStatus, TenantType, UnitState, PlanState, RankType, TrackingStatus]
)
def test_a_state_that_nobody_wrote_is_a_damage_with_a_name(kind: type[StrEnum]):
    for state in kind:
        assert read_enum(kind, state.value) is state
    with pytest.raises(RefusedError, match=f"a {kind.__name__} in it reads 'DOND'") as caught:
        read_enum(kind, "DOND")
    assert caught.value.kind == "state_damaged"
    assert "restore it from a backup" in caught.value.message


@pytest.mark.parametrize(
    "change",
    [
        "value = 'no json'",
        "value = CAST(x'ff00ff' AS TEXT)",
        "updated_at = 'yesterday'",
        "updated_at = x'0102'",
    ],
)
def test_a_value_that_cannot_be_read_is_a_damage_with_a_name(tmp_path: Path, change: str):
    path = tmp_path / "state.db"
    make_state(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE notes SET {change}")
        connection.commit()
    with (
        open_state(f"sqlite:///{path}", FakeClock()) as database,
        pytest.raises(RefusedError, match="is damaged") as caught,
    ):
        SqlNotes(database).get("greeting")
    assert caught.value.kind == "state_damaged"


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bytes_are_named_or_do_no_harm(tmp_path: Path, seed: int):
    path = tmp_path / "state.db"
    make_state(path)
    draw, data = random.Random(seed), bytearray(path.read_bytes())
    for _ in range(200):
        data[draw.randrange(len(data))] = draw.randrange(256)
    path.write_bytes(data)
    assert read_kind(path) in {"", "state_unusable", "state_damaged"}


def read_kind(path: Path) -> str:
    """How reading a database ends: the kind of its error, or nothing. Any other exception is a failure of the test."""
    try:
        with open_state(f"sqlite:///{path}", FakeClock()) as database:
            SqlNotes(database).get("greeting")
    except RefusedError as error:
        return error.kind if str(path) in error.message else error.message
    return ""


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path):
    error = open_error(tmp_path)
    assert isinstance(error, RefusedError)
    assert "check that the path is a file" in str(error)


def test_a_folder_that_cannot_be_created_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match=r"cannot create .*file/sub") as caught:
        open_state(f"sqlite:///{tmp_path}/file/sub/state.db", FakeClock())
    assert "change its rights or the URL" in str(caught.value)


def test_a_folder_without_the_right_to_write_is_refused():
    # /proc takes no files, not even from root, under which tests may run.
    with pytest.raises(RefusedError, match=r"/proc/self/state\.db"):
        open_state("sqlite:////proc/self/state.db", FakeClock())


def test_a_readonly_database_is_refused_when_written(database: StateDatabase):
    with database.read() as connection:
        connection.execute(text("PRAGMA query_only = ON"))
    with pytest.raises(RefusedError, match="rights"), database.write() as connection:
        connection.execute(insert(cap_states), {"name": "igdb", "updated_at": START})


def test_a_full_disk_is_refused_with_what_to_do(database: StateDatabase):
    with database.read() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    letter = DeadLetter("p", "", "d", "u", "kind", "message", record="x" * 100_000)
    with pytest.raises(RefusedError, match="free space"):
        SqlDeadLetters(database).add([letter], 7)


def test_a_locked_database_is_transient(database: StateDatabase, tmp_path: Path):
    with open_state(f"sqlite:///{tmp_path}/state.db", FakeClock()) as other:
        with other.read() as connection:
            connection.execute(text("PRAGMA busy_timeout = 1"))
        with (
            database.write(),
            pytest.raises(TransientError, match="another process keeps it locked"),
            other.write(),
        ):
            pass


def test_an_unreachable_server_is_transient_and_its_password_stays_secret():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(TransientError, match="does not answer") as caught:
            open_state(f"postgresql://u:geheim@127.0.0.1:{port}/s", FakeClock())
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "geheim" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("message", "state", "advice"),
    [
        ('FATAL:  password authentication failed for user "u"', None, "user, password"),
        ('FATAL:  database "s" does not exist', None, "user, password and database"),
        ("could not extend file", "53100", "free space"),
        ("permission denied for schema public", "42501", "grant"),
        ("cannot execute INSERT in a read-only transaction", "25006", "primary"),
    ],
)
def test_what_only_a_person_can_mend_is_refused(message: str, state: str | None, advice: str):
    error = translate(message, state)
    assert isinstance(error, RefusedError)
    assert advice in str(error)
    assert message in str(error)


@pytest.mark.parametrize(
    ("message", "state"),
    [
        ("deadlock detected", "40P01"),
        ("sorry, too many clients already", "53300"),
        ("terminating connection due to administrator command", "57P01"),
        ("server closed the connection unexpectedly", None),
        ("canceling statement due to lock timeout", "55P03"),
    ],
)
def test_what_passes_by_itself_is_transient(message: str, state: str | None):
    assert isinstance(translate(message, state), TransientError)


def test_waiting_for_a_connection_too_long_is_transient():
    assert isinstance(translate_error(PoolTimeoutError("QueuePool limit"), "here"), TransientError)


def test_a_wrong_statement_stays_what_it_is(database: StateDatabase):
    assert translate('relation "unit" does not exist', "42P01") is None
    with pytest.raises(DBAPIError, match="no such table"), database.read() as connection:
        connection.execute(text("SELECT 1 FROM nowhere"))
