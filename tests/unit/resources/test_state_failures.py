import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from resources.state.database import StateDatabase, open_state
from resources.state.database_errors import translate_error
from resources.state.dead_letters import DeadLetter, SqlDeadLetters
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
