"""One suite over every way to keep a time: texts in SQLite and PostgreSQL, timestamps with and without a zone.

What only one database can do wrong, and what settings can get wrong, stands below the suite.
"""

import shutil
import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, event, make_url, text

from platform_assets.core.errors import PermanentError, PlatformError, TransientError
from platform_assets.core.months import list_months
from platform_assets.core.times import find_month
from platform_assets.tenants.events import (
    CANONICAL,
    REQUIRED,
    BadEventError,
    Event,
    read_event,
)
from platform_assets.tenants.month_result import MonthResult
from platform_assets.tenants.process import process_month
from platform_assets.tenants.tenant import SourceSettings
from resources.event_databases import sql as event_sql
from resources.event_databases.engines import create_source_engine, fill_url, read_url
from resources.event_databases.reach import SourceReach
from resources.event_databases.source import EventSources
from tests.contract.state.postgres import temporary_schema
from tests.fakes.event_source import MemoryLetters, refuse_nothing
from tests.fakes.memory_objects import MemoryObjectStore
from tests.fakes.source_secrets import NO_SECRETS, FakeSecrets

MONTHS = list_months("2023-12", "2024-04")
INSERT = text(
    "INSERT INTO events VALUES (:event_id, :customer_id, :event_at, :amount, :updated_at)"
)


@dataclass(frozen=True)
class Shop:
    """A database with one empty table of events."""

    url: str
    engine: Engine
    sources: EventSources
    zone: str  # what a time of the platform's zone needs behind it

    def create(self, kind: str) -> None:
        self.run(
            "CREATE TABLE events (event_id varchar(99), customer_id varchar(99), "
            f"event_at {kind}, amount numeric, updated_at {kind})"
        )

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def add(self, *rows: tuple[Any, ...]) -> None:
        """Rows of (id, customer, time) or (id, customer, time, amount, change)."""
        with self.engine.begin() as connection:
            connection.execute(INSERT, [fill(row) for row in rows])

    def open(self, table: str = "events", columns: Mapping[str, str] | None = None) -> Any:
        return self.sources.open(SourceSettings(self.url, table, columns or {}))

    def read(self, month: str) -> list[str]:
        """Ids of the month's events; of a row that is bad, its kind."""
        found: list[str] = []
        for rows in self.open().read(month, 2):
            assert len(rows) <= 2
            found += filter(None, (judge(row, month) for row in rows))
        return sorted(found)

    def process(self, month: str) -> MonthResult:
        return process_month(
            "t",
            month,
            self.open(),
            MemoryObjectStore(),
            MemoryLetters(),
            check_held=refuse_nothing,
            last=None,
        )


def fill(row: tuple[Any, ...]) -> dict[str, Any]:
    event_id, customer_id, event_at, amount, updated_at = (*row, *(1, None)[len(row) - 3 :])
    return {
        "event_id": event_id,
        "customer_id": customer_id,
        "event_at": event_at,
        "amount": amount,
        "updated_at": updated_at,
    }


def judge(row: Mapping[str, object], month: str) -> str | None:
    try:
        event: Event | None = read_event(row, month)
    except BadEventError as error:
        return error.kind
    return event.event_id if event else None


@pytest.fixture(scope="module")
def postgresql_url() -> Iterator[str]:
    with temporary_schema() as url:
        yield url


CASES = ("sqlite text", "postgresql text", "postgresql timestamp", "postgresql timestamptz")


@pytest.fixture(params=CASES)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    backend, _, kind = str(request.param).partition(" ")
    url = f"sqlite:///{tmp_path / 'events.db'}"
    if backend == "postgresql":
        url = str(request.getfixturevalue("postgresql_url"))
    engine = create_engine(url)
    shop = Shop(url, engine, EventSources(NO_SECRETS), "+09:00" if kind == "timestamptz" else "")
    shop.run("DROP TABLE IF EXISTS events CASCADE" if backend != "sqlite" else "SELECT 1")
    shop.create(kind)
    yield shop
    shop.sources.close()
    engine.dispose()


# A timestamp without time zone drops the zone when it is stored.
zoned = pytest.mark.parametrize(
    "shop", [case for case in CASES if not case.endswith("timestamp")], indirect=True
)


def test_the_adapter_and_the_domain_know_the_same_columns():
    assert tuple(CANONICAL) == event_sql.COLUMNS
    assert event_sql.REQUIRED == REQUIRED


