"""An upstream or a state that cannot be used: a clear error, nothing half-visible, and afterwards the rest is done."""

import asyncio
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from platform_assets.core.errors import RefusedError, TransientError
from platform_assets.games.entities import Entity
from platform_assets.settings import Settings
from resources.state.schema import VERSION_TABLE
from sandbox.process import SandboxProcess
from tests.integration.games.complaints import (
    assert_completes,
    assert_nothing_is_visible,
    assert_says,
)
from tests.integration.games.rig import (
    NEXT_DAY,
    collect_day,
    fail_day,
    list_keys,
    make_settings,
    merge,
    opened,
    read_ids,
    run_day,
    wait_until_asked,
)

StartSandbox = Callable[..., SandboxProcess]

WRONG_SECRET = "not-the-secret-of-the-sandbox"


def find_free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


# The upstream.


def test_an_api_that_cannot_be_reached_is_named(settings: Settings, sandbox: SandboxProcess):
    nowhere = f"http://127.0.0.1:{find_free_port()}/v4"
    error = fail_day(settings.model_copy(update={"igdb_api_url": nowhere}))
    assert isinstance(error, TransientError)
    assert error.kind == "connect_failed"
    assert_says(error, nowhere, "check the network and the URL")
    assert_nothing_is_visible(settings)
    assert_completes(settings, sandbox)


def test_an_api_that_goes_away_leaves_a_list_and_its_return_the_rest_only(
    tmp_path: Path, start_sandbox: StartSandbox
):
    sandbox = start_sandbox("--latency", "0.05")
    settings = make_settings(tmp_path, sandbox.url, igdb_requests_per_second=20.0)

    async def collect_until_it_goes() -> int:
        with opened(settings) as services:
            collecting = asyncio.create_task(collect_day(services))
            await wait_until_asked(sandbox, 8)
            await asyncio.to_thread(sandbox.stop)
            report = (await collecting).report
        assert not report.complete
        assert {failure.kind for failure in report.failures} <= {
            "connect_failed",
            "dropped",
            "truncated",
        }
        assert all("/v4/games" in failure.message for failure in report.failures)
        return report.failed

    assert asyncio.run(collect_until_it_goes()) >= 1
    assert_nothing_is_visible(settings)
    landed = len([key for key in list_keys(settings) if "/part-" in key])
    assert landed >= 3
    again = start_sandbox()
    moved = make_settings(tmp_path, again.url)
    assert_completes(moved, again)
    assert again.stats()["by_endpoint"]["games"] <= 15 - landed


@pytest.mark.parametrize("known", [False, True], ids=["first day", "later day"])
def test_wrong_credentials_are_refused_by_kind_with_the_names_of_the_variables(
    settings: Settings, sandbox: SandboxProcess, known: bool
):
    if known:
        run_day(settings)
    wrong = settings.model_copy(update={"igdb_client_secret": SecretStr(WRONG_SECRET)})
    error = fail_day(wrong, NEXT_DAY)
    assert isinstance(error, RefusedError)
    assert_says(
        error, "SLUICE_IGDB_CLIENT_ID", "SLUICE_IGDB_CLIENT_SECRET", "invalid client secret"
    )
    assert WRONG_SECRET not in str(error)
    assert_nothing_is_visible(settings, NEXT_DAY)
    assert_completes(settings, sandbox, NEXT_DAY)
    assert error.kind == "bad_credentials"


def test_an_entity_and_a_field_that_the_api_does_not_have_are_named(
    settings: Settings, sandbox: SandboxProcess
):
    async def collect_wrongly(entity: Entity) -> RefusedError:
        with opened(settings) as services:
            async with services.open_collector() as collector:
                services.state.ensure_schema()
                with pytest.raises(RefusedError) as caught:
                    await collector.source.fetch(entity.name, "fields nope; limit 1;")
        return caught.value

    unknown = asyncio.run(collect_wrongly(Entity("gamez", {}, None, "")))
    assert_says(unknown, "Endpoint POST /gamez not found", "SLUICE_IGDB_API_URL")
    field = asyncio.run(collect_wrongly(Entity("games", {}, None, "")))
    assert_says(field, "Invalid field name: 'nope'", "correct the query")


# The state database.


def test_a_state_database_of_a_newer_version_is_refused_and_left_alone(
    settings: Settings, sandbox: SandboxProcess
):
    run_day(settings)
    path = settings.home / "state.db"
    with sqlite3.connect(path) as database:
        (revision,) = database.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
        database.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    database.close()
    before = path.read_bytes()
    error = fail_day(settings, NEXT_DAY)
    assert isinstance(error, RefusedError)
    assert_says(error, "9999", str(path))
    assert any(word in str(error).lower() for word in ("upgrade", "install", "newer"))
    assert path.read_bytes() == before
    assert_nothing_is_visible(settings, NEXT_DAY)
    with sqlite3.connect(path) as database:
        database.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", (revision,))
    database.close()
    assert_completes(settings, sandbox, NEXT_DAY)


def test_a_lost_state_database_loses_no_change_of_the_day(
    tmp_path: Path, start_sandbox: StartSandbox
):
    sandbox = start_sandbox()
    settings = make_settings(tmp_path, sandbox.url)
    run_day(settings)
    merge(settings)
    for path in settings.home.glob("state.db*"):
        path.unlink()
    added = sandbox.mutate(add=3)["added"]
    run_day(settings)
    assert set(added) <= set(read_ids(settings))
    assert merge(settings).rows == 6_003, "the table has what the day has"


def test_a_rerun_without_the_lost_state_that_fails_leaves_the_published_day_readable(
    tmp_path: Path, start_sandbox: StartSandbox
):
    sandbox = start_sandbox()
    settings = make_settings(tmp_path, sandbox.url, igdb_requests_per_second=20.0)
    run_day(settings)
    before = read_ids(settings)
    for path in settings.home.glob("state.db*"):
        path.unlink()
    sandbox.mutate(change_random=3_000)
    sandbox.reset()

    async def give_up_halfway() -> None:
        with opened(settings) as services:
            collecting = asyncio.create_task(collect_day(services))
            await wait_until_asked(sandbox, 8)
            collecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await collecting

    asyncio.run(give_up_halfway())
    assert read_ids(settings) == before
