"""The command line of trackings, as who types it sees it. Nothing is fetched here: `--later`."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from platform_assets.ranks.__main__ import main
from platform_assets.ranks.tracking import Capture, TrackingStatus
from platform_assets.services import Services
from platform_assets.settings import Settings
from tests.fakes.clock import FakeClock

Run = Callable[..., tuple[int, list[str], str]]

URL = "https://m.blog.naver.com/baker/220000000001"
BLOG = ("register", "blog", "동네 빵집", URL, "--customer", "bakery", "--later")
PLACE = ("register", "place", "bread", "10001", "--customer", "miller", "--later")


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(Settings(home=tmp_path), FakeClock())
    yield services
    if "state" in vars(services):
        services.state.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with a home of its own: exit status, lines of standard output, standard error."""
    for name in [name for name in os.environ if name.startswith("SLUICE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))

    def run(*arguments: str) -> tuple[int, list[str], str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return run


def statuses(services: Services) -> list[TrackingStatus]:
    return [each.status for each in services.ranks.trackings.list()]


def test_a_registration_for_later_says_its_number_and_fetches_nothing(run: Run, services: Services):
    status, lines, err = run(*BLOG)
    assert (status, err) == (0, "")
    expected = (
        "     1  active  session 1    blog   bakery  '동네 빵집'  blog.naver.com/baker/220000000001"
    )
    assert lines == [expected]
    assert statuses(services) == [TrackingStatus.ACTIVE]
    assert services.ranks.histories.read(1) == []


def test_trackings_are_listed_by_customer_and_status(run: Run):
    _, blog, _ = run(*BLOG)
    _, place, _ = run(*PLACE)
    assert run("list") == (0, [*blog, *place], "")
    assert run("list", "--customer", "miller") == (0, place, "")
    assert run("list", "--status", "paused") == (0, [], "")
    _, paused, _ = run("pause", "1")
    assert run("list", "--status", "paused") == (0, paused, "")


def test_a_tracking_is_paused_resumed_and_ended(run: Run, services: Services):
    run(*BLOG)
    _, (line,), _ = run("pause", "1")
    assert line.split()[:2] == ["1", "paused"]
    assert statuses(services) == [TrackingStatus.PAUSED]
    run("resume", "1")
    assert statuses(services) == [TrackingStatus.ACTIVE]
    run("end", "1")
    assert statuses(services) == [TrackingStatus.ENDED]


def test_what_has_ended_is_not_resumed_but_registered_anew(run: Run, services: Services):
    run(*BLOG)
    run("end", "1")
    status, lines, err = run("resume", "1")
    assert (status, lines) == (1, [])
    assert "tracking 1 has ended" in err
    assert run(*BLOG)[0] == 0
    assert statuses(services) == [TrackingStatus.ENDED, TrackingStatus.ACTIVE]


def test_what_is_tracked_already_names_its_number(run: Run):
    run(*BLOG)
    status, lines, err = run(*BLOG)
    assert (status, lines) == (1, [])
    assert "as tracking 1" in err


def record(services: Services, day: str, rank: int | None) -> None:
    at = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
    services.ranks.histories.record(Capture(1, day, rank, 30, "pages/x", at))


def test_a_history_is_printed_as_csv_or_as_json_lines(run: Run, services: Services):
    run(*BLOG)
    record(services, "2026-11-21", None)
    record(services, "2026-11-20", 3)
    assert run("history", "1") == (
        0,
        [
            "checked_on,rank,session_number,result_count,captured_at",
            "2026-11-20,3,1,30,2026-11-20T01:00:00+00:00",
            "2026-11-21,,1,30,2026-11-20T01:00:00+00:00",
        ],
        "",
    )
    status, lines, _ = run("history", "1", "--format", "json")
    assert status == 0
    assert [json.loads(line)["rank"] for line in lines] == [3, None]


@pytest.mark.parametrize("command", ["pause", "resume", "end", "history"])
def test_a_tracking_that_is_not_there_is_a_reason(run: Run, command: str):
    assert run(command, "7") == (1, [], "there is no tracking 7\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("blog", "bread", "https://naver.me/x", "--customer", "bakery"), "a short link"),
        (("blog", " ", URL, "--customer", "bakery"), "the keyword has 0 characters"),
        (("blog", "bread", URL, "--customer", ""), "the customer has 0 characters"),
    ],
)
def test_what_cannot_be_tracked_is_a_reason(
    run: Run, services: Services, arguments: tuple[str, ...], said: str
):
    status, lines, err = run("register", *arguments)
    assert (status, lines) == (1, [])
    assert said in err
    assert statuses(services) == []


@pytest.mark.parametrize(
    "arguments",
    [(), ("register", "news", "bread", URL, "--customer", "bakery"), ("pause", "first")],
)
def test_a_command_that_makes_no_sense_is_told_how_to_be_written(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
):
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert "usage: python -m platform_assets.ranks" in capsys.readouterr().err