def test_a_month_has_its_first_and_last_moment_and_none_of_its_neighbours(shop: Shop):
    suffix = shop.zone
    shop.add(
        ("before", "a", f"2024-01-31 23:59:59.999999{suffix}"),
        ("first", "a", f"2024-02-01 00:00:00{suffix}"),
        ("middle", None, f"2024-02-15 12:30:00{suffix}"),
        ("last", "b", f"2024-02-29 23:59:59.999999{suffix}"),
        ("after", "a", f"2024-03-01 00:00:00{suffix}"),
    )
    assert shop.read("2024-02") == ["first", "last", "middle"]
    assert shop.read("2024-01") == ["before"]
    assert shop.read("2024-03") == ["after"]
    assert shop.read("2024-05") == []


@zoned
def test_a_time_with_a_zone_is_found_in_the_month_of_the_platforms_zone(shop: Shop):
    shop.add(
        ("eve", "a", "2024-01-31T14:59:59Z"),
        ("new", "a", "2024-01-31 15:00:00+00:00"),
        ("west", "a", "2024-02-29T04:00:00-11:00"),
        ("east", "a", "2024-02-01T03:59:59+14:00"),
    )
    assert {month: shop.read(month) for month in MONTHS[1:4]} == {
        "2024-01": ["east", "eve"],
        "2024-02": ["new"],
        "2024-03": ["west"],
    }


def test_rows_without_a_time_are_bad_in_the_last_month_that_has_events(shop: Shop):
    suffix = shop.zone
    shop.add(("lost", "a", None), ("one", "a", f"2024-01-05{suffix and ' 00:00'}{suffix}"))
    assert shop.read("2024-01") == ["bad_event_at", "one"]
    shop.add(("two", "a", f"2024-02-05 00:00{suffix}"))
    assert shop.read("2024-01") == ["one"]
    assert shop.read("2024-02") == ["bad_event_at", "two"]
    assert shop.read("2024-03") == []


def test_the_fingerprint_tells_of_new_and_restated_rows_of_the_month(shop: Shop):
    suffix = shop.zone
    seen = [shop.open().fingerprint("2024-02")]
    for row in (
        ("e1", "a", f"2024-02-05 00:00:00{suffix}"),
        ("e2", "a", f"2024-02-04 00:00:00{suffix}"),
        ("e2", "a", f"2024-02-04 00:00:00{suffix}", 2, f"2024-03-09 00:00:00{suffix}"),
    ):
        shop.add(row)
        seen.append(shop.open().fingerprint("2024-02"))
    assert len(set(seen)) == 4
    shop.add(
        ("e3", "a", f"2024-03-05 00:00:00{suffix}"), ("e4", "a", f"2024-01-31 23:00:00{suffix}")
    )
    assert shop.open().fingerprint("2024-02") == seen[-1]
    assert seen[0] == "[0, null, null]"


def test_who_had_an_event_before_the_month_returns(shop: Shop):
    suffix = shop.zone
    shop.add(
        ("e1", "ann", f"2023-05-05 00:00:00{suffix}"),
        ("e2", "bob", f"2024-01-31 23:59:59{suffix}"),
        ("e3", "", f"2024-01-31 00:00:00{suffix}"),
        ("e4", None, f"2024-01-31 00:00:00{suffix}"),
        ("e5", "eve", None),
        *(
            (f"f{n}", customer, f"2024-02-0{n} 00:00:00{suffix}")
            for n, customer in enumerate(("ann", "ann", "bob", "carl", "", None, "eve"), start=1)
        ),
    )
    assert sorted(filter(None, shop.open().returning("2024-02"))) == ["ann", "bob"]
    result = shop.process("2024-02")
    assert (result.new_customers, result.returning_customers, result.anonymous_events) == (2, 2, 2)


@zoned
def test_a_customer_whose_zoned_event_lies_in_the_month_does_not_return_because_of_it(shop: Shop):
    shop.add(
        ("e1", "new", "2024-01-31T20:00:00Z"),
        ("e2", "old", "2024-01-31T10:00:00Z"),
        ("e3", "old", "2024-02-05T10:00:00Z"),
    )
    result = shop.process("2024-02")
    assert (result.new_customers, result.returning_customers) == (1, 1)


def test_every_row_is_read_in_slices_and_counted_once(shop: Shop):
    suffix = shop.zone
    days = [f"2024-{n % 3 + 1:02}-{n % 28 + 1:02} {n % 24:02}:00:00{suffix}" for n in range(500)]
    shop.add(*((f"e{n}", f"c{n % 7}", day, "0.1") for n, day in enumerate(days)))
    results = [shop.process(month) for month in MONTHS]
    assert sum(result.processed_records for result in results) == 500
    assert sum(result.revenue for result in results) == 50
    assert [result.failed_records for result in results] == [0] * 5


