"""Opening a shop over HTTP for one piece of work: its cap and its client put together, and closed at its end."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import httpx

from platform_assets.core.clock import Clock
from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from resources.caps.limiter import CapGate
from resources.caps.limits import Cap
from resources.caps.state import CapStates
from resources.http.client import HttpClient, HttpPolicy
from resources.http.errors import DEFAULT_TABLE, Action, ErrorTable, Rule
from resources.http.messages import HttpReply, HttpRequest
from resources.http.network import Network

BLOCKED = "blocked"
"""Kind of the error that a block page becomes."""

NOTHING_THERE = "not_found"
"""Kind of the error that 404 and 410 become."""


class ShopRequest(Protocol):
    """One request of a shop."""

    @property
    def method(self) -> str:
        """GET or POST; a browser only does GET."""
        ...

    @property
    def host(self) -> str:
        """Key of the shop's hosts."""
        ...

    @property
    def path(self) -> str:
        """From the host's base URL, with its query, quoted."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Beyond what the client sends anyway."""
        ...

    @property
    def body(self) -> Mapping[str, Any] | None:
        """Sent as JSON; None for no body."""
        ...

    @property
    def capture(self) -> str | None:
        """Of a browser: None for the document, otherwise what `captures` looks for."""
        ...

    def captures(self, url: str) -> bool:
        """Whether the reply that a page's own script fetches from this URL is the one to read."""
        ...


class Shop(Protocol):
    """What a client must know of a shop."""

    @property
    def name(self) -> str:
        """As messages say it."""
        ...

    @property
    def hosts(self) -> Mapping[str, str]:
        """Key -> base URL."""
        ...

    def find_challenge(self, status: int, headers: Mapping[str, str], body: bytes) -> str | None:
        """The sign by which a reply is a block page, in words; None if it is none."""
        ...

    def to_utf8(self, body: bytes, content_type: str) -> bytes:
        """A page in UTF-8, whatever it came in."""
        ...


_SLOWER = "The shop blocks us: lower the cap of this shop, and redrive its batches later."
_BAD_REQUEST = Rule(
    Action.PERMANENT,
    "bad_request",
    "The shop does not take this request: look at the page; if others fail alike, adapt the shop's module.",
)


SHOP_ERRORS = DEFAULT_TABLE.override(
    {
        400: _BAD_REQUEST,
        403: Rule(Action.REFUSE, BLOCKED, _SLOWER),
        405: _BAD_REQUEST,
        451: Rule(
            Action.PERMANENT, "unavailable", "The shop may not show it here: look at the page."
        ),
    },
    classes={
        3: Rule(
            Action.PERMANENT,
            "redirected",
            "Its page leads elsewhere, as that of a product does which is not sold any more: look at it, and take it "
            "off the known products.",
        ),
        4: _BAD_REQUEST,
    },
)
"""What a shop's failures mean. What a shop says of one page is that product's matter: it has moved, it is not to be
shown, its request is not understood. Only refused credentials (401) and a block (403, and what the platform knows
it by) are everybody's."""


def make_table(platform: Shop, table: ErrorTable = SHOP_ERRORS) -> ErrorTable:
    """The table for one shop: what is a block without a 403 is known by the platform."""

    def recognize(status: int, headers: Mapping[str, str], body: bytes) -> Rule | None:
        sign = None if status == 403 else platform.find_challenge(status, headers, body)
        if sign is None:
            return None
        return Rule(Action.PERMANENT, BLOCKED, f"It is {sign} instead of content. {_SLOWER}")

    return table.override({}, recognize=recognize)


_HEADERS = {"user-agent": "sluice/1", "accept-language": "ko-KR,ko;q=0.9"}


@dataclass(frozen=True, slots=True)
class HttpShops:
    """Opens shops of the kind `http`.

    Attributes:
        states: Where the caps' states are kept.
        clock: For the client.
        policy: Timeouts and retries.
        transport: Instead of the network, for tests.
        network: The way out; straight to the hosts if None.
    """

    states: CapStates
    clock: Clock
    policy: HttpPolicy = field(default_factory=lambda: HttpPolicy(table=SHOP_ERRORS))
    transport: httpx.AsyncBaseTransport | None = None
    network: Network | None = None

    @asynccontextmanager
    async def open(
        self, platform: Shop, cap: Cap, url: str | None = None
    ) -> AsyncGenerator["HttpShop"]:
        """A shop under its cap; closed at the end.

        Args:
            platform: The shop.
            cap: What it allows.
            url: Base URL in place of all its hosts, such as the sandbox's; None for the real ones.
        """
        hosts = platform.hosts if url is None else dict.fromkeys(platform.hosts, url.rstrip("/"))
        async with CapGate(cap, self.states) as gate:
            client = HttpClient(
                gate,
                policy=replace(self.policy, table=make_table(platform, self.policy.table)),
                headers=_HEADERS,
                transport=self.transport,
                network=self.network,
                clock=self.clock,
            )
            async with client:
                yield HttpShop(platform, hosts, client, gate)


class HttpShop:
    """A shop that is open."""

    def __init__(
        self, platform: Shop, hosts: Mapping[str, str], client: HttpClient, gate: CapGate
    ) -> None:
        self._platform = platform
        self._hosts = hosts
        self._client = client
        self._gate = gate

    async def fetch(self, request: ShopRequest) -> bytes | None:
        """A page in UTF-8; None where nothing is there (404, 410).

        Raises:
            PlatformError: By the table of errors.
        """
        try:
            reply = await self._client.send(self._describe(request))
        except PermanentError as error:
            if error.kind == NOTHING_THERE:
                return None
            raise
        return self._platform.to_utf8(reply.content, reply.headers.get("content-type", ""))

    def slow_down(self, seconds: float) -> None:
        """Leaves the shop alone for a while, in all processes."""
        self._gate.throttled(seconds)

    def _describe(self, request: ShopRequest) -> HttpRequest:
        body = None if request.body is None else json.dumps(request.body, ensure_ascii=False)
        json_header = {} if body is None else {"content-type": "application/json"}
        return HttpRequest(
            request.method,
            find_host(self._platform.name, self._hosts, request) + request.path,
            headers={**json_header, **request.headers},
            content=None if body is None else body.encode(),
            label=self._platform.name,
            check=_check_whole,
        )


def _check_whole(reply: HttpReply) -> None:
    """What was lost on the way comes whole another time; it says nothing about the shop's pages."""
    body = reply.content.rstrip()
    if not body:
        raise TransientError("the reply is empty", kind="empty_reply")
    if body[:1] in b"{[" and body[-1:] not in b"}]":
        raise TransientError(f"the reply is cut off: it ends with {body[-20:]!r}", kind="truncated")


def find_host(name: str, hosts: Mapping[str, str], request: ShopRequest) -> str:
    """The base URL that a request of a shop names.

    Raises:
        RefusedError: kind `bad_platform`: the shop has no such host.
    """
    if request.host not in hosts:
        raise RefusedError(
            f"{name}: a request names the host {request.host!r}, and there are {', '.join(hosts)}: correct the module "
            "of the shop",
            kind="bad_platform",
        )
    return hosts[request.host]
