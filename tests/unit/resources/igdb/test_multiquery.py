"""Packing queries into multiqueries over a scripted upstream, in virtual time."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from resources.igdb.client import IgdbReply
from resources.igdb.multiquery import MultiqueryClient, read_multiquery, write_multiquery
from tests.fakes.igdb_api import Call, FakeIgdb, Responder, make_http, make_plain, query
from tests.fakes.virtual_time import run_virtual, virtual_time

FORBIDDEN = [{"title": "Forbidden", "status": 403, "cause": "not in your API tier"}]
TOO_LARGE = [{"title": "Payload Too Large", "status": 413, "cause": "Response exceeds 10MB limit."}]
REFUSALS = {
    400: httpx.Response(400, json=[{"title": "Syntax Error", "status": 400}]),
    403: httpx.Response(403, json=FORBIDDEN),
    404: httpx.Response(404, text="Endpoint POST /multiquery not found"),
}

Answer = IgdbReply | BaseException


@dataclass
class Packed:
    """A client over a scripted server, and what it reported as a refusal."""

    client: MultiqueryClient
    api: FakeIgdb
    refusals: list[str] = field(default_factory=list[str])

    async def fetch_all(self, numbers: Iterable[int]) -> list[Answer]:
        """Asks for all at once; errors come back in their places."""
        fetches = (self.client.fetch("games", query(number)) for number in numbers)
        return await asyncio.gather(*fetches, return_exceptions=True)


@asynccontextmanager
async def packed(
    respond: Responder = lambda call: None, *, in_flight: int = 8
) -> AsyncGenerator[Packed]:
    api = FakeIgdb(respond=respond)
    refusals: list[str] = []

    async def note(reason: str) -> None:
        refusals.append(reason)

    async with make_http(api) as http:
        client = MultiqueryClient(make_plain(http), in_flight, note)
        async with client:
            yield Packed(client, api, refusals)


def bodies(answers: list[Answer]) -> list[bytes]:
    assert not [answer for answer in answers if isinstance(answer, BaseException)]
    return [answer.body for answer in answers if isinstance(answer, IgdbReply)]


def expected(numbers: Iterable[int]) -> list[bytes]:
    return [b'[{"id":%d}]' % number for number in numbers]


def refuse_multiquery(status: int) -> Responder:
    return lambda call: REFUSALS[status] if call.endpoint == "multiquery" else None


def refuse_query(number: int) -> Responder:
    """A server that does not like one query, alone or among others."""
    wrong = [{"title": "Invalid Field", "status": 400, "cause": f"query {number}"}]

    def respond(call: Call) -> httpx.Response | None:
        return httpx.Response(400, json=wrong) if f"id > {number};" in call.text else None

    return respond


@virtual_time
async def test_ten_queries_at_once_leave_in_one_request():
    async with packed() as world:
        answers = await world.fetch_all(range(10))
    assert bodies(answers) == expected(range(10))
    assert world.api.endpoints() == ["multiquery"]
    assert [(endpoint, text) for endpoint, _, text in world.api.calls[0].parts()] == [
        ("games", query(number)) for number in range(10)
    ]


@virtual_time
async def test_more_than_ten_are_spread_over_requests_of_ten_at_most():
    async with packed() as world:
        answers = await world.fetch_all(range(87))
    assert bodies(answers) == expected(range(87))
    sizes = [len(call.parts()) or 1 for call in world.api.calls]
    assert sum(sizes) == 87
    assert max(sizes) == 10
    assert len(sizes) == 9


@virtual_time
async def test_a_lone_query_goes_plain_and_keeps_its_total():
    async with packed() as world:
        reply = await world.client.fetch("games", query(1))
    assert world.api.endpoints() == ["games"]
    assert reply == IgdbReply(b'[{"id":1}]', 77)


@virtual_time
async def test_a_lone_query_waits_for_company_a_moment_only():
    async with packed() as world:
        await world.client.fetch("games", query(1))
        assert asyncio.get_running_loop().time() == pytest.approx(0.05 + 0.1)


@virtual_time
async def test_a_query_that_comes_within_the_moment_is_taken_along():
    async with packed() as world:
        first = asyncio.create_task(world.client.fetch("games", query(1)))
        await asyncio.sleep(0.04)
        second = asyncio.create_task(world.client.fetch("genres", query(2)))
        assert bodies([await first, await second]) == expected([1, 2])
    assert world.api.endpoints() == ["multiquery"]


@virtual_time
async def test_answers_are_matched_by_name_whatever_their_order():
    def shuffle(call: Call) -> httpx.Response:
        answers = [
            {"name": name, "result": [{"id": int(text.split()[5].rstrip(";"))}]}
            for _, name, text in sorted(call.parts(), key=lambda part: part[1][::-1])
        ]
        return httpx.Response(200, json=answers)

    async with packed(shuffle) as world:
        assert bodies(await world.fetch_all(range(10, 20))) == expected(range(10, 20))


@virtual_time
async def test_a_part_that_the_answer_leaves_out_is_a_transient_error_of_that_query():
    def leave_out(call: Call) -> httpx.Response:
        answers = [{"name": name, "result": []} for _, name, _ in call.parts()]
        return httpx.Response(200, json=answers[1:])

    async with packed(leave_out) as world:
        first, *others = await world.fetch_all(range(5))
    assert isinstance(first, TransientError)
    assert bodies(others) == [b"[]"] * 4


@pytest.mark.parametrize("status", [400, 403, 404])
@virtual_time
async def test_a_server_that_refuses_multiqueries_is_asked_one_by_one_from_then_on(status: int):
    async with packed(refuse_multiquery(status)) as world:
        assert bodies(await world.fetch_all(range(10))) == expected(range(10))
        assert world.api.endpoints() == ["multiquery"] + ["games"] * 10
        assert bodies(await world.fetch_all(range(20, 40))) == expected(range(20, 40))
    assert world.api.endpoints().count("multiquery") == 1
    assert len(world.refusals) == 1
    assert f"HTTP {status}" in world.refusals[0]


@virtual_time
async def test_queries_that_waited_while_it_was_refused_are_answered_too():
    async with packed(refuse_multiquery(403), in_flight=2) as world:
        assert bodies(await world.fetch_all(range(60))) == expected(range(60))
    assert world.api.endpoints().count("multiquery") <= 2
    assert len(world.refusals) == 1, "told once"


@virtual_time
async def test_a_wrong_query_in_a_batch_fails_only_that_query():
    async with packed(refuse_query(4)) as world:
        answers = await world.fetch_all(range(10))
    wrong = answers.pop(4)
    assert isinstance(wrong, RefusedError)
    assert "query 4" in str(wrong)
    assert bodies(answers) == expected([n for n in range(10) if n != 4])


@virtual_time
async def test_a_wrong_query_in_a_batch_is_not_taken_for_a_refusal_of_multiqueries():
    async with packed(refuse_query(4)) as world:
        await world.fetch_all(range(10))
        world.api.calls.clear()
        await world.fetch_all(range(20, 30))
    assert world.refusals == []
    assert world.api.endpoints() == ["multiquery"]


@virtual_time
async def test_wrong_queries_only_are_no_refusal_of_multiqueries():
    def refuse(call: Call) -> httpx.Response:
        return REFUSALS[400]

    async with packed(refuse) as world:
        answers = await world.fetch_all(range(3))
    assert all(isinstance(answer, RefusedError) for answer in answers)
    assert world.refusals == []


@virtual_time
async def test_an_answer_that_is_too_large_is_asked_for_in_halves():
    def limit(call: Call) -> httpx.Response | None:
        return httpx.Response(413, json=TOO_LARGE) if len(call.parts()) > 3 else None

    async with packed(limit) as world:
        assert bodies(await world.fetch_all(range(10))) == expected(range(10))
        world.api.calls.clear()
        assert bodies(await world.fetch_all(range(10))) == expected(range(10))
    assert max(len(call.parts()) for call in world.api.calls) <= 3, "the size is remembered"
    assert world.refusals == []


@virtual_time
async def test_an_error_that_may_pass_fails_all_ten_as_transient():
    async with packed(lambda call: httpx.Response(503)) as world:
        answers = await world.fetch_all(range(10))
    assert [type(answer) for answer in answers] == [TransientError] * 10
    assert world.api.endpoints() == ["multiquery"] * 3, "no query is asked for on its own"
    assert world.refusals == []


@pytest.mark.parametrize(
    "body",
    [b'[{"name":"q0","result":[]},]', b'[{"name":"q0"}]', b"[1]", b'[{"name":"\xff","result":[]}]'],
)
@virtual_time
async def test_an_answer_that_is_no_list_of_results_fails_all_as_transient(body: bytes):
    def spoil(call: Call) -> httpx.Response:
        return httpx.Response(200, content=body)

    async with packed(spoil) as world, asyncio.timeout(60):
        answers = await world.fetch_all(range(2))
    assert [type(answer) for answer in answers] == [TransientError] * 2


@virtual_time
async def test_an_error_of_ours_reaches_the_callers_and_the_next_query_is_answered():
    broken = True

    def fail(call: Call) -> httpx.Response | None:
        if broken:
            raise RuntimeError("a defect")
        return None

    async with packed(fail, in_flight=1) as world, asyncio.timeout(60):
        answers = await world.fetch_all(range(2))
        assert all(isinstance(answer, Exception) for answer in answers)
        broken = False
        assert bodies(await world.fetch_all(range(2))) == expected(range(2))


@virtual_time
async def test_callers_that_went_away_do_no_harm():
    async with packed() as world:
        tasks = [asyncio.create_task(world.client.fetch("games", query(n))) for n in range(10)]
        await asyncio.sleep(0.06)
        for task in tasks[::2]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert bodies(answers[1::2]) == expected(range(1, 10, 2))
        assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
        assert bodies(await world.fetch_all([50])) == expected([50])


@virtual_time
async def test_a_query_whose_caller_left_before_it_was_sent_is_not_sent():
    async with packed() as world:
        tasks = [asyncio.create_task(world.client.fetch("games", query(n))) for n in range(3)]
        await asyncio.sleep(0.01)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert [text for _, _, text in world.api.calls[0].parts()] == [query(1), query(2)]


@virtual_time
async def test_a_refusal_is_found_also_when_a_caller_went_away():
    async with packed(refuse_multiquery(403)) as world:
        tasks = [asyncio.create_task(world.client.fetch("games", query(n))) for n in range(3)]
        await asyncio.sleep(0.06)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(world.refusals) == 1


@virtual_time
async def test_as_many_requests_are_on_the_way_as_may_be_open():
    async with packed(in_flight=3) as world:
        world.api.latency_seconds = 1.0
        fetching = asyncio.create_task(world.fetch_all(range(100)))
        await asyncio.sleep(0.9)
        assert len(world.api.calls) == 3
        await fetching
        assert asyncio.get_running_loop().time() == pytest.approx(4.0, abs=0.2)
    assert len(world.api.calls) == 10


@virtual_time
async def test_a_count_is_a_request_of_its_own():
    async with packed() as world:
        assert await world.client.count("games", "where id > 0;") == 31
    assert world.api.endpoints() == ["games/count"]


def test_the_text_names_each_query_by_its_number():
    text = write_multiquery([("games", "fields *;"), ("genres", "limit 1;")])
    assert text == 'query games "q0" { fields *; };\nquery genres "q1" { limit 1; };'


def test_results_are_kept_as_they_were_received():
    content = b'[{"result": [ {"id" : 1} ], "name": "q0"}]'
    assert read_multiquery(content) == {"q0": b'[ {"id" : 1} ]'}


@given(st.binary())
def test_whatever_comes_is_a_mapping_or_a_transient_error(content: bytes):
    try:
        answers = read_multiquery(content)
    except PlatformError as error:
        assert isinstance(error, TransientError)  # noqa: PT017 - most examples raise, some need not
    else:
        assert isinstance(answers, dict)


@given(
    st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=40),
    st.integers(1, 8),
    st.sampled_from([None, 403]),
)
def test_every_query_gets_its_own_answer_whenever_it_comes(
    starts: list[float], in_flight: int, refusal: int | None
):
    async def run() -> list[bytes]:
        respond = refuse_multiquery(refusal) if refusal else FakeIgdb().respond
        async with packed(respond, in_flight=in_flight) as world:

            async def fetch_later(number: int, start: float) -> IgdbReply:
                await asyncio.sleep(start)
                return await world.client.fetch("games", query(number))

            fetches = [fetch_later(number, start) for number, start in enumerate(starts)]
            return [reply.body for reply in await asyncio.gather(*fetches)]

    assert run_virtual(run()) == expected(range(len(starts)))