def test_twenty_threads_read_at_once(shop: Shop):
    suffix = shop.zone
    shop.add(*((f"e{n}", "a", f"2024-{n % 3 + 1:02}-05 00:00:00{suffix}") for n in range(90)))
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(shop.process, ["2024-02"] * 40))
    assert [result.processed_records for result in results] == [30] * 40


def test_a_reader_that_stops_half_way_gives_its_connection_back(shop: Shop):
    shop.add(*((f"e{n}", "a", f"2024-02-05 00:00:00{shop.zone}") for n in range(9)))
    for _ in range(50):
        slices = shop.open().read("2024-02", 2)
        next(slices)
        slices.close()
    assert len(shop.read("2024-02")) == 9


def test_a_view_with_other_names_is_read_by_its_settings(shop: Shop):
    shop.add(("e1", "ann", f"2024-02-05 00:00:00{shop.zone}"))
    shop.run('CREATE VIEW "My Sales" AS SELECT event_id AS "Sale", event_at AS stamp FROM events')
    source = shop.open("My Sales", {"event_id": "sale", "event_at": "stamp"})
    (rows,) = source.read("2024-02", 10)
    assert [row["event_id"] for row in rows] == ["e1"]
    assert list(source.returning("2024-02")) == []
    assert source.fingerprint("2024-02").startswith("[1, ")
    shop.run('DROP VIEW "My Sales"')


def test_a_table_that_is_not_there_and_columns_that_are_not_there_say_so(shop: Shop):
    for table, columns, kind in (
        ("missing", {}, "source_table_missing"),
        ("nowhere.events", {}, "source_table_missing"),
        ("events", {"event_at": "stamp"}, "source_columns"),
        ("events", {"order_id": "basket"}, "source_columns"),
    ):
        with pytest.raises(PermanentError) as caught:
            shop.open(table, columns).fingerprint("2024-02")
        assert caught.value.kind == kind


def test_a_table_that_changed_since_it_was_looked_at_is_looked_at_again(shop: Shop):
    shop.add(("e1", "ann", f"2024-02-05 00:00:00{shop.zone}"))
    source = shop.open()
    assert shop.read("2024-02") == ["e1"]
    shop.run("ALTER TABLE events RENAME COLUMN amount TO price")
    with pytest.raises(PermanentError) as caught:
        list(source.read("2024-02", 10))
    assert caught.value.kind == "source_columns"
    assert shop.read("2024-02") == ["e1"]
    shop.run("DROP TABLE events")
    with pytest.raises(PermanentError) as caught:
        source.fingerprint("2024-02")
    assert caught.value.kind == "source_table_missing"


def test_any_table_is_read_whole_for_an_import(shop: Shop):
    shop.add(("e1", "ann", None), ("e2", "bob", None))
    rows = list(shop.sources.read_table(shop.url, "events"))
    assert sorted((row["event_id"], row["customer_id"]) for row in rows) == [
        ("e1", "ann"),
        ("e2", "bob"),
    ]
    assert list(rows[0]) == ["event_id", "customer_id", "event_at", "amount", "updated_at"]
    with pytest.raises(PermanentError) as caught:
        list(shop.sources.read_table(shop.url, "advertisers"))
    assert caught.value.kind == "source_table_missing"


def test_nothing_can_be_written_through_a_source(shop: Shop):
    with (
        pytest.raises(Exception, match=r"read-?only"),
        shop.open()._engine.engine.begin() as connection,
    ):
        connection.execute(text("DELETE FROM events"))


# SQLite: any type in any column.

MESSY: Sequence[object] = (
    "2024-01-32",
    "2024-1-5",
    "2024-02-30 10:00",
    "20240210",
    "20241231T230000Z",
    "2024-W06-1",
    "2024-02-05T10",
    "garbage",
    "",
    " 2024-02-05",
    1_707_566_400,
    2024.5,
    b"2024-02-05",
    None,
    "0001-01-01",
    "9999-12-31",
    "2024-12-31T23:30:00-05:00",
    "2024-02-29T24:00:00",
)


@pytest.fixture
def messy(tmp_path: Path) -> Iterator[tuple[sqlite3.Connection, EventSources, SourceSettings]]:
    path = tmp_path / "messy events #1?.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE events (event_id, customer_id, event_at, amount)")
    sources = EventSources(NO_SECRETS)
    url = URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)
    yield connection, sources, SourceSettings(url)
    sources.close()
    connection.close()


def test_every_row_of_an_untyped_table_is_taken_or_refused_in_exactly_one_month(
    messy: tuple[sqlite3.Connection, EventSources, SourceSettings],
):
    connection, sources, settings = messy
    rows = [(f"e{n}", "ann", at, 1) for n, at in enumerate(MESSY)]
    connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
    connection.commit()
    seen: Counter[str] = Counter()
    for month in list_months("2023-01", "2025-12"):
        for found in sources.open(settings).read(month, 3):
            seen.update(str(row["event_id"]) for row in found if judge(row, month))
    assert seen == Counter(row[0] for row in rows)


