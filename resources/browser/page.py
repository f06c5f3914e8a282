"""A page in a context of its own: opened, loaded with one URL after the other, emptied in between, closed.

When a page is read: without `capture`, once its document is parsed and its network was quiet for half a second
(Playwright's `networkidle`), at most `settle_seconds` after it was parsed; with `capture`, as soon as the reply is
there.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import anyio

from platform_assets.core.errors import PlatformError
from resources.browser.messages import BrowserPolicy, Fetched, PageLoad
from resources.browser.navigation import PageGoneError, Visit
from resources.browser.process import BrowserProcess, playwright_errors
from resources.caps.gate import Grant

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, CDPSession, Page, Response

EMPTY = "about:blank"


class BrowserPage:
    """A page. Belongs to one load at a time; `usable` says whether there may be another.

    Attributes:
        process: The browser that it belongs to.
        loads: Loads so far.
        usable: False while a load runs, and after one that hung, crashed or was cancelled.
    """

    def __init__(
        self,
        process: BrowserProcess,
        policy: BrowserPolicy,
        context: "BrowserContext",
        page: "Page",
    ) -> None:
        self.process = process
        self.loads = 0
        self.usable = True
        self._policy = policy
        self._context = context
        self._page = page
        self._closed = False

    @classmethod
    async def open(cls, process: BrowserProcess, policy: BrowserPolicy) -> "BrowserPage":
        """Opens a page. Raises Playwright's errors, and TimeoutError after `open_seconds`."""
        async with asyncio.timeout(policy.open_seconds):
            context = await process.browser.new_context(
                locale="ko-KR",
                timezone_id="Asia/Seoul",
                service_workers="block",
                accept_downloads=False,
                user_agent=policy.user_agent,
            )
            try:
                page = await context.new_page()
                await _block(context, page, policy)
            except BaseException:
                with anyio.move_on_after(policy.close_seconds, shield=True):
                    await context.close()
                raise
        context.on("page", _close_popup)
        return cls(process, policy, context, page)

    async def load(self, load: PageLoad, grant: Grant, now: Callable[[], datetime]) -> Fetched:
        """Loads a page and reads it.

        Raises:
            TransientError: It failed in a way that may pass; see `errors.py` and `resources/http/errors.py`.
            PermanentError: This page cannot be loaded.
            RefusedError: No page can be loaded until a person acts.
        """
        self.usable = False
        self.loads += 1
        visit = Visit(self._page, load, self._policy, grant, now)
        try:
            with visit.listening():
                async with asyncio.timeout(load.seconds):
                    fetched = await self._read(load, visit)
        except TimeoutError as error:
            raise visit.judge_timeout() from error
        except (PageGoneError, *playwright_errors()) as error:
            lives = await self.process.is_alive()
            raise visit.judge(error, browser_lives=lives) from error
        except PlatformError:
            self.usable = True
            raise
        self.usable = True
        return fetched

    async def empty(self) -> None:
        """Ends what the page's scripts do; cookies and cache stay. A page that cannot be emptied is not `usable`."""
        self.usable = False
        try:
            async with asyncio.timeout(self._policy.close_seconds):
                await self._page.goto(EMPTY)
        except (TimeoutError, *playwright_errors()):
            return
        self.usable = True

    async def close(self) -> bool:
        """Closes the page with its context, also when the caller was cancelled; False when it would not close.

        Safe to call again.
        """
        self.usable = False
        if self._closed:
            return True
        with anyio.move_on_after(self._policy.close_seconds, shield=True) as scope:
            with suppress(*playwright_errors()):
                await self._context.close()
        self._closed = not scope.cancelled_caught
        return self._closed

    async def _read(self, load: PageLoad, visit: Visit) -> Fetched:
        time = asyncio.get_running_loop().time
        started = time()
        await self._page.set_extra_http_headers(dict(load.headers))
        response = await self._page.goto(
            load.url,
            wait_until="domcontentloaded" if load.capture is None else "commit",
            timeout=load.seconds * 1000,
        )
        await visit.check(response)
        if load.capture is not None:
            captured = await visit.captured
            await visit.check(captured)
            body = await captured.body()
            return Fetched(captured.status, captured.url, body, time() - started)
        body = await self._read_document(response)
        await visit.check(visit.document)
        final = visit.document or response
        return Fetched(final.status if final else 0, self._page.url, body, time() - started)

    async def _read_document(self, response: "Response | None") -> bytes:
        if response is not None and not _is_html(response):
            return await response.body()
        from playwright.async_api import TimeoutError as SlowError  # noqa: PLC0415 - an extra

        with suppress(SlowError):
            await self._page.wait_for_load_state(
                "networkidle", timeout=self._policy.settle_seconds * 1000
            )
        html = await self._page.content()
        return html.encode(errors="replace")


def _is_html(response: "Response") -> bool:
    kind = response.headers.get("content-type", "html")
    return "html" in kind or "xml" in kind


async def _block(context: "BrowserContext", page: "Page", policy: BrowserPolicy) -> None:
    """Refuses types of requests. Playwright's own routes would turn the cache off and bring every request here."""
    if not policy.blocked_types:
        return
    session: CDPSession = await context.new_cdp_session(page)

    async def refuse(event: dict[str, Any]) -> None:
        with suppress(*playwright_errors()):
            await session.send(
                "Fetch.failRequest",
                {"requestId": event["requestId"], "errorReason": "BlockedByClient"},
            )

    session.on("Fetch.requestPaused", refuse)
    patterns = [{"urlPattern": "*", "resourceType": kind} for kind in sorted(policy.blocked_types)]
    patterns.append({"urlPattern": "*/favicon.ico"})
    await session.send("Fetch.enable", {"patterns": patterns})


async def _close_popup(page: "Page") -> None:
    with suppress(*playwright_errors()):
        await page.close()
