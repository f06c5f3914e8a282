"""The client over a scripted transport in virtual time, and the wire over real sockets where sockets matter."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from resources.caps.gate import Gate, GateCounters, GateStats, Grant
from resources.caps.limits import Cap
from resources.caps.local_gates import LocalGate, NoCap
from resources.http.client import Auth, HttpClient, HttpPolicy
from resources.http.errors import DEFAULT_TABLE, Action, Rule
from resources.http.messages import HttpReply, HttpRequest
from resources.http.wire import HttpTimeouts
from tests.fakes.virtual_time import virtual_time

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
CAP = Cap("test", 4, 1.0, 8, 1, None, "the test", guard=0.01)
GET = HttpRequest("GET", "http://upstream.test/games")

Step = httpx.Response | Exception


class Script(httpx.AsyncBaseTransport):
    """Answers with the given steps, one after the other, the last one again and again."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        self.times.append(asyncio.get_running_loop().time())
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step.status_code, headers=step.headers, content=step.content)


class WatchedGate:
    """Lets everything through and remembers who is inside and what it was told."""

    def __init__(self) -> None:
        self.inside = 0
        self.left_at: list[float] = []
        self.sent = 0
        self.throttles: list[float | None] = []
        self.window_seconds = 1.0
        self.in_flight: int | None = 8
        self._counters = GateCounters(1.0)

    @property
    def stats(self) -> GateStats:
        return self._counters.freeze(0.0)

    @asynccontextmanager
    async def enter(self) -> AsyncGenerator[Grant]:
        self.inside += 1
        try:
            yield Grant(self._count_sent)
        finally:
            self.inside -= 1
            self.left_at.append(asyncio.get_running_loop().time())

    def _count_sent(self) -> None:
        self.sent += 1

    def throttled(self, retry_after: float | None = None) -> None:
        self.throttles.append(retry_after)


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


class Tokens:
    """An auth whose tokens are numbered."""

    def __init__(self) -> None:
        self.number = 1
        self.refused: list[Mapping[str, str]] = []

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer token-{self.number}"}

    async def renew(self, refused: Mapping[str, str]) -> None:
        self.refused.append(refused)
        self.number += 1


def make_client(
    script: httpx.AsyncBaseTransport | None,
    gate: Gate | None = None,
    policy: HttpPolicy | None = None,
    auth: Auth | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpClient:
    return HttpClient(
        gate or WatchedGate(),
        policy=policy,
        auth=auth,
        headers=headers,
        transport=script,
        clock=FixedClock(),
        draw=lambda: 0.0,
    )


def reply(
    status: int = 200, content: bytes = b"[]", headers: Mapping[str, str] | None = None
) -> httpx.Response:
    return httpx.Response(status, headers=headers, content=content)


@virtual_time
async def test_a_reply_comes_back_whole():
    script = Script(reply(201, b"[1]", {"X-Count": "7"}))
    async with make_client(script, headers={"Accept": "a/b"}) as client:
        answer = await client.send(
            HttpRequest("POST", GET.url, headers={"X": "y"}, params={"q": "1"}, content=b"limit 5;")
        )
    assert (answer.status, answer.content, answer.headers["x-count"]) == (201, b"[1]", "7")
    [sent] = script.requests
    assert (sent.method, str(sent.url)) == ("POST", "http://upstream.test/games?q=1")
    assert (sent.headers["accept"], sent.headers["x"]) == ("a/b", "y")
    assert sent.content == b"limit 5;"
    assert client.stats.requests == 1
    assert client.stats.bytes_received == 3


@virtual_time
async def test_a_form_is_sent_as_a_form():
    script = Script(reply())
    async with make_client(script) as client:
        await client.send(HttpRequest("POST", GET.url, form={"a": "b c"}))
    assert script.requests[0].content == b"a=b+c"


@pytest.mark.parametrize(
    "failure",
    [
        reply(500),
        reply(503),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("no route"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("peer closed connection"),
    ],
)
@virtual_time
async def test_what_may_pass_is_tried_again_after_a_wait(failure: Step):
    script = Script(failure, failure, reply())
    async with make_client(script) as client:
        assert (await client.send(GET)).status == 200
    assert script.times == pytest.approx([0.0, 2.0, 6.0])
    assert (client.stats.requests, client.stats.retries) == (3, 2)
    assert client.stats.wait_seconds == pytest.approx(6.0)
    assert sum(client.stats.failures.values()) == 2


@virtual_time
async def test_the_wait_for_a_retry_is_outside_the_gate():
    gate = WatchedGate()
    async with make_client(Script(reply(500), reply()), gate) as client:
        task = asyncio.create_task(client.send(GET))
        await asyncio.sleep(1.0)
        assert gate.inside == 0
        await task
    assert gate.left_at == pytest.approx([0.0, 2.0])


@virtual_time
async def test_tries_have_an_end():
    async with make_client(Script(reply(502, b"<h1>Bad\n gateway</h1>"))) as client:
        with pytest.raises(TransientError, match="HTTP 502 after 3 tries.*Bad gateway") as raised:
            await client.send(GET)
    assert raised.value.kind == "server_error"
    assert client.stats.requests == 3
    assert client.stats.failures == {"server_error": 3}


@virtual_time
async def test_a_503_that_names_a_time_is_waited_for():
    script = Script(reply(503, headers={"Retry-After": "Fri, 20 Nov 2026 12:00:30 GMT"}), reply())
    async with make_client(script) as client:
        await client.send(GET)
    assert script.times[1] == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, RefusedError, "bad_request"),
        (403, RefusedError, "forbidden"),
        (404, PermanentError, "not_found"),
        (302, RefusedError, "redirected"),
    ],
)
@virtual_time
async def test_what_cannot_work_is_not_tried_again(
    status: int, error: type[RefusedError | PermanentError], kind: str
):
    body = json.dumps([{"title": "Syntax Error", "cause": "Expecting a STRING"}]).encode()
    async with make_client(Script(reply(status, body))) as client:
        with pytest.raises(error, match="Syntax Error.*Expecting a STRING") as raised:
            await client.send(GET)
    assert raised.value.kind == kind
    assert client.stats.requests == 1


