"""What every test shares: the environment, hypothesis profiles, servers on loopback, and the list of oversized code.

Fakes belong in `tests/fakes`, fixtures of one area in that area's conftest.
"""

import os
import socket
from collections.abc import Callable
from typing import NoReturn

import pytest
import structlog
from hypothesis import HealthCheck, settings
from structlog.typing import EventDict

# Client libraries of the clouds ask link-local addresses for credentials, and wait for seconds where there are none.
OFFLINE = {"NO_GCE_CHECK": "true", "AWS_EC2_METADATA_DISABLED": "true"}
SIZES = "oversized code"


def pytest_configure() -> None:
    os.environ.update(OFFLINE)
    structlog.configure(
        processors=[_drop_event]
    )  # the item log has its own tests; elsewhere it is noise
    # The machine is shared, so a slow example says nothing. In CI the same examples run each time.
    settings.register_profile(
        "local", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50
    )
    settings.register_profile(
        "ci", settings.get_profile("local"), derandomize=True, database=None, max_examples=100
    )
    settings.load_profile("ci" if is_ci() else "local")


def _drop_event(_logger: object, _name: str, _event: EventDict) -> NoReturn:
    raise structlog.DropEvent


def is_ci() -> bool:
    return os.environ.get("CI") == "true"


@pytest.fixture(scope="session")
def ci() -> bool:
    """Whether this is a CI run, where a missing service is a failure and not a reason to skip."""
    return is_ci()


@pytest.fixture(scope="session")
def give_up(ci: bool) -> Callable[[str], NoReturn]:
    """Call it with the reason when a service that the test needs is missing: it skips, and fails in CI."""

    def give_up(reason: str) -> NoReturn:
        if ci:
            pytest.fail(f"{reason} (CI=true: every service must be there)", pytrace=False)
        pytest.skip(reason)

    return give_up


@pytest.fixture(scope="session")
def postgres_url(give_up: Callable[[str], NoReturn]) -> str:
    """URL of the database `test`; take a schema or database of your own in it: tests run side by side."""
    if not answers(5432):
        give_up("PostgreSQL does not answer at 127.0.0.1:5432; start it with user postgres, trust")
    return "postgresql+psycopg2://postgres@127.0.0.1:5432/test"


@pytest.fixture(scope="session")
def redis_url(give_up: Callable[[str], NoReturn]) -> str:
    """URL of Redis; prefix your keys: tests run side by side."""
    if not answers(6379):
        give_up("Redis does not answer at 127.0.0.1:6379; start it")
    return "redis://127.0.0.1:6379/0"


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests/architecture/test_sizes.py recorded; user properties also travel from xdist's workers."""
    for report in terminalreporter.getreports("passed"):
        for name, lines in report.user_properties:
            if name == SIZES and lines:
                terminalreporter.section(SIZES)
                terminalreporter.write_line(str(lines))
