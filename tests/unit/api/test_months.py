import asyncio

import httpx
import pytest
from sqlalchemy import update

from platform_assets.core.engine.units import Attempt, UnitOutcome, UnitState
from platform_assets.core.errors import TransientError
from platform_assets.core.processes.owner import describe_owner
from platform_assets.services import Services
from platform_assets.tenants.tenant import MonthStatus, TenantType
from resources.state.leases import SqlLeases
from resources.state.tables import tenants
from tests.fakes.clock import FakeClock
from tests.unit.api.rig import (
    BATCH,
    NO_ANSWER,
    NO_STORAGE,
    FakeRuns,
    audited,
    claim,
    fail_until_disabled,
    finish,
    register,
    run_of,
)

ACME = f"{BATCH}/advertisers/acme"
BETA = f"{BATCH}/advertisers/beta"


def kind_of(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["instance"] == response.request.url.path
    assert problem["title"]
    assert problem["detail"]
    return response.status_code, problem["type"].removeprefix("urn:sluice:problem:")


async def test_progress_counts_months_and_estimates_the_end_from_the_mean(
    client: httpx.AsyncClient, services: Services, clock: FakeClock
):
    register(services, "beta", TenantType.NEW)
    ledger_free = await client.get(f"{BETA}/backfill-progress")
    assert ledger_free.json()["percent"] == 0.0
    assert ledger_free.json()["estimated_end_at"] is None
    finish(services, "beta", "2026-09")
    progress = (await client.get(f"{BETA}/backfill-progress")).json()
    assert progress["mean_seconds"] == 0.0
    assert progress["estimated_end_at"] == "2026-11-20T09:00:00Z"
    assert progress == {
        **progress,
        "tenant_id": "beta",
        "tenant_type": "NEW",
        "active": True,
        "backfill_completed": False,
        "current_month": "2026-10",
        "total": 3,
        "completed": 1,
        "failed": 0,
        "running": 0,
        "pending": 2,
        "percent": 33.3,
    }


async def test_the_estimate_is_the_mean_time_of_completed_months_for_each_that_is_left(
    client: httpx.AsyncClient, services: Services, clock: FakeClock
):
    register(services, "beta", TenantType.NEW)
    ledger = claim(services, "beta", "2026-09", "r")
    clock.advance(90)
    done = UnitOutcome(
        "2026-09|beta",
        UnitState.DONE,
        detail={"processed_records": 1, "failed_records": 0, "watermark": None},
    )
    ledger.record(ledger.plan, Attempt("r", "owner"), [done])
    claim(services, "beta", "2026-10")
    progress = (await client.get(f"{BETA}/backfill-progress")).json()
    assert progress["mean_seconds"] == 90.0
    assert progress["estimated_end_at"] == "2026-11-20T09:04:30Z"  # 90 s done, 2 x 90 s left
    assert progress["current_month"] == "2026-10"
    services.tenants.deactivate("beta", "holiday")
    progress = (await client.get(f"{BETA}/backfill-progress")).json()
    assert progress["estimated_end_at"] is None


async def test_an_existing_tenant_without_months_is_at_a_hundred_percent(
    client: httpx.AsyncClient, services: Services
):
    register(services)
    progress = (await client.get(f"{ACME}/backfill-progress")).json()
    assert (progress["total"], progress["percent"]) == (0, 100.0)


async def test_states_list_every_month_without_owners_and_fencing_tokens(
    client: httpx.AsyncClient, services: Services
):
    register(services, "beta", TenantType.NEW)
    finish(services, "beta", "2026-09", "run-4")
    finish(services, "beta", "2026-10", "run-5", ok=False)
    states = (await client.get(f"{BETA}/processing-states")).json()["states"]
    assert [(state["month"], state["status"]) for state in states] == [
        ("2026-09", "COMPLETED"),
        ("2026-10", "FAILED"),
        ("2026-11", "PENDING"),
    ]
    assert states[0]["processed_records"] == 10
    assert states[0]["run_id"] == "run-4"
    assert states[1]["error_message"] == "source_unreachable: no answer"
    assert states[1]["next_attempt_at"] == "2026-11-20T09:01:00Z"
    assert not {"owner", "attempt_id"} & states[0].keys()


@pytest.mark.parametrize("path", ["backfill-progress", "processing-states"])
async def test_reading_an_unknown_tenant_is_404(client: httpx.AsyncClient, path: str):
    response = await client.get(f"{BATCH}/advertisers/ghost/{path}")
    assert kind_of(response) == (404, "unknown_tenant")


async def test_a_trigger_starts_the_current_month_and_says_which_run(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    response = await client.post(f"{ACME}/trigger")
    assert response.status_code == 202
    assert response.json() == {"run_id": "run-1", "cells": ["2026-11|acme"]}
    ((cells, tags),) = runs.launched
    assert cells == ["2026-11|acme"]
    assert tags == {"sluice/started_by": "api", "sluice/actor": "olga"}


async def test_a_trigger_of_a_new_tenant_starts_its_backfill_in_order(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services, "beta", TenantType.NEW)
    finish(services, "beta", "2026-09")
    response = await client.post(f"{BETA}/trigger", json={})
    assert response.json()["cells"] == ["2026-10|beta", "2026-11|beta"]


async def test_a_trigger_does_not_wait_for_the_next_attempt_of_a_failed_month(
    client: httpx.AsyncClient, services: Services
):
    register(services, "beta", TenantType.NEW)
    finish(services, "beta", "2026-09", ok=False)
    response = await client.post(f"{BETA}/trigger")
    assert response.json()["cells"] == ["2026-09|beta", "2026-10|beta", "2026-11|beta"]


async def test_a_trigger_with_a_month_starts_that_month(
    client: httpx.AsyncClient, services: Services
):
    register(services)
    response = await client.post(f"{ACME}/trigger", json={"month": "2025-03"})
    assert (response.status_code, response.json()["cells"]) == (202, ["2025-03|acme"])


@pytest.mark.parametrize("month", ["2026-12", "2023-12"])
async def test_a_month_that_is_not_processed_here_is_422(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns, month: str
):
    register(services)
    response = await client.post(f"{ACME}/trigger", json={"month": month})
    assert kind_of(response) == (422, "bad_month")
    assert runs.launched == []


@pytest.mark.parametrize(
    "body", ['{"month": "2026-13"}', '{"month": 7}', '{"mon": "2026-01"}', "[]", "{", '"x"']
)
async def test_a_malformed_body_is_422_and_names_what_is_wrong(
    client: httpx.AsyncClient, services: Services, body: str
):
    register(services)
    response = await client.post(
        f"{ACME}/trigger", content=body, headers={"content-type": "application/json"}
    )
    assert kind_of(response) == (422, "bad_request")
    assert response.json()["errors"][0].keys() == {"where", "detail", "kind"}


@pytest.mark.parametrize("tenant", ["a%00b", "a%20b", "..", "a" * 51, "-a", "%C3%A4"])
async def test_a_malformed_tenant_id_is_422_or_no_path(client: httpx.AsyncClient, tenant: str):
    response = await client.post(f"{BATCH}/advertisers/{tenant}/trigger")
    assert response.status_code in {404, 422}
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_malformed_month_of_a_retry_is_422(client: httpx.AsyncClient, services: Services):
    register(services)
    assert kind_of(await client.post(f"{ACME}/retry/2026-1")) == (422, "bad_request")


@pytest.mark.parametrize("path", ["trigger", "retry/2026-10", "activate", "deactivate"])
async def test_a_write_on_an_unknown_tenant_is_404(client: httpx.AsyncClient, path: str):
    response = await client.post(f"{BATCH}/advertisers/ghost/{path}")
    assert kind_of(response) == (404, "unknown_tenant")


async def test_a_trigger_while_a_month_runs_is_409_and_names_the_run(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    claim(services, "acme", "2026-11", "run-5")
    response = await client.post(f"{ACME}/trigger")
    assert kind_of(response) == (409, "tenant_busy")
    assert "run-5" in response.json()["detail"]
    assert runs.launched == []


async def test_a_trigger_while_a_run_is_queued_is_409(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    runs.in_hand = [run_of("2026-11|acme")]
    assert kind_of(await client.post(f"{ACME}/trigger")) == (409, "tenant_busy")


async def test_a_running_run_that_is_done_with_the_tenant_is_in_nobodys_way(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    finish(services, "acme", "2026-11", "run-9")
    runs.in_hand = [run_of("2026-11|acme", "2026-11|other", status="running", run_id="run-9")]
    assert (await client.post(f"{ACME}/trigger")).status_code == 202


async def test_a_running_run_with_months_left_is_in_the_way(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    finish(services, "acme", "2026-10", "run-9", ok=False)
    runs.in_hand = [run_of("2026-10|acme", "2026-11|acme", status="running", run_id="run-9")]
    assert kind_of(await client.post(f"{ACME}/trigger")) == (409, "tenant_busy")


async def test_a_backfill_that_failed_in_a_running_run_can_be_retried(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services, "beta", TenantType.NEW)
    finish(services, "beta", "2026-09", "run-9", ok=False)
    cells = [f"2026-{month}|beta" for month in ("09", "10", "11")]
    runs.in_hand = [run_of(*cells, status="running", run_id="run-9")]
    assert (await client.post(f"{BETA}/retry/2026-09")).status_code == 202


@pytest.mark.parametrize("path", ["trigger", "retry/2026-11"])
async def test_a_disabled_tenant_is_not_started(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns, path: str
):
    register(services)
    fail_until_disabled(services, "acme", "2026-11")
    assert kind_of(await client.post(f"{ACME}/{path}")) == (409, "tenant_disabled")
    assert runs.launched == []


async def test_months_of_a_backfill_are_refused_out_of_order(
    client: httpx.AsyncClient, services: Services
):
    register(services, "beta", TenantType.NEW)
    response = await client.post(f"{BETA}/trigger", json={"month": "2026-10"})
    assert kind_of(response) == (409, "month_order")
    assert "2026-09" in response.json()["detail"]


async def test_a_month_that_failed_too_often_needs_a_retry(
    client: httpx.AsyncClient, services: Services
):
    register(services)
    fail_until_disabled(services, "acme", "2026-10")
    services.tenants.activate("acme")  # resets it
    for _ in range(4):
        finish(services, "acme", "2026-10", ok=False)
    # As if somebody had switched it on in the table: active, with an exhausted month.
    with services.state.write() as connection:
        connection.execute(update(tenants).values(active=True))
    response = await client.post(f"{ACME}/trigger", json={"month": "2026-10"})
    assert kind_of(response) == (409, "exhausted")
    assert (await client.post(f"{ACME}/retry/2026-10")).status_code == 202


async def test_a_retry_resets_the_month_and_starts_it(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    finish(services, "acme", "2026-10", ok=False)
    response = await client.post(f"{ACME}/retry/2026-10")
    assert response.status_code == 202
    assert response.json()["cells"] == ["2026-10|acme"]
    row = services.tenant_months.get("acme", "2026-10")
    assert (row.status, row.retry_count) == (MonthStatus.PENDING, 0)


@pytest.mark.parametrize(("month", "kind"), [("2026-10", "not_failed"), ("2026-09", "not_failed")])
async def test_a_retry_of_a_month_that_has_not_failed_is_409(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns, month: str, kind: str
):
    register(services, "beta", TenantType.NEW)
    finish(services, "beta", "2026-09")
    assert kind_of(await client.post(f"{BETA}/retry/{month}")) == (409, kind)
    assert runs.launched == []


async def test_a_retry_of_a_month_without_a_state_is_404(
    client: httpx.AsyncClient, services: Services
):
    register(services)
    assert kind_of(await client.post(f"{ACME}/retry/2026-10")) == (404, "unknown_month")


async def test_while_the_webserver_is_away_nothing_is_changed(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    finish(services, "acme", "2026-10", ok=False)
    runs.webserver_error = NO_ANSWER
    before = services.tenants.months("acme")
    for path in ("trigger", "retry/2026-10"):
        assert kind_of(await client.post(f"{ACME}/{path}")) == (503, "dagster_unreachable")
    assert services.tenants.months("acme") == before
    runs.webserver_error = None
    assert (await client.post(f"{ACME}/retry/2026-10")).status_code == 202


async def test_a_launch_that_fails_after_the_reset_leaves_the_month_to_the_orchestrator(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    finish(services, "acme", "2026-10", ok=False)
    runs.launch_error = TransientError("broke off", kind="launch_unknown")
    assert kind_of(await client.post(f"{ACME}/retry/2026-10")) == (503, "launch_unknown")
    assert services.tenant_months.get("acme", "2026-10").status is MonthStatus.PENDING


async def test_a_failed_launch_gives_the_lease_back(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    runs.storage_error = NO_STORAGE
    assert kind_of(await client.post(f"{ACME}/trigger")) == (503, "dagster_storage")
    runs.storage_error = None
    assert (await client.post(f"{ACME}/trigger")).status_code == 202


async def test_while_another_process_starts_the_tenant_it_is_409(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    other = Attempt("other", describe_owner())
    assert SqlLeases(services.state).acquire("tenants/start/acme", other, 60)
    assert kind_of(await client.post(f"{ACME}/trigger")) == (409, "tenant_busy")
    SqlLeases(services.state).release("tenants/start/acme", other)
    assert (await client.post(f"{ACME}/trigger")).status_code == 202


async def test_of_twenty_triggers_at_the_same_moment_one_starts_a_run(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    responses = await asyncio.gather(*(client.post(f"{ACME}/trigger") for _ in range(20)))
    assert sorted(response.status_code for response in responses) == [202, *[409] * 19]
    assert len(runs.launched) == 1
    assert [entry.status for entry in audited(services)].count(202) == 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "advertisers/a b/backfill-progress",
            "path.tenant_id: 'a b' is no tenant id: 1 to 50 letters, digits",
        ),
        (
            "advertisers/a..b/backfill-progress",
            "path.tenant_id: 'a..b' is no tenant id: 1 to 50 letters",
        ),
        (
            "advertisers/acme/retry/2026-1",
            "path.month: '2026-1' is no month: months are written YYYY-MM",
        ),
        ("rank-days/20261120", "path.day: '20261120' is no day: days are written YYYY-MM-DD"),
    ],
)
async def test_a_bad_id_in_a_path_is_told_in_words_and_not_by_a_pattern(
    client: httpx.AsyncClient, path: str, said: str
):
    method = "POST" if "/retry/" in path else "GET"
    problem = (await client.request(method, f"{BATCH}/{path}")).json()
    assert problem["detail"].startswith(said)
    assert "pattern" not in problem["detail"]
