"""Fixtures of the games pipeline against real processes."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from platform_assets.settings import Settings
from sandbox.process import SandboxProcess
from tests.integration.games.rig import UNHURRIED, make_settings

GAMES = 6_000


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("SLUICE_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[SandboxProcess]:
    """One for all tests of a worker that change nothing in it."""
    options = ("--games", str(GAMES), "--latency", "0.01", *UNHURRIED)
    with SandboxProcess(options) as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: SandboxProcess) -> SandboxProcess:
    """The shared one, its counters at zero."""
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def settings(tmp_path: Path, sandbox: SandboxProcess) -> Settings:
    """Plain queries against the shared sandbox, in a folder of this test."""
    return make_settings(tmp_path / "home", sandbox.url)


@pytest.fixture
def start_sandbox() -> Iterator[Callable[..., SandboxProcess]]:
    """Starts a sandbox with options of the test's own; stopped at its end."""
    running: list[SandboxProcess] = []

    def start(*options: str) -> SandboxProcess:
        sandbox = SandboxProcess(("--games", str(GAMES), "--latency", "0.01", *UNHURRIED, *options))
        sandbox.start()
        running.append(sandbox)
        return sandbox

    yield start
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def faults_file(tmp_path: Path) -> Callable[..., tuple[str, str]]:
    """Writes a faults file; returns the options that name it."""

    def write(**plan: Any) -> tuple[str, str]:
        path = tmp_path / "faults.json"
        path.write_text(json.dumps(plan))
        return ("--faults", str(path))

    return write
