import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.tenants.event_tables import check_source
from platform_assets.tenants.events import CANONICAL
from platform_assets.tenants.tenant import SourceSettings


def refuse(url: str = "sqlite:////data/shop.db", table: str = "events", **columns: str) -> str:
    with pytest.raises(PermanentError) as caught:
        check_source(SourceSettings(url, table, columns))
    assert caught.value.kind == "bad_source"
    assert caught.value.__cause__ is None
    return caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////data/shop.db",
        "postgresql://db/shop",
        "postgresql+psycopg2://reader:${ACME_PASSWORD}@db:5432/shop?sslmode=require",
        "postgresql://reader@db/shop?require_auth=scram-sha-256&sslkey=/keys/client.key",
        "${ACME_URL}",
        "mysql+pymysql://reader:${ACME}@db/shop",
    ],
)
def test_a_url_without_a_secret_is_taken_as_it_is(url: str) -> None:
    assert check_source(SourceSettings(url)).url == url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://reader:hunter2@db/shop",
        "postgresql://reader:hunter2#x@db/shop",
        "postgresql://reader:hunter2${ACME}@db/shop",
        "postgresql://reader:${hunter2}@db/shop",
        "postgresql://reader@db/shop?password=hunter2",
        "postgresql://reader@db/shop?sslpassword=hunter2",
        "mssql+pyodbc://?odbc_connect=DRIVER%3Dodbc%3BPWD%3Dhunter2",
        "mssql+pyodbc://db/shop?odbc_connect=UID%3Da%3BPassword%3Dhunter2",
        "postgresql://db/shop?options=-c%20token%3Dhunter2",
        "mssql+pyodbc://db/shop;password=hunter2",
        "postgresql://db/shop?apikey=hunter2",
        "postgresql://db/shop?api_key=hunter2",
        "postgresql://db/shop?key=hunter2",
        "postgresql://db/shop?auth=hunter2",
        "postgresql://db/shop?token=hunter2",
        "postgresql://db/shop?x-credential=hunter2",
        "postgresql://db/shop?options=-cauth=hunter2",
        "postgresql://${ACME}@db/shop?",
        "postgresql://reader@${ACME}/shop",
        "postgresql://reader@db/${ACME}",
        "sqlite:////data/${ACME}.db",
    ],
)
def test_a_secret_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    message = refuse(url)

    assert "write ${NAME} instead" in message
    assert "SLUICE_SOURCE_NAME" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("url", ["", "shop.db", "://hunter2", "postgresql://a:hunter2@db:port/x"])
def test_what_is_no_url_is_refused_and_not_repeated(url: str) -> None:
    message = refuse(url)

    assert "cannot be read as one; use sqlite:////absolute/path/shop.db" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("url", ["sqlite://", "postgresql://db", "postgresql://db/"])
def test_a_url_without_a_database_is_refused(url: str) -> None:
    assert "names no database" in refuse(url)


@pytest.mark.parametrize("url", ["sqlite:///shop.db", "sqlite:///:memory:", "sqlite:///../shop.db"])
def test_a_file_that_other_processes_would_not_find_is_refused(url: str) -> None:
    assert "absolute path" in refuse(url)


@pytest.mark.parametrize("table", ["events", "shop.events", "Events_2026", "이벤트", "a$b-c"])
def test_a_table_is_named_with_or_without_a_schema(table: str) -> None:
    assert check_source(SourceSettings("sqlite:////data/shop.db", f" {table} ")).table == table


@pytest.mark.parametrize(
    "table", ["", ".", "a.b.c", "1a", "a b", "events; DROP TABLE x", 'a"b', "a\nb", "a" * 64]
)
def test_a_table_with_other_characters_is_refused(table: str) -> None:
    assert "no name of a table" in refuse(table=table)


def test_every_canonical_column_may_be_named_otherwise() -> None:
    columns = {name: f"own_{name}" for name in CANONICAL}
    source = SourceSettings("sqlite:////data/shop.db", "events", columns)

    assert check_source(source).columns == columns


def test_an_unknown_canonical_column_is_refused_with_the_known_ones() -> None:
    message = refuse(event="id", price="amount")

    assert "no canonical column 'event', 'price'" in message
    assert "event_id, customer_id" in message


@pytest.mark.parametrize("name", ["", "a b", "id; --", "a" * 64])
def test_a_column_with_other_characters_is_refused(name: str) -> None:
    assert "no name of a column (for event_id)" in refuse(event_id=name)
