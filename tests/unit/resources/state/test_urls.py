import pytest

from platform_assets.core.errors import RefusedError
from resources.state.database import StateDatabase
from resources.state.engines import create_state_engine
from resources.state.urls import describe_url, parse_state_url
from tests.fakes.clock import FakeClock


@pytest.mark.parametrize(
    ("url", "driver", "place"),
    [
        ("sqlite:////var/lib/s.db", "sqlite+pysqlite", "sqlite:/var/lib/s.db"),
        ("postgresql://u:geheim@db/state", "postgresql+psycopg2", "postgresql://db:5432/state"),
        ("postgres://u:geheim@db:6432/s", "postgresql+psycopg2", "postgresql://db:6432/s"),
        ("postgresql+psycopg2://db/s", "postgresql+psycopg2", "postgresql://db:5432/s"),
        (
            "postgresql:///s?host=/run/postgresql&password=geheim",
            "postgresql+psycopg2",
            "postgresql://local socket:5432/s",
        ),
    ],
)
def test_a_url_gets_its_driver_and_is_named_without_secrets(url: str, driver: str, place: str):
    parsed = parse_state_url(url)
    assert parsed.drivername == driver
    assert describe_url(parsed) == place


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "cannot be read"),
        ("/var/lib/state.db", "cannot be read"),
        ("postgresql://u:geheim@db:port/s", "cannot be read"),
        ("mysql://u:geheim@db/s", "'mysql' is not supported"),
        ("postgresql+psycopg://u:geheim@db/s", "'postgresql\\+psycopg' is not supported"),
        ("sqlite://", "absolute path"),
        ("sqlite:///state.db", "absolute path"),
        ("sqlite:///:memory:", "absolute path"),
        ("sqlite:////tmp/state.db?mode=ro", "no options"),
        ("postgresql://u:geheim@db", "missing"),
    ],
)
def test_a_wrong_url_is_refused_with_the_right_forms_and_no_secret(url: str, reason: str):
    with pytest.raises(RefusedError, match=reason) as caught:
        parse_state_url(url)
    assert "sqlite:////absolute/path" in str(caught.value)
    assert "geheim" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_databases_repr_holds_no_password():
    engine = create_state_engine(parse_state_url("postgresql://u:geheim@db/s?password=geheim"))
    assert repr(StateDatabase(engine, FakeClock())) == "StateDatabase(postgresql://db:5432/s)"
