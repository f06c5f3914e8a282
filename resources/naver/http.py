"""Naver's pages and its Open API over HTTP, each host under a cap of its own.

Which page is asked for and what is done with it is for whoever asks; pages in a browser are `browser.py`.
"""

import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Protocol

import httpx
from pydantic import SecretStr

from platform_assets.core.clock import Clock
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.errors import RefusedError
from resources.caps.gate import Gate
from resources.caps.limiter import CapGate
from resources.caps.limits import Cap
from resources.caps.state import CapStates
from resources.http.client import HttpClient, HttpPolicy
from resources.http.errors import DEFAULT_TABLE, Action, Rule
from resources.http.messages import HttpRequest
from resources.http.network import Network

SEARCH, MAP, OPENAPI = "search", "map", "openapi"
"""Naver's hosts, each with a pace of its own."""

CAP_NAMES: Mapping[str, str] = {
    SEARCH: "naver_search",
    MAP: "naver_map",
    OPENAPI: "naver_openapi",
}

_SLOWER = (
    "It wants fewer requests: the crawl slows down by itself, and stops if that does not help."
)
_QUESTION = "It does not take this question: look at the keyword."

PAGE_ERRORS = DEFAULT_TABLE.override(
    {
        400: Rule(Action.PERMANENT, "bad_request", _QUESTION),
        403: Rule(Action.RETRY, "blocked", _SLOWER),
        414: Rule(Action.PERMANENT, "bad_request", _QUESTION),
        405: Rule(Action.PERMANENT, "bad_request", _QUESTION),
        429: Rule(Action.RETRY, "throttled", _SLOWER),
    },
    classes={
        3: Rule(
            Action.RETRY, "redirected", "It points elsewhere instead of answering: look where."
        ),
        4: Rule(Action.PERMANENT, "bad_request", _QUESTION),
    },
)
"""What failures of a page mean: its own matter, tried again at its own time. Slowing down is the crawl's decision."""

OPENAPI_ERRORS = DEFAULT_TABLE.override(
    {
        400: Rule(Action.PERMANENT, "bad_request", _QUESTION),
        401: Rule(
            Action.REFUSE,
            "unauthorized",
            "Check SLUICE_NAVER_CLIENT_ID and SLUICE_NAVER_CLIENT_SECRET.",
        ),
        403: Rule(
            Action.REFUSE,
            "forbidden",
            "The application may not use the search API: switch it on at Naver's developer centre.",
        ),
        404: Rule(Action.PERMANENT, "bad_request", _QUESTION),
        429: Rule(Action.RETRY, "throttled", _SLOWER),
    },
    classes={4: Rule(Action.PERMANENT, "bad_request", _QUESTION)},
)
"""SOURCE: naver-openapi-guide, error codes: 401 and 403 are about the application, 429 about its quota."""

USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0",
)
"""Desktop browsers: the pages that a PC gets are those whose ranks are wanted. They take turns, one per request, from a
shuffled start."""

ONE_TRY = RetryPolicy(attempts=1)
"""A page is tried again by the engine, a minute later and without holding a place."""


class NaverPage(Protocol):
    """What is asked for."""

    @property
    def host(self) -> str:
        """`SEARCH`, `MAP` or `OPENAPI`."""
        ...

    @property
    def path(self) -> str:
        """Path and query."""
        ...


@dataclass(frozen=True, slots=True)
class NaverCredentials:
    """Of an application at Naver's developer centre."""

    client_id: str
    client_secret: SecretStr


@dataclass(frozen=True, slots=True)
class NaverHosts:
    """Where pages come from, and at what pace.

    Attributes:
        urls: Base URL by host.
        caps: What each host allows; hosts without one are not asked.
        credentials: For the Open API; None where it is not used.
    """

    urls: Mapping[str, str]
    caps: Mapping[str, Cap]
    credentials: NaverCredentials | None = None


@dataclass(frozen=True, slots=True)
class NaverHttp:
    """Opens Naver over HTTP.

    Attributes:
        hosts: Where, and at what pace.
        states: Where the caps' states are kept.
        clock: For the clients.
        transport: Instead of the network, for tests.
        draw: Random numbers in [0, 1), for the user agent.
        policy: Bounds of the clients; what failures mean is decided here.
        network: The way out; straight to the hosts if None.
    """

    hosts: NaverHosts
    states: CapStates
    clock: Clock
    transport: httpx.AsyncBaseTransport | None = None
    draw: random.Random = field(default_factory=random.Random)
    policy: HttpPolicy = field(default_factory=HttpPolicy)
    network: Network | None = None

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["NaverPages"]:
        """All hosts, each under its cap; closed at the end.

        Raises:
            RefusedError: kind `bad_setting`: the Open API is to be used and there are no credentials.
        """
        async with AsyncExitStack() as stack:
            clients: dict[str, HttpClient] = {}
            gates: dict[str, Gate] = {}
            for host, cap in self.hosts.caps.items():
                gate = await stack.enter_async_context(CapGate(cap, self.states))
                client = HttpClient(
                    gate,
                    policy=replace(
                        self.policy,
                        retry=ONE_TRY,
                        table=OPENAPI_ERRORS if host == OPENAPI else PAGE_ERRORS,
                    ),
                    headers=self._list_headers(host),
                    transport=self.transport,
                    network=self.network,
                    clock=self.clock,
                )
                clients[host] = await stack.enter_async_context(client)
                gates[host] = gate
            agents = list(USER_AGENTS)
            self.draw.shuffle(agents)
            yield NaverPages(self.hosts.urls, clients, gates, agents)

    def _list_headers(self, host: str) -> dict[str, str]:
        if host != OPENAPI:
            referer = "https://map.naver.com/" if host == MAP else "https://www.naver.com/"
            return {"accept-language": "ko-KR,ko;q=0.9", "referer": referer}
        known = self.hosts.credentials
        if known is None or not known.client_id:
            raise RefusedError(
                "the Open API needs an application: set SLUICE_NAVER_CLIENT_ID and SLUICE_NAVER_CLIENT_SECRET",
                kind="bad_setting",
            )
        return {
            "x-naver-client-id": known.client_id,
            "x-naver-client-secret": known.client_secret.get_secret_value(),
        }


class NaverPages:
    """Naver's hosts, open."""

    def __init__(
        self,
        urls: Mapping[str, str],
        clients: Mapping[str, HttpClient],
        gates: Mapping[str, Gate],
        agents: Sequence[str],
    ) -> None:
        self._urls = urls
        self._clients = clients
        self._gates = gates
        self._agents = cycle(agents)

    async def fetch(self, page: NaverPage) -> bytes:
        """The body of a page, as received.

        Raises:
            PlatformError: By `PAGE_ERRORS`, or `OPENAPI_ERRORS`.
        """
        url = self._urls[page.host].rstrip("/") + page.path
        # The Open API knows its application; the pages' agents take turns.
        headers = {} if page.host == OPENAPI else {"user-agent": next(self._agents)}
        reply = await self._clients[page.host].send(
            HttpRequest("GET", url, headers=headers, label="naver")
        )
        return reply.content

    def slow_down(self, host: str, seconds: float) -> None:
        """Leaves a host alone for a while, in all processes."""
        self._gates[host].throttled(seconds)
