"""The IGDB API as a source of pages: Twitch token, plain queries, counts. Many queries in one: `multiquery.py`.

Wire facts: api-docs.igdb.com; POST with an Apicalypse text body, at most 500 records, the query's total in `x-count`.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from pydantic import SecretStr

from platform_assets.core.clock import Clock
from platform_assets.core.decoding import UnreadableError, decode_json
from platform_assets.core.errors import TransientError
from resources.http.client import HttpClient, HttpStats
from resources.http.errors import DEFAULT_TABLE, Action, Rule
from resources.http.messages import HttpReply, HttpRequest

RENEW_BEFORE_SECONDS = 300.0
"""A token is renewed this long before it expires, or in the last tenth of a shorter life. Twitch's live 60 days."""

UNKNOWN_LIFE_SECONDS = 3600.0
"""How long a token is used that came without a life, unless it is refused before."""

SHORTEST_USE_SECONDS = 1.0
"""A token is asked for at most so often, however short its life."""

_TOTAL = re.compile("[0-9]{1,18}")

IGDB_ERRORS = DEFAULT_TABLE.override(
    {
        404: Rule(
            Action.REFUSE, "unknown_endpoint", "Check the entity's name and SLUICE_IGDB_API_URL."
        )
    }
)
"""What the API's failures mean: the default table, and a path that is not there is our mistake."""

TOKEN_ERRORS = DEFAULT_TABLE.override(
    {
        status: Rule(
            Action.REFUSE,
            "bad_credentials",
            "Check SLUICE_IGDB_CLIENT_ID, SLUICE_IGDB_CLIENT_SECRET and SLUICE_IGDB_TOKEN_URL.",
        )
        for status in (400, 401, 403, 404)
    }
)
"""What the token endpoint's failures mean."""


@dataclass(frozen=True, slots=True)
class IgdbReply:
    """Answer to one query: the JSON list as received, and the rows of the whole query if the API said so."""

    body: bytes
    total: int | None


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float


class _Count(msgspec.Struct):
    count: Annotated[int, msgspec.Meta(ge=0)]


_token = msgspec.json.Decoder(_Token)
_count = msgspec.json.Decoder(_Count)


@dataclass(frozen=True, slots=True)
class TwitchCredentials:
    """How to get a token.

    Attributes:
        token_url: `https://id.twitch.tv/oauth2/token`, or the sandbox's.
        client_id: Of the Twitch application; sent with every request.
        client_secret: Of the Twitch application; sent to the token endpoint only, in the body.
    """

    token_url: str
    client_id: str
    client_secret: SecretStr


@dataclass(slots=True)
class TokenCache:
    """The token in force; shared by the clients that one process opens one after another.

    Attributes:
        headers: Headers that authorize a request; None before the first token.
        renew_at: When to get the next one, on the clock's stopwatch.
    """

    headers: Mapping[str, str] | None = field(default=None, repr=False)
    renew_at: float = 0.0


class TwitchAuth:
    """Client-credentials token of id.twitch.tv, fetched once and shared by every request.

    Args:
        http: Client for the token endpoint; it needs no cap.
        credentials: How to get a token.
        clock: For the token's age.
        cache: Where the token is kept.
    """

    def __init__(
        self, http: HttpClient, credentials: TwitchCredentials, clock: Clock, cache: TokenCache
    ) -> None:
        self._http = http
        self._credentials = credentials
        self._clock = clock
        self._cache = cache
        self._renewing = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """Headers that authorize a request; fetches a token when there is none or it is about to expire."""
        headers = self._cache.headers
        if headers is None or self._clock.monotonic() >= self._cache.renew_at:
            return await self._replace(headers)
        return headers

    async def renew(self, refused: Mapping[str, str]) -> None:
        """Replaces the token that was refused: once, however many requests were refused with it."""
        await self._replace(refused)

    async def _replace(self, stale: Mapping[str, str] | None) -> Mapping[str, str]:
        async with self._renewing:
            if self._cache.headers is not None and self._cache.headers != stale:
                return self._cache.headers
            token = await self._request()
            headers = {
                "Client-ID": self._credentials.client_id,
                "Authorization": f"Bearer {token.access_token}",
            }
            self._cache.headers = headers
            self._cache.renew_at = self._clock.monotonic() + _usable_seconds(token)
            return headers

    async def _request(self) -> _Token:
        credentials = self._credentials
        reply = await self._http.send(
            HttpRequest(
                "POST",
                credentials.token_url,
                form={
                    "client_id": credentials.client_id,
                    "client_secret": credentials.client_secret.get_secret_value(),
                    "grant_type": "client_credentials",
                },
                label="Twitch token",
                check=_check_token,
            )
        )
        return _read_token(reply)


