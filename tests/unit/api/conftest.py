"""Fixtures of the API: services in a folder, a Dagster that remembers, clients with and without a right."""

import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api.app import build_app
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.state.database import open_state
from tests.fakes.clock import FakeClock
from tests.unit.api.rig import FakeRuns

OPERATE, READ = "token-of-olga", "token-of-rita"
TOKENS = ",".join(
    f"{name}:{role}:{hashlib.sha256(token.encode()).hexdigest()}"
    for name, role, token in (("olga", "operate", OPERATE), ("rita", "read", READ))
)


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SLUICE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state database without rows; a copy takes a hundredth of the time of the migrations."""
    path = tmp_path_factory.mktemp("state") / "state.db"
    open_state(f"sqlite:///{path}", FakeClock()).close()
    return path


@pytest.fixture
def settings(tmp_path: Path, migrated: Path) -> Settings:
    shutil.copy(migrated, tmp_path / "state.db")
    return Settings(home=tmp_path, api_tokens=SecretStr(TOKENS), api_requests_per_minute=1_000_000)


@pytest.fixture
def services(settings: Settings, clock: FakeClock) -> Iterator[Services]:
    services = Services(settings, clock)
    yield services
    if "state" in vars(services):
        services.state.close()


@pytest.fixture
def runs() -> FakeRuns:
    return FakeRuns()


@pytest.fixture
def app(services: Services, runs: FakeRuns) -> FastAPI:
    return build_app(services, runs)


Connect = Callable[..., httpx.AsyncClient]


def connect(app: FastAPI, token: str | None, address: str = "10.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1))
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may do everything."""
    async with connect(app, OPERATE) as client:
        yield client


@pytest.fixture
async def reader(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(app, READ) as client:
        yield client


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(app, None) as client:
        yield client
