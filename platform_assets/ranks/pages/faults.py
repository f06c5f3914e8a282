"""The errors of pages: one stable kind each, and what a person or the crawl should do about it."""

from platform_assets.core.errors import PermanentError

KEEP = "the page is kept: teach platform_assets/ranks/pages to read it and replay the day"


def blocked(sign: str) -> PermanentError:
    """The site shows a captcha or a notice that it refuses this visitor."""
    return PermanentError(
        f"looked for search results, found a page that says {sign!r}: this address is blocked. "
        "Crawl slower and try again later",
        kind="blocked",
    )


def login_wall() -> PermanentError:
    """The page asks for a login or belongs to what only members see."""
    return PermanentError(
        "looked for search results, found a page of Naver that asks for a login: "
        "the crawl was led away from the search. Check the address that was fetched",
        kind="login_wall",
    )


def not_rendered(where: str, lacking: str) -> PermanentError:
    """The frame of a page without its content."""
    return PermanentError(
        f"looked for {lacking} in the {where} page, found only its frame: fetch it again and wait longer, or with "
        "a browser",
        kind="not_rendered",
    )


def truncated(where: str, lacking: str) -> PermanentError:
    """A part of a page."""
    return PermanentError(
        f"looked for {lacking} in the {where} page, which is cut off: fetch it again",
        kind="truncated",
    )


def wrong_page(found: str, wanted: str) -> PermanentError:
    """Another page than the one that was asked for."""
    return PermanentError(
        f"looked for {wanted}, found {found}: check the address that was fetched and where it led",
        kind="wrong_page",
    )


def changed_structure(where: str, lacking: str) -> PermanentError:
    """A page that these readers do not know."""
    return PermanentError(
        f"looked for {lacking} in the {where} page: it is not there, the page may have changed; {KEEP}",
        kind="changed_structure",
    )
