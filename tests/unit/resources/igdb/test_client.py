"""The IGDB client and Twitch's token over a scripted upstream, in virtual time."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr

from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from resources.igdb.client import IgdbReply
from tests.fakes.igdb_api import (
    API_URL,
    CREDENTIALS,
    SECRET,
    TOKEN_URL,
    Call,
    FakeIgdb,
    make_http,
    make_plain,
    make_source,
    query,
)
from tests.fakes.virtual_time import virtual_time

WRONG_SECRET = {"status": 403, "message": "invalid client secret"}


async def fetch_many(api: FakeIgdb, count: int) -> list[IgdbReply]:
    async with make_source(api).open() as client:
        return await asyncio.gather(*(client.fetch("games", query(n)) for n in range(1, count + 1)))


async def fetch_once(api: FakeIgdb, endpoint: str = "games") -> IgdbReply:
    async with make_http(api) as http:
        return await make_plain(http).fetch(endpoint, query(5))


async def fail_once(api: FakeIgdb, endpoint: str = "games") -> Exception:
    with pytest.raises((RefusedError, PermanentError, TransientError)) as caught:
        await fetch_once(api, endpoint)
    return caught.value


def first_then_normal(first: httpx.Response) -> FakeIgdb:
    """A server whose first reply is a bad one."""
    return FakeIgdb(respond=lambda call: first if call.number == 1 else None)


# The token.


@virtual_time
async def test_one_token_serves_many_requests():
    api = FakeIgdb()
    replies = await fetch_many(api, 40)
    assert [reply.body for reply in replies] == [b'[{"id":%d}]' % n for n in range(1, 41)]
    assert len(api.token_forms) == 1
    assert {call.headers["authorization"] for call in api.calls} == {"Bearer token-number-1"}
    assert {call.headers["client-id"] for call in api.calls} == {"client-4711"}


@virtual_time
async def test_the_secret_goes_to_the_token_endpoint_only():
    api = FakeIgdb()
    await fetch_many(api, 3)
    assert SECRET in api.token_forms[0]
    assert not any(SECRET in str(call.headers.raw) + call.text for call in api.calls)


@virtual_time
async def test_a_refused_token_is_renewed_once_whatever_number_of_requests_got_the_401():
    api = FakeIgdb()
    async with make_source(api).open() as client:
        await client.fetch("games", query(1))
        api.valid.clear()
        await asyncio.gather(*(client.fetch("games", query(n)) for n in range(8)))
        assert len(api.token_forms) == 2
        assert client.traffic.retries == 0, "a renewal is no failure"


@virtual_time
async def test_a_token_is_renewed_before_it_expires_and_not_earlier():
    api = FakeIgdb(token_seconds=10_000)
    async with make_source(api).open() as client:
        await client.fetch("games", query(1))
        await asyncio.sleep(9_600)
        await client.fetch("games", query(2))
        assert len(api.token_forms) == 1
        await asyncio.sleep(200)
        await client.fetch("games", query(3))
        assert client.traffic.renewals == 0, "no request was sent with a token that had expired"
    assert len(api.token_forms) == 2


@virtual_time
async def test_a_token_with_a_short_life_is_used_for_most_of_it():
    api = FakeIgdb(token_seconds=60)
    async with make_source(api).open() as client:
        for number in range(20):
            await client.fetch("games", query(number))
    assert len(api.token_forms) == 1, "twenty requests within seconds need one token of a minute"


@virtual_time
async def test_wrong_credentials_are_refused_with_the_names_of_the_variables():
    api = FakeIgdb(respond_token=lambda: httpx.Response(403, json=WRONG_SECRET))
    with pytest.raises(RefusedError) as caught:
        await fetch_many(api, 3)
    assert caught.value.kind == "bad_credentials"
    for name in ("SLUICE_IGDB_CLIENT_ID", "SLUICE_IGDB_CLIENT_SECRET", "invalid client secret"):
        assert name in str(caught.value)
    assert api.calls == [], "nothing is asked of the API without a token"


@virtual_time
async def test_an_unknown_client_is_refused_with_twitchs_own_message():
    body = {"status": 400, "message": "invalid client"}
    api = FakeIgdb(respond_token=lambda: httpx.Response(400, json=body))
    with pytest.raises(RefusedError, match="invalid client") as caught:
        await fetch_many(api, 1)
    assert caught.value.kind == "bad_credentials"


@virtual_time
async def test_the_secret_is_in_no_message_and_no_repr_even_when_the_server_repeats_it():
    api = FakeIgdb(respond_token=lambda: httpx.Response(403, json={"message": f"wrong: {SECRET}"}))
    source = make_source(api)
    with pytest.raises(RefusedError) as caught:
        await fetch_many(api, 1)
    for shown in (str(caught.value), repr(caught.value), repr(CREDENTIALS), repr(source)):
        assert SECRET not in shown


@virtual_time
async def test_a_token_is_in_no_repr_of_what_keeps_it():
    api = FakeIgdb()
    source = make_source(api)
    async with source.open() as client:
        await client.fetch("games", query(1))
        assert "token-number-1" not in repr(source) + repr(client)


@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b'{"access_token":"a\xff","expires_in":9}', b"[" * 20_000]
)
@virtual_time
async def test_a_token_endpoint_that_is_something_else_is_tried_again_and_then_named(body: bytes):
    api = FakeIgdb(respond_token=lambda: httpx.Response(200, content=body))
    with pytest.raises(TransientError, match="answered without a token") as caught:
        await fetch_many(api, 1)
    assert caught.value.kind == "bad_token_reply"
    assert "SLUICE_IGDB_TOKEN_URL" in str(caught.value)
    assert len(api.token_forms) == 3


@pytest.mark.parametrize("seconds", [0, -5])
@virtual_time
async def test_a_token_that_comes_without_a_life_is_asked_for_once(seconds: int):
    api = FakeIgdb(token_seconds=seconds)
    async with make_source(api).open() as client:
        for number in range(1, 7):
            await client.fetch("games", query(number))
    assert len(api.token_forms) == 1


@pytest.mark.parametrize("header", ["9" * 5_000, "-1", "12.5", "٣", "many"])
@virtual_time
async def test_a_total_that_is_no_number_of_rows_is_none(header: str):
    answer = httpx.Response(200, json=[{"id": 6}], headers=[(b"x-count", header.encode())])
    assert (await fetch_once(first_then_normal(answer))).total is None


@virtual_time
async def test_a_token_endpoint_that_is_down_for_a_moment_is_asked_again():
    answers = iter([httpx.Response(503), httpx.Response(500)])
    api = FakeIgdb(respond_token=lambda: next(answers, None))
    assert len(await fetch_many(api, 2)) == 2
    assert len(api.token_forms) == 3


@virtual_time
async def test_a_token_endpoint_that_cannot_be_reached_is_named():
    def refuse() -> httpx.Response:
        raise httpx.ConnectError("All connection attempts failed")

    with pytest.raises(TransientError) as caught:
        await fetch_many(FakeIgdb(respond_token=refuse), 1)
    assert caught.value.kind == "connect_failed"
    for part in ("Twitch token", TOKEN_URL, "check the network and the URL"):
        assert part in str(caught.value)


@virtual_time
async def test_a_401_that_stays_after_the_renewal_is_refused():
    api = FakeIgdb(
        respond=lambda call: httpx.Response(401, json={"message": "Authorization Failure"})
    )
    with pytest.raises(RefusedError, match="Authorization Failure") as caught:
        await fetch_many(api, 1)
    assert caught.value.kind == "unauthorized"
    assert len(api.calls) == 2
    assert "token-number" not in str(caught.value)


@virtual_time
async def test_missing_credentials_are_refused_before_anything_is_sent():
    for credentials in (
        replace(CREDENTIALS, client_id=""),
        replace(CREDENTIALS, client_secret=SecretStr("")),
    ):
        api = FakeIgdb()
        with pytest.raises(RefusedError, match="set SLUICE_IGDB_CLIENT_ID and") as caught:
            async with make_source(api, credentials=credentials).open():
                pass
        assert caught.value.kind == "no_credentials"
        assert (api.calls, api.token_forms) == ([], [])


# Replies.


@pytest.mark.parametrize(
    ("header", "total"), [("344121", 344_121), ("0", 0), ("", None), ("many", None), ("-1", None)]
)
@virtual_time
async def test_the_total_is_read_from_x_count(header: str, total: int | None):
    api = FakeIgdb(respond=lambda call: httpx.Response(200, text="[]", headers={"x-count": header}))
    assert await fetch_once(api) == IgdbReply(b"[]", total)


@virtual_time
async def test_without_x_count_there_is_no_total():
    api = FakeIgdb(respond=lambda call: httpx.Response(200, text="[]"))
    assert (await fetch_once(api)).total is None


@pytest.mark.parametrize(
    "body",
    [b'[{"id":1},{"id":2,"na', b"", b"<html>502</html>", b'{"message":"try again"}', b"[", b"null"],
)
@virtual_time
async def test_a_body_that_is_cut_off_or_no_list_is_asked_for_again(body: bytes):
    api = first_then_normal(httpx.Response(200, content=body))
    assert (await fetch_once(api)).body == b'[{"id":5}]'
    assert len(api.calls) == 2


@virtual_time
async def test_a_body_that_stays_wrong_is_a_transient_error_after_three_tries():
    api = FakeIgdb(respond=lambda call: httpx.Response(200, content=b'[{"id":1},'))
    error = await fail_once(api)
    assert isinstance(error, TransientError)
    assert error.kind == "bad_page"
    assert len(api.calls) == 3


@virtual_time
async def test_an_indented_list_with_a_line_break_at_its_end_is_whole():
    api = FakeIgdb(
        respond=lambda call: httpx.Response(200, content=b'[\n  {\n    "id": 1\n  }\n]\n')
    )
    assert (await fetch_once(api)).body.startswith(b"[\n")
    assert len(api.calls) == 1


@virtual_time
async def test_a_count_is_read():
    api = FakeIgdb()
    async with make_http(api) as http:
        assert await make_plain(http).count("games", "where id > 0;") == 31
    assert [(call.endpoint, call.text) for call in api.calls] == [("games/count", "where id > 0;")]


@pytest.mark.parametrize("body", [b'{"cou', b'{"message":"try again"}', b"[]", b'{"count":"x"}'])
@virtual_time
async def test_a_count_that_is_cut_off_or_no_count_is_asked_for_again(body: bytes):
    api = first_then_normal(httpx.Response(200, content=body))
    async with make_http(api) as http:
        assert await make_plain(http).count("games", "where id > 0;") == 31


@virtual_time
async def test_a_wrong_query_is_refused_at_once_with_the_apis_own_message():
    body = [{"title": "Invalid Field", "status": 400, "cause": "Invalid field name: 'nope'"}]
    api = FakeIgdb(respond=lambda call: httpx.Response(400, json=body))
    error = await fail_once(api)
    assert isinstance(error, RefusedError)
    assert "Invalid field name: 'nope'" in str(error)
    assert f"igdb games: POST {API_URL}/games" in str(error)
    assert len(api.calls) == 1


@virtual_time
async def test_an_unknown_endpoint_is_refused_and_named():
    answer = httpx.Response(404, text="Endpoint POST /gamez not found")
    api = FakeIgdb(respond=lambda call: answer)
    error = await fail_once(api, "gamez")
    assert isinstance(error, RefusedError)
    assert error.kind == "unknown_endpoint"
    for part in (
        "Endpoint POST /gamez not found",
        "Check the entity's name",
        "SLUICE_IGDB_API_URL",
    ):
        assert part in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "family"),
    [(403, "forbidden", RefusedError), (413, "too_large", PermanentError)],
)
@virtual_time
async def test_what_no_second_try_can_mend_is_not_tried_again(
    status: int, kind: str, family: type[Exception]
):
    api = FakeIgdb(respond=lambda call: httpx.Response(status, json=[{"title": "No"}]))
    error = await fail_once(api)
    assert isinstance(error, family)
    assert getattr(error, "kind", "") == kind
    assert len(api.calls) == 1


@virtual_time
async def test_a_429_waits_and_counts_and_is_no_failure():
    api = first_then_normal(httpx.Response(429, json={"message": "Too Many Requests"}))
    async with make_source(api).open() as client:
        started = asyncio.get_running_loop().time()
        await client.fetch("games", query(1))
        assert asyncio.get_running_loop().time() - started >= 1.0
        traffic = client.traffic
    assert (traffic.requests, traffic.retries, traffic.throttled) == (2, 0, 1)


@virtual_time
async def test_a_server_error_that_stays_is_transient_after_three_tries():
    api = FakeIgdb(
        respond=lambda call: httpx.Response(503, json={"message": "Service Unavailable"})
    )
    error = await fail_once(api)
    assert isinstance(error, TransientError)
    assert "Service Unavailable" in str(error)
    assert len(api.calls) == 3


@virtual_time
async def test_a_slash_at_the_end_of_the_url_does_not_matter():
    api = FakeIgdb()
    async with make_source(api, api_url=f"{API_URL}/").open() as client:
        await client.fetch("games", query(1))
    assert api.endpoints() == ["games"]


@virtual_time
async def test_the_text_of_the_query_is_what_is_sent():
    api = FakeIgdb()

    def look(call: Call) -> None:
        assert call.headers["accept"] == "application/json"

    api.respond = look
    await fetch_once(api)
    assert api.calls[0].text == query(5)
