"""What the domain asks of whoever sends a shop's requests. Implementations: `resources/shops/http.py`, and fakes."""

from typing import Protocol

from platform_assets.products.platform import PageRequest


class ShopSource(Protocol):
    """One shop, under its cap, over HTTP or in a browser. Used in one event loop."""

    async def fetch(self, request: PageRequest) -> bytes | None:
        """The reply; None when the shop says that there is nothing (404, 410).

        Raises:
            TransientError: The shop does not answer, or answers with a passing error; another try may succeed.
            PermanentError: The shop refuses this request. Kind `blocked`: it shows a block page.
            RefusedError: The shop refuses all requests, or there is no browser.
        """
        ...

    def slow_down(self, seconds: float) -> None:
        """All processes leave the shop alone for so long, and are slower from then on. Never blocks."""
        ...
