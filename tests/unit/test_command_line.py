"""What every command line does with its lines and its errors."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from platform_assets.command_line import run_command
from platform_assets.core.errors import PermanentError
from platform_assets.services import Services


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("SLUICE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    return tmp_path


def test_lines_go_to_standard_output_and_the_status_is_0(
    home: Path, capsys: pytest.CaptureFixture[str]
):
    assert run_command(lambda services: ["one", str(services.settings.home)]) == 0
    assert capsys.readouterr() == (f"one\n{home}\n", "")


def test_a_command_that_prints_by_itself_has_no_lines(capsys: pytest.CaptureFixture[str]):
    assert run_command(lambda _: ()) == 0
    assert capsys.readouterr() == ("", "")


def test_what_was_printed_stays_and_the_reason_goes_to_standard_error(
    capsys: pytest.CaptureFixture[str],
):
    def fail(_: Services) -> Iterator[str]:
        yield "one"
        raise PermanentError("there is no second line", kind="bad_line")

    assert run_command(fail) == 1
    assert capsys.readouterr() == ("one\n", "there is no second line\n")


def test_a_setting_that_is_wrong_is_a_reason_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("SLUICE_GAMES_SCHEDULE_HOUR", "noon")
    assert run_command(lambda _: ["never"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "SLUICE_GAMES_SCHEDULE_HOUR" in err


def test_a_defect_is_not_hidden():
    def fail(_: Services) -> Iterator[str]:
        yield str(1 // 0)

    with pytest.raises(ZeroDivisionError):
        run_command(fail)


def test_log_lines_of_a_command_go_to_standard_error(capsys: pytest.CaptureFixture[str]):
    def answer(_: Services) -> list[str]:
        structlog.get_logger("any").warning("multiquery_refused", reason="no")
        return ["one"]

    assert run_command(answer) == 0
    said = capsys.readouterr()
    assert said.out == "one\n"
    assert "multiquery_refused" in said.err
