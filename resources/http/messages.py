"""A request and its reply as values. How they travel is `wire.py`, what failures mean `errors.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

HARMLESS = frozenset({"accept", "accept-encoding", "accept-language", "content-type", "user-agent"})
"""Headers whose values may show in messages."""


class BodyTooLargeError(httpx.DecodingError):
    """A body unpacks to more than it may."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the body has more than {limit_bytes} bytes")


class ExchangeDeadlineError(httpx.TimeoutException):
    """An exchange took longer than it may, from the connection to the last byte of the body."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no end of the reply after {seconds:g} s")


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A whole reply.

    Attributes:
        status: HTTP status.
        headers: Names in lower case.
        content: The body, decompressed.
        seconds: From the grant to the last byte.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True, repr=False)
class HttpRequest:
    """A request. Its repr and all messages show method, host and path only.

    Attributes:
        method: GET, POST, ...
        url: Absolute; `params` are added to its query.
        headers: Beyond those of the client and the auth.
        params: Query parameters.
        content: Body.
        form: Body as a form; instead of `content`.
        label: What it is for, in messages: "igdb games".
        check: Raises ValueError (as JSON decoders do) or TransientError when the body is not what it should be: the
            request is sent again like after a 5xx.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = None
    form: Mapping[str, str] | None = None
    label: str = ""
    check: Callable[[HttpReply], None] | None = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.describe()})"

    def describe(self) -> str:
        """Label, method, and the URL without user, query and fragment."""
        url = _read_url(self.url)
        place = f"{url.scheme}://{url.netloc.decode()}{url.path}" if url else "(no URL)"
        label = f"{self.label}: " if self.label else ""
        return f"{label}{self.method} {place}"

    def list_secrets(self) -> list[str]:
        """Values of this request that must not show up in a message, wherever they come back from."""
        url = _read_url(self.url)
        values = [*self.params.values(), *(self.form or {}).values()]
        values += [value for name, value in self.headers.items() if name.lower() not in HARMLESS]
        return values + ([*url.params.values(), url.password] if url else [])


def _read_url(url: str) -> httpx.URL | None:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL:
        return None
