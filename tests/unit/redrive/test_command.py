"""The command line, as who types it sees it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from platform_assets.redrive.__main__ import main
from platform_assets.services import Services
from platform_assets.settings import Settings
from tests.fakes.clock import START, FakeClock
from tests.unit.api.test_failures import fail_units, states

Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Services(Settings(home=tmp_path), FakeClock())


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with a home of its own: exit status, lines of standard output, standard error."""
    for name in os.environ:
        if name.startswith("SLUICE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    # No Dagster of this machine: nothing is to be started in it.
    monkeypatch.setenv("SLUICE_DAGSTER_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)

    def run(*arguments: str) -> tuple[int, list[str], str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return run


def test_what_matches_is_pending_again_after_a_dry_run_that_changed_nothing(
    run: Run, services: Services
):
    scope = fail_units(services, "games", ["http_500", "schema", None])
    asked = ("--pipeline", "games", "--kind", "http_500")
    status, dry, _ = run(*asked, "--dry-run")
    assert (status, dry[0]) == (0, "units to be done again: 1 (dry run, nothing was changed)")
    assert states(services, scope) == ["failed", "failed", "done"]
    status, lines, _ = run(*asked)
    assert status == 0
    assert lines[:2] == ["units to be done again: 1", "  games/raw_games 2026-11-20: 1"]
    assert lines[2].startswith("games: run games_full or games_incremental")
    assert "not started" in lines[2], "there is no Dagster"
    assert states(services, scope) == ["pending", "failed", "done"]


def test_units_are_named_one_by_one(run: Run, services: Services):
    scope = fail_units(services, "games", ["schema"] * 3)
    run("--unit", "00000", "--unit", "00002", "--tenant", "", "--partition", scope.partition)
    assert states(services, scope) == ["pending", "failed", "pending"]


def test_nothing_that_matches_is_a_success_with_a_sentence(run: Run):
    status, lines, err = run("--kind", "http_500")
    assert (status, err) == (0, "")
    assert lines == ["nothing to redrive: no failed unit matches (error kind http_500)"]


def test_failures_are_listed_with_their_words(run: Run, services: Services):
    scope = fail_units(services, "games", ["schema"])
    status, lines, _ = run("--list", "--pipeline", "games/raw_games")
    stamp = f"{START:%Y-%m-%d %H:%M:%S}"
    assert (status, lines) == (0, [f"{stamp} games/raw_games 2026-11-20 00000 schema", "    why"])
    assert states(services, scope) == ["failed"]


def test_a_pipeline_that_is_not_there_is_told_on_standard_error(run: Run):
    status, lines, err = run("--pipeline", "gams")
    assert (status, lines) == (1, [])
    assert "there is no pipeline 'gams': use one of games" in err
