"""A real Chromium behind a real proxy on loopback."""

from collections.abc import Callable
from typing import NoReturn

import pytest

from platform_assets.core.errors import RefusedError
from resources.browser.messages import BrowserPolicy
from resources.browser.pool import BrowserPool
from resources.http.network import Network
from tests.browser.conftest import CHROMIUM
from tests.fakes.proxy import open_proxy


@pytest.fixture
def chromium(give_up: Callable[[str], NoReturn]) -> str:
    if not CHROMIUM.exists():
        give_up(f"there is no {CHROMIUM}; install chromium")
    return str(CHROMIUM)


PAGE = b"<p>a page</p><script src='http://counter.example/x.js'></script><img src=/y>"
POLICY = BrowserPolicy(pages=1, settle_seconds=1.0, allowed_hosts=frozenset({"shop.example"}))


async def test_a_browser_goes_through_the_proxy_to_allowed_hosts_alone(chromium: str):
    with open_proxy(("127.0.0.1", 1)) as proxy:
        proxy.page = PAGE
        network = Network({"http": proxy.url})
        async with BrowserPool(chromium, POLICY, network=network) as pool:
            fetched = await pool.fetch("http://shop.example/x")
    assert b"a page" in fetched.body
    assert proxy.log[0] == "GET http://shop.example/x HTTP/1.1"
    assert not [line for line in proxy.log if "shop.example" not in line]


async def test_a_host_of_no_proxy_is_asked_directly(chromium: str):
    with open_proxy(("127.0.0.1", 1)) as proxy, open_proxy(("127.0.0.1", 1)) as shop:
        shop.page = PAGE
        address = shop.url.removeprefix("http://")
        policy = BrowserPolicy(
            pages=1,
            settle_seconds=1.0,
            allowed_hosts=frozenset({"shop.example"}),
            addresses={"shop.example": address},
        )
        network = Network({"http": proxy.url}, bypassed=(".example",))
        async with BrowserPool(chromium, policy, network=network) as pool:
            await pool.fetch("http://shop.example/x")
    assert shop.log[0] == "GET /x HTTP/1.1"
    assert proxy.log == []


async def test_a_proxy_with_a_password_is_refused_without_being_shown(chromium: str):
    network = Network({"http": "http://me:s3cret@127.0.0.1:1"})
    with pytest.raises(RefusedError, match="SLUICE_PROXY") as raised:
        async with BrowserPool(chromium, POLICY, network=network):
            pass
    assert "s3cret" not in str(raised.value)
