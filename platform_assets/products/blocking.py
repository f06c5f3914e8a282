"""Signs that a shop blocks us, in a reply's status and headers, or in a page that lacks the content that was expected.

What follows is decided in one place, `BlockWatch`: a single such page is one product's matter, several are a block.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Protocol

from platform_assets.core.errors import PlatformError, RefusedError

BLOCKED = "blocked"
"""Kind of the error about a reply that is a block, captcha or login page."""

THROTTLED = "throttled"
"""Kind of the error about a shop that wants fewer requests."""

MOST_BLOCKS = 5
"""Replies of kind `blocked` after which nothing more is asked for: one may have odd words, five are a block."""

BLOCK_PAUSE_SECONDS = 30.0
"""How long the shop is left alone when it blocks us, at most: waiting counts towards the time of a try, so that it is
never more than half of that."""

THROTTLE_PAUSE_SECONDS = 5.0
"""The same, when it says in a reply's body that it wants fewer requests, and not for how long."""

_SIGNS = (
    (b"captcha", "a captcha"),
    (b"cf-challenge", "a Cloudflare challenge"),
    (b"challenge-platform", "a Cloudflare challenge"),
    (b"cf_chl_", "a Cloudflare challenge"),
    (b"just a moment", "a Cloudflare challenge"),
    ("잠시만 기다리십시오".encode(), "a Cloudflare challenge"),
    (b"attention required", "a block page"),
    (b"access denied", "a block page"),
    (b"request blocked", "a block page"),
    (b"request could not be satisfied", "a block page"),
    (b"awswaf", "a block page"),
    ("비정상적인 접근".encode(), "a block page"),
    ("접근이 차단".encode(), "a block page"),
    (b'type="password"', "a login page"),
    ("로그인이 필요".encode(), "a login page"),
)
"""Words in lower case, and what they are a sign of; the Korean ones are what the shops and Cloudflare show."""

_LOOKED_AT_BYTES = 200_000


def find_block(body: bytes) -> str | None:
    """What a page shows instead of content, in words; None when nothing says so."""
    text = body[:_LOOKED_AT_BYTES].lower()
    return next((sign for words, sign in _SIGNS if words in text), None)


def is_html(body: bytes) -> bool:
    """Whether a reply is a document rather than JSON."""
    return body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


_HEADERS = (
    ("x-amzn-waf-action", ("challenge", "captcha"), "a challenge of its firewall"),
    ("cf-mitigated", ("challenge",), "a Cloudflare challenge"),
)
"""SOURCE: AWS WAF, "CAPTCHA and Challenge actions" (x-amzn-waf-action); Cloudflare, "Detect a challenge page response"
(cf-mitigated)."""

_ACCEPTED = 202
_PAGES_OF_THEIR_OWN = frozenset({404, 410, 429})
"""Failures that mean what they say, whatever form for a login or a search stands on their page."""


def find_challenge(status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """What a reply is instead of content, in words, by its status and headers; None when they do not say.

    Args:
        status: Its status.
        headers: Names in lower case.
        body: Its body; of a failure it is looked at, too.
    """
    for name, values, sign in _HEADERS:
        if headers.get(name, "").lower() in values:
            return sign
    if status == _ACCEPTED and not body.strip():
        return "an empty reply with status 202, as firewalls give it,"
    if status // 100 == 3:
        return _find_in_address(headers.get("location", ""))
    if status >= 400 and status not in _PAGES_OF_THEIR_OWN:
        return find_block(body)
    return None


def _find_in_address(location: str) -> str | None:
    path = location.partition("?")[0].lower()
    found = any(word in path for word in ("captcha", "challenge", "blocked"))
    return "a redirect to a block page" if found else None


class Pausable(Protocol):
    """Whoever sends the requests."""

    def slow_down(self, seconds: float) -> None:
        """All processes leave the shop alone for so long. Never blocks."""
        ...


class BlockWatch:
    """Counts the block pages of one run, pauses the shop, and ends the run when there are too many.

    Args:
        source: What is paused.
        try_seconds: What one try of a unit may take; None for any time.
    """

    def __init__(self, source: Pausable, try_seconds: float | None) -> None:
        self._source = source
        self._longest = BLOCK_PAUSE_SECONDS if try_seconds is None else try_seconds / 2
        self._blocks = 0

    @contextmanager
    def watching(self) -> Generator[None]:
        """Sees the errors of the block, and lets them pass.

        Raises:
            RefusedError: kind `blocked`, in place of the last block page that is borne.
        """
        try:
            yield
        except PlatformError as error:
            if error.kind == THROTTLED:
                self._pause(THROTTLE_PAUSE_SECONDS)
            if error.kind != BLOCKED:
                raise
            self._blocks += 1
            if not isinstance(error, RefusedError) and self._blocks < MOST_BLOCKS:
                raise
            self._pause(BLOCK_PAUSE_SECONDS)
            raise RefusedError(error.message, kind=BLOCKED) from error

    def _pause(self, seconds: float) -> None:
        self._source.slow_down(min(seconds, self._longest))
