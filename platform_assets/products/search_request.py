"""A request to search a shop: the value, and what may be asked. Answering it is `searches.py`."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from platform_assets.core.engine.units import UnitState
from platform_assets.core.errors import PermanentError
from platform_assets.products.platform import ShopPlatform

SEARCH_PIPELINE = "products/searches"
"""Names requests in logs; their table is their ledger."""

KEYWORD_LENGTH = 100
"""Characters of a keyword."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A keyword that a shop is to be searched for.

    Attributes:
        request_id: Its number.
        platform: The shop.
        keyword: As `check_keyword` has it.
        state: PENDING, RUNNING, DONE, or FAILED for good.
        attempts: How often it was begun.
        found: Products that the shop found; None until it is DONE.
        added: Those of them that were not known before; None until it is DONE.
        error_kind: Kind of the failure, if it failed.
        error_message: Its text.
        created_at: When it was asked for; aware UTC.
        done_at: When it ended, well or not.
    """

    request_id: int
    platform: str
    keyword: str
    state: UnitState
    attempts: int
    found: int | None
    added: int | None
    error_kind: str | None
    error_message: str | None
    created_at: datetime
    done_at: datetime | None


def check_keyword(text: str) -> str:
    """The keyword in the one form in which it is asked for: composed characters, single spaces.

    Raises:
        PermanentError: kind `bad_keyword`: it is empty, too long, or holds characters that cannot be printed.
    """
    keyword = " ".join(unicodedata.normalize("NFC", text).split())
    if not 0 < len(keyword) <= KEYWORD_LENGTH or not keyword.isprintable():
        raise PermanentError(
            f"{text[:40]!a} is no keyword: write 1 to {KEYWORD_LENGTH} printable characters",
            kind="bad_keyword",
        )
    return keyword


def check_searchable(platform: ShopPlatform) -> None:
    """Does nothing if the shop can be searched.

    Raises:
        PermanentError: kind `no_search`: its file declares no search.
    """
    if not platform.searchable:
        raise PermanentError(
            f"{platform.name} cannot be searched: its file declares no search; add one, or ask another shop",
            kind="no_search",
        )
