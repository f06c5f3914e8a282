"""What an HTTP failure means, as a table: status or exception -> what to do, kind, advice. Pure; nothing is sent here.

A client with other rules passes its own table: `DEFAULT_TABLE.override({404: Rule(Action.RETRY, "not_yet", "...")})`.
"""

import math
import re
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from types import MappingProxyType

import httpx

from platform_assets.core.errors import (
    PermanentError,
    PlatformError,
    RefusedError,
    TransientError,
)
from resources.http.messages import BodyTooLargeError, ExchangeDeadlineError

SAID_LENGTH = 300
"""Characters of the upstream's own message that go into an error's text."""

SHORTEST_SECRET = 6
"""Shorter values are not looked for in texts: they would hit harmless words."""


class Action(StrEnum):
    """What a failure calls for."""

    RETRY = "retry"
    """Send it again after a wait: `TransientError` when that does not help."""
    THROTTLE = "throttle"
    """All pause, then send it again."""
    RENEW_AUTH = "renew_auth"
    """Renew the credentials and send it once more: `RefusedError` when that does not help."""
    PERMANENT = "permanent"
    """This one request will never work: `PermanentError`."""
    REFUSE = "refuse"
    """No request will work until a person acts: `RefusedError`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: what to do, the error's kind, and what a person should do next."""

    action: Action
    kind: str
    advice: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that the table was asked about.

    Attributes:
        rule: The line that fits.
        what: What was tried on what, without secrets: "POST https://host/path".
        how: How it failed: "HTTP 503", "ReadTimeout".
        said: The upstream's own words, at most `SAID_LENGTH` characters; may be empty.
        retry_after: Seconds that the upstream asked to wait; None when it did not say.
    """

    rule: Rule
    what: str
    how: str
    said: str = ""
    retry_after: float | None = None

    def to_error(self, tries: int = 1) -> PlatformError:
        """The error to raise when `tries` tries failed, this one the last."""
        said = f"; the upstream says: {self.said}" if self.said else ""
        count = f" after {tries} tries" if tries > 1 else ""
        message = f"{self.what}: {self.how}{count}{said}. {self.rule.advice}"
        match self.rule.action:
            case Action.RETRY | Action.THROTTLE:
                return TransientError(message, kind=self.rule.kind, retry_after=self.retry_after)
            case Action.PERMANENT:
                return PermanentError(message, kind=self.rule.kind)
            case Action.RENEW_AUTH | Action.REFUSE:
                return RefusedError(message, kind=self.rule.kind)


_LATER = "Run it again; if it goes on, look at the upstream's status page."
_NETWORK = "Run it again; if it goes on, check the network and the URL."
_TLS = (
    "Check that the URL's port speaks TLS, and who has signed its certificate: SSL_CERT_FILE names authorities of your "
    "own."
)
_QUERY = "The request itself is wrong: correct the query."


Recognize = Callable[[int, Mapping[str, str], bytes], Rule | None]
"""A rule for a reply by its status, headers (names in lower case) and body; None: the table decides by the status."""


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """Rules by status, then by class of status (4 for 4xx), and by exception (first that fits).

    Attributes:
        statuses: Rule by status.
        classes: Rule by the hundreds of the status.
        exceptions: Rules by exception.
        recognize: Looked at first, for what the status alone does not say; None where there is no such thing.
    """

    statuses: Mapping[int, Rule]
    classes: Mapping[int, Rule]
    exceptions: tuple[tuple[type[Exception], Rule], ...]
    recognize: Recognize | None = None

    def find_reply(self, status: int, headers: Mapping[str, str], body: bytes) -> Rule | None:
        """The rule of a reply; None when it is no failure.

        Args:
            status: Its status.
            headers: Names in lower case.
            body: Its body, or the beginning of it.
        """
        found = self.recognize(status, headers, body) if self.recognize is not None else None
        return found or self.find_status(status)

    def find_status(self, status: int) -> Rule | None:
        """The rule of a status; None when it is no failure (2xx without a rule of its own)."""
        # What HTTP does not know (600 and above) is as good as no answer, and 1xx is none.
        return self.statuses.get(status) or self.classes.get(status // 100 if status < 600 else 1)

    def find_exception(self, error: Exception) -> Rule | None:
        """The rule of an exception; None when the table does not know it: a bug, not a failure."""
        rule = next((rule for kind, rule in self.exceptions if isinstance(error, kind)), None)
        if rule is not None and isinstance(error, httpx.ConnectError) and _is_about_tls(error):
            return replace(rule, advice=_TLS)
        return rule

    def override(
        self,
        statuses: Mapping[int, Rule],
        *,
        classes: Mapping[int, Rule] | None = None,
        recognize: Recognize | None = None,
    ) -> "ErrorTable":
        """This table with other rules for some statuses.

        Args:
            statuses: Rule by status.
            classes: Rule by the hundreds of the status; a status with a rule of its own in this table keeps it.
            recognize: See `ErrorTable`.
        """
        return replace(
            self,
            statuses=MappingProxyType({**self.statuses, **statuses}),
            classes=MappingProxyType({**self.classes, **(classes or {})}),
            recognize=recognize or self.recognize,
        )


DEFAULT_TABLE = ErrorTable(
    statuses=MappingProxyType(
        {
            400: Rule(Action.REFUSE, "bad_request", _QUERY),
            401: Rule(
                Action.RENEW_AUTH,
                "unauthorized",
                "The credentials are refused, renewed ones too: check them.",
            ),
            403: Rule(
                Action.REFUSE,
                "forbidden",
                "The account may not do this: check its rights and the query.",
            ),
            404: Rule(Action.PERMANENT, "not_found", "It does not exist there; nothing to do."),
            405: Rule(
                Action.REFUSE, "bad_method", "The URL does not take this method: correct it."
            ),
            408: Rule(Action.RETRY, "request_timeout", _LATER),
            410: Rule(Action.PERMANENT, "not_found", "It is gone there; nothing to do."),
            413: Rule(Action.PERMANENT, "too_large", "Ask for less in one request."),
            422: Rule(Action.PERMANENT, "unprocessable", "The upstream cannot use this request."),
            425: Rule(Action.RETRY, "too_early", _LATER),
            429: Rule(
                Action.THROTTLE,
                "throttled",
                "Something else uses the account, or its cap is lower than configured: lower the rate.",
            ),
        }
    ),
    classes=MappingProxyType(
        {
            1: Rule(Action.RETRY, "bad_reply", _LATER),
            3: Rule(Action.REFUSE, "redirected", "The URL has moved: correct it."),
            4: Rule(Action.REFUSE, "bad_request", _QUERY),
            5: Rule(Action.RETRY, "server_error", _LATER),
        }
    ),
    exceptions=(
        (
            BodyTooLargeError,
            Rule(
                Action.PERMANENT, "body_too_large", "Ask for less, or raise SLUICE_HTTP_BODY_BYTES."
            ),
        ),
        (ExchangeDeadlineError, Rule(Action.RETRY, "exchange_deadline", _LATER)),
        (httpx.ConnectTimeout, Rule(Action.RETRY, "connect_timeout", _NETWORK)),
        (httpx.PoolTimeout, Rule(Action.RETRY, "pool_timeout", _LATER)),
        (httpx.TimeoutException, Rule(Action.RETRY, "timeout", _LATER)),
        (httpx.ConnectError, Rule(Action.RETRY, "connect_failed", _NETWORK)),
        (httpx.ProxyError, Rule(Action.RETRY, "proxy_failed", _NETWORK)),
        (httpx.NetworkError, Rule(Action.RETRY, "dropped", _LATER)),
        (httpx.RemoteProtocolError, Rule(Action.RETRY, "truncated", _LATER)),
        (httpx.DecodingError, Rule(Action.RETRY, "invalid_body", _LATER)),
        (
            httpx.LocalProtocolError,
            Rule(Action.REFUSE, "bad_request", "A header is not valid HTTP: check the settings."),
        ),
        (httpx.UnsupportedProtocol, Rule(Action.REFUSE, "bad_url", "Correct the URL.")),
        (httpx.InvalidURL, Rule(Action.REFUSE, "bad_url", "Correct the URL.")),
        (ValueError, Rule(Action.RETRY, "invalid_body", _LATER)),
        (httpx.TransportError, Rule(Action.RETRY, "dropped", _LATER)),
    ),
)
"""What holds for an ordinary JSON API. A body that its check refuses (`ValueError`) is retried like a 5xx: it was cut
off or mixed up on the way."""


_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (ExchangeDeadlineError, ""),
    (httpx.ConnectTimeout, "no connection in time"),
    (httpx.PoolTimeout, "no free connection in time"),
    (httpx.WriteTimeout, "the request was not taken in time"),
    (httpx.TimeoutException, "no answer in time"),
    (httpx.ConnectError, "no connection"),
    (httpx.NetworkError, "the connection was cut off"),
    (httpx.RemoteProtocolError, "the answer is broken off, or no HTTP"),
)
"""What happened, for those who do not know httpx's names; empty where the exception's own text says it."""


def describe_exception(error: Exception, said: str) -> str:
    """How errors name an exception.

    Args:
        error: What was raised.
        said: Its text, without secrets; may be empty, as httpx's often is.
    """
    words = next((words for kind, words in _WORDS if isinstance(error, kind)), "")
    name = type(error).__name__
    if not words:
        return f"{name} ({said})" if said else name
    return f"{words} ({name}: {said})" if said else f"{words} ({name})"


def _is_about_tls(error: BaseException) -> bool:
    """Whether the connection was there and TLS failed on it; httpx says so only in what was raised before."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header, 0 or more; None when it is missing or cannot be read.

    Args:
        value: Seconds, or an HTTP date (RFC 9110, 10.2.3).
        now: Aware time of the reply.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        seconds = _seconds_until(value, now)
    return max(seconds, 0.0) if seconds is not None and math.isfinite(seconds) else None


def _seconds_until(value: str, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    # HTTP dates are GMT, also when they end in -0000.
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()


def describe_status(status: int, location: str | None = None) -> str:
    """How errors name a status; of a redirect where it points, without its query, which may hold a secret."""
    if status // 100 != 3 or not location:
        return f"HTTP {status}"
    return f"HTTP {status} to {re.split('[?#]', location, maxsplit=1)[0][:SAID_LENGTH]}"


def quote_upstream(text: str, secrets: Collection[str] = ()) -> str:
    """The upstream's words for an error's text: one line, cut, with what we sent in secret blacked out.

    Args:
        text: Body or exception text.
        secrets: Values that must not show: header values, query values.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "***")
    line = " ".join(text.split())
    return line if len(line) <= SAID_LENGTH else f"{line[:SAID_LENGTH]}..."
