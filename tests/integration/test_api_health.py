"""Health tells the truth about a database that goes and comes back, and the API recovers by itself."""

import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from platform_assets.core.clock import SystemClock
from tests.contract.state.postgres import temporary_schema
from tests.integration.api_rig import Door, dagster_home, serving, sign_daemons

BATCH = "/api/v2/batch"
RECOVERY_SECONDS = 600
BODY = {"tenant_id": "acme", "source": {"url": "sqlite:////data/shop.db"}}


def ask_until(client: httpx.Client, wanted: Callable[[httpx.Response], bool]) -> httpx.Response:
    """Asks for the health until it is as wanted; answers are shared for a second, so this is no hurry."""
    clock = SystemClock()
    end = clock.monotonic() + RECOVERY_SECONDS
    while True:
        health = client.get(f"{BATCH}/health")
        if wanted(health) or clock.monotonic() > end:
            return health


def is_failing(check: str) -> Callable[[httpx.Response], bool]:
    """That one alone: on a busy machine the answer of another may come too late once."""
    return lambda health: failing(health) == [check]


def failing(health: httpx.Response) -> list[str]:
    assert health.json()["live"] is True
    assert health.json()["ready"] is (health.status_code == 200)
    return [name for name, check in health.json()["checks"].items() if not check["ok"]]


@pytest.mark.slow
def test_a_postgresql_that_stops_and_starts_is_told_and_recovered_from(tmp_path: Path):
    door = Door(("127.0.0.1", 5432))
    with dagster_home(tmp_path / "dagster") as instance, temporary_schema() as url:
        sign_daemons(instance)
        through_door = url.replace("127.0.0.1:5432", f"127.0.0.1:{door.port}")
        assert through_door != url
        with serving(tmp_path, SLUICE_STATE_URL=through_door) as client:
            # Started without its database: it lives, and says what is missing.
            health = ask_until(client, is_failing("state_database"))
            assert failing(health) == ["state_database"]
            check_problem(client.get(f"{BATCH}/status"))

            door.open()
            health = ask_until(client, lambda health: health.status_code == 200)
            assert failing(health) == []
            assert client.post(f"{BATCH}/advertisers", json=BODY).status_code == 201
            assert client.get(f"{BATCH}/status").json()["tenants"]["total"] == 1

            door.shut()
            health = ask_until(client, is_failing("state_database"))
            assert failing(health) == ["state_database"]
            for response in (
                client.get(f"{BATCH}/advertisers"),
                client.get(f"{BATCH}/advertisers/acme/processing-states"),
                client.post(f"{BATCH}/advertisers/acme/trigger"),
                client.post(f"{BATCH}/advertisers/acme/deactivate"),
            ):
                check_problem(response)

            door.open()
            assert ask_until(client, lambda health: health.status_code == 200).status_code == 200
            # Nothing of what was refused was done.
            page = client.get(f"{BATCH}/advertisers").json()
            assert [tenant["active"] for tenant in page["items"]] == [True]
        door.shut()


def check_problem(response: httpx.Response) -> None:
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"].startswith("urn:sluice:problem:state_")
    assert response.headers["retry-after"]


@pytest.mark.slow
def test_a_daemon_without_a_sign_of_life_and_a_lost_folder_are_told(tmp_path: Path):
    with dagster_home(tmp_path / "dagster") as instance, serving(tmp_path) as client:
        health = ask_until(client, is_failing("dagster_daemon"))
        assert (health.status_code, failing(health)) == (503, ["dagster_daemon"])
        sign_daemons(instance)
        assert failing(ask_until(client, lambda health: health.status_code == 200)) == []
        shutil.rmtree(tmp_path / "objects")
        # A file where the folder of the store belongs.
        (tmp_path / "objects").write_text("in the way")
        health = ask_until(client, is_failing("object_store"))
        assert failing(health) == ["object_store"]
        (tmp_path / "objects").unlink()
        assert failing(ask_until(client, lambda health: health.status_code == 200)) == []


@pytest.mark.slow
def test_the_api_ends_cleanly_when_it_is_told_to_and_logs_no_token(tmp_path: Path):
    with dagster_home(tmp_path / "dagster"), serving(tmp_path) as client:
        token = client.headers["authorization"].removeprefix("Bearer ")
        assert client.get(f"{BATCH}/status").status_code == 200
        assert client.post(f"{BATCH}/advertisers", json=BODY).status_code == 201
        response = client.get(f"{BATCH}/status", headers={"authorization": "Bearer other-token"})
        assert response.status_code == 401
    logs = (tmp_path / "api.log").read_text() + (tmp_path / "logs/sluice.jsonl").read_text()
    assert token not in logs
    assert "other-token" not in logs
    assert "Traceback" not in logs
