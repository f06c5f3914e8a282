"""Every client leaves through the proxy that is set and believes the authority that is set, on loopback."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from platform_assets.core.errors import RefusedError, TransientError
from platform_assets.core.jobs import Job
from platform_assets.products.platform import PageRequest
from platform_assets.ranks.result_page import Surface
from platform_assets.ranks.search_page import PageHost, SearchPage
from platform_assets.services import Services
from platform_assets.settings import Settings, load_settings
from resources.http.network import read_network
from tests.fakes.proxy import LoggingProxy, open_proxy, open_tls

NAMES = [
    "id.twitch.tv",
    "api.igdb.com",
    "search.naver.com",
    "goods.musinsa.com",
    "hooks.example",
    "tags.example",
    "dagster.example",
]
JOBS = {
    "data": {
        "repositoriesOrError": {
            "__typename": "RepositoryConnection",
            "nodes": [{"name": "r", "location": {"name": "l"}, "jobs": [{"name": "x"}]}],
        }
    }
}
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def answer(host: str, path: str) -> bytes:
    if path == "/oauth2/token":
        return b'{"access_token": "abc", "expires_in": 5000}'
    if path.endswith("/count"):
        return b'{"count": 7}'
    if path == "/graphql":
        return json.dumps(JOBS).encode()
    if path == "/v1/tasks":
        return b'{"state": "running"}\n{"exit": 0}\n'
    return b"[]"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return monkeypatch


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[tuple[str, int]]:
    with open_tls(tmp_path, NAMES, answer) as address:
        yield address


@pytest.fixture
def proxy(upstream: tuple[str, int]) -> Iterator[LoggingProxy]:
    with open_proxy(upstream) as proxy:
        yield proxy


def make_services(folder: Path, **settings: object) -> Services:
    given = {
        "igdb_client_id": "id",
        "igdb_client_secret": SecretStr("secret"),
        "alert_webhook_url": SecretStr("https://hooks.example/T1"),
        "tags_runner": "http_service",
        "tags_service_url": "https://tags.example",
        "dagster_url": "https://dagster.example",
        "shop_musinsa_url": "https://goods.musinsa.com",
        **settings,
    }
    return Services(Settings(home=folder, **given))  # pyright: ignore[reportArgumentType]


async def ask_igdb(services: Services) -> None:
    async with services.igdb.open() as client:
        assert await client.count("games", "") == 7


async def ask_shop(services: Services) -> None:
    async with services.shops.open_shop(services.shops.find_platform("musinsa")) as shop:
        assert await shop.fetch(PageRequest("/x")) == b"[]"


async def ask_naver(services: Services) -> None:
    async with services.ranks.open_source() as pages:
        page = SearchPage(Surface.BLOG_TAB, "x", PageHost.SEARCH, "/search.naver?query=x")
        assert await pages.fetch(page) == b"[]"


async def post_alert(services: Services) -> None:
    assert await asyncio.to_thread(services.alerts.tell_once, "tenant_disabled", "a", "off")


async def run_task(services: Services) -> None:
    (end,) = await services.tags_runner("acme").run(Job("j", "m", 1), lambda _: None)
    assert end.reason is None


async def find_job(services: Services) -> None:
    found = await asyncio.to_thread(services.dagster_webserver.find_job, "x")
    assert found["repositoryName"] == "r"


CLIENTS = [
    pytest.param(ask_igdb, ["id.twitch.tv", "api.igdb.com"], id="igdb"),
    pytest.param(ask_shop, ["goods.musinsa.com"], id="shop"),
    pytest.param(ask_naver, ["search.naver.com"], id="naver"),
    pytest.param(post_alert, ["hooks.example"], id="webhook"),
    pytest.param(run_task, ["tags.example"], id="tags service"),
    pytest.param(find_job, ["dagster.example"], id="dagster"),
]


@pytest.mark.parametrize(("ask", "hosts"), CLIENTS)
async def test_every_client_goes_through_the_proxy_and_believes_the_authority_of_the_environment(
    ask: Callable[[Services], "asyncio.Future[None]"],
    hosts: list[str],
    proxy: LoggingProxy,
    environment: pytest.MonkeyPatch,
    tmp_path: Path,
):
    environment.setenv("HTTPS_PROXY", proxy.url)
    async with asyncio.timeout(30):
        await ask(make_services(tmp_path))
    assert [line.split()[:2] for line in proxy.log] == [["CONNECT", f"{h}:443"] for h in hosts]


@pytest.mark.parametrize("variable", ["ALL_PROXY", "https_proxy"])
async def test_the_other_variables_name_a_proxy_too(
    variable: str, proxy: LoggingProxy, environment: pytest.MonkeyPatch, tmp_path: Path
):
    environment.setenv(variable, proxy.url.removeprefix("http://"))
    await find_job(make_services(tmp_path))
    assert proxy.log == ["CONNECT dagster.example:443 HTTP/1.1"]


async def test_the_setting_names_a_proxy_by_itself(proxy: LoggingProxy, tmp_path: Path):
    await find_job(make_services(tmp_path, proxy=SecretStr(proxy.url)))
    assert proxy.log == ["CONNECT dagster.example:443 HTTP/1.1"]


async def test_the_proxy_of_the_environment_can_be_switched_off(
    proxy: LoggingProxy, environment: pytest.MonkeyPatch, tmp_path: Path
):
    environment.setenv("HTTPS_PROXY", proxy.url)
    services = make_services(
        tmp_path, proxy=SecretStr("none"), dagster_url="https://dagster.invalid"
    )
    with pytest.raises(TransientError) as raised:
        await find_job(services)
    assert (raised.value.kind, proxy.log) == ("dagster_unreachable", [])


@pytest.mark.parametrize(("host", "no_proxy"), [("127.0.0.1", ""), ("127.0.0.2", "127.0.0.2")])
async def test_this_machine_and_the_hosts_of_no_proxy_are_asked_directly(
    host: str, no_proxy: str, environment: pytest.MonkeyPatch, tmp_path: Path
):
    with open_tls(tmp_path, NAMES, answer, host) as (_, port), open_proxy((host, port)) as proxy:
        environment.setenv("HTTPS_PROXY", proxy.url)
        environment.setenv("NO_PROXY", f"other.example, {no_proxy}")
        await find_job(make_services(tmp_path, dagster_url=f"https://{host}:{port}"))
        assert proxy.log == []


async def test_a_server_of_an_authority_that_is_not_set_is_not_believed(
    upstream: tuple[str, int], environment: pytest.MonkeyPatch, tmp_path: Path
):
    environment.delenv("SSL_CERT_FILE")
    with pytest.raises(TransientError) as raised:
        await find_job(make_services(tmp_path, dagster_url=f"https://127.0.0.1:{upstream[1]}"))
    assert raised.value.kind == "dagster_unreachable"


async def test_authorities_that_are_not_there_are_named(
    environment: pytest.MonkeyPatch, tmp_path: Path
):
    environment.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(RefusedError, match=r"none\.pem.*SSL_CERT_FILE"):
        await ask_igdb(make_services(tmp_path))


async def test_a_proxy_that_cannot_be_used_refuses_only_what_needs_it(
    upstream: tuple[str, int], environment: pytest.MonkeyPatch, tmp_path: Path
):
    environment.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    await find_job(make_services(tmp_path, dagster_url=f"https://127.0.0.1:{upstream[1]}"))
    with pytest.raises(RefusedError, match="SOCKS is not supported"):
        await ask_igdb(make_services(tmp_path))


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1", "proxy:3128", "yes", "http://"])
def test_a_setting_that_is_no_proxy_is_refused_by_name(value: str, environment: pytest.MonkeyPatch):
    environment.setenv("SLUICE_PROXY", value)
    with pytest.raises(RefusedError, match="SLUICE_PROXY") as raised:
        load_settings()
    assert value in {"yes", "http://"} or value not in raised.value.message


@pytest.mark.parametrize(
    ("listed", "host", "direct"),
    [
        ("example.com", "example.com", True),
        ("example.com", "www.example.com", True),
        (".example.com", "www.example.com", True),
        (".example.com", "example.com", True),
        ("example.com", "anexample.com", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.10", False),
        ("::1", "[::1]", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("example.com:443", "example.com", True),
        ("example.com:80", "example.com", False),
        ("*", "anything.example", True),
        ("", "localhost", True),
        ("", "127.0.0.1", True),
        ("", "localhost.example", False),
    ],
)
def test_no_proxy_is_read_as_others_read_it(listed: str, host: str, direct: bool):
    network = read_network("http://proxy.example:3128", {"NO_PROXY": listed})
    assert network.is_direct(f"https://{host}/") is direct
