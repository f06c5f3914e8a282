import shutil
import threading
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest

from api.health import HealthChecks
from api.problems import KINDS
from platform_assets.core.errors import TransientError
from platform_assets.services import Services
from platform_assets.tenants.runs import RunInHand
from platform_assets.tenants.tenant import TenantType
from resources.state.cap_states import SqlCapStates
from tests.fakes.clock import START, FakeClock
from tests.unit.api.rig import (
    BATCH,
    NO_STORAGE,
    FakeRuns,
    claim,
    finish,
    register,
    run_of,
)


async def test_the_status_of_an_empty_platform_is_all_zero(client: httpx.AsyncClient):
    status = (await client.get(f"{BATCH}/status")).json()
    assert status["months"] == {"PENDING": 0, "RUNNING": 0, "COMPLETED": 0, "FAILED": 0}
    assert status["tenants"] == {"total": 0, "active": 0, "disabled": 0, "new": 0, "existing": 0}
    assert status["runs"] == {"running": 0, "queued": 0}
    assert status["months_in_flight"] == {"used": 0, "limit": 20}
    assert status["caps"] == []
    assert status["product_batches_waiting"] == {}
    assert status["last_tick"] is None


async def test_the_status_counts_months_tenants_runs_and_the_last_tick(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns, clock: FakeClock
):
    register(services, "acme")
    register(services, "beta", TenantType.NEW)
    services.tenants.deactivate("acme", "holiday")
    finish(services, "beta", "2026-09")
    claim(services, "beta", "2026-10")
    runs.in_hand = [run_of("2026-10|beta", status="running"), run_of("2026-11|beta")]
    services.notes.put("tenants/orchestrator", {"at": "x", "due": 3, "handed": 2, "waiting": 1})
    clock.advance(60)
    status = (await client.get(f"{BATCH}/status")).json()
    assert status["months"] == {"PENDING": 1, "RUNNING": 1, "COMPLETED": 1, "FAILED": 0}
    assert status["tenants"] == {"total": 2, "active": 1, "disabled": 1, "new": 1, "existing": 1}
    assert status["runs"] == {"running": 1, "queued": 1}
    assert status["months_in_flight"]["used"] == 1
    assert status["last_tick"] == {
        "at": "2026-11-20T09:00:00Z",
        "age_seconds": 60.0,
        "due": 3,
        "handed": 2,
        "waiting": 1,
    }


async def test_the_status_tells_how_much_of_a_cap_is_in_use(
    client: httpx.AsyncClient, services: Services, clock: FakeClock
):
    until = clock.now().timestamp() + 30
    state = {
        "open": {
            "a": {"process": "p", "until": until},
            "b": {"process": "p", "until": until - 60},
        },
        "paused_until": until,
    }
    SqlCapStates(services.state).change("igdb", lambda _state, _now: (state, None))
    (cap,) = (await client.get(f"{BATCH}/status")).json()["caps"]
    assert cap["name"] == "igdb"
    assert cap["open_requests"] == {"used": 1, "limit": 8}
    assert cap["per_day"] is None
    assert cap["used_today"] is None
    assert cap["paused_until"] == (START + timedelta(seconds=30)).isoformat().replace("+00:00", "Z")


async def test_totals_are_kept_for_a_second_and_forgotten_after_a_write(
    client: httpx.AsyncClient, services: Services, clock: FakeClock
):
    async def count() -> int:
        return (await client.get(f"{BATCH}/status")).json()["tenants"]["total"]

    assert await count() == 0
    register(services, "acme")
    assert await count() == 0
    clock.advance(1.0)
    assert await count() == 1
    register(services, "beta")
    await client.post(f"{BATCH}/advertisers/acme/activate")
    assert await count() == 2


async def test_running_jobs_show_months_with_run_and_progress_and_queued_runs(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services, "beta", TenantType.NEW)
    finish(services, "beta", "2026-09")
    claim(services, "beta", "2026-10", "run-7")
    runs.in_hand = [run_of("2026-11|beta", run_id="run-8")]
    found = (await client.get(f"{BATCH}/running-jobs")).json()
    assert found["months"] == [
        {
            "tenant_id": "beta",
            "month": "2026-10",
            "run_id": "run-7",
            "since": "2026-11-20T09:00:00Z",
            "heartbeat_at": "2026-11-20T09:00:00Z",
            "months_completed": 1,
            "months_total": 3,
        }
    ]
    assert [(run["run_id"], run["status"], run["cells"]) for run in found["runs"]] == [
        ("run-8", "queued", ["2026-11|beta"])
    ]


async def test_health_needs_no_token_and_is_ready_when_everything_answers(
    stranger: httpx.AsyncClient,
):
    response = await stranger.get(f"{BATCH}/health")
    assert response.status_code == 200
    health = response.json()
    assert health["live"] is True
    assert health["ready"] is True
    assert {name: check["ok"] for name, check in health["checks"].items()} == {
        "state_database": True,
        "dagster_instance": True,
        "dagster_daemon": True,
        "object_store": True,
    }


