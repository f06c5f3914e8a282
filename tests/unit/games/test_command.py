from pathlib import Path

import pytest

from platform_assets.games.__main__ import main
from platform_assets.games.pages import OddRecord
from platform_assets.games.set_aside import remember_odd
from platform_assets.services import Services
from platform_assets.settings import load_settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    odd = [OddRecord(4711, "not_utf8", "no text"), OddRecord(4712, "bad_number", "too large")]
    remember_odd(Services(load_settings()).objects, "games", odd, None)


def test_set_aside_names_what_is_asked_for_again(capsys: pytest.CaptureFixture[str]):
    assert main(["set-aside", "games"]) == 0
    assert capsys.readouterr().out == "4711 not_utf8: no text\n4712 bad_number: too large\n"


def test_what_was_given_up_is_asked_for_no_more(capsys: pytest.CaptureFixture[str]):
    assert main(["give-up", "games", "4711"]) == 0
    capsys.readouterr()
    assert main(["set-aside", "games"]) == 0
    assert capsys.readouterr().out == "4712 bad_number: too large\n4711 given up\n"
