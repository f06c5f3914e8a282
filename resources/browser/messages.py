"""What a browser is asked for, what comes back, and how it is run, as values; `page.py` does the loading."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from resources.http.errors import DEFAULT_TABLE, ErrorTable
from resources.http.messages import HttpRequest

BLOCKED_TYPES = frozenset({"Image", "Font", "Media"})
"""Chromium's names for what a reader of text does not need (Network.ResourceType of the DevTools protocol)."""

Capture = str | Callable[[str], bool]
"""Which JSON reply is read: one whose URL contains a text, or one whose URL a function accepts."""


@dataclass(frozen=True, slots=True)
class BrowserPolicy:
    """How a browser is run.

    Attributes:
        pages: Pages that load side by side, each with cookies and a cache of its own.
        recycle_after: Loads after which a page's context is opened afresh, cookies and memory too.
        timeout_seconds: Of one load, from the grant to the last byte, unless the load has its own.
        settle_seconds: How long a parsed document may go on loading before it is read as it is.
        open_seconds: For opening a page.
        close_seconds: For closing one; what does not close is killed with the browser.
        start_seconds: For starting the browser.
        restarts: Starts in a row without a page loaded in between, the first one not counted; then it is over.
        allowed_hosts: Hosts that the browser may speak to, `*.shop.example` for all under a domain; None for all.
        addresses: Address by host, instead of looking it up.
        blocked_types: What is not loaded; see `BLOCKED_TYPES`.
        user_agent: Instead of Chromium's own.
        table: What an HTTP status means.
    """

    pages: int = 2
    recycle_after: int = 100
    timeout_seconds: float = 30.0
    settle_seconds: float = 5.0
    open_seconds: float = 30.0
    close_seconds: float = 10.0
    start_seconds: float = 60.0
    restarts: int = 3
    allowed_hosts: frozenset[str] | None = None
    addresses: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    blocked_types: frozenset[str] = BLOCKED_TYPES
    user_agent: str | None = None
    table: ErrorTable = DEFAULT_TABLE


@dataclass(frozen=True, slots=True)
class PageLoad:
    """One load of a page.

    Attributes:
        url: Absolute, http or https.
        headers: Sent with every request of the page.
        capture: None for the document.
        seconds: How long it may take.
    """

    url: str
    headers: Mapping[str, str]
    capture: Capture | None
    seconds: float

    def captures(self, url: str) -> bool:
        """Whether a reply from this URL is the one to read."""
        if self.capture is None:
            return False
        return self.capture in url if isinstance(self.capture, str) else self.capture(url)

    def describe(self) -> str:
        """What is loaded, without the URL's query."""
        return f"browser: {self._request().describe()}"

    def list_secrets(self) -> list[str]:
        """Values that must not show up in a message."""
        return self._request().list_secrets()

    def _request(self) -> HttpRequest:
        return HttpRequest("GET", self.url, headers=self.headers)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was read of a page.

    Attributes:
        status: HTTP status of the document, or of the captured reply.
        url: Where the document came from in the end, after redirects; with `capture` where the reply came from.
        body: The document as it stands after its scripts, HTML in UTF-8 whatever its meta tag says; a document that is
            not HTML, and a captured reply, as sent, decompressed.
        seconds: From the grant to the last byte.
    """

    status: int
    url: str
    body: bytes = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class BrowserStats:
    """What a pool did so far.

    Attributes:
        fetched: Loads that brought a page.
        failed: Loads that brought an error.
        recycled: Contexts opened afresh because of their age.
        replaced: Contexts opened afresh because a load hung, crashed or was cancelled in them.
        restarts: Browsers started after one that died.
        memory_bytes: Memory of the browser's processes now, shared pages once for each; 0 where it cannot be read.
        peak_bytes: The most that was seen at the end of a load, before its page was emptied.
    """

    fetched: int
    failed: int
    recycled: int
    replaced: int
    restarts: int
    memory_bytes: int
    peak_bytes: int