def test_broken_text_makes_its_row_bad_and_the_rest_is_read(
    messy: tuple[sqlite3.Connection, EventSources, SourceSettings],
):
    connection, sources, settings = messy
    connection.executescript(
        "INSERT INTO events VALUES ('e1', CAST(x'ff' AS TEXT), '2024-02-05', 1), ('e2', x'00ff', '2024-02-06', 1), "
        "('e3', 'ann', '2024-02-07', 9e999), ('e4', 'ann', '2024-02-08', 1), ('e5', 7, '2024-02-09', '0.10')"
    )
    letters = MemoryLetters()
    source = sources.open(settings)
    result = process_month(
        "t", "2024-02", source, MemoryObjectStore(), letters, check_held=refuse_nothing, last=None
    )
    assert (result.processed_records, result.customers, str(result.revenue)) == (2, 2, "1.1000")
    assert letters.kinds() == ["bad_text", "bad_text", "bad_amount"]


def test_a_sqlite_file_that_is_missing_locked_or_no_database_says_so(tmp_path: Path):
    sources = EventSources(NO_SECRETS)
    (tmp_path / "text.db").write_text("no database" * 100)
    kinds: list[tuple[type[PlatformError], str]] = []
    for name in ("missing.db", "text.db"):
        with pytest.raises(PlatformError) as caught:
            sources.open(SourceSettings(f"sqlite:///{tmp_path / name}"))
        kinds.append((type(caught.value), caught.value.kind))
    assert kinds == [(TransientError, "source_unreachable"), (PermanentError, "bad_source")]
    assert not (tmp_path / "missing.db").exists()
    sources.close()


# Times as people write them: one month, whatever the form.

FORMS: Mapping[str, Sequence[object]] = {
    # the last moment of January, the first of February, the last of it, the first of March
    "slashes": (
        "2024/01/31 23:59:59",
        "2024/02/01 00:00:00",
        "2024/02/29 23:59",
        "2024/03/01",
    ),
    "dots": ("2024.01.31 23:59", "2024.02.01", "2024.02.29 23:59:59", "2024.03.01 00:00"),
    "korean dots": (
        "2024. 1. 31. 오후 11:59:59",
        "2024. 2. 1. 오전 12:00:00",
        "2024. 2. 29. 오후 11:59",
        "2024. 3. 1. 오전 0:00",
    ),
    "korean words": (
        "2024년 1월 31일 23시 59분",
        "2024년 2월 1일",
        "2024년 2월 29일 23:59:59",
        "2024년 3월 1일 0시",
    ),
    "digits": ("20240131235959", "20240201", "20240229T235959", "20240301"),
    "unpadded": ("2024-1-31 23:59", "2024-2-1", "2024/2/29 23:59", "2024.3.1"),
    "zones": (
        "2024/01/31 14:59:59Z",
        "2024-01-31T15:00:00Z",
        "2024.02.29 14:59:59 UTC",
        "2024/02/29 15:00:00+00:00",
    ),
    "seconds": ("1706713199", "1706713200", "1709218799.5", "1709218800"),
    "milliseconds": ("1706713199999", "1706713200000", "1709218799999", "1709218800000"),
    "microseconds": (
        "1706713199999999",
        "1706713200000000",
        "1709218799999999",
        "1709218800000000",
    ),
    "mixed": ("2024-01-31 23:59:59", "2024/02/01", "1709218799", "2024. 3. 1."),
}


@pytest.mark.parametrize("shop", ["sqlite text", "postgresql text"], indirect=True)
@pytest.mark.parametrize("form", FORMS)
def test_the_month_of_a_text_is_that_of_its_value_in_every_form(shop: Shop, form: str):
    before, first, last, behind = FORMS[form]
    shop.add(
        ("before", "ann", before),
        ("first", "ann", first),
        ("last", "bob", last),
        ("b", "a", behind),
    )
    assert {month: shop.read(month) for month in MONTHS} == {
        "2023-12": [],
        "2024-01": ["before"],
        "2024-02": ["first", "last"],
        "2024-03": ["b"],
        "2024-04": [],
    }
    result = shop.process("2024-02")
    assert (result.new_customers, result.returning_customers) == (1, 1)
    assert shop.open().fingerprint("2023-10") == "[0, null, null]"


