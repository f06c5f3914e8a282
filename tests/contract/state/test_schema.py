from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from platform_assets.core.errors import RefusedError
from resources.state.database import StateDatabase, open_state
from resources.state.engines import create_state_engine
from resources.state.schema import (
    VERSION_TABLE,
    build_config,
    ensure_schema,
    newest_revision,
    read_revision,
)
from resources.state.tables import cap_states, metadata
from resources.state.urls import parse_state_url
from tests.fakes.clock import START, FakeClock


def test_the_first_open_migrates_and_later_ones_do_not(fresh_url: str, clock: FakeClock):
    engine = create_state_engine(parse_state_url(fresh_url))
    assert ensure_schema(engine, "here") is True
    assert ensure_schema(engine, "here") is False
    engine.dispose()
    with open_state(fresh_url, clock) as database, database.read() as connection:
        assert read_revision(connection) == newest_revision()


def test_the_migrations_make_the_tables_that_the_code_knows(database: StateDatabase):
    with database.read() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_the_newest_file_is_the_head_of_the_revisions(database: StateDatabase):
    with database.read() as connection:
        script = ScriptDirectory.from_config(build_config(connection))
    assert script.get_current_head() == newest_revision()


def test_a_migration_can_be_undone(fresh_url: str, clock: FakeClock):
    with open_state(fresh_url, clock) as database, database.write() as connection:
        command.downgrade(build_config(connection), "base")
        assert inspect(connection).get_table_names() == [VERSION_TABLE]


def test_a_database_of_a_newer_version_is_refused(fresh_url: str, clock: FakeClock):
    with open_state(fresh_url, clock) as database:
        with database.write() as connection:
            connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
        place = database.place
    with pytest.raises(RefusedError, match="9999") as caught:
        open_state(fresh_url, clock)
    assert caught.value.kind == "state_newer"
    assert place in str(caught.value)
    assert f"newest is {newest_revision()}" in str(caught.value)
    assert "update Sluice" in str(caught.value)


def test_a_foreign_database_is_refused_and_left_as_it_was(fresh_url: str, clock: FakeClock):
    engine = create_state_engine(parse_state_url(fresh_url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE units (metre text)"))
    with pytest.raises(RefusedError, match="nothing was changed") as caught:
        open_state(fresh_url, clock)
    assert caught.value.kind in {"state_migration", "state_foreign"}
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["units"]
    engine.dispose()


def test_a_table_of_dagsters_revisions_is_not_ours(fresh_url: str, clock: FakeClock):
    engine = create_state_engine(parse_state_url(fresh_url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('5771160a95ad')"))
    engine.dispose()
    with open_state(fresh_url, clock) as database, database.read() as connection:
        assert read_revision(connection) == newest_revision()


def test_times_come_back_aware_and_in_utc(database: StateDatabase):
    seoul = START.astimezone(timezone(timedelta(hours=9)))
    with database.write() as connection:
        connection.execute(insert(cap_states), {"name": "igdb", "updated_at": seoul})
    with database.read() as connection:
        stored = connection.scalars(
            select(cap_states.c.updated_at).where(cap_states.c.updated_at == seoul)
        ).one()
    assert stored == START
    assert stored.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "time",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
        datetime(2026, 2, 28, 9, 0, 0, 120000, tzinfo=timezone(timedelta(hours=9))),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
def test_every_time_comes_back_to_the_microsecond(database: StateDatabase, time: datetime):
    with database.write() as connection:
        connection.execute(insert(cap_states), {"name": "igdb", "updated_at": time})
    with database.read() as connection:
        stored = connection.scalars(select(func.max(cap_states.c.updated_at))).one()
    assert stored == time
    assert stored.tzinfo is UTC


def test_a_missing_time_stays_missing(database: StateDatabase):
    with database.read() as connection:
        assert connection.scalars(select(func.max(cap_states.c.updated_at))).one() is None


def test_a_naive_time_is_refused(database: StateDatabase):
    naive = datetime(2026, 11, 20)  # noqa: DTZ001 (what the test is about)
    with pytest.raises(StatementError, match="no timezone"), database.write() as connection:
        connection.execute(insert(cap_states), {"name": "igdb", "updated_at": naive})


def test_an_error_inside_a_transaction_undoes_it(database: StateDatabase):
    def insert_twice() -> None:
        with database.write() as connection:
            for _ in range(2):
                connection.execute(insert(cap_states), {"name": "igdb", "updated_at": START})

    with pytest.raises(IntegrityError):
        insert_twice()
    with database.read() as connection:
        assert connection.scalars(select(cap_states.c.name)).all() == []


def test_a_readers_view_does_not_change_inside_its_transaction_on_sqlite(
    sqlite_url: str, clock: FakeClock
):
    with open_state(sqlite_url, clock) as database:
        names = select(cap_states.c.name)
        with database.read() as reader:
            assert reader.scalars(names).all() == []
            with database.write() as writer:
                writer.execute(insert(cap_states), {"name": "igdb", "updated_at": START})
            assert reader.scalars(names).all() == []
        with database.write() as writer:
            writer.execute(cap_states.delete())
