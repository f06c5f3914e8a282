"""What a failed load of a page means: the words of Chromium and Playwright -> a rule of the table of errors. Pure.

What an HTTP status means is the table of `resources/http/errors.py`; the kinds here are its kinds, for what is the same
failure.
"""

import re

from platform_assets.core.errors import RefusedError, TransientError
from resources.http.errors import Action, Rule

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
"""What Chromium is called on the PATH, in the order in which it is looked for."""

_LATER = "Run it again; if it goes on, open the page by hand and see what it does."
_LOOK = "Open the page by hand and see where it leads."
_NETWORK = "Run it again; if it goes on, check the network and the URL."

TIMEOUT = Rule(Action.RETRY, "timeout", _LATER)
NO_REPLY = Rule(
    Action.RETRY,
    "no_reply",
    "Run it again; if it goes on, the page fetches its data from another address: adapt the shop's module.",
)
CRASHED = Rule(
    Action.RETRY,
    "page_crashed",
    "Run it again; if it goes on, the worker needs more memory or fewer pages.",
)
CLOSED = Rule(Action.RETRY, "page_closed", _LATER)
DIED = Rule(
    Action.RETRY,
    "browser_died",
    "It is started again; if it goes on, the worker needs more memory or fewer pages.",
)
DOWNLOAD = Rule(
    Action.PERMANENT, "download", "The URL is a file and no page: downloads are refused."
)
REDIRECTED = Rule(
    Action.PERMANENT,
    "redirected",
    "It leads to a host that is not allowed. If others do so too, the site has moved: correct the URL.",
)
BAD_URL = Rule(Action.REFUSE, "bad_url", "Correct the URL.")

_CONNECT = Rule(Action.RETRY, "connect_failed", _NETWORK)
_DROPPED = Rule(Action.RETRY, "dropped", _LATER)
_TRUNCATED = Rule(Action.RETRY, "truncated", _LATER)

_NET_ERROR = re.compile(r"net::(ERR_[A-Z0-9_]+)")
# The first match wins. Names: net/base/net_error_list.h of Chromium.
_NET_RULES = (
    (r"CONNECTION_TIMED_OUT", Rule(Action.RETRY, "connect_timeout", _NETWORK)),
    (r"TIMED_OUT", TIMEOUT),
    (r"PROXY_\w+|TUNNEL_\w+|SOCKS_\w+", Rule(Action.RETRY, "proxy_failed", _NETWORK)),
    (r"CONNECTION_(REFUSED|FAILED)|NAME_\w+|ADDRESS_\w+|DNS_\w+|INTERNET_DISCONNECTED", _CONNECT),
    # A certificate that is refused is no connection: httpx says so too.
    (r"CERT_\w+|SSL_\w+|BAD_SSL_\w+", _CONNECT),
    (r"CONTENT_DECODING_\w+", Rule(Action.RETRY, "invalid_body", _LATER)),
    (r"CONTENT_LENGTH_MISMATCH|INCOMPLETE_\w+|INVALID_\w*RESPONSE|RESPONSE_\w+", _TRUNCATED),
    (r"TOO_MANY_REDIRECTS|UNSAFE_REDIRECT", Rule(Action.PERMANENT, "redirected", _LOOK)),
    (r"INVALID_URL|UNKNOWN_URL_SCHEME|DISALLOWED_URL_SCHEME|UNSAFE_PORT", BAD_URL),
)
_WORDS = (
    ("download is starting", DOWNLOAD),
    ("crashed", CRASHED),
    ("has been closed", CLOSED),
    ("connection closed", DIED),
)


def find_load_rule(message: str) -> Rule:
    """The rule for what Playwright says about a load that failed; unknown words are a connection that was dropped."""
    if net_error := read_net_error(message):
        name = net_error.removeprefix("ERR_")
        found = (rule for pattern, rule in _NET_RULES if re.fullmatch(pattern, name))
        return next(found, _DROPPED)
    lower = message.lower()
    return next((rule for words, rule in _WORDS if words in lower), _DROPPED)


def read_net_error(message: str) -> str | None:
    """Chromium's name for what went wrong, such as ERR_CONNECTION_REFUSED; None when the message has none."""
    match = _NET_ERROR.search(message)
    return match[1] if match else None


def read_start_error(message: str) -> str:
    """What a browser printed before it ended, out of Playwright's account of its start; else how that begins."""
    printed = " ".join(re.findall(r"^.*\[err\] (.*)$", message, re.MULTILINE))
    return printed or message.partition("\n")[0]


def missing_browser(tried: str) -> RefusedError:
    """There is no Chromium at the place that was named, or none on the PATH."""
    return RefusedError(
        f"looked for Chromium as {tried} and found no program: install chromium, or name its path in SLUICE_CHROMIUM",
        kind="missing_browser",
    )


def missing_extra() -> RefusedError:
    """Playwright is not installed."""
    return RefusedError(
        "shops that need a browser need Playwright, which is not installed: install sluice[browser]",
        kind="missing_extra",
    )


def not_started(executable: str, said: str) -> TransientError:
    """Chromium did not come up."""
    return TransientError(
        f"starting {executable}: it did not come up ({said}). Run it again; if it goes on, start it by hand: outside a "
        "container's root it needs the package chromium-sandbox and user namespaces",
        kind="browser_not_started",
    )


def keeps_dying(executable: str, restarts: int) -> RefusedError:
    """Chromium was started again and again, and no page was loaded in between."""
    return RefusedError(
        f"{executable} was started again {restarts} times in a row and loaded no page: look at the memory of the "
        "worker (4 GiB for a shop) and at the machine's log, then redrive",
        kind="browser_keeps_dying",
    )
