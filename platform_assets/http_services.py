"""How requests leave, and within which bounds, as the settings say; part of `services.py`, which is large enough."""

from platform_assets.settings import Settings, network_environment
from resources.http.client import HttpPolicy
from resources.http.network import Network, read_network
from resources.http.wire import HttpTimeouts


def find_network(settings: Settings) -> Network:
    """The way out: SLUICE_PROXY, and the variables for proxies and authorities that other programs read, too."""
    return read_network(settings.proxy.get_secret_value(), network_environment())


def make_policy(settings: Settings) -> HttpPolicy:
    """What every client of an upstream keeps to; tables of errors and retries are the upstream's."""
    return HttpPolicy(
        timeouts=HttpTimeouts(exchange=settings.http_exchange_seconds),
        body_bytes=settings.http_body_bytes,
    )