def _usable_seconds(token: _Token) -> float:
    """How long a token is used. One that has no life left by its own word is used until it is refused."""
    life = token.expires_in if token.expires_in > 0 else UNKNOWN_LIFE_SECONDS
    return max(SHORTEST_USE_SECONDS, life - min(RENEW_BEFORE_SECONDS, life / 10))


def _check_token(reply: HttpReply) -> None:
    _read_token(reply)


def _read_token(reply: HttpReply) -> _Token:
    try:
        return decode_json(reply.content, _token)
    except UnreadableError as error:
        raise TransientError(
            "the token endpoint answered without a token: if this stays, check SLUICE_IGDB_TOKEN_URL",
            kind="bad_token_reply",
        ) from error


class IgdbClient:
    """One query a request. Satisfies the games' `Source`.

    Args:
        http: Client with the `igdb` cap and `TwitchAuth`.
        api_url: `https://api.igdb.com/v4`, or the sandbox's.
    """

    def __init__(self, http: HttpClient, api_url: str) -> None:
        self._http = http
        self._api_url = api_url.rstrip("/")

    async def fetch(self, endpoint: str, query: str) -> IgdbReply:
        """Answers one query.

        Raises:
            TransientError: It did not work after several tries.
            RefusedError: The query, the endpoint or the credentials are wrong; the text holds the API's own message.
        """
        reply = await self.post(endpoint, query)
        return IgdbReply(reply.content, _read_total(reply.headers.get("x-count", "")))

    async def count(self, endpoint: str, query: str) -> int:
        """Rows that a query has. Raises as `fetch` does."""
        return _read_count(await self.post(f"{endpoint}/count", query, _check_count))

    async def post(
        self, endpoint: str, body: str, check: Callable[[HttpReply], None] | None = None
    ) -> HttpReply:
        """Sends one request; a reply that `check` (by default: is it a whole list?) refuses is asked for again."""
        return await self._http.send(
            HttpRequest(
                "POST",
                f"{self._api_url}/{endpoint}",
                headers={"Accept": "application/json"},
                content=body.encode(),
                label=f"igdb {endpoint}",
                check=check or _check_whole_list,
            )
        )

    queries_per_request = 1

    @property
    def traffic(self) -> HttpStats:
        """What was sent so far."""
        return self._http.stats


def _check_whole_list(reply: HttpReply) -> None:
    content = reply.content
    if content[:1] != b"[" or content[-2:].rstrip()[-1:] != b"]":
        raise TransientError(
            f"the reply is no JSON list: it starts with {content[:40]!r} and ends with {content[-20:]!r}",
            kind="bad_page",
        )


def _read_total(header: str) -> int | None:
    """The header `x-count`; None where it is no number of rows."""
    return int(header) if _TOTAL.fullmatch(header) else None


def _check_count(reply: HttpReply) -> None:
    _read_count(reply)


def _read_count(reply: HttpReply) -> int:
    try:
        return decode_json(reply.content, _count).count
    except UnreadableError as error:
        raise TransientError(
            f"the reply is no count: {reply.content[:100]!r}", kind="bad_page"
        ) from error
