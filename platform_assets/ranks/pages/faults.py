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


def gateway_error(sign: str) -> PermanentError:
    """What a gateway of the site says when nothing behind it answers, whatever the status was."""
    return PermanentError(
        f"looked for search results, found a page that says {sign!r}: a gateway of the site has an error of its own. "
        "It passes by itself",
        kind="gateway_error",
    )


def adult_notice(sign: str) -> PermanentError:
    """The site shows nothing for this keyword before the visitor has proved an age."""
    return PermanentError(
        f"looked for search results, found a page that says {sign!r}: Naver shows the results of this keyword to "
        "people only who have signed in and proved their age. Trying again does not help: pause the tracking or choose "
        "another keyword",
        kind="adult_notice",
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
