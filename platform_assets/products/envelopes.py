"""Envelopes: what a shop says around its data with status 200. `null` is not "gone": only the code that says so is.

Each shop has one table, code -> meaning; a code that is not in it is a failure of the shop, which may pass.
"""

from collections.abc import Mapping
from enum import StrEnum

from platform_assets.core.errors import PlatformError, TransientError
from platform_assets.products.blocking import THROTTLED
from platform_assets.products.faults import blocked


class Meaning(StrEnum):
    """What a code says."""

    FINE = "fine"
    """The data is what was asked for; null says that there is no such thing."""
    GONE = "gone"
    """There is no such product."""
    THROTTLED = "throttled"
    """Too many requests: later."""
    BLOCKED = "blocked"
    """No access for us."""
    FAILED = "failed"
    """Something went wrong in the shop: later."""


HTTP_CODES: Mapping[str, Meaning] = {
    "200": Meaning.FINE,
    "401": Meaning.BLOCKED,
    "403": Meaning.BLOCKED,
    "404": Meaning.GONE,
    "410": Meaning.GONE,
    "429": Meaning.THROTTLED,
}
"""Of shops that repeat HTTP's numbers in their envelope."""

WORDS: Mapping[str, Meaning] = {
    "UNAUTHENTICATED": Meaning.BLOCKED,
    "UNAUTHORIZED": Meaning.BLOCKED,
    "FORBIDDEN": Meaning.BLOCKED,
    "ACCESS_DENIED": Meaning.BLOCKED,
    "TOO_MANY_REQUESTS": Meaning.THROTTLED,
    "RATE_LIMITED": Meaning.THROTTLED,
}
"""Of shops that use words; what each of them calls a product that is gone is its own table's."""


def is_gone(page: str, code: str, meanings: Mapping[str, Meaning]) -> bool:
    """Whether an envelope says that there is no such product; False when all is well.

    Args:
        page: Names the reply in errors.
        code: What the envelope says.
        meanings: The shop's table.

    Raises:
        TransientError: kinds `throttled`, `shop_error`.
        PermanentError: kind `blocked`.
    """
    meaning = meanings.get(code, Meaning.FAILED)
    if meaning in (Meaning.FINE, Meaning.GONE):
        return meaning is Meaning.GONE
    raise _fault(page, code, meaning)


def _fault(page: str, code: str, meaning: Meaning) -> PlatformError:
    said = f"code {' '.join(code.split())[:60] or '?'} with status 200"
    if meaning is Meaning.BLOCKED:
        return blocked(page, said)
    if meaning is Meaning.THROTTLED:
        return TransientError(
            f"{page}: the shop wants fewer requests ({said}): lower its cap if that goes on",
            kind=THROTTLED,
        )
    return TransientError(
        f"{page}: the shop says that it has failed ({said}). Try again later; if it goes on, look at the page",
        kind="shop_error",
    )
