"""What a page tells while it loads: where it went, its document, the captured reply, and whether it is still there."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

from platform_assets.core.errors import PlatformError
from resources.browser.errors import (
    DIED,
    NO_REPLY,
    REDIRECTED,
    TIMEOUT,
    find_load_rule,
    read_net_error,
)
from resources.browser.hosts import allows, host_of
from resources.browser.messages import BrowserPolicy, PageLoad
from resources.browser.process import playwright_errors
from resources.caps.gate import Grant
from resources.http.errors import SAID_LENGTH, Failure, Rule, parse_retry_after, quote_upstream

if TYPE_CHECKING:
    from playwright.async_api import Page, Request, Response


class PageGoneError(Exception):
    """The page crashed or was closed while nobody was waiting for an answer of it."""


class Visit:
    """One load, as the page's events tell it.

    Args:
        page: The page.
        load: What is loaded.
        policy: Hosts and the table of errors.
        grant: Told when the first request goes out.
        now: The wall clock, for Retry-After dates.
    """

    def __init__(
        self,
        page: "Page",
        load: PageLoad,
        policy: BrowserPolicy,
        grant: Grant,
        now: Callable[[], datetime],
    ) -> None:
        self._page = page
        self._load = load
        self._policy = policy
        self._grant = grant
        self._now = now
        self._going_to = load.url
        self._not_json = 0
        self._ended: str | None = None
        self.document: Response | None = None
        self.captured: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    @contextmanager
    def listening(self) -> Generator[None]:
        """Listens to the page's events inside the block."""
        handlers = {
            "request": self._see_request,
            "response": self._see_response,
            "crash": self._see_crash,
            "close": self._see_close,
        }
        for event, handler in handlers.items():
            self._page.on(event, handler)  # pyright: ignore[reportArgumentType, reportCallIssue]
        try:
            yield
        finally:
            for event, handler in handlers.items():
                self._page.remove_listener(event, handler)
            if not self.captured.cancel() and not self.captured.cancelled():
                self.captured.exception()  # seen, though nobody may have waited for it

    async def check(self, response: "Response | None") -> None:
        """Raises the error that a reply's status stands for, or that the page has left the allowed hosts."""
        if not allows(self._policy.allowed_hosts, self._going_to):
            raise self._left()
        # 304: the reply was in the page's cache, and is there.
        if response is None or response.status == 304:
            return
        body = b""
        if response.status != 200:  # reading costs a round trip
            with suppress(*playwright_errors()):
                body = await response.body()
        if rule := self._policy.table.find_reply(response.status, response.headers, body):
            raise self._judge_status(response, rule, body)

    def judge(self, error: Exception, *, browser_lives: bool) -> PlatformError:
        """The error of our tree for a load that Playwright gave up."""
        # A crash tells itself in an event; what waits for the page may see no more than a cut connection.
        message = self._ended or str(error)
        if not browser_lives:
            return self._fail(DIED, "the browser ended")
        if not allows(self._policy.allowed_hosts, self._going_to):
            return self._left()
        how = read_net_error(message) or message.partition("\n")[0].strip() or type(error).__name__
        return self._fail(find_load_rule(message), self._quote(how))

    def judge_timeout(self) -> PlatformError:
        """The error of our tree for a load that took too long."""
        seconds = self._load.seconds
        if not allows(self._policy.allowed_hosts, self._going_to):
            return self._left()
        if self._load.capture is None or self.document is None:
            return self._fail(TIMEOUT, f"not loaded within {seconds:g} s")
        wanted = self._load.capture if isinstance(self._load.capture, str) else "the one asked for"
        seen = f"; {self._not_json} such replies were no JSON" if self._not_json else ""
        return self._fail(NO_REPLY, f"no JSON reply ({wanted}) within {seconds:g} s{seen}")

    def _judge_status(self, response: "Response", rule: Rule, body: bytes) -> PlatformError:
        return Failure(
            rule,
            self._load.describe(),
            f"HTTP {response.status}",
            self._quote(body[: 4 * SAID_LENGTH].decode(errors="replace")),
            parse_retry_after(response.headers.get("retry-after"), self._now()),
        ).to_error()

    def _left(self) -> PlatformError:
        return self._fail(REDIRECTED, f"it went on to {host_of(self._going_to) or 'no web host'}")

    def _fail(self, rule: Rule, how: str) -> PlatformError:
        return Failure(rule, self._load.describe(), how).to_error()

    def _quote(self, text: str) -> str:
        return quote_upstream(text, self._load.list_secrets())

    def _see_request(self, request: "Request") -> None:
        if _is_of_document(request):
            self._going_to = request.url
            self._grant.sent()

    def _see_response(self, response: "Response") -> None:
        if response.status // 100 == 3 and response.status != 304:
            return
        if _is_of_document(response.request):
            self.document = response
        elif self._load.captures(response.url) and response.request.method != "OPTIONS":
            self._capture(response)

    def _capture(self, response: "Response") -> None:
        failed = self._policy.table.find_status(response.status) is not None
        if "json" not in response.headers.get("content-type", "") and not failed:
            self._not_json += 1
        elif not self.captured.done():
            self.captured.set_result(response)

    def _see_crash(self, _page: object) -> None:
        self._end("Page crashed")

    def _see_close(self, _page: object) -> None:
        self._end("Page has been closed")

    def _end(self, how: str) -> None:
        self._ended = self._ended or how
        if not self.captured.done():
            self.captured.set_exception(PageGoneError(how))


def _is_of_document(request: "Request") -> bool:
    """Whether it asks for the page's own document, not for that of a frame in it."""
    return request.is_navigation_request() and request.frame.parent_frame is None