@virtual_time
async def test_a_client_may_have_its_own_table():
    table = DEFAULT_TABLE.override({404: Rule(Action.RETRY, "not_yet", "Wait.")})
    async with make_client(Script(reply(404), reply()), policy=HttpPolicy(table=table)) as client:
        assert (await client.send(GET)).status == 200


@virtual_time
async def test_429s_do_not_count_as_tries():
    gate, script = WatchedGate(), Script(*[reply(429)] * 5, reply())
    async with make_client(script, gate) as client:
        await client.send(GET)
    assert script.times == pytest.approx([0, 1, 3, 7, 15, 25])
    assert gate.throttles == [None] * 5
    assert (client.stats.throttled, client.stats.retries) == (5, 0)


@virtual_time
async def test_a_429_that_names_a_time_is_waited_for_within_bounds():
    gate = WatchedGate()
    script = Script(
        reply(429, headers={"Retry-After": "3"}),
        reply(429, headers={"Retry-After": "9999"}),
        reply(),
    )
    async with make_client(script, gate) as client:
        await client.send(GET)
    assert script.times == pytest.approx([0, 3, 123])
    assert gate.throttles == [3.0, 120.0]


@virtual_time
async def test_nothing_but_429s_fails_in_the_end():
    script = Script(reply(429, b"slow down"))
    async with make_client(script, policy=HttpPolicy(throttle_limit=4)) as client:
        with pytest.raises(TransientError, match="429 after 4 tries.*slow down") as raised:
            await client.send(GET)
    assert raised.value.kind == "throttled"
    assert len(script.requests) == 4


@virtual_time
async def test_a_429_holds_up_the_other_tasks_of_a_capped_client():
    script = Script(reply(429), reply())
    async with make_client(script, LocalGate(CAP)) as client:
        await asyncio.gather(*(client.send(GET) for _ in range(3)))
    assert script.times[1] >= 1.0


@virtual_time
async def test_refused_credentials_are_renewed_once():
    script, tokens = Script(reply(401), reply()), Tokens()
    async with make_client(script, auth=tokens) as client:
        assert (await client.send(GET)).status == 200
    assert [r.headers["authorization"] for r in script.requests] == [
        "Bearer token-1",
        "Bearer token-2",
    ]
    assert tokens.refused == [{"Authorization": "Bearer token-1"}]
    assert client.stats.renewals == 1
    assert client.stats.retries == 0


@virtual_time
async def test_credentials_refused_twice_stop_the_run():
    body = b"token-2 is not a valid token"
    async with make_client(Script(reply(401, body)), auth=Tokens()) as client:
        with pytest.raises(RefusedError, match=r"HTTP 401.*\*\*\* is not a valid token") as raised:
            await client.send(GET)
    assert raised.value.kind == "unauthorized"
    assert client.stats.requests == 2


@virtual_time
async def test_a_401_without_credentials_stops_the_run():
    async with make_client(Script(reply(401))) as client:
        with pytest.raises(RefusedError):
            await client.send(GET)
    assert client.stats.requests == 1


def must_be_json(answer: HttpReply) -> None:
    json.loads(answer.content)