NUMBERS: Mapping[str, tuple[float, float]] = {
    "seconds": (1706713200, 1709218800),
    "milliseconds": (1706713200_000, 1709218800_000),
    "microseconds": (1706713200_000_000, 1709218800_000_000),
    "nanoseconds": (1706713200_000_000_000, 1709218800_000_000_000),
    "days in digits": (20240201, 20240301),
    "seconds in digits": (20240201000000, 20240301000000),
}


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
@pytest.mark.parametrize("unit", NUMBERS)
def test_numbers_are_read_by_what_they_count_and_an_index_is_used(
    backend: str, unit: str, tmp_path: Path, request: pytest.FixtureRequest
):
    url = f"sqlite:///{tmp_path / 'events.db'}"
    if backend == "postgresql":
        url = str(request.getfixturevalue("postgresql_url"))
    start, end = NUMBERS[unit]
    engine = create_engine(url)
    sources = EventSources(NO_SECRETS)
    days = (start - 1, start, end - 1, end) if "digits" not in unit else (start, end)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS counted"))
        connection.execute(text("CREATE TABLE counted (event_id text, event_at bigint)"))
        for n, at in enumerate((*days, None)):
            connection.execute(
                text("INSERT INTO counted VALUES (:n, :at)"), {"n": f"e{n}", "at": at}
            )
        connection.execute(text("CREATE INDEX counted_at ON counted (event_at)"))
    source = sources.open(SourceSettings(url, "counted"))
    found = {
        month: sorted(
            filter(None, (judge(row, month) for rows in source.read(month, 10) for row in rows))
        )
        for month in MONTHS[1:4]
    }
    ids = [f"e{n}" for n in range(len(days))]
    assert found == {
        "2024-01": ids[:-3],
        "2024-02": ids[-3:-1] if len(days) == 4 else ids[:1],
        "2024-03": ["bad_event_at", ids[-1]],
    }
    if backend == "sqlite":
        asked: Any = source
        month = asked._statements.month.params(asked._form.bind("2024-02"))
        compiled = month.compile(engine)
        values = tuple(compiled.params[name] for name in compiled.positiontup or ())
        with engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
        assert "USING INDEX counted_at" in str(plan)
    sources.close()
    engine.dispose()


def test_julian_days_of_sqlite_are_read(
    messy: tuple[sqlite3.Connection, EventSources, SourceSettings],
):
    connection, sources, settings = messy
    connection.executescript(
        "INSERT INTO events VALUES ('e1', 'a', julianday('2024-01-31 14:59:59'), 1), "
        "('e2', 'a', julianday('2024-01-31 15:00:00'), 1), ('e3', 'b', julianday('2024-02-10 00:00:01'), 1)"
    )
    source = sources.open(settings)
    found = {
        month: [judge(row, month) for rows in source.read(month, 10) for row in rows]
        for month in ("2024-01", "2024-02", "2024-03")
    }
    assert {month: sorted(filter(None, ids)) for month, ids in found.items()} == {
        "2024-01": ["e1"],
        "2024-02": ["e2", "e3"],
        "2024-03": [],
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("05/06/2024", "texts such as '05/06/2024'"),
        ("5 Jan 2024", "texts such as '5 Jan 2024'"),
        ("soon", "texts such as 'soon'"),
        (17, "numbers such as '17'"),
        (b"2024-01-05", "bytes such as"),
        (None, "is empty in every row"),
    ],
)
def test_a_source_of_which_no_time_can_be_read_is_refused_by_name_when_it_is_opened(
    messy: tuple[sqlite3.Connection, EventSources, SourceSettings], value: object, words: str
):
    connection, sources, settings = messy
    connection.execute("INSERT INTO events VALUES ('e1', 'ann', ?, 1)", (value,))
    connection.commit()
    with pytest.raises(PermanentError, match="column event_at") as caught:
        sources.open(settings)
    assert caught.value.kind == "source_times"
    assert words in str(caught.value)
    connection.execute("INSERT INTO events VALUES ('e2', 'ann', '2024-01-05', 1)")
    connection.commit()
    sources.open(settings)


def test_an_empty_table_is_a_source_without_events(
    messy: tuple[sqlite3.Connection, EventSources, SourceSettings],
):
    _, sources, settings = messy
    source = sources.open(settings)
    assert source.fingerprint("2024-01") == "[0, null, null]"
    assert list(source.read("2024-01", 10)) == []


def draw_texts(random: Random) -> Iterator[str]:
    """Texts that look like times, most of them broken somewhere."""
    for _ in range(400):
        year = random.choice(("2024", "1987", "2199", "2200", "0999", "20"))
        head = random.choice(("-", ".", "/", ". ", "년 ", "년", "", " ", "--"))
        month = random.choice(("1", "01", "9", "10", "12", "13", "00", "0x"))
        tail = random.choice(("-", ".", "/", "월 ", "월", "", "x")) + random.choice(
            ("5", "31", "T")
        )
        zone = random.choice(("", "", "", " 10:00:00Z", " 10:00+09:00"))
        yield f"{year}{head}{month}{tail}{zone}"
    for _ in range(300):
        digits = "".join(random.choices("0123456789", k=random.randint(6, 18)))
        first = random.choice(("", "17", "2024", "202401", "197001"))
        yield first + digits + random.choice(("", "", ".", ".5", "..", "x"))


