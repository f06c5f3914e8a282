import asyncio
import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import Message

from api import limits
from api.app import build_app
from api.auth import Role, find_actor, mint_token, parse_tokens
from api.limits import MAX_BODY_BYTES, BodyTooLargeError, read_body
from platform_assets.core.errors import RefusedError
from platform_assets.services import Services
from platform_assets.settings import Settings
from tests.fakes.clock import FakeClock
from tests.unit.api.conftest import OPERATE, READ, TOKENS, connect
from tests.unit.api.rig import BATCH, FakeRuns, audited, register
from tests.unit.api.test_months import kind_of

WRITES = [
    ("POST", f"{BATCH}/advertisers"),
    ("DELETE", f"{BATCH}/advertisers/acme"),
    ("POST", f"{BATCH}/advertisers/acme/trigger"),
    ("POST", f"{BATCH}/advertisers/acme/retry/2026-10"),
    ("POST", f"{BATCH}/advertisers/acme/activate"),
    ("POST", f"{BATCH}/advertisers/acme/deactivate"),
    ("PUT", f"{BATCH}/advertisers/acme"),
    ("PATCH", "/anything"),
]
READS = [
    f"{BATCH}/status",
    f"{BATCH}/running-jobs",
    f"{BATCH}/advertisers",
    f"{BATCH}/advertisers/acme/backfill-progress",
    f"{BATCH}/advertisers/acme/processing-states",
    "/metrics",
]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("open_reads", [False, True])
async def test_every_write_needs_a_token_that_may_operate(
    services: Services, runs: FakeRuns, method: str, path: str, open_reads: bool
):
    services.settings = services.settings.model_copy(update={"api_open_reads": open_reads})
    register(services)
    app = build_app(services, runs)
    before = services.tenants.get("acme")
    for token, expected in (
        (None, (401, "no_token")),
        ("wrong", (401, "bad_token")),
        (READ, (403, "role_too_small")),
    ):
        async with connect(app, token) as client:
            response = await client.request(method, path, json={"reason": "x"})
            assert kind_of(response) == expected
            assert response.headers["www-authenticate"].startswith("Bearer")
    assert services.tenants.get("acme") == before
    assert runs.launched == []


@pytest.mark.parametrize("path", READS)
async def test_reads_need_any_token(app: FastAPI, services: Services, path: str):
    register(services)
    for token, status in ((None, 401), ("wrong", 401), (READ, 200), (OPERATE, 200)):
        async with connect(app, token) as client:
            assert (await client.get(path)).status_code == status


@pytest.mark.parametrize("path", READS)
async def test_a_setting_opens_the_reads(services: Services, runs: FakeRuns, path: str):
    services.settings = services.settings.model_copy(update={"api_open_reads": True})
    register(services)
    async with connect(build_app(services, runs), None) as client:
        assert (await client.get(path)).status_code == 200


async def test_unknown_paths_and_methods_are_problems(client: httpx.AsyncClient):
    assert kind_of(await client.get("/nowhere")) == (404, "unknown_path")
    assert kind_of(await client.get(f"{BATCH}/status/")) == (404, "unknown_path")
    assert kind_of(await client.get("/docs")) == (404, "unknown_path")
    response = await client.put(f"{BATCH}/status")
    assert kind_of(response) == (405, "wrong_method")
    assert response.headers["allow"] == "GET"


async def test_a_stranger_learns_nothing_about_paths(stranger: httpx.AsyncClient):
    assert kind_of(await stranger.get("/nowhere")) == (401, "no_token")


@pytest.mark.parametrize(
    "header", ["Basic dXNlcjpwYXNz", f"bearer {OPERATE}x", "Bearer", "Bearer ", OPERATE, "Bearer ä"]
)
async def test_what_is_no_known_token_is_refused(app: FastAPI, header: str):
    async with connect(app, None) as client:
        headers = [(b"authorization", header.encode("latin-1"))]
        response = await client.get(f"{BATCH}/status", headers=headers)
        assert kind_of(response) == (401, "bad_token")


async def test_the_scheme_is_read_in_any_case(app: FastAPI):
    async with connect(app, None) as client:
        headers = {"authorization": f"bEARER {READ}"}
        assert (await client.get(f"{BATCH}/status", headers=headers)).status_code == 200