def must_be_list(answer: HttpReply) -> None:
    if not answer.content.startswith(b"["):
        raise TransientError("the reply is no list", kind="bad_page")


@pytest.mark.parametrize(
    ("check", "kind"), [(must_be_json, "invalid_body"), (must_be_list, "bad_page")]
)
@virtual_time
async def test_a_body_that_fails_its_check_is_asked_for_again(
    check: Callable[[HttpReply], None], kind: str
):
    request = HttpRequest("GET", GET.url, check=check)
    async with make_client(Script(reply(content=b"{cut of"), reply())) as client:
        assert (await client.send(request)).content == b"[]"
    assert client.stats.failures == {kind: 1}
    async with make_client(Script(reply(content=b"{cut of"))) as client:
        with pytest.raises(TransientError, match="after 3 tries") as raised:
            await client.send(request)
    assert raised.value.kind == kind


@virtual_time
async def test_a_bug_in_a_check_is_not_hidden():
    def check(answer: HttpReply) -> None:
        raise KeyError(answer.status)

    async with make_client(Script(reply())) as client:
        with pytest.raises(KeyError):
            await client.send(HttpRequest("GET", GET.url, check=check))


SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    "step",
    [
        reply(400, f"you sent {SECRET}".encode()),
        httpx.ConnectError(f"cannot reach {SECRET}"),
        httpx.LocalProtocolError(f"Illegal header value b'{SECRET}'"),
    ],
)
@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("GET", f"http://u:{SECRET}@upstream.test/x"),
        HttpRequest("GET", f"http://upstream.test/x?key={SECRET}"),
        HttpRequest("GET", "http://upstream.test/x", params={"key": SECRET}),
        HttpRequest("GET", "http://upstream.test/x", headers={"X-Key": SECRET}),
        HttpRequest("GET", "http://upstream.test/x", headers={"Authorization": f"Bearer {SECRET}"}),
        HttpRequest("POST", "http://upstream.test/x", form={"client_secret": SECRET}),
    ],
)
@virtual_time
async def test_no_secret_shows_in_a_message_or_repr(step: Step, request_: HttpRequest):
    policy = HttpPolicy(retry=RetryPolicy(attempts=1))
    async with make_client(Script(step), policy=policy) as client:
        with pytest.raises((TransientError, RefusedError)) as raised:
            await client.send(request_)
    assert SECRET not in str(raised.value)
    assert "http://upstream.test/x" in str(raised.value)
    assert SECRET not in repr(request_)


@pytest.mark.parametrize("url", ["ftp://upstream.test/x", "http://upstream.test:port/", "/games"])
@virtual_time
async def test_a_url_that_cannot_be_used_stops_the_run(url: str):
    async with HttpClient(NoCap()) as client:
        with pytest.raises(RefusedError) as raised:
            await client.send(HttpRequest("GET", url))
    assert raised.value.kind == "bad_url"


@asynccontextmanager
async def serve(*replies: bytes, delay: float = 0.0) -> AsyncGenerator[str]:
    """Answers the n-th request with the n-th bytes and closes the connection."""
    left: Sequence[bytes] = list(replies)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(delay)
        writer.write(left[0])
        left = left[1:]
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[1,"
QUICK = HttpPolicy(retry=RetryPolicy(first_wait_seconds=0.01), timeouts=HttpTimeouts(read=0.2))


@pytest.mark.parametrize(("first", "kind"), [(CUT, "truncated"), (b"", "truncated")])
async def test_a_reply_cut_off_on_the_wire_is_asked_for_again(first: bytes, kind: str):
    async with serve(first, WHOLE) as url, HttpClient(NoCap(), policy=QUICK) as client:
        assert (await client.send(HttpRequest("GET", url))).content == b"[]"
    assert client.stats.failures == {kind: 1}


async def test_a_reply_that_does_not_come_is_a_timeout():
    policy = HttpPolicy(retry=RetryPolicy(attempts=1), timeouts=HttpTimeouts(read=0.05))
    async with serve(WHOLE, delay=0.15) as url, HttpClient(NoCap(), policy=policy) as client:
        with pytest.raises(TransientError) as raised:
            await client.send(HttpRequest("GET", url))
        await asyncio.sleep(0.2)
    assert raised.value.kind == "timeout"


async def test_the_grant_hears_of_the_write_before_the_reply():
    gate = WatchedGate()
    async with serve(WHOLE, delay=0.1) as url, HttpClient(gate) as client:
        task = asyncio.create_task(client.send(HttpRequest("POST", url, content=b"limit 5;")))
        await asyncio.sleep(0.05)
        assert gate.sent == 1
        assert not task.done()
        await task
    assert gate.sent == 1
