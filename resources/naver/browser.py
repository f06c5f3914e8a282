"""Naver's pages in a browser, for a page that a script must draw first. The Open API stays with `http.py`."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from platform_assets.core.clock import Clock
from resources.browser.hosts import host_of
from resources.browser.messages import BrowserPolicy
from resources.browser.pool import BrowserPool
from resources.caps.gate import Gate
from resources.caps.limiter import CapGate
from resources.caps.state import CapStates
from resources.http.network import Network
from resources.naver.http import PAGE_ERRORS, NaverHosts, NaverPage

RECYCLE_AFTER = 50
"""Pages of results are large: a context is opened afresh after so many."""


@dataclass(frozen=True, slots=True)
class NaverBrowser:
    """Opens Naver in one browser.

    Attributes:
        hosts: Where, and at what pace.
        states: Where the caps' states are kept.
        clock: For the browser.
        executable: Chromium; None for the one on the PATH.
        network: The way out; straight to the hosts if None.
        timeout_seconds: Of one page.
    """

    hosts: NaverHosts
    states: CapStates
    clock: Clock
    executable: Path | None = None
    network: Network | None = None
    timeout_seconds: float = 60.0

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["NaverBrowserPages"]:
        """All hosts, each under its cap, in one browser; closed at the end.

        Raises:
            RefusedError: kinds `missing_browser`, `missing_extra`.
            TransientError: kind `browser_not_started`.
        """
        policy = BrowserPolicy(
            pages=len(self.hosts.caps),
            recycle_after=RECYCLE_AFTER,
            timeout_seconds=self.timeout_seconds,
            allowed_hosts=_list_allowed(self.hosts.urls[host] for host in self.hosts.caps),
            table=PAGE_ERRORS,
        )
        async with AsyncExitStack() as stack:
            gates: dict[str, Gate] = {
                host: await stack.enter_async_context(CapGate(cap, self.states))
                for host, cap in self.hosts.caps.items()
            }
            pool = await stack.enter_async_context(
                BrowserPool(self.executable, policy, clock=self.clock, network=self.network)
            )
            yield NaverBrowserPages(self.hosts.urls, pool, gates)


class NaverBrowserPages:
    """Naver's hosts in an open browser."""

    def __init__(
        self, urls: Mapping[str, str], pool: BrowserPool, gates: Mapping[str, Gate]
    ) -> None:
        self._urls = urls
        self._pool = pool
        self._gates = gates

    @property
    def peak_bytes(self) -> int:
        """Most memory that the browser has held so far, all of its processes together."""
        return self._pool.stats().peak_bytes

    async def fetch(self, page: NaverPage) -> bytes:
        """The document of a page, after its scripts.

        Raises:
            PlatformError: By `PAGE_ERRORS`.
        """
        url = self._urls[page.host].rstrip("/") + page.path
        headers = {"accept-language": "ko-KR,ko;q=0.9"}
        fetched = await self._pool.fetch(url, headers=headers, gate=self._gates[page.host])
        return fetched.body

    def slow_down(self, host: str, seconds: float) -> None:
        """Leaves a host alone for a while, in all processes."""
        self._gates[host].throttled(seconds)


def _list_allowed(urls: Iterable[str]) -> frozenset[str]:
    """The hosts of the pages, and Naver's own for their scripts; advertisers and counters elsewhere are not reached."""
    names = {host_of(url) for url in urls}
    if any(name.endswith("naver.com") for name in names):
        names |= {"*.naver.com", "*.pstatic.net"}
    return frozenset(names)
