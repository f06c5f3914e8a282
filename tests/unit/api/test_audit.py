import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from api.app import build_app
from api.audit import AuditTrail
from api.threads import Threads
from platform_assets.core.errors import TransientError
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.state.audit import AuditEntry
from tests.fakes.clock import START, FakeClock
from tests.unit.api.conftest import OPERATE, READ, connect
from tests.unit.api.rig import BATCH, FakeRuns, audited, register

ACME = f"{BATCH}/advertisers/acme"


def essence(entry: AuditEntry) -> tuple[str, str | None, str, str, str | None, int]:
    return entry.actor, entry.role, entry.method, entry.path, entry.tenant, entry.status


async def test_a_start_is_written_down_with_its_run(client: httpx.AsyncClient, services: Services):
    register(services)
    await client.post(f"{ACME}/trigger?x=1", json={"month": "2026-10"})
    (entry,) = audited(services)
    assert essence(entry) == ("olga", "operate", "POST", f"{ACME}/trigger", "acme", 202)
    assert entry.at == START
    assert entry.detail == {"run_id": "run-1", "cells": ["2026-10|acme"], "client": "10.0.0.1"}


async def test_a_registration_is_written_down_with_its_tenant(
    client: httpx.AsyncClient, services: Services
):
    body = {"tenant_id": "beta", "source": {"url": "sqlite:////data/x.db"}}
    await client.post(f"{BATCH}/advertisers", json=body)
    (entry,) = audited(services)
    assert (entry.tenant, entry.status) == ("beta", 201)


async def test_refused_writes_are_written_down_with_the_kind_and_without_the_token(
    app: FastAPI, services: Services
):
    for token in (None, "wrong-token", READ, OPERATE):
        async with connect(app, token) as client:
            await client.post(f"{ACME}/trigger")
    async with connect(app, OPERATE) as client:
        await client.post(f"{ACME}/retry/x")
        await client.delete(f"{BATCH}/advertisers/a%00b")
        await client.put(f"{BATCH}/status")
        await client.post(f"{BATCH}/advertisers", content=b"x" * 70_000)
    entries = list(reversed(audited(services)))
    assert [(e.actor, e.role, e.status, e.tenant, e.detail["kind"]) for e in entries] == [
        ("rita", "read", 403, None, "role_too_small"),
        ("olga", "operate", 404, "acme", "unknown_tenant"),
        ("olga", "operate", 422, "acme", "bad_request"),
        ("olga", "operate", 422, None, "bad_request"),
        ("olga", "operate", 405, None, "wrong_method"),
        ("olga", "operate", 413, None, "body_too_large"),
    ]
    assert entries[3].path == f"{BATCH}/advertisers/a%00b"
    for token in ("wrong-token", READ, OPERATE):
        assert token not in repr(entries)


async def test_refused_strangers_are_counted_and_leave_no_entry(app: FastAPI, services: Services):
    for token in (None, None, "wrong-token"):
        async with connect(app, token) as client:
            await client.post(f"{ACME}/trigger")
    assert audited(services) == []
    async with connect(app, READ) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    assert 'sluice_api_refused_writes_total{kind="no_token"} 2.0' in lines
    assert 'sluice_api_refused_writes_total{kind="bad_token"} 1.0' in lines


async def test_who_asks_is_who_is_connected_whatever_a_header_says(
    client: httpx.AsyncClient, services: Services
):
    register(services)
    await client.post(f"{ACME}/trigger", headers={"x-forwarded-for": "6.6.6.6"})
    (entry,) = audited(services)
    assert entry.detail["client"] == "10.0.0.1"


async def test_a_listed_proxy_says_who_asks(settings: Settings, runs: FakeRuns):
    services = Services(settings.model_copy(update={"api_proxies": "10.0.0.0/8"}), FakeClock())
    register(services)
    async with connect(build_app(services, runs), OPERATE) as client:
        await client.post(f"{ACME}/trigger", headers={"x-forwarded-for": "6.6.6.6"})
    (entry,) = audited(services)
    assert entry.detail["client"] == "6.6.6.6"
    services.state.close()


async def test_reads_leave_no_entry(client: httpx.AsyncClient, services: Services):
    await client.get(f"{BATCH}/status")
    await client.get(f"{ACME}/processing-states")
    assert audited(services) == []


async def test_a_fault_is_a_problem_without_internals_and_is_written_down(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)

    def fail() -> list[object]:
        raise KeyError("internal secret")

    runs.runs_in_hand = fail  # pyright: ignore[reportAttributeAccessIssue]
    response = await client.post(f"{ACME}/trigger")
    assert response.status_code == 500
    assert response.json()["type"] == "urn:sluice:problem:internal_error"
    assert "secret" not in response.text
    (entry,) = audited(services)
    assert (entry.status, entry.tenant) == (500, "acme")


async def test_an_answer_goes_out_even_if_the_trail_cannot_be_written(clock: FakeClock):
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response("done", 202)(scope, receive, send)

    def refuse(entry: AuditEntry) -> None:
        raise TransientError("away", kind="state_unreachable")

    changes: list[int] = []
    trail = AuditTrail(
        app,
        add=refuse,
        threads=Threads(1),
        clock=clock,
        changed=lambda: changes.append(1),
        refusals={},
    )
    with capture_logs() as logs:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(trail), base_url="http://api"
        ) as client:
            response = await client.post("/x", headers={"authorization": "Bearer secret"})
    assert (response.status_code, response.text) == (202, "done")
    assert changes == [1]
    (entry,) = logs
    assert (entry["event"], entry["reason"]) == ("audit_not_stored", "state_unreachable")
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", "/x", 202)
    assert "secret" not in str(entry)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_reading_methods_are_not_writes(
    client: httpx.AsyncClient, services: Services, method: str
):
    await client.request(method, f"{ACME}/trigger")
    assert audited(services) == []
