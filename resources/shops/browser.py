"""Opening a shop in a browser for one piece of work: its cap and a browser put together, and closed at its end."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from platform_assets.core.clock import Clock
from platform_assets.core.errors import PermanentError
from resources.browser.hosts import host_of
from resources.browser.messages import BrowserPolicy
from resources.browser.pool import BrowserPool
from resources.caps.limiter import CapGate
from resources.caps.limits import Cap
from resources.caps.state import CapStates
from resources.http.network import Network
from resources.shops.http import NOTHING_THERE, Shop, ShopRequest, find_host, make_table


@dataclass(frozen=True, slots=True)
class BrowserShops:
    """Opens shops of the kind `browser`.

    Attributes:
        states: Where the caps' states are kept.
        clock: For the browser.
        executable: Chromium; None for the one on the PATH.
        network: The way out; straight to the hosts if None.
        timeout_seconds: Of one page.
    """

    states: CapStates
    clock: Clock
    executable: Path | None = None
    network: Network | None = None
    timeout_seconds: float = 30.0

    @asynccontextmanager
    async def open(
        self, platform: Shop, cap: Cap, url: str | None = None
    ) -> AsyncGenerator["BrowserShop"]:
        """A shop under its cap, in a browser with a page per open request; both are closed at the end.

        Args:
            platform: The shop.
            cap: What it allows.
            url: Base URL in place of all its hosts, such as the sandbox's; None for the real ones.

        Raises:
            RefusedError: kinds `missing_browser`, `missing_extra`.
            TransientError: kind `browser_not_started`.
        """
        hosts = platform.hosts if url is None else dict.fromkeys(platform.hosts, url.rstrip("/"))
        policy = BrowserPolicy(
            pages=cap.in_flight,
            timeout_seconds=self.timeout_seconds,
            allowed_hosts=_list_allowed(hosts),
            table=make_table(platform),
        )
        async with (
            CapGate(cap, self.states) as gate,
            BrowserPool(self.executable, policy, clock=self.clock, network=self.network) as pool,
        ):
            yield BrowserShop(platform.name, hosts, pool, gate)


class BrowserShop:
    """A shop that is open."""

    def __init__(
        self, name: str, hosts: Mapping[str, str], pool: BrowserPool, gate: CapGate
    ) -> None:
        self._name = name
        self._hosts = hosts
        self._pool = pool
        self._gate = gate

    @property
    def peak_bytes(self) -> int:
        """Most memory that the browser has held so far, all of its processes together."""
        return self._pool.stats().peak_bytes

    async def fetch(self, request: ShopRequest) -> bytes | None:
        """The document of a page, or the reply that its script fetched; None where nothing is there (404, 410).

        Raises:
            PlatformError: By the table of errors.
        """
        url = find_host(self._name, self._hosts, request) + request.path
        capture = None if request.capture is None else request.captures
        try:
            fetched = await self._pool.fetch(
                url, headers=request.headers, capture=capture, gate=self._gate
            )
        except PermanentError as error:
            if error.kind == NOTHING_THERE:
                return None
            raise
        return fetched.body

    def slow_down(self, seconds: float) -> None:
        """Leaves the shop alone for a while, in all processes."""
        self._gate.throttled(seconds)


def _list_allowed(hosts: Mapping[str, str]) -> frozenset[str]:
    """The shop's hosts and all under their domains: its scripts come from there; advertisers and counters do not."""
    names = {host_of(url) for url in hosts.values()}
    domains = {name.removeprefix("www.").removeprefix("m.") for name in names}
    return frozenset(names | domains | {f"*.{domain}" for domain in domains})
