"""Every program ends when it is told to, also when whoever started it ignores and blocks signals."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT
from tests.integration.processes import deaf, wait_until

END_SECONDS = 600.0

PROGRAMS: dict[str, tuple[str, ...]] = {
    "the API": ("api",),
    "a sandbox": ("sandbox", "igdb", "--port", "0"),
    "the service of tasks": ("platform_assets.tags.service", "--port", "0"),
    "the host of tasks": ("platform_assets.tags.task", "--host"),
    "a command that waits for its upstream": ("platform_assets.games", "read", "games"),
    "a command that waits for its input": ("platform_assets.ranks.read", "-", "--type", "blog"),
}


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def environment(tmp_path: Path, silent_port: int) -> dict[str, str]:
    silent = f"http://127.0.0.1:{silent_port}"
    foreign = {key: value for key, value in os.environ.items() if not key.startswith("SLUICE_")}
    return {
        **foreign,
        "SLUICE_HOME": str(tmp_path),
        "SLUICE_API_URL": "http://127.0.0.1:0",
        "SLUICE_DAGSTER_URL": silent,
        "SLUICE_IGDB_API_URL": f"{silent}/v4",
        "SLUICE_IGDB_TOKEN_URL": f"{silent}/oauth2/token",
        "SLUICE_IGDB_CLIENT_ID": "client",
        "SLUICE_IGDB_CLIENT_SECRET": "secret",
    }


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_ends_on_sigterm_whatever_it_inherited(
    program: str, environment: dict[str, str], tmp_path: Path
):
    command = [sys.executable, "-m", *PROGRAMS[program]]
    with (tmp_path / "output").open("wb") as output:
        with deaf():
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        with process:
            try:
                # Told again and again: what comes while it is still being loaded is ignored.
                wait_until(lambda: has_ended(process), f"the end of {program}", END_SECONDS)
            finally:
                process.kill()
    assert process.returncode in {0, -signal.SIGTERM}, (tmp_path / "output").read_text()


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    process.send_signal(signal.SIGTERM)
    return process.poll() is not None
