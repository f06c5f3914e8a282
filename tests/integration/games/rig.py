"""What tests of the games pipeline stand on: settings for a sandbox, real services in a folder of their own.

Shared by tests/integration/games, tests/glue and tests/real_data. Fixtures are in their conftests.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.units import Scope, UnitRecord
from platform_assets.core.errors import PlatformError
from platform_assets.games.collect import Collection, collect
from platform_assets.games.entities import find_entity
from platform_assets.games.landing import Day, read_manifest, read_part
from platform_assets.games.manifest import Manifest
from platform_assets.games.merge import Merged, current_key, merge_current
from platform_assets.games.plan import Mode
from platform_assets.services import Services
from platform_assets.settings import Gear, Settings
from resources.http.client import HttpPolicy
from resources.igdb.client import IGDB_ERRORS
from sandbox.igdb.command import CLIENT_ID, CLIENT_SECRET
from sandbox.process import SandboxProcess

DAY = "2026-03-01"
NEXT_DAY = "2026-03-02"

UNHURRIED = ("--rate", "1000", "--open", "100")
"""Caps that no test of ours reaches: how they are held is tested elsewhere."""


def make_settings(home: Path, url: str, **changes: Any) -> Settings:
    """Settings for a sandbox at `url`: plain queries at 100 a second, everything local in `home`."""
    defaults = {
        "home": home,
        "igdb_api_url": f"{url}/v4",
        "igdb_token_url": f"{url}/oauth2/token",
        "igdb_client_id": CLIENT_ID,
        "igdb_client_secret": SecretStr(CLIENT_SECRET),
        "igdb_requests_per_second": 100.0,
        "igdb_multiquery": Gear.OFF,
        # One file for all tests of a process: each further one would stay open to its end.
        "log_file": Path("/dev/null"),
    }
    return Settings.model_validate({**defaults, **changes})


@contextmanager
def opened(settings: Settings, *, patient: bool = False) -> Generator[Services]:
    """Services whose HTTP client waits for hundredths of a second where the real one waits for seconds."""
    services = Services(settings)
    if not patient:
        quick = RetryPolicy(attempts=3, first_wait_seconds=0.02, longest_wait_seconds=0.1)
        policy = HttpPolicy(table=IGDB_ERRORS, retry=quick)
        services.igdb = replace(services.igdb, policy=policy)
    try:
        yield services
    finally:
        services.state.close()


async def collect_day(
    services: Services, day: str = DAY, mode: Mode = Mode.FULL, entity: str = "games"
) -> Collection:
    async with services.open_collector() as collector:
        return await collect(collector, find_entity(entity), day, mode)


def run_day(
    settings: Settings, day: str = DAY, mode: Mode = Mode.FULL, entity: str = "games"
) -> Collection:
    """Opens services, collects, closes them."""
    with opened(settings) as services:
        return asyncio.run(collect_day(services, day, mode, entity))


def fail_day(settings: Settings, day: str = DAY) -> PlatformError:
    """The error that a collection ends with."""
    try:
        run_day(settings, day)
    except PlatformError as error:
        return error
    raise AssertionError("the collection was expected to fail")


def merge(settings: Settings, entity: str = "games") -> Merged:
    return merge_current(Services(settings).objects, find_entity(entity))


def find_manifest(settings: Settings, day: str = DAY, entity: str = "games") -> Manifest | None:
    return read_manifest(Services(settings).objects, Day(entity, day))


def read_records(settings: Settings, day: str = DAY, entity: str = "games") -> list[dict[str, Any]]:
    """Records of a day as a reader finds them: by the manifest, in its order."""
    manifest = find_manifest(settings, day, entity)
    assert manifest is not None
    objects = Services(settings).objects
    lines = b"".join(read_part(objects, part) for part in manifest.parts())
    return msgspec.json.Decoder(dict[str, Any]).decode_lines(lines)


def read_ids(settings: Settings, day: str = DAY) -> list[int]:
    return [record["id"] for record in read_records(settings, day)]


def read_table(settings: Settings, entity: str = "games") -> bytes:
    """The bytes of the current table."""
    return Services(settings).objects.get(current_key(find_entity(entity)))


def read_units(settings: Settings, day: str = DAY, entity: str = "games") -> list[UnitRecord]:
    """The newest plan's units as the ledger has them; empty when there is no plan."""
    with opened(settings) as services:
        plan = services.ledger.find_plan(Scope(f"games/raw_{entity}", "", day))
        return list(services.ledger.read_units(plan)) if plan is not None else []


def list_keys(settings: Settings) -> list[str]:
    return [info.key for info in Services(settings).objects.list("")]


def count_requests(sandbox: SandboxProcess, entity: str = "games") -> int:
    """Queries for an entity since the last reset."""
    return int(sandbox.stats()["by_endpoint"].get(entity, 0))


async def wait_until_asked(sandbox: SandboxProcess, requests: int) -> None:
    """Returns when the sandbox has seen so many requests since its last reset."""
    for _ in range(3_000):
        if (await asyncio.to_thread(sandbox.stats))["requests"] >= requests:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"the sandbox has not seen {requests} requests within half a minute")