@pytest.mark.parametrize("shop", ["sqlite text", "postgresql text"], indirect=True)
def test_sql_and_python_agree_on_the_month_of_any_text(shop: Shop):
    texts = [*dict.fromkeys(draw_texts(Random(7))), "2024/6/1", "2199-12-31", None]
    shop.add(*((f"e{n}", "a", at) for n, at in enumerate(texts)))
    source: Any = shop.open()
    found: Counter[str] = Counter()
    for month in sorted({month for at in texts if (month := find_month(at))}):
        for rows in source.read(month, 50):
            found.update(
                str(row["event_id"]) for row in rows if find_month(row["event_at"]) in {month, None}
            )
    assert found == Counter(f"e{n}" for n in range(len(texts)))


# PostgreSQL: types, logins, times that Python has none for.


def test_times_beyond_pythons_calendar_make_their_rows_bad_and_the_rest_is_read(
    postgresql_url: str,
):
    engine = create_engine(postgresql_url)
    sources = EventSources(NO_SECRETS)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE far (event_id int, event_at timestamp, updated_at timestamptz)")
        )
        connection.execute(
            text(
                "INSERT INTO far VALUES (1, '2024-02-05', 'infinity'), (2, 'infinity', null), "
                "(3, '2024-02-06', '12024-01-01'), (4, '2024-02-07', '2024-02-07 10:00+00'), (5, '0044-03-15 BC', null)"
            )
        )
    found: Counter[str | None] = Counter()
    for rows in sources.open(SourceSettings(postgresql_url, "far")).read("2024-02", 10):
        found.update(judge(row, "2024-02") for row in rows)
    assert found == {"bad_updated_at": 2, "4": 1, "bad_event_at": 2}
    sources.close()
    engine.dispose()


def test_a_date_column_is_a_time_and_small_numbers_are_not(postgresql_url: str):
    engine = create_engine(postgresql_url)
    sources = EventSources(NO_SECRETS)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE days (event_id int, event_at date, epoch bigint)"))
        connection.execute(
            text("INSERT INTO days VALUES (1, '2024-02-29', 5), (2, '2024-03-01', 6)")
        )
    (rows,) = sources.open(SourceSettings(postgresql_url, "days")).read("2024-02", 10)
    assert [judge(row, "2024-02") for row in rows] == ["1"]
    with pytest.raises(PermanentError, match="make a view") as caught:
        sources.open(SourceSettings(postgresql_url, "days", {"event_at": "epoch"}))
    assert caught.value.kind == "source_times"
    assert "column epoch, BIGINT" in str(caught.value)
    sources.close()
    engine.dispose()


def test_a_server_that_is_away_is_transient_and_a_wrong_database_is_not(postgres_url: str):
    sources = EventSources(NO_SECRETS)
    away = "postgresql://someone:geheim@127.0.0.1:1/shop"
    with pytest.raises(TransientError) as caught:
        sources.open(SourceSettings(away))
    assert caught.value.kind == "source_unreachable"
    assert "geheim" not in str(caught.value)
    assert "127.0.0.1:1/shop" in str(caught.value)
    with pytest.raises(PermanentError) as refused:
        sources.open(SourceSettings(postgres_url.replace("/test", "/no_such_database")))
    assert refused.value.kind == "bad_source"
    sources.close()


# Settings.


