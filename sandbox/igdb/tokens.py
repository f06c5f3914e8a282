"""Twitch's client-credentials grant: issues app access tokens, forgets them when they expire or when told to."""

import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from platform_assets.core.clock import Clock
from sandbox.igdb.errors import token_refused


class Tokens:
    """Tokens of one application.

    Args:
        client_id: The only client id that is known here.
        client_secret: Its secret.
        lifetime_seconds: How long a token is valid; Twitch's live about 60 days.
        clock: For expiry.
    """

    def __init__(
        self, *, client_id: str, client_secret: str, lifetime_seconds: float, clock: Clock
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._lifetime_seconds = lifetime_seconds
        self._clock = clock
        self._expires_at: dict[str, float] = {}

    def issue(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answers a token request.

        Args:
            form: `client_id`, `client_secret` and `grant_type`, from the query string or the form.

        Returns:
            `access_token`, `expires_in` (whole seconds) and `token_type`, as Twitch sends them.

        Raises:
            WireError: 400 for a missing value, an unknown client or another grant, 403 for a wrong secret.
        """
        for name in ("client_id", "client_secret", "grant_type"):
            if not form.get(name):
                raise token_refused(400, f"missing {name.replace('_', ' ')}")
        if form["grant_type"] != "client_credentials":
            raise token_refused(400, "invalid grant type")
        if form["client_id"] != self._client_id:
            raise token_refused(400, "invalid client")
        if not hmac.compare_digest(form["client_secret"].encode(), self._client_secret.encode()):
            raise token_refused(403, "invalid client secret")
        token = secrets.token_hex(15)
        self._expires_at[token] = self._clock.monotonic() + self._lifetime_seconds
        return {
            "access_token": token,
            "expires_in": int(self._lifetime_seconds),
            "token_type": "bearer",
        }

    def accepts(self, client_id: str, authorization: str) -> bool:
        """Whether the two headers name the known client and a token that is still valid."""
        scheme, _, token = authorization.partition(" ")
        expires_at = self._expires_at.get(token)
        return (
            client_id == self._client_id
            and scheme == "Bearer"
            and expires_at is not None
            and self._clock.monotonic() < expires_at
        )

    def forget(self, authorization: str) -> None:
        """Makes the token of this header invalid at once."""
        self._expires_at.pop(authorization.partition(" ")[2], None)
