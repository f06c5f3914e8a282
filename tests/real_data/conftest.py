"""Where the real data is: beside the repository, in `shared/data`, or where SLUICE_TEST_DATA says."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from sandbox.process import SandboxProcess
from tests.integration.games.rig import UNHURRIED

ROOT = Path(__file__).resolve().parents[2]


def find_data() -> Path | None:
    """The folder of all real data; None when there is none on this machine."""
    if named := os.environ.get("SLUICE_TEST_DATA"):
        return Path(named)
    places = (folder / "shared" / "data" for folder in ROOT.parents)
    return next((place for place in places if place.is_dir()), None)


@pytest.fixture(scope="session")
def games_data(give_up: Callable[[str], NoReturn]) -> Path:
    """The folder of real games."""
    data = find_data()
    if data is None or not (data / "games" / "igdb_catalog").is_dir():
        give_up(
            f"no real games beside {ROOT}: looked for shared/data/games in the folders above it; "
            "SLUICE_TEST_DATA names another place"
        )
    return data / "games"


@pytest.fixture(scope="session")
def cases(give_up: Callable[[str], NoReturn]) -> Path:
    """The folder of small inputs, each with its right answer beside it."""
    data = find_data()
    folder = data.parent / "cases" if data is not None else None
    if folder is None or not folder.is_dir():
        give_up(f"no cases beside {ROOT}: looked for shared/cases in the folders above it")
    return folder


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("SLUICE_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def catalogue(games_data: Path) -> Iterator[SandboxProcess]:
    """A sandbox that serves the real catalogue."""
    options = ("--data", str(games_data), "--latency", "0.01", *UNHURRIED)
    with SandboxProcess(options, ready_seconds=120) as running:
        yield running