def test_a_secret_stands_in_for_the_password_whatever_it_holds_and_goes_to_its_hosts_alone():
    secrets = FakeSecrets({"PASS": "p/:@%w"}, {"PASS": ["db.example:5433", "*.shop.example"]})
    for host in ("db.example:5433", "a.shop.example"):
        url, place, _ = fill_url(
            f"postgres://reader:${{PASS}}@{host}/shop?sslmode=require", secrets
        )
        assert (url.drivername, url.password) == ("postgresql+psycopg2", "p/:@%w")
        assert place == f"postgresql://{host}/shop"
    for host in ("evil.example", "db.example:5434", "127.0.0.1", "db.example.evil.example"):
        with pytest.raises(PermanentError, match="SLUICE_SOURCE_PASS_HOSTS") as caught:
            fill_url(f"postgres://reader:${{PASS}}@{host}/shop", secrets)
        assert caught.value.kind == "bad_source"
        assert "p/:@%w" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "sent"), [("127.0.0.1", True), ("localhost", True), ("[::1]", True), ("db", False)]
)
def test_a_secret_without_hosts_stays_on_this_machine(host: str, sent: bool):
    secrets = FakeSecrets({"PASS": "geheim"})
    if sent:
        assert fill_url(f"postgresql://u:${{PASS}}@{host}/d", secrets)[0].password == "geheim"
        return
    with pytest.raises(PermanentError, match="not meant for the host"):
        fill_url(f"postgresql://u:${{PASS}}@{host}/d", secrets)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@${PASS}/db",
        "postgresql://${PASS}@127.0.0.1:1/db",
        "postgresql://u@127.0.0.1:1/${PASS}",
        "postgresql://u@127.0.0.1:1/db?application_name=${PASS}",
        "sqlite:////data/${PASS}.db",
    ],
)
def test_a_secret_anywhere_else_in_a_url_is_not_filled_in(url: str):
    with pytest.raises(PermanentError, match="somewhere else than for the password") as caught:
        EventSources(FakeSecrets({"PASS": "geheim"})).open(SourceSettings(url))
    assert "geheim" not in str(caught.value)


def test_a_url_that_is_a_secret_as_a_whole_shows_nothing_of_itself(postgres_url: str):
    away = "postgresql://geheim-user:geheim-word@127.0.0.1:1/geheim-db"
    wrong = postgres_url.replace("/test", "/geheim-db")
    for value in (away, wrong):
        sources = EventSources(FakeSecrets({"SHOP": value}))
        with pytest.raises(PlatformError, match=r"events in \$\{SHOP\}") as caught:
            sources.open(SourceSettings("${SHOP}"))
        assert "geheim" not in str(caught.value)
        assert caught.value.__cause__ is None
        sources.close()


def test_a_password_that_the_database_repeats_is_hidden(tmp_path: Path, postgres_url: str):
    url = postgres_url.replace("/test", "/geheim")
    source = make_url(url).set(password=None)
    shown = source.render_as_string(hide_password=False).replace("@", ":${PASS}@", 1)
    sources = EventSources(FakeSecrets({"PASS": "geheim"}))
    with pytest.raises(PermanentError) as caught:
        sources.open(SourceSettings(shown))
    assert str(caught.value).count("geheim") == 1, "the place alone, as it was written"
    sources.close()


# What may be reached.


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@169.254.169.254:80/x",
        "postgresql://u@[fe80::1]/x",
        "postgresql://u@[::ffff:169.254.169.254]/x",
        "postgresql://u@metadata.google.internal/x",
        "postgresql://u@2852039166/x",
        "postgresql://u@127.0.0.1/x?host=169.254.169.254",
        "postgresql://u@127.0.0.1/x?hostaddr=169.254.169.254",
        "postgresql://u@127.0.0.1/x?service=other",
        "postgresql://u@127.0.0.1/x?passfile=/root/.pgpass",
        "postgresql://u@127.0.0.1/x?options=-cstatement_timeout%3D0",
        "postgresql://u@127.0.0.1/x?sslcert=/etc/passwd",
        "sqlite:////etc/passwd",
        "sqlite:////proc/self/environ",
        "sqlite:////dev/zero",
    ],
)
def test_what_no_source_may_reach_is_refused_before_anything_is_sent(url: str):
    sources = EventSources(NO_SECRETS)
    with pytest.raises(PermanentError) as caught:
        sources.open(SourceSettings(url))
    assert caught.value.kind == "source_refused"


def test_the_platforms_own_files_are_no_source_by_any_link(tmp_path: Path):
    home, shops = tmp_path / "home", tmp_path / "shops"
    home.mkdir()
    shops.mkdir()
    for path in (home / "state.db", home / "events.db", shops / "events.db"):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE events (event_id, event_at)")
    (shops / "link.db").symlink_to(home / "state.db")
    reach = SourceReach(homes=[home], own=[home / "state.db"])
    opened = SourceReach(folders=[shops, home], homes=[home], own=[home / "state.db"])
    inside = SourceReach(folders=[home / "shops"], homes=[home], own=[home / "state.db"])
    (home / "shops").mkdir()
    shutil.copy(shops / "events.db", home / "shops" / "events.db")
    outside, within = shops / "events.db", home / "shops" / "events.db"
    for lists, allowed in ((reach, outside), (opened, outside), (inside, within)):
        sources = EventSources(NO_SECRETS, lists)
        for path in (
            home / "state.db",
            home / "events.db",
            shops / "link.db",
            shops / "events.db",
            home / "shops" / "events.db",
        ):
            settings = SourceSettings(f"sqlite:///{path}")
            if path == allowed:
                sources.open(settings)
                continue
            with pytest.raises(PermanentError) as caught:
                sources.open(settings)
            assert caught.value.kind == "source_refused", path
        sources.close()