async def test_a_body_over_the_limit_is_413_announced_or_not(client: httpx.AsyncClient):
    path, large = f"{BATCH}/advertisers", b"x" * (MAX_BODY_BYTES + 1)
    response = await client.post(path, content=large)
    assert kind_of(response) == (413, "body_too_large")
    assert response.headers["connection"] == "close"

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 4096

    assert kind_of(await client.post(path, content=chunks())) == (413, "body_too_large")


async def test_a_body_at_the_limit_is_read(client: httpx.AsyncClient):
    body = b'{"reason": "' + b"x" * (MAX_BODY_BYTES - 14) + b'"}'
    assert len(body) == MAX_BODY_BYTES
    response = await client.post(
        f"{BATCH}/advertisers/acme/deactivate",
        content=body,
        headers={"content-type": "application/json"},
    )
    assert kind_of(response) == (422, "bad_request")


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"reason": ' + b"1" * 5_000 + b"}"])
async def test_a_body_that_the_parser_cannot_take_is_the_clients_fault(
    client: httpx.AsyncClient, body: bytes
):
    response = await client.post(
        f"{BATCH}/advertisers/acme/deactivate",
        content=body,
        headers={"content-type": "application/json"},
    )
    assert kind_of(response)[0] in {400, 422}


async def test_a_body_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch):
    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(limits, "BODY_SECONDS", 0.01)
    with pytest.raises(TimeoutError):
        await read_body(never, None)


@pytest.mark.parametrize("announced", ["65537", "9" * 40])
async def test_an_announced_size_is_refused_before_anything_is_read(announced: str):
    async def never() -> Message:
        raise AssertionError

    with pytest.raises(BodyTooLargeError):
        await read_body(never, announced)


async def test_requests_beyond_the_rate_are_429_with_the_seconds_to_wait(
    services: Services, runs: FakeRuns
):
    services.settings = services.settings.model_copy(update={"api_requests_per_minute": 3})
    app = build_app(services, runs)
    async with connect(app, READ) as client, connect(app, OPERATE) as other:
        for _ in range(3):
            assert (await client.get(f"{BATCH}/status")).status_code == 200
        response = await client.get(f"{BATCH}/status")
        assert kind_of(response) == (429, "too_many_requests")
        assert 1 <= int(response.headers["retry-after"]) <= 61
        assert (await other.get(f"{BATCH}/status")).status_code == 200


async def test_strangers_are_counted_by_address_and_leave_no_audit(
    services: Services, runs: FakeRuns
):
    services.settings = services.settings.model_copy(update={"api_requests_per_minute": 2})
    app = build_app(services, runs)
    async with connect(app, "guess") as client, connect(app, None, "10.0.0.2") as other:
        for n in range(5):
            headers = {"authorization": f"Bearer guess-{n}"}
            response = await client.post(f"{BATCH}/advertisers", headers=headers)
            assert response.status_code == (401 if n < 2 else 429)
        assert (await other.get(f"{BATCH}/health")).status_code == 200
    assert audited(services) == []


def test_a_minted_token_is_found_by_its_entry_and_is_not_in_it():
    token, entry = mint_token("bob", "operate")
    assert token not in entry
    other, _ = mint_token("bob", "operate")
    assert other != token
    entries = parse_tokens(f"{TOKENS}, {entry},")
    actor = find_actor(entries, token)
    assert actor is not None
    assert (actor.name, actor.role) == ("bob", Role.OPERATE)
    assert find_actor(entries, other) is None
    assert hashlib.sha256(token.encode()).hexdigest() not in repr(entries)


@pytest.mark.parametrize(
    "text", ["bob", "bob:admin:" + "a" * 64, "bob:read:abc", ":read:" + "a" * 64, "b,ob:read:x"]
)
def test_an_entry_of_another_form_is_refused_without_repeating_it(text: str):
    with pytest.raises(RefusedError, match="SLUICE_API_TOKENS") as caught:
        parse_tokens(text)
    assert caught.value.kind == "bad_setting"
    assert text not in str(caught.value)


async def test_without_tokens_nothing_but_health_is_served(
    settings: Settings, clock: FakeClock, runs: FakeRuns
):
    services = Services(settings.model_copy(update={"api_tokens": SecretStr("")}), clock)
    async with connect(build_app(services, runs), "") as client:
        assert (await client.get(f"{BATCH}/status")).status_code == 401
        assert (await client.get(f"{BATCH}/health")).status_code == 200
        assert (await client.get("/openapi.json")).status_code == 200
    services.state.close()
