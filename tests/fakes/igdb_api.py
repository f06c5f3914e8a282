"""Twitch's token endpoint and IGDB's API behind an httpx transport: answers as scripted, remembers what was asked.

For tests of the client in virtual time. The sandbox is the same over real sockets.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from resources.caps.limits import Cap
from resources.caps.local_gates import NoCap
from resources.http.client import HttpClient, HttpPolicy
from resources.igdb.client import IGDB_ERRORS, IgdbClient, TwitchCredentials
from resources.igdb.source import IgdbSource
from tests.fakes.clock import START
from tests.fakes.memory_caps import MemoryCapStates

API_URL = "https://api.igdb.test/v4"
TOKEN_URL = "https://id.twitch.test/oauth2/token"
SECRET = "s3cret-of-the-application"
CREDENTIALS = TwitchCredentials(TOKEN_URL, "client-4711", SecretStr(SECRET))
FAST_CAP = Cap("igdb", 1000, 1.0, 8, 4, None, "tests")

Responder = Callable[["Call"], httpx.Response | None]


@dataclass(frozen=True)
class Call:
    """One request to the API. `number` counts them from 1."""

    number: int
    endpoint: str
    text: str
    headers: httpx.Headers

    def parts(self) -> list[tuple[str, str, str]]:
        """(endpoint, name, query) of each part of a multiquery."""
        return re.findall(r'query (\S+) "([^"]+)" \{ (.*?) \};', self.text)


@dataclass
class FakeIgdb:
    """`respond` answers a request; None means one record with the id that `id > N` names, less a row in the total.

    Attributes:
        respond: The script.
        respond_token: Replies to token requests; None issues a token.
        token_seconds: Lifetime of issued tokens.
        latency_seconds: Of every reply, in the event loop's time.
        calls: Requests to the API.
        token_forms: Bodies of the token requests.
        valid: Tokens that are accepted.
    """

    respond: Responder = lambda call: None
    respond_token: Callable[[], httpx.Response | None] = lambda: None
    token_seconds: float = 5_000_000
    latency_seconds: float = 0.1
    calls: list[Call] = field(default_factory=list[Call])
    token_forms: list[str] = field(default_factory=list[str])
    valid: set[str] = field(default_factory=set[str])

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._handle)

    def endpoints(self) -> list[str]:
        return [call.endpoint for call in self.calls]

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        answer = self._issue if str(request.url) == TOKEN_URL else self._answer
        response = answer(request)
        await asyncio.sleep(self.latency_seconds)
        return response

    def _issue(self, request: httpx.Request) -> httpx.Response:
        self.token_forms.append(request.content.decode())
        if scripted := self.respond_token():
            return scripted
        token = f"token-number-{len(self.token_forms)}"
        self.valid.add(token)
        return httpx.Response(200, json={"access_token": token, "expires_in": self.token_seconds})

    def _answer(self, request: httpx.Request) -> httpx.Response:
        endpoint = request.url.path.removeprefix("/v4/")
        call = Call(len(self.calls) + 1, endpoint, request.content.decode(), request.headers)
        self.calls.append(call)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.valid and request.headers.get("authorization"):
            return httpx.Response(401, json={"message": "Authorization Failure. Have you tried:"})
        return self.respond(call) or answer_normally(call)


def answer_normally(call: Call) -> httpx.Response:
    """Records for a query, or named results for a multiquery, last part first: the order is not promised."""
    if call.endpoint == "multiquery":
        answers = [{"name": name, "result": rows_of(text)} for _, name, text in call.parts()]
        return httpx.Response(200, json=answers[::-1])
    if call.endpoint.endswith("/count"):
        return httpx.Response(200, json={"count": 31})
    return httpx.Response(200, json=rows_of(call.text), headers={"x-count": "77"})


def rows_of(text: str) -> list[dict[str, Any]]:
    match = re.search(r"id > (\d+)", text)
    return [{"id": int(match[1])}] if match else []


def query(number: int) -> str:
    """A query that a fake answers with one record of that id."""
    return f"fields *; where id > {number}; sort id asc; limit 500;"


class LoopClock:
    """The clock of the running event loop: in virtual time it jumps with it."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def make_states() -> MemoryCapStates:
    """Cap states whose time is the event loop's."""
    return MemoryCapStates(lambda: START.astimezone(UTC).timestamp() + LoopClock().monotonic())


def make_source(
    api: FakeIgdb,
    *,
    states: MemoryCapStates | None = None,
    multiquery: bool | None = False,
    credentials: TwitchCredentials = CREDENTIALS,
    api_url: str = API_URL,
) -> IgdbSource:
    """The whole of it: cap, token, gear."""
    return IgdbSource(
        api_url=api_url,
        credentials=credentials,
        cap=FAST_CAP,
        states=states or make_states(),
        clock=LoopClock(),
        multiquery=multiquery,
        transport=api.transport(),
    )


def make_http(api: FakeIgdb) -> HttpClient:
    """A client without cap and token."""
    return HttpClient(NoCap(), policy=HttpPolicy(table=IGDB_ERRORS), transport=api.transport())


def make_plain(http: HttpClient) -> IgdbClient:
    return IgdbClient(http, API_URL)
