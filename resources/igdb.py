"""The IGDB API as a source of pages: Twitch token, plain queries, counts. Many queries in one: `igdb_multiquery.py`.

Wire facts: api-docs.igdb.com; POST with an Apicalypse text body, at most 500 records, the query's total in `x-count`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from pydantic import SecretStr

from platform_assets.core.clock import Clock
from platform_assets.core.errors import RefusedError, TransientError
from resources.http_client import HttpClient, HttpReply, HttpRequest

RENEW_BEFORE_SECONDS = 300.0
"""A token is renewed this long before it expires. Twitch's live about 60 days."""


@dataclass(frozen=True, slots=True)
class IgdbReply:
    """Answer to one query: the JSON list as received, and the rows of the whole query if the API said so."""

    body: bytes
    total: int | None


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float


class _Count(msgspec.Struct):
    count: int


class TwitchAuth:
    """Client-credentials token of id.twitch.tv, fetched once and shared by every request.

    Args:
        http: Client for the token endpoint; it needs no cap.
        token_url: `https://id.twitch.tv/oauth2/token`, or the sandbox's.
        client_id: Of the Twitch application; sent with every request.
        client_secret: Of the Twitch application; sent to the token endpoint only, in the body.
        clock: For the token's age.
    """

    def __init__(
        self,
        http: HttpClient,
        token_url: str,
        client_id: str,
        client_secret: SecretStr,
        clock: Clock,
    ) -> None:
        self._http = http
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._headers: Mapping[str, str] | None = None
        self._expires_at = 0.0
        self._renewing = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """Headers that authorize a request; fetches a token when there is none or it is about to expire."""
        headers = self._headers
        if headers is None or self._clock.monotonic() >= self._expires_at - RENEW_BEFORE_SECONDS:
            headers = await self._fetch(headers)
        return headers

    async def renew(self, refused: Mapping[str, str]) -> None:
        """Replaces the token that was refused: once, however many requests were refused with it."""
        await self._fetch(refused)

    async def _fetch(self, stale: Mapping[str, str] | None) -> Mapping[str, str]:
        async with self._renewing:
            if self._headers is not None and self._headers is not stale and self._headers != stale:
                return self._headers
            token = await self._request()
            self._expires_at = self._clock.monotonic() + token.expires_in
            self._headers = {
                "Client-ID": self._client_id,
                "Authorization": f"Bearer {token.access_token}",
            }
            return self._headers

    async def _request(self) -> _Token:
        reply = await self._http.send(
            HttpRequest(
                "POST",
                self._token_url,
                form={
                    "client_id": self._client_id,
                    "client_secret": self._client_secret.get_secret_value(),
                    "grant_type": "client_credentials",
                },
                label="Twitch token",
            )
        )
        try:
            return msgspec.json.decode(reply.content, type=_Token)
        except msgspec.DecodeError as error:
            raise RefusedError(
                f"the token endpoint {self._token_url} answered without a token: check SLUICE_IGDB_TOKEN_URL",
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
        total = reply.headers.get("x-count", "")
        return IgdbReply(reply.content, int(total) if total.isdecimal() else None)

    async def count(self, endpoint: str, query: str) -> int:
        """Rows that a query has. Raises as `fetch` does."""
        reply = await self.post(f"{endpoint}/count", query, opens="{")
        try:
            return msgspec.json.decode(reply.content, type=_Count).count
        except msgspec.DecodeError as error:
            raise TransientError(
                f"{endpoint}/count answered no count: {reply.content[:100]!r}", kind="bad_page"
            ) from error

    async def post(self, endpoint: str, body: str, opens: str = "[") -> HttpReply:
        """Sends one request; a reply that does not open and close as JSON of that kind counts as cut off."""
        return await self._http.send(
            HttpRequest(
                "POST",
                f"{self._api_url}/{endpoint}",
                headers={"Accept": "application/json"},
                content=body.encode(),
                label=f"igdb {endpoint}",
                check=_whole_list if opens == "[" else None,
            )
        )

    @property
    def requests(self) -> int:
        """Requests sent so far, retries included."""
        return self._http.stats.requests


def _whole_list(reply: HttpReply) -> None:
    content = reply.content
    if content[:1] != b"[" or content[-2:].rstrip()[-1:] != b"]":
        raise TransientError(
            f"the reply is no JSON list: it starts with {content[:40]!r} and ends with {content[-20:]!r}",
            kind="bad_page",
        )