async def test_a_daemon_without_a_recent_heartbeat_makes_it_not_ready(
    stranger: httpx.AsyncClient, runs: FakeRuns, clock: FakeClock
):
    clock.advance(121)
    response = await stranger.get(f"{BATCH}/health")
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/json"
    assert response.json()["checks"]["dagster_daemon"] == {
        "ok": False,
        "detail": "no recent sign of life of SENSOR",
    }
    runs.beats = {"SENSOR": clock.now()}
    clock.advance(1)
    assert (await stranger.get(f"{BATCH}/health")).status_code == 200


async def test_health_names_the_kind_of_a_failure_and_no_place(
    stranger: httpx.AsyncClient, runs: FakeRuns
):
    runs.storage_error = TransientError("host db.internal is away", kind="dagster_storage")
    response = await stranger.get(f"{BATCH}/health")
    assert response.status_code == 503
    assert "db.internal" not in response.text
    assert response.json()["checks"]["dagster_instance"]["detail"] == (
        "does not work: dagster_storage"
    )


async def test_the_status_is_a_problem_while_dagsters_storage_does_not_answer(
    client: httpx.AsyncClient, runs: FakeRuns
):
    runs.storage_error = NO_STORAGE
    response = await client.get(f"{BATCH}/status")
    assert response.status_code == 503
    assert response.json()["type"] == "urn:sluice:problem:dagster_storage"
    assert response.headers["retry-after"] == "5"
    runs.storage_error = None
    assert (await client.get(f"{BATCH}/status")).status_code == 200


@dataclass
class HangingRuns(FakeRuns):
    asked: int = 0

    def __post_init__(self) -> None:
        self.released = threading.Event()

    def runs_in_hand(self) -> list[RunInHand]:
        self.asked += 1
        assert self.released.wait(600)
        return []


async def test_a_check_that_hangs_is_bounded_and_never_asked_twice_at_once(
    services: Services, clock: FakeClock
):
    runs = HangingRuns()
    checks = HealthChecks(services, runs, clock, seconds=0.05)
    try:
        for _ in range(3):
            health = await checks.run()
            assert not health.ready
            assert health.checks["dagster_instance"].detail == "no answer within 0.05 s"
        assert runs.asked == 1
    finally:
        runs.released.set()
    assert [
        health for _ in range(1000) if (health := await checks.run()).checks["dagster_instance"].ok
    ]


async def test_the_object_store_is_written_to_and_a_success_is_believed_for_ten_seconds(
    services: Services, runs: FakeRuns, clock: FakeClock
):
    checks = HealthChecks(services, runs, clock)
    assert (await checks.run()).checks["object_store"].ok
    services.objects.delete("health/probe")
    folder = services.settings.home / "objects"
    shutil.rmtree(folder)
    folder.write_text("in the way")
    clock.advance(9)
    assert (await checks.run()).checks["object_store"].ok
    clock.advance(1)
    for _ in range(2):
        failed = (await checks.run()).checks["object_store"]
        assert not failed.ok
        assert failed.detail.startswith("does not work: ")
        assert str(folder) not in failed.detail
    folder.unlink()
    assert (await checks.run()).checks["object_store"].ok


async def test_an_unforeseen_failure_of_a_check_is_told_by_its_name_alone(
    services: Services, runs: FakeRuns, clock: FakeClock
):
    def fail() -> dict[str, None]:
        raise KeyError("secret")

    runs.daemon_heartbeats = fail  # pyright: ignore[reportAttributeAccessIssue]
    health = await HealthChecks(services, runs, clock).run()
    assert health.checks["dagster_daemon"].detail == "fails with KeyError"


async def test_metrics_are_prometheus_text_with_the_numbers_of_the_status(
    client: httpx.AsyncClient, services: Services, clock: FakeClock
):
    register(services, "beta", TenantType.NEW)
    finish(services, "beta", "2026-09")
    services.notes.put("tenants/orchestrator", {"due": 0})
    clock.advance(42)
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = response.text.splitlines()
    for line in (
        'sluice_tenants{state="active"} 1.0',
        'sluice_tenants_by_type{type="NEW"} 1.0',
        'sluice_tenant_months{status="COMPLETED"} 1.0',
        'sluice_tenant_months{status="PENDING"} 2.0',
        "sluice_tenant_months_in_flight 0.0",
        "sluice_tenant_months_in_flight_limit 20.0",
        'sluice_runs{status="queued"} 0.0',
        "sluice_orchestrator_last_tick_age_seconds 42.0",
    ):
        assert line in lines


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_problem_has_a_status_that_says_whose_fault_it_is(kind: str):
    status, title = KINDS[kind]
    assert 400 <= status < 600
    assert title[0].isupper()
