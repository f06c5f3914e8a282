"""What every test shares: the environment, hypothesis profiles, servers on loopback, and the list of oversized code.

Fakes belong in `tests/fakes`, fixtures of one area in that area's conftest.
"""

import faulthandler
import os
import random
import signal
import socket
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest
import structlog
from hypothesis import HealthCheck, settings
from structlog.typing import EventDict

from platform_assets.core.processes.signals import restore_signals

# Client libraries of the clouds ask link-local addresses for credentials, and wait for seconds where there are none.
OFFLINE = {"NO_GCE_CHECK": "true", "AWS_EC2_METADATA_DISABLED": "true"}
SIZES = "oversized code"
SHOWN_BYTES = 40

LIMIT_SECONDS = 1800
"""For the setup, the call and the teardown of a test each: many times what any needs on a busy machine."""


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "all of the long repetitions (make soak); without it a share of them"
    parser.addoption("--soak", action="store_true", help=told)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long bytes are named by their argument: unreadable as a name, and packed ones may hold the time."""
    return argname if isinstance(val, bytes) and len(val) > SHOWN_BYTES else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: with several workers none of them begins a test of minutes when the others are through."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    if item.get_closest_marker("slow") is None:
        return 2
    return 0 if "kill" in item.nodeid or "memory" in item.nodeid else 1


@pytest.fixture(scope="session")
def soak(pytestconfig: pytest.Config) -> bool:
    """Whether long repetitions, such as twenty kills, are run in full and not in part."""
    return bool(pytestconfig.getoption("--soak"))


@pytest.fixture
def choose(request: pytest.FixtureRequest) -> random.Random:
    """Draws what a repetition does: the same on every machine for one commit, something else for the next."""
    return random.Random(f"{find_seed()} {request.node.name}")


def pytest_report_header() -> str:
    return f"repetitions are drawn by SLUICE_TEST_SEED={find_seed()}"


@cache
def find_seed() -> str:
    """SLUICE_TEST_SEED, else the commit."""
    if named := os.environ.get("SLUICE_TEST_SEED"):
        return named
    with suppress(OSError, subprocess.CalledProcessError):
        command = ["git", "rev-parse", "--short=12", "HEAD"]
        root = Path(__file__).parent
        return subprocess.check_output(
            command, cwd=root, text=True, stderr=subprocess.DEVNULL
        ).strip()
    return "no commit"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    with limited(item, "setup"):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with limited(item, "call"):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    with limited(item, "teardown"):
        return (yield)


@contextmanager
def limited(item: pytest.Item, phase: str, seconds: float = LIMIT_SECONDS) -> Generator[None]:
    """Fails a test that hangs, and lets the others go on. For one that hears no signal see pyproject.toml."""

    def end(_number: int, frame: FrameType | None) -> NoReturn:
        faulthandler.dump_traceback(2)  # the other threads'
        pytest.fail(f"{item.nodeid}: its {phase} did not end within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, end)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)


def pytest_configure(config: pytest.Config) -> None:
    # Of tests started in the background or by nohup too: what they start is to end when it is told to.
    restore_signals()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(OFFLINE)
    # What this process writes need not survive a power cut: a shared disk may take 20 ms for each of 100,000 files.
    os.fsync = _sync_nothing
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
    settings.register_profile("fast", settings.get_profile("ci"), max_examples=10)
    named: str | None = config.getoption("--hypothesis-profile", None)
    settings.load_profile(named or ("ci" if is_ci() else "local"))


def _sync_nothing(_fd: object) -> None:
    pass


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
