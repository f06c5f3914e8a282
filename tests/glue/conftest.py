"""Fixtures of the glue: services against a small sandbox, their definitions, an instance."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import httpx
import pytest

from platform_assets.services import Services
from platform_assets.settings import Settings
from sandbox.process import SandboxProcess
from tests.integration.games.rig import UNHURRIED, make_settings, opened

GAMES = 1_200

Respond = Callable[[str, str], httpx.Response | None]
"""(endpoint, query) -> what is answered instead of the sandbox's own answer; None for that one."""


class Interposed(httpx.AsyncBaseTransport):
    """A network on which the test answers some requests itself."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._respond(request.url.path.rpartition("/")[2], request.content.decode())
        if answer is not None:
            return answer
        # One per request: each asset runs in an event loop of its own.
        async with httpx.AsyncHTTPTransport(verify=False) as network:
            response = await network.handle_async_request(request)
            content = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=content)


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("SLUICE_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[SandboxProcess]:
    """One for all tests of a worker that change nothing in it."""
    with SandboxProcess(("--games", str(GAMES), "--latency", "0", *UNHURRIED)) as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: SandboxProcess) -> SandboxProcess:
    """The shared one, its counters at zero."""
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def settings(tmp_path: Path, sandbox: SandboxProcess) -> Settings:
    return make_settings(tmp_path / "home", sandbox.url)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    with opened(settings) as services:
        yield services


@pytest.fixture
def interpose(services: Services) -> Callable[[Respond], None]:
    """Puts the test between the services and the sandbox."""

    def interpose(respond: Respond) -> None:
        services.igdb = replace(services.igdb, transport=Interposed(respond))

    return interpose


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
