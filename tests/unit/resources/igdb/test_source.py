"""Opening IGDB: the token and the gear are remembered from one piece of work to the next."""

import asyncio

import httpx
import pytest

from platform_assets.core.errors import RefusedError, TransientError
from resources.igdb.client import IgdbClient
from resources.igdb.multiquery import MultiqueryClient
from resources.igdb.source import REFUSAL_SECONDS, IgdbSource
from tests.fakes.igdb_api import Call, FakeIgdb, make_source, make_states, query
from tests.fakes.memory_caps import MemoryCapStates
from tests.fakes.virtual_time import virtual_time

FORBIDDEN = [{"title": "Forbidden", "status": 403, "cause": "not in your API tier"}]


def refuse_multiquery(call: Call) -> httpx.Response | None:
    return httpx.Response(403, json=FORBIDDEN) if call.endpoint == "multiquery" else None


async def fetch_ten(source: IgdbSource) -> list[bytes]:
    async with source.open() as client:
        replies = await asyncio.gather(*(client.fetch("games", query(n)) for n in range(10)))
        return [reply.body for reply in replies]


def gear_state(states: MemoryCapStates) -> dict[str, object]:
    return dict(states.read("igdb/multiquery") or {})


@virtual_time
async def test_a_token_is_kept_from_one_opening_to_the_next():
    api = FakeIgdb()
    source = make_source(api)
    for _ in range(2):
        async with source.open() as client:
            await client.fetch("games", query(1))
    assert len(api.token_forms) == 1


@virtual_time
async def test_a_token_that_one_client_renewed_serves_the_next():
    api = FakeIgdb()
    source = make_source(api)
    async with source.open() as first, source.open() as second:
        await first.fetch("games", query(1))
        api.valid.clear()
        await first.fetch("games", query(2))
        await second.fetch("games", query(3))
    assert len(api.token_forms) == 2


@virtual_time
async def test_the_first_gear_is_multiquery_and_nothing_is_remembered_of_a_success():
    api, states = FakeIgdb(), make_states()
    source = make_source(api, states=states, multiquery=None)
    assert len(await fetch_ten(source)) == 10
    assert api.endpoints() == ["multiquery"]
    assert "refused_at" not in gear_state(states)


@virtual_time
async def test_a_refusal_is_remembered_with_its_reason_and_the_next_client_is_plain():
    api, states = FakeIgdb(respond=refuse_multiquery), make_states()
    await fetch_ten(make_source(api, states=states, multiquery=None))
    assert "HTTP 403" in str(gear_state(states)["reason"])
    api.calls.clear()
    next_process = make_source(api, states=states, multiquery=None)
    async with next_process.open() as client:
        assert isinstance(client, IgdbClient)
        assert client.queries_per_request == 1
    assert await fetch_ten(next_process) == [b'[{"id":%d}]' % n for n in range(10)]
    assert set(api.endpoints()) == {"games"}


@virtual_time
async def test_a_refused_gear_is_tried_again_after_a_week():
    api, states = FakeIgdb(respond=refuse_multiquery), make_states()
    source = make_source(api, states=states, multiquery=None)
    await fetch_ten(source)
    await asyncio.sleep(REFUSAL_SECONDS - 60)
    assert not source.uses_multiquery()
    await asyncio.sleep(120)
    api.respond = lambda call: None
    api.calls.clear()
    await fetch_ten(source)
    assert api.endpoints() == ["multiquery"]


@virtual_time
async def test_switched_on_it_is_tried_whatever_is_remembered():
    api, states = FakeIgdb(respond=refuse_multiquery), make_states()
    await fetch_ten(make_source(api, states=states, multiquery=None))
    async with make_source(api, states=states, multiquery=True).open() as client:
        assert isinstance(client, MultiqueryClient)
        assert client.queries_per_request == 10


@virtual_time
async def test_switched_off_it_is_never_tried():
    api = FakeIgdb()
    assert len(await fetch_ten(make_source(api, multiquery=False))) == 10
    assert set(api.endpoints()) == {"games"}


@virtual_time
async def test_a_failure_that_may_pass_is_not_remembered_as_a_refusal():
    api, states = FakeIgdb(respond=lambda call: httpx.Response(503)), make_states()
    source = make_source(api, states=states, multiquery=None)
    with pytest.raises(TransientError):
        await fetch_ten(source)
    assert source.uses_multiquery()


@virtual_time
async def test_a_wrong_query_is_not_remembered_as_a_refusal():
    def refuse_one(call: Call) -> httpx.Response | None:
        return httpx.Response(400, json=[{"title": "No"}]) if "id > 3;" in call.text else None

    api, states = FakeIgdb(respond=refuse_one), make_states()
    source = make_source(api, states=states, multiquery=None)
    with pytest.raises(RefusedError):
        await fetch_ten(source)
    assert source.uses_multiquery()


@virtual_time
async def test_requests_are_granted_by_the_cap_that_all_processes_share():
    api, states = FakeIgdb(), make_states()
    before = states.changes
    await fetch_ten(make_source(api, states=states, multiquery=False))
    assert states.changes - before >= 10
    assert states.read("igdb") is not None


@virtual_time
async def test_after_the_block_nothing_of_the_client_runs_on():
    api = FakeIgdb()
    before = asyncio.all_tasks()
    async with make_source(api, multiquery=True).open() as client:
        await client.fetch("games", query(1))
    assert asyncio.all_tasks() == before