def test_a_link_that_leads_elsewhere_later_is_seen_when_a_connection_is_made(tmp_path: Path):
    for name in ("good.db", "own.db"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            connection.execute("CREATE TABLE events (event_id, event_at)")
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "good.db")
    reach = SourceReach(own=[tmp_path / "own.db"])
    engine = create_source_engine(make_url(f"sqlite:///{link}"), reach)
    link.unlink()
    link.symlink_to(tmp_path / "own.db")
    with pytest.raises(PermanentError) as caught, engine.connect():
        pass
    assert caught.value.kind == "source_refused"
    engine.dispose()


def test_lists_of_schemes_and_hosts_hold(tmp_path: Path):
    reach = SourceReach(schemes=["postgresql"], hosts=["*.shop.example", "10.1.0.0/16"])
    for url, ok in (
        ("postgresql://u@db.shop.example/x", True),
        ("postgresql://u@10.1.2.3/x", True),
        ("postgresql://u@10.2.2.3/x", False),
        ("postgresql://u@127.0.0.1/x", False),
        ("postgresql:///x", False),
        (f"sqlite:///{tmp_path}/x.db", False),
        ("mysql://u@db.shop.example/x", False),
    ):
        if ok:
            reach.check_url(make_url(url))
            continue
        with pytest.raises(PermanentError) as caught:
            reach.check_url(make_url(url))
        assert caught.value.kind == "source_refused", url
    with pytest.raises(PermanentError):
        reach.resolve("localhost", 5432)  # a name that leads into no listed network
    assert SourceReach(hosts=["127.0.0.0/8", "::1"]).resolve("localhost", 5432)


def test_a_server_of_another_kind_is_not_repeated():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 geheim\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        sources = EventSources(NO_SECRETS)
        port = server.getsockname()[1]
        with pytest.raises(TransientError) as caught:
            sources.open(SourceSettings(f"postgresql://u@127.0.0.1:{port}/x"))
        thread.join(30)
        sources.close()
    assert "what answers is no such database" in str(caught.value)
    assert "negotiation" not in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "reach", "asked"),
    [
        ("postgresql://u:p@192.0.2.1/x", SourceReach(), True),
        ("postgresql://u:p@192.0.2.1/x?sslmode=require", SourceReach(), False),
        ("postgresql://u:p@127.0.0.1/x", SourceReach(), False),
        ("postgresql://u:p@192.0.2.1/x", SourceReach(clear_passwords=True), False),
    ],
)
def test_a_password_goes_to_another_machine_as_it_is_only_over_tls_or_by_a_setting(
    url: str, reach: SourceReach, asked: bool
):
    asks: list[dict[str, Any]] = []
    engine = create_source_engine(read_url(url), reach)

    def stop(_dialect: object, _record: object, _args: object, options: dict[str, Any]) -> None:
        asks.append(options)
        raise PermanentError("enough", kind="enough")

    event.listen(engine, "do_connect", stop, insert=True)
    with pytest.raises(PermanentError, match="enough"), engine.connect():
        pass
    assert (asks[0].get("require_auth") == "!password") is asked
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("postgresql://u:${PASS}@h/d", "SLUICE_SOURCE_PASS"),
        ("no url geheim", "SQLAlchemy URL"),
        ("oracle+nothing://u:geheim@h/d", "no driver"),
        ("sqlite:///relative.db", "absolute path"),
        ("sqlite://", "absolute path"),
    ],
)
def test_a_source_that_cannot_be_opened_says_why_without_its_password(url: str, hint: str):
    with pytest.raises(PermanentError, match=hint) as caught:
        EventSources(NO_SECRETS).open(SourceSettings(url))
    assert caught.value.kind == "bad_source"
    assert "geheim" not in str(caught.value)


def test_engines_are_shared_by_url_and_the_oldest_are_let_go(tmp_path: Path):
    sources = EventSources(NO_SECRETS, engines=2)
    settings: list[SourceSettings] = []
    for n in range(4):
        path = tmp_path / f"{n}.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE events (event_id, event_at)")
        connection.close()
        settings.append(SourceSettings(f"sqlite:///{path}"))
    first: Any = sources.open(settings[0])
    same: Any = sources.open(settings[0])
    assert same._engine.engine is first._engine.engine
    reading = first.read("2024-02", 1)
    for other in settings[1:]:
        sources.open(other)
    later: Any = sources.open(settings[0])
    assert later._engine.engine is not first._engine.engine
    assert list(reading) == []
    sources.close()
