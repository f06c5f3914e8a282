"""What the domain asks of whoever fetches pages of results. Implementations: `resources/naver/http.py`, and fakes."""

from typing import Protocol

from platform_assets.ranks.search_page import PageHost, SearchPage


class PageSource(Protocol):
    """Naver's hosts, each at its own pace over all processes. Used in one event loop."""

    async def fetch(self, page: SearchPage) -> bytes:
        """The page as received, after its turn has come. It may be one that says something else than results.

        Raises:
            TransientError: The host does not answer, or answers with a passing error. Kinds `blocked` (403) and
                `throttled` (429) say that it wants fewer requests.
            PermanentError: The host refuses this request.
            RefusedError: The host refuses all requests, the day's budget is used up, or there is no browser.
        """
        ...

    def slow_down(self, host: PageHost, seconds: float) -> None:
        """All processes leave the host alone for so long, and are slower from then on. Never blocks."""
        ...
