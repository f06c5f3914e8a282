"""Tokens and roles: reading them from the settings, recognising the bearer of one, making a new one.

The settings hold digests only: who reads them cannot act. Tokens are random 256-bit words, so one plain SHA-256 is
enough; nothing here logs or repeats a token. What needs which role is `gate.py`'s business.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from platform_assets.core.errors import RefusedError

_ENTRY = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.@-]{0,49}):(?P<role>[a-z]+):(?P<digest>[0-9a-f]{64})"
)
_FORM = (
    "write name:role:sha256, separated by commas; `python -m api token NAME ROLE` makes an entry"
)


class Role(StrEnum):
    """What a token may do: READ everything, or also OPERATE: every write."""

    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """A token as the settings know it: whose it is, and its SHA-256."""

    actor: Actor
    digest: bytes = field(repr=False)


def parse_tokens(text: str) -> tuple[TokenEntry, ...]:
    """The entries of SLUICE_API_TOKENS.

    Raises:
        RefusedError: kind `bad_setting`: an entry has another form; its position is named, not its content.
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    return tuple(_parse_entry(position, entry) for position, entry in enumerate(entries, 1))


def find_actor(entries: Sequence[TokenEntry], token: str) -> Actor | None:
    """Whose token it is. Takes the same time for every token: no entry is skipped."""
    digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
    found: Actor | None = None
    for entry in entries:
        if hmac.compare_digest(digest, entry.digest):
            found = entry.actor
    return found


def mint_token(name: str, role: str) -> tuple[str, str]:
    """A new token, and its entry for the settings.

    Raises:
        RefusedError: kind `bad_setting`: not a usable name or role.
    """
    token = f"sluice_{secrets.token_urlsafe(32)}"
    entry = f"{name}:{role}:{hashlib.sha256(token.encode()).hexdigest()}"
    _parse_entry(1, entry)
    return token, entry


def _parse_entry(position: int, entry: str) -> TokenEntry:
    match = _ENTRY.fullmatch(entry)
    if match is None or match["role"] not in set(Role):
        raise RefusedError(
            f"entry {position} of SLUICE_API_TOKENS is not usable: {_FORM}; roles are {' and '.join(Role)}",
            kind="bad_setting",
        )
    return TokenEntry(Actor(match["name"], Role(match["role"])), bytes.fromhex(match["digest"]))
