"""Which hosts a browser may speak to, as patterns and as the rules of Chromium's resolver. Pure.

The resolver's rules hold for everything in the browser: redirects, frames, web sockets, its own services.
"""

import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from platform_assets.core.errors import RefusedError

_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?")


def allows(allowed: Collection[str] | None, url: str) -> bool:
    """Whether a URL's host is allowed; `None` allows all."""
    host = host_of(url)
    return allowed is None or any(fnmatchcase(host, pattern) for pattern in allowed)


def host_of(url: str) -> str:
    """The host of an http or https URL, without its port; empty for any other text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in {"http", "https"} else ""


def write_resolver_rules(allowed: Collection[str] | None, addresses: Mapping[str, str]) -> str:
    """Text for Chromium's --host-resolver-rules; empty when there is nothing to rule.

    Args:
        allowed: Hosts that may be looked up, `*.shop.example` for all under a domain; None for all.
        addresses: Address by host, instead of looking it up: {"shop.example": "127.0.0.1"}.

    Raises:
        RefusedError: kind `bad_host`: not a host in lower case.
    """
    for host in (*(allowed or ()), *addresses, *addresses.values()):
        if _HOST.fullmatch(host) is None:
            raise RefusedError(
                f"the browser's hosts: {host!r} is no host name in lower case: correct it",
                kind="bad_host",
            )
    rules = [f"MAP {host} {address}" for host, address in sorted(addresses.items())]
    if allowed is not None:
        rules.append("MAP * ~NOTFOUND")
        # An exclusion wins over every MAP, also over the address of the same host.
        rules += [f"EXCLUDE {host}" for host in sorted(set(allowed) - set(addresses))]
    return ", ".join(rules)
