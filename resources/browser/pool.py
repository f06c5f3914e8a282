"""`BrowserPool`: pages of a headless Chromium that load what only a browser can, under a cap like the HTTP client.

    page of the pool -> gate of the cap -> load -> leave the gate -> page emptied, or opened afresh

Retries are the caller's (the unit engine's): a page costs seconds, and a browser that died a minute. What failures mean
is `errors.py`; one page is `page.py`, the process `process.py`.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from resources.browser.errors import BAD_URL, DIED, keeps_dying
from resources.browser.hosts import (
    allows,
    find_proxies,
    host_of,
    write_proxy_script,
    write_resolver_rules,
)
from resources.browser.messages import BrowserPolicy, BrowserStats, Capture, Fetched, PageLoad
from resources.browser.page import BrowserPage
from resources.browser.process import BrowserProcess, find_chromium, playwright_errors
from resources.caps.gate import Gate, Grant
from resources.caps.local_gates import NoCap
from resources.http.errors import Failure
from resources.http.network import Network


class BrowserPool:
    """A browser and its pages. Open it with `async with`; safe to share between tasks of one event loop.

    Args:
        executable: Path or name of Chromium; None for the one on the PATH.
        policy: Pages, bounds, hosts.
        clock: For Retry-After dates.
        network: The way out; straight to the hosts if None.

    Raises:
        RefusedError: On opening: kinds `missing_browser`, `missing_extra`, `bad_host`.
        TransientError: On opening: kind `browser_not_started`.
    """

    def __init__(
        self,
        executable: str | Path | None = None,
        policy: BrowserPolicy | None = None,
        *,
        clock: Clock | None = None,
        network: Network | None = None,
    ) -> None:
        self._named = executable
        self._policy = policy or BrowserPolicy()
        self._clock = clock or SystemClock()
        self._network = network or Network()
        self._process: BrowserProcess | None = None
        self._starting = asyncio.Lock()
        self._idle = asyncio.LifoQueue[BrowserPage | None]()
        self._closed = False
        self._fetched = self._failed = self._recycled = self._replaced = 0
        self._restarts = self._restarts_in_row = self._peak_bytes = 0

    def stats(self) -> BrowserStats:
        """Counters so far, and the memory now."""
        return BrowserStats(
            fetched=self._fetched,
            failed=self._failed,
            recycled=self._recycled,
            replaced=self._replaced,
            restarts=self._restarts,
            memory_bytes=self._measure(),
            peak_bytes=self._peak_bytes,
        )

    async def __aenter__(self) -> Self:
        self._executable = find_chromium(self._named)
        policy = self._policy
        proxies = find_proxies(self._network)
        rules = write_resolver_rules(
            policy.allowed_hosts, policy.addresses, {url.host for url in proxies.values()}
        )
        self._arguments = (
            *((f"--host-resolver-rules={rules}",) if rules else ()),
            *(
                (write_proxy_script(policy.allowed_hosts, proxies, self._network.bypassed),)
                if proxies
                else ()
            ),
        )
        self._process = await self._start()
        for _ in range(policy.pages):
            self._idle.put_nowait(None)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        if self._process is not None:
            await self._process.close(self._policy.close_seconds)

    async def fetch(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        capture: Capture | None = None,
        timeout_seconds: float | None = None,
        gate: Gate | None = None,
    ) -> Fetched:
        """Loads a page and reads its document, or a JSON reply that its scripts fetch.

        Waits for a free page first, then for the gate.

        Args:
            url: Absolute, http or https, of an allowed host.
            headers: Sent with every request of the page, to the other allowed hosts too.
            capture: None for the document; else which reply is read: the first JSON one whose URL contains a text, or
                is accepted by a function such as `PageRequest.captures`. One with a failing status counts too.
            timeout_seconds: From the grant to the last byte; None for the policy's.
            gate: Of the upstream's cap; told of a 429. None when there is no cap.

        Raises:
            TransientError: The kinds of `resources/http/errors.py`, and `no_reply`, `page_crashed`, `page_closed`,
                `browser_died`, `browser_not_started`.
            PermanentError: kinds `not_found`, `download`, `redirected` (to a host that is not allowed) and the others
                of the table.
            RefusedError: `bad_url`, `browser_keeps_dying`, and the table's.
        """
        seconds = self._policy.timeout_seconds if timeout_seconds is None else timeout_seconds
        load = PageLoad(url, headers or {}, capture, seconds)
        self._check_url(load)
        cap = gate or NoCap()
        try:
            async with self._borrow() as page, cap.enter() as grant:
                fetched = await self._load(page, load, cap, grant)
        except PlatformError:
            self._failed += 1
            raise
        self._fetched += 1
        return fetched

    async def _load(self, page: BrowserPage, load: PageLoad, cap: Gate, grant: Grant) -> Fetched:
        try:
            return await page.load(load, grant, self._clock.now)
        except TransientError as error:
            if error.kind == "throttled":
                cap.throttled(error.retry_after)
            raise
        finally:
            if page.usable:
                self._restarts_in_row = 0

    def _check_url(self, load: PageLoad) -> None:
        if not host_of(load.url):
            how = "it is no http or https URL"
        elif not allows(self._policy.allowed_hosts, load.url):
            how = f"{host_of(load.url)} is not an allowed host"
        else:
            return
        raise Failure(BAD_URL, load.describe(), how).to_error()

    @asynccontextmanager
    async def _borrow(self) -> AsyncGenerator[BrowserPage]:
        page = await self._idle.get()
        try:
            page = await self._prepare(page)
            try:
                yield page
            finally:
                await self._tidy(page)
        finally:
            # A page that is not usable is replaced by whoever takes it.
            self._idle.put_nowait(page)

    async def _prepare(self, page: BrowserPage | None) -> BrowserPage:
        """The page itself if it can be used, else a new one."""
        if page is not None:
            if page.usable and page.process is self._process and page.process.is_connected():
                return page
            await self._close(page)
        process = await self._find_process()
        try:
            return await BrowserPage.open(process, self._policy)
        except (TimeoutError, *playwright_errors()) as error:
            process.kill()
            how = "no page could be opened"
            raise Failure(DIED, f"browser: {self._executable}", how).to_error() from error

    async def _tidy(self, page: BrowserPage) -> None:
        """What follows a load: the page is emptied, or closed when it is old or broken."""
        self._peak_bytes = max(self._peak_bytes, self._measure())
        old = page.usable and page.loads >= self._policy.recycle_after
        if page.usable and not old:
            await page.empty()
        if page.usable and not old:
            return
        self._recycled += old
        self._replaced += not old
        await self._close(page)

    async def _close(self, page: BrowserPage) -> None:
        if not await page.close():
            page.process.kill()

    async def _find_process(self) -> BrowserProcess:
        """The browser, started again if it has died."""
        async with self._starting:
            if self._process is not None:
                if not self._closed and await self._process.is_alive():
                    return self._process
                await self._process.close(self._policy.close_seconds)
            if self._closed:
                raise RefusedError(
                    "the browser is closed: fetch inside its `async with`", kind="browser_closed"
                )
            if self._restarts_in_row >= self._policy.restarts:
                raise keeps_dying(self._executable, self._restarts_in_row)
            self._restarts += 1
            self._restarts_in_row += 1
            self._process = None
            self._process = await self._start()
            return self._process

    async def _start(self) -> BrowserProcess:
        process = await BrowserProcess.start(
            self._executable, self._arguments, self._policy.start_seconds
        )
        if self._closed:  # while it was starting
            await process.close(self._policy.close_seconds)
        return process

    def _measure(self) -> int:
        return 0 if self._process is None else self._process.family.resident_bytes()
