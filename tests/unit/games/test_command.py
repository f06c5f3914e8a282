from pathlib import Path

import pytest

from platform_assets.games.__main__ import main
from platform_assets.games.landing import Day
from platform_assets.games.pages import OddRecord
from platform_assets.games.set_aside import remember_odd
from platform_assets.services import Services
from platform_assets.settings import load_settings
from tests.unit.games.test_merge import Shelf, game


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


@pytest.fixture
def shelf() -> Shelf:
    """A table of fifty games, and a full collection that has one left: nobody believes it."""
    shelf = Shelf(Services(load_settings()).objects)
    shelf.publish("2026-11-20", [game(number) for number in range(1, 51)])
    shelf.merge()
    shelf.publish("2026-11-21", [game(50, 200)])
    assert [each.kind for each in shelf.merge().unmerged] == ["mass_deletion"]
    return shelf


def test_accept_merges_what_lost_a_mass_of_rows(shelf: Shelf, capsys: pytest.CaptureFixture[str]):
    assert main(["accept", "games"]) == 0
    assert capsys.readouterr().out == "games: 50 rows, 49 of them deleted\n"
    assert [number for number, row in shelf.rows().items() if row["deleted_on"] is None] == [50]
    assert shelf.merge().unmerged == ()
    assert main(["accept", "games"]) == 0, "once more changes nothing"
    assert capsys.readouterr().out == "games: 50 rows, 49 of them deleted\n"


def test_accept_says_what_it_could_not_merge_for_another_reason(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
):
    shelf.objects.put(Day("games", "2026-11-21").part_key(1, 0, 0), b"garbage")
    shelf.publish("2026-11-22", [game(51, 300)], mode="incremental")
    assert main(["accept", "games"]) == 1
    out, reason = capsys.readouterr()
    assert out == "games: 51 rows, 0 of them deleted\n"
    assert reason.startswith("not merged: 2026-11-21/1/")
    assert "(damaged_part)" in reason


def test_accept_of_a_table_that_was_never_collected_says_so(capsys: pytest.CaptureFixture[str]):
    assert main(["accept", "games"]) == 1
    assert "games" in capsys.readouterr().err
