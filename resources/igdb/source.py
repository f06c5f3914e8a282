"""Opening IGDB for one piece of work: cap, token and gear put together, and closed at its end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx

from platform_assets.core.clock import Clock
from platform_assets.core.engine.units import JsonObject
from platform_assets.core.errors import RefusedError
from resources.caps.limiter import CapGate
from resources.caps.limits import Cap
from resources.caps.local_gates import NoCap
from resources.caps.state import CapStates
from resources.http.client import HttpClient, HttpPolicy
from resources.http.network import Network
from resources.igdb.client import (
    IGDB_ERRORS,
    TOKEN_ERRORS,
    IgdbClient,
    TokenCache,
    TwitchAuth,
    TwitchCredentials,
)
from resources.igdb.multiquery import MultiqueryClient

REFUSAL_SECONDS = 7 * 86_400
"""How long a refused gear is not tried again: a week."""


TOKEN_BYTES = 64 * 1024
"""Of the token endpoint's reply: it is a line of JSON."""


@dataclass(frozen=True, slots=True)
class IgdbSource:
    """Opens clients of one IGDB account.

    Attributes:
        api_url: `https://api.igdb.com/v4`, or the sandbox's.
        credentials: How to get a token.
        cap: What the account allows.
        states: Where the cap's state, and a refusal of multiqueries, are kept.
        clock: For the token's age.
        multiquery: True and False choose the gear; None uses it until the server refuses.
        policy: Timeouts and retries.
        transport: Instead of the network, for tests.
        network: The way out; straight to the hosts if None.
    """

    api_url: str
    credentials: TwitchCredentials
    cap: Cap
    states: CapStates
    clock: Clock
    multiquery: bool | None = None
    policy: HttpPolicy = field(default_factory=lambda: HttpPolicy(table=IGDB_ERRORS))
    transport: httpx.AsyncBaseTransport | None = None
    network: Network | None = None
    _token: TokenCache = field(default_factory=TokenCache)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[IgdbClient | MultiqueryClient]:
        """A client; closed at the end. The token outlives it.

        Raises:
            RefusedError: kind `no_credentials`: there is no client id or secret.
        """
        self._require_credentials()
        async with AsyncExitStack() as stack:
            token_http = HttpClient(
                NoCap(),
                policy=replace(self.policy, table=TOKEN_ERRORS, body_bytes=TOKEN_BYTES),
                transport=self.transport,
                network=self.network,
            )
            auth = TwitchAuth(
                await stack.enter_async_context(token_http),
                self.credentials,
                self.clock,
                self._token,
            )
            gate = await stack.enter_async_context(CapGate(self.cap, self.states))
            http = HttpClient(
                gate, policy=self.policy, auth=auth, transport=self.transport, network=self.network
            )
            plain = IgdbClient(await stack.enter_async_context(http), self.api_url)
            if not await asyncio.to_thread(self.uses_multiquery):
                yield plain
                return
            packed = MultiqueryClient(plain, self.cap.in_flight, self._remember_refusal)
            yield await stack.enter_async_context(packed)

    def uses_multiquery(self) -> bool:
        """Whether the next client packs queries: as chosen, or unless the server refused lately."""
        if self.multiquery is not None:
            return self.multiquery

        def look(state: JsonObject | None, now: float) -> tuple[JsonObject, bool]:
            state = state if state is not None else {}
            return state, now - state.get("refused_at", 0.0) > REFUSAL_SECONDS

        return self.states.change(self._gear_name, look)

    async def _remember_refusal(self, reason: str) -> None:
        def note(_: JsonObject | None, now: float) -> tuple[JsonObject, None]:
            return {"refused_at": now, "reason": reason[:300]}, None

        await asyncio.to_thread(self.states.change, self._gear_name, note)

    @property
    def _gear_name(self) -> str:
        """Row beside the cap's own: the gear belongs to the same account."""
        return f"{self.cap.name}/multiquery"

    def _require_credentials(self) -> None:
        secret = self.credentials.client_secret.get_secret_value()
        if not self.credentials.client_id or not secret:
            raise RefusedError(
                "IGDB needs credentials: set SLUICE_IGDB_CLIENT_ID and SLUICE_IGDB_CLIENT_SECRET (a Twitch "
                "application, api-docs.igdb.com/#account-creation), or point at a sandbox: python -m sandbox igdb",
                kind="no_credentials",
            )
