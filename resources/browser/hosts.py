"""Which hosts a browser may speak to, as patterns and as the rules of Chromium's resolver. Pure.

The resolver's rules hold for everything in the browser: redirects, frames, web sockets, its own services.
"""

import base64
import json
import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

import httpx

from platform_assets.core.errors import RefusedError
from resources.http.network import Network, is_proxy

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


def write_resolver_rules(
    allowed: Collection[str] | None, addresses: Mapping[str, str], proxies: Collection[str] = ()
) -> str:
    """Text for Chromium's --host-resolver-rules; empty when there is nothing to rule.

    Args:
        allowed: Hosts that may be looked up, `*.shop.example` for all under a domain; None for all.
        addresses: Address by host, instead of looking it up: {"shop.example": "127.0.0.1"}.
        proxies: Hosts of the proxies, which are looked up, too.

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
        rules += [
            f"EXCLUDE {host}" for host in sorted((set(allowed) | set(proxies)) - set(addresses))
        ]
    return ", ".join(rules)


def find_proxies(network: Network) -> dict[str, httpx.URL]:
    """The proxies that a browser goes through, by the scheme of the page's URL.

    Raises:
        RefusedError: kind `bad_setting`: one that a browser cannot use.
    """
    named = {scheme: network.find_proxy(scheme) for scheme in ("http", "https")}
    proxies = {scheme: url for scheme, url in named.items() if url}
    for url in proxies.values():
        if not is_proxy(url) or httpx.URL(url).userinfo:
            raise RefusedError(
                "the browser cannot use this proxy: it takes http:// and https:// without user and password; name "
                "another one in SLUICE_PROXY, or set that to `none`",
                kind="bad_setting",
            )
    return {scheme: httpx.URL(url) for scheme, url in proxies.items()}


def write_proxy_script(
    allowed: Collection[str] | None, proxies: Mapping[str, httpx.URL], bypassed: Collection[str]
) -> str:
    """Chromium's argument that sends it through the proxies, as a script that decides for each URL.

    Behind a proxy the browser looks no host up, so the resolver's rules do not hold there: the script sends hosts that
    are not allowed nowhere. Chromium itself leaves the machine's own addresses out.
    """
    ways = {
        scheme: f"{'HTTPS' if url.scheme == 'https' else 'PROXY'} "
        f"{url.netloc.decode()}{'' if url.port else ':443' if url.scheme == 'https' else ':80'}"
        for scheme, url in proxies.items()
    }
    direct = [name for host in bypassed for name in (host.lstrip("."), f"*.{host.lstrip('.')}")]
    script = (
        "function matches(host, names) { return names.some(name => shExpMatch(host, name)); }\n"
        "function FindProxyForURL(url, host) {\n"
        f"  const allowed = {json.dumps(None if allowed is None else sorted(allowed))};\n"
        "  if (allowed && !matches(host, allowed)) return 'PROXY 127.0.0.1:9';\n"
        f"  if (matches(host, {json.dumps(direct)})) return 'DIRECT';\n"
        f"  const ways = {json.dumps(ways)};\n"
        "  return ways[/^(https|wss):/.test(url) ? 'https' : 'http'] || 'DIRECT';\n"
        "}"
    )
    packed = base64.b64encode(script.encode()).decode()
    return f"--proxy-pac-url=data:application/x-ns-proxy-autoconfig;base64,{packed}"
