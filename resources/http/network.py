"""How requests leave this machine: through which proxy, and which authorities their servers are believed by.

Values and the transports made of them. The environment is read in `platform_assets/settings.py`; what is sent is
`wire.py`.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network
from types import MappingProxyType

import httpx

from platform_assets.core.errors import RefusedError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Never asked through a proxy: there they would be the proxy's own machine."""

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Network:
    """The way out. The default goes straight to every host and believes the authorities that certifi lists.

    Attributes:
        proxies: Proxy by scheme: `http`, `https`, or `all` for both.
        bypassed: Hosts that are asked directly, besides `LOOPBACK`: as NO_PROXY lists them, `*` for all.
        ca_file: Authorities in place of certifi's, in one PEM file.
        ca_folder: The same, in a folder as OpenSSL keeps them.
    """

    proxies: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    bypassed: tuple[str, ...] = ()
    ca_file: str | None = None
    ca_folder: str | None = None

    def find_proxy(self, scheme: str) -> str | None:
        """The proxy for the URLs of a scheme; None for none."""
        if "*" in self.bypassed:
            return None
        return self.proxies.get(scheme) or self.proxies.get("all")

    def is_direct(self, url: httpx.URL | str) -> bool:
        """Whether a URL is asked without a proxy, if there is one for its scheme."""
        url = httpx.URL(url)
        return any(_covers(entry, url) for entry in (*LOOPBACK, *self.bypassed))

    def open_transport(self, limits: httpx.Limits) -> httpx.AsyncBaseTransport:
        """What carries requests to the hosts, straight or through the proxies.

        Raises:
            RefusedError: kind `bad_setting`: the authorities cannot be read.
        """
        direct = httpx.AsyncHTTPTransport(
            http1=True, http2=False, trust_env=False, limits=limits, verify=self.make_tls()
        )
        proxies = {scheme: self.find_proxy(scheme) for scheme in ("http", "https")}
        opened = {s: self._open_proxy(url, limits) for s, url in proxies.items() if url}
        return _Routed(self, direct, opened) if opened else direct

    def make_tls(self) -> ssl.SSLContext:
        """What decides whether a server's certificate is believed; the same object for the same authorities.

        Raises:
            RefusedError: kind `bad_setting`: the file cannot be read.
        """
        try:
            return _make_tls(self.ca_file, self.ca_folder)
        except (OSError, ssl.SSLError) as error:
            raise RefusedError(
                f"the certificate authorities in {self.ca_file or self.ca_folder} cannot be read "
                f"({type(error).__name__}): correct SSL_CERT_FILE or SSL_CERT_DIR",
                kind="bad_setting",
            ) from error

    def _open_proxy(self, url: str, limits: httpx.Limits) -> httpx.AsyncBaseTransport:
        if not is_proxy(url):
            return _Unusable()
        return httpx.AsyncHTTPTransport(
            http1=True,
            http2=False,
            trust_env=False,
            limits=limits,
            verify=self.make_tls(),
            proxy=httpx.Proxy(url, ssl_context=self.make_tls() if url[:5] == "https" else None),
        )


class _Routed(httpx.AsyncBaseTransport):
    """Chooses the way for each request."""

    def __init__(
        self,
        network: Network,
        direct: httpx.AsyncBaseTransport,
        proxies: Mapping[str, httpx.AsyncBaseTransport],
    ) -> None:
        self._network = network
        self._direct = direct
        self._proxies = proxies

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        way = self._proxies.get(request.url.scheme, self._direct)
        if way is not self._direct and self._network.is_direct(request.url):
            way = self._direct
        return await way.handle_async_request(request)

    async def aclose(self) -> None:
        for way in (self._direct, *self._proxies.values()):
            await way.aclose()


class _Unusable(httpx.AsyncBaseTransport):
    """Stands where a proxy is set that cannot be used: only requests that need it are refused."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise RefusedError(
            f"the proxy that the environment sets for {request.url.scheme}:// cannot be used: it must be written like "
            "http://proxy.example:3128 (SOCKS is not supported); set SLUICE_PROXY to such a URL, or to `none`",
            kind="bad_setting",
        )


def read_network(choice: str, environment: Mapping[str, str]) -> Network:
    """The way out as the settings and the environment say.

    Args:
        choice: SLUICE_PROXY: `none`, `environment`, or the URL of a proxy for everything.
        environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR, as far as they are set.
    """
    match choice:
        case "none":
            proxies = dict[str, str]()
        case "environment":
            proxies = {
                scheme: _complete(url)
                for scheme in ("http", "https", "all")
                if (url := environment.get(f"{scheme}_proxy".upper()))
            }
        case url:
            proxies = {"all": url}
    return Network(
        MappingProxyType(proxies),
        tuple(filter(None, map(str.strip, environment.get("NO_PROXY", "").split(",")))),
        environment.get("SSL_CERT_FILE"),
        environment.get("SSL_CERT_DIR"),
    )


def is_proxy(url: str) -> bool:
    """Whether a text is the URL of a proxy that can be used."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host)


def _complete(url: str) -> str:
    """Without a scheme it is http, as for curl."""
    return url if "://" in url else f"http://{url}"


def _covers(entry: str, url: httpx.URL) -> bool:
    """Whether an entry of NO_PROXY means a URL. SOURCE: curl.se/libcurl/c/CURLOPT_NOPROXY.html.

    `example.com` and `.example.com` are that host and all under it; an address is itself, a network all of its
    addresses; a port may follow a name.
    """
    name = entry.rpartition("://")[2].lower()
    try:
        return ip_address(url.host) in ip_network(name.strip("[]"), strict=False)
    except ValueError:  # one of the two is a name
        pass
    name, _, port = name.partition(":")
    name = name.removeprefix("*").removeprefix(".")
    if not name or (port and port != str(url.port or _PORTS.get(url.scheme))):
        return entry == "*"
    return url.host == name or url.host.endswith(f".{name}")


@lru_cache(maxsize=8)
def _make_tls(ca_file: str | None, ca_folder: str | None) -> ssl.SSLContext:
    if ca_file or ca_folder:
        return ssl.create_default_context(cafile=ca_file, capath=ca_folder)
    return httpx.create_ssl_context(trust_env=False)
