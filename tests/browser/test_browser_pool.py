"""A pool of pages in a real Chromium, before a small shop on loopback that renders, fetches, hangs and breaks."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from aiohttp import web

from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from resources.browser.family import BrowserFamily
from resources.browser.messages import BrowserPolicy
from resources.browser.pool import BrowserPool
from resources.browser.process import find_chromium
from resources.caps.local_gates import NoCap
from tests.integration.tenants.processes import list_processes

LONG = 60.0
"""Seconds that nothing here should take, on a busy machine either."""

RENDERER = "--type=renderer"
POLICY = BrowserPolicy(timeout_seconds=LONG, settle_seconds=LONG)
SHOP = "shop.test"
STRANGER = "stranger.test"

RENDERED = """<meta charset="utf-8"><p id="name"></p><script>
fetch("/api/name").then(reply => reply.json()).then(it => {
  setTimeout(() => { document.getElementById("name").textContent = it.name; }, 50);
});</script>"""
SPA = """<script>
fetch("/api/other").then(() => fetch("/goods/api/v1/detail?goodsNo=7", {headers: {"x-page": "1"}}));
</script>"""
HEAVY = f"""<link rel="stylesheet" href="/heavy.css"><p style="font-family: F">text</p><img src="/heavy.png">
<audio src="/heavy.mp3" preload="auto"></audio><iframe src="http://{STRANGER}/frame"></iframe>
<script>fetch("http://{STRANGER}/beacon").catch(() => 0);
navigator.serviceWorker?.register("/worker.js").catch(() => 0);</script>"""
TALKS = """<p id="said">nothing</p><script>
window.onbeforeunload = event => { event.preventDefault(); return "stay"; };
alert("hello"); window.open("/rendered");
document.getElementById("said").textContent = confirm("sure?") ? "yes" : "no";</script>"""
MACHINE = """<script>document.title = [navigator.language,
Intl.DateTimeFormat().resolvedOptions().timeZone].join(" ");</script>"""


class Shop:
    """What the browser is sent to; counts what it is asked for."""

    def __init__(self) -> None:
        self.asked = Counter[str]()
        self._two = asyncio.Barrier(2)
        self.url = ""
        self._pages = {
            "rendered": RENDERED,
            "spa": SPA,
            "heavy": HEAVY,
            "talks": TALKS,
            "machine": MACHINE,
            "loop": "<script>for (;;) {}</script>",
            "quiet": "<p>quiet</p>",
            "away": f'<script>location.href = "http://{STRANGER}/script"</script>',
        }

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator["Shop"]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://{SHOP}:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked[f"{request.host.partition(':')[0]}{path}"] += 1
        word = path.strip("/")
        if word in self._pages:
            return web.Response(text=self._pages[word], content_type="text/html")
        if word.startswith("status/"):
            headers = {"retry-after": "7"} if word.endswith("429") else {}
            return web.Response(
                status=int(word[7:]), text=f"sorry {request.query.get('key')}", headers=headers
            )
        answer = getattr(self, f"_{word.replace('/', '_').replace('.', '_')}", None)
        if answer is None:
            return web.json_response({"path": path})
        return await answer(request)

    async def _api_name(self, _request: web.Request) -> web.Response:
        return web.json_response({"name": "수분 크림"})

    async def _goods_api_v1_detail(self, request: web.Request) -> web.Response:
        return web.json_response({"goodsNumber": request.query["goodsNo"]})

    async def _echo(self, request: web.Request) -> web.Response:
        return web.json_response(dict(request.headers))

    async def _heavy_css(self, _request: web.Request) -> web.Response:
        css = '@font-face { font-family: F; src: url("/heavy.woff2"); } p { color: red; }'
        return web.Response(text=css, content_type="text/css")

    async def _hang(self, _request: web.Request) -> web.Response:
        await asyncio.sleep(10 * LONG)
        raise AssertionError

    async def _elsewhere(self, _request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://{STRANGER}/moved")

    async def _here(self, _request: web.Request) -> web.Response:
        raise web.HTTPFound("/quiet")

    async def _download(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=b"0" * 100, headers={"content-disposition": "attachment; filename=a.bin"}
        )

    async def _cookie(self, request: web.Request) -> web.Response:
        """Shows the cookie that came and sets another; with `together`, two are served at a time."""
        if "together" in request.query:
            await self._two.wait()
        reply = web.json_response({"came": request.cookies.get("guest")})
        reply.set_cookie("guest", request.query["guest"])
        return reply

    async def _etag(self, request: web.Request) -> web.Response:
        if request.headers.get("if-none-match") == '"1"':
            return web.Response(status=304, headers={"etag": '"1"'})
        headers = {"etag": '"1"', "cache-control": "no-cache"}
        return web.json_response({"goods": 1}, headers=headers)


@pytest.fixture
async def shop() -> AsyncGenerator[Shop]:
    async with Shop().open() as shop:
        yield shop


@pytest.fixture(scope="session")
def chromium(give_up: Callable[[str], NoReturn]) -> str:
    try:
        return find_chromium(None)
    except RefusedError as error:
        give_up(error.message)


@pytest.fixture
def policy(shop: Shop) -> BrowserPolicy:
    """Only the shop is allowed; every name is this machine."""
    return replace(POLICY, allowed_hosts=frozenset({SHOP}), addresses={SHOP: "127.0.0.1"})


@pytest.fixture
async def pool(
    chromium: str, policy: BrowserPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[BrowserPool]:
    # A driver that is killed leaves an empty folder behind; here it goes with the test's.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with BrowserPool(chromium, policy) as pool:
        yield pool


def find_browser(parent: int) -> BrowserFamily:
    """The one browser whose driver is a child of a process."""
    leaders = {it.session for it in list_processes() if "--remote-debugging-pipe" in it.command}
    drivers = {it.pid for it in list_processes() if it.parent == parent}
    (leader,) = (it.pid for it in list_processes() if it.parent in drivers and it.pid in leaders)
    return BrowserFamily.find(leader)


def find_renderers(family: BrowserFamily) -> list[int]:
    members = set(family.members())
    return [it.pid for it in list_processes() if it.pid in members and RENDERER in it.command]


def ticks_of_pages(family: BrowserFamily) -> list[int]:
    return [used_ticks(pid) for pid in find_renderers(family)]


async def until_idle(family: BrowserFamily) -> None:
    """Until the pages' processes use less than a tenth of a processor."""
    deadline = time.monotonic() + LONG
    before, used = 0, 1000
    while used - before > 3:
        assert time.monotonic() < deadline, "a page's script runs on"
        before = sum(ticks_of_pages(family))
        await asyncio.sleep(0.3)
        used = sum(ticks_of_pages(family))


def used_ticks(pid: int) -> int:
    """Processor time, in hundredths of a second."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
    except OSError:
        return 0


def find_closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def driver_of(family: BrowserFamily) -> int:
    (leader,) = (it for it in list_processes() if it.pid == family.leader)
    return leader.parent


def profile_of(family: BrowserFamily) -> Path:
    return Path(family.read_argument("user-data-dir") or "/")


async def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


async def until_gone(family: BrowserFamily, profile: Path, driver: int) -> None:
    await until(lambda: not family.members(), "all processes of the browser ended")
    await until(lambda: not profile.exists(), f"{profile} is gone")
    await until(lambda: driver not in {it.pid for it in list_processes()}, "the driver ended")


async def test_a_page_is_read_after_its_scripts_and_captured_replies_as_they_came(
    pool: BrowserPool, shop: Shop
):
    page = await pool.fetch(f"{shop.url}/rendered")
    assert page.status == 200
    assert page.url == f"{shop.url}/rendered"
    assert "수분 크림</p>" in page.body.decode()
    assert page.seconds > 0

    reply = await pool.fetch(f"{shop.url}/spa", capture="/goods/api/v1/detail")
    assert reply.url == f"{shop.url}/goods/api/v1/detail?goodsNo=7"
    assert json.loads(reply.body) == {"goodsNumber": "7"}

    reply = await pool.fetch(f"{shop.url}/spa", capture=lambda url: url.endswith("/other"))
    assert json.loads(reply.body) == {"path": "/api/other"}

    for _ in range(2):  # the second one is answered by 304
        plain = await pool.fetch(f"{shop.url}/etag")
        assert json.loads(plain.body) == {"goods": 1}

    stats = pool.stats()
    assert (stats.fetched, stats.failed, stats.restarts) == (5, 0, 0)
    assert 50e6 < stats.memory_bytes < 4e9
    assert stats.peak_bytes > 50e6


async def test_only_the_shop_is_asked_and_for_nothing_but_text(pool: BrowserPool, shop: Shop):
    await pool.fetch(f"{shop.url}/heavy")
    asked = {path for path in shop.asked if shop.asked[path]}
    assert asked == {f"{SHOP}/heavy", f"{SHOP}/heavy.css"}


async def test_images_come_when_nothing_is_blocked(
    chromium: str, policy: BrowserPolicy, shop: Shop
):
    async with BrowserPool(chromium, replace(policy, blocked_types=frozenset())) as pool:
        await pool.fetch(f"{shop.url}/heavy")
    assert shop.asked[f"{SHOP}/heavy.png"] == 1
    assert shop.asked[f"{STRANGER}/beacon"] == 0


async def test_the_browser_is_a_korean_one_and_sends_the_headers_it_is_given(
    pool: BrowserPool, shop: Shop
):
    page = await pool.fetch(f"{shop.url}/machine")
    assert "<title>ko-KR Asia/Seoul</title>" in page.body.decode()
    sent = json.loads((await pool.fetch(f"{shop.url}/echo", headers={"x-key": "1"})).body)
    assert sent["Accept-Language"].startswith("ko-KR")
    assert sent["x-key"] == "1"
    sent = json.loads((await pool.fetch(f"{shop.url}/echo")).body)
    assert "x-key" not in sent


async def test_dialogs_are_dismissed_windows_closed_and_nobody_is_kept_from_leaving(
    pool: BrowserPool, shop: Shop
):
    for _ in range(2):
        page = await pool.fetch(f"{shop.url}/talks")
        assert '<p id="said">no</p>' in page.body.decode()
    assert (await pool.fetch(f"{shop.url}/ready")).status == 200
    assert pool.stats().replaced == 0


FAILURES = [
    ("status/404", PermanentError, "not_found"),
    ("status/403", RefusedError, "forbidden"),
    ("status/503", TransientError, "server_error"),
    ("download", PermanentError, "download"),
    ("elsewhere", PermanentError, "redirected"),
    ("away", PermanentError, "redirected"),
]


async def test_failures_are_those_of_the_http_client(pool: BrowserPool, shop: Shop):
    for path, kind_of_error, kind in FAILURES:
        with pytest.raises(kind_of_error) as caught:
            await pool.fetch(f"{shop.url}/{path}?key=geheim-1")
        assert caught.value.kind == kind, path
        assert f"GET {shop.url}/{path}: " in str(caught.value)
        assert "geheim-1" not in str(caught.value)
    assert not [asked for asked in shop.asked if asked.startswith(STRANGER)]
    with pytest.raises(TransientError) as refused:
        await pool.fetch(f"http://{SHOP}:{find_closed_port()}/")
    assert refused.value.kind == "connect_failed"
    assert pool.stats().failed == len(FAILURES) + 1

    moved = await pool.fetch(f"{shop.url}/here")  # to the shop itself: followed
    assert moved.url == f"{shop.url}/quiet"


async def test_a_429_pauses_the_cap_for_as_long_as_the_shop_asks(pool: BrowserPool, shop: Shop):
    gate = NoCap()
    with pytest.raises(TransientError) as caught:
        await pool.fetch(f"{shop.url}/status/429", gate=gate)
    assert (caught.value.kind, caught.value.retry_after) == ("throttled", 7.0)
    assert (gate.stats.grants, gate.stats.throttles) == (1, 1)


async def test_two_pages_load_side_by_side_with_cookies_of_their_own(pool: BrowserPool, shop: Shop):
    async def visit(query: str) -> str | None:
        return json.loads((await pool.fetch(f"{shop.url}/cookie?{query}")).body)["came"]

    first = await asyncio.gather(visit("together=1&guest=kim"), visit("together=1&guest=lee"))
    assert first == [None, None]
    again = await asyncio.gather(visit("together=2&guest=kim"), visit("together=2&guest=lee"))
    assert set(again) == {"kim", "lee"}


async def test_a_page_that_hangs_is_cut_off_and_the_next_one_loads(pool: BrowserPool, shop: Shop):
    for path, capture, kind in (("hang", None, "timeout"), ("quiet", "/never", "no_reply")):
        with pytest.raises(TransientError) as caught:
            await pool.fetch(f"{shop.url}/{path}", capture=capture, timeout_seconds=1)
        assert caught.value.kind == kind
        assert (await pool.fetch(f"{shop.url}/ready")).status == 200
    assert pool.stats().replaced == 2
    assert pool.stats().restarts == 0


async def test_a_script_that_never_ends_is_ended_with_its_page(pool: BrowserPool, shop: Shop):
    family = find_browser(os.getpid())
    with pytest.raises(TransientError) as caught:
        await pool.fetch(f"{shop.url}/loop", timeout_seconds=2)
    assert caught.value.kind == "timeout"
    await until_idle(family)
    assert (await pool.fetch(f"{shop.url}/ready")).status == 200


async def test_a_cancelled_load_leaves_its_page_to_nobody(pool: BrowserPool, shop: Shop):
    loads = [asyncio.create_task(pool.fetch(f"{shop.url}/hang")) for _ in range(3)]
    await until(lambda: shop.asked[f"{SHOP}/hang"] == 2, "two pages hang, the third load waits")
    for load in loads:
        load.cancel()
    ends = await asyncio.gather(*loads, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends)
    assert (await pool.fetch(f"{shop.url}/ready")).status == 200
    assert pool.stats().replaced == 2


async def test_pages_are_opened_afresh_after_some_loads(
    chromium: str, policy: BrowserPolicy, shop: Shop
):
    async with BrowserPool(chromium, replace(policy, pages=1, recycle_after=2)) as pool:
        url = f"{shop.url}/cookie?guest=kim"
        seen = [b"kim" in (await pool.fetch(url)).body for _ in range(5)]
        assert pool.stats().recycled == 2
    assert seen == [False, True, False, True, False]


async def test_a_renderer_that_is_killed_costs_one_load(pool: BrowserPool, shop: Shop):
    family = find_browser(os.getpid())
    for capture in (None, "/never"):
        load = asyncio.create_task(pool.fetch(f"{shop.url}/loop", capture=capture))
        await until(lambda: max(ticks_of_pages(family), default=0) > 80, "its script loops")
        for pid in find_renderers(family):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(TransientError) as caught:
            await load
        assert caught.value.kind == "page_crashed"
    assert (await pool.fetch(f"{shop.url}/ready")).status == 200
    assert pool.stats().restarts == 0


@pytest.mark.parametrize("victim", ["browser", "driver"])
async def test_a_browser_that_is_killed_is_started_again(
    pool: BrowserPool, shop: Shop, victim: str
):
    family = find_browser(os.getpid())
    profile, driver = profile_of(family), driver_of(family)
    loads = [asyncio.create_task(pool.fetch(f"{shop.url}/hang")) for _ in range(2)]
    await until(lambda: shop.asked[f"{SHOP}/hang"] == 2, "both load")
    os.kill(family.leader if victim == "browser" else driver, signal.SIGKILL)
    for load in loads:
        with pytest.raises(TransientError) as caught:
            await load
        assert caught.value.kind == "browser_died"
    both = await asyncio.gather(*(pool.fetch(f"{shop.url}/ready") for _ in range(2)))
    assert [page.status for page in both] == [200, 200]
    assert pool.stats().restarts == 1
    await until_gone(family, profile, driver)


async def test_a_browser_that_dies_again_and_again_is_given_up(
    chromium: str, policy: BrowserPolicy, shop: Shop
):
    async with BrowserPool(chromium, replace(policy, restarts=1)) as pool:
        for deaths in (1, 2):
            load = asyncio.create_task(pool.fetch(f"{shop.url}/hang"))
            await until(lambda deaths=deaths: shop.asked[f"{SHOP}/hang"] == deaths, "it loads")
            os.kill(find_browser(os.getpid()).leader, signal.SIGKILL)
            with pytest.raises(TransientError) as died:
                await load
            assert died.value.kind == "browser_died"
        with pytest.raises(RefusedError) as given_up:
            await pool.fetch(f"{shop.url}/quiet")
    assert given_up.value.kind == "browser_keeps_dying"
    assert pool.stats().memory_bytes == 0


async def test_nothing_is_left_when_the_pool_ends_while_a_page_loads(
    chromium: str, policy: BrowserPolicy, shop: Shop
):
    async def use() -> None:
        async with BrowserPool(chromium, policy) as pool:
            await pool.fetch(f"{shop.url}/hang")

    using = asyncio.create_task(use())
    await until(lambda: shop.asked[f"{SHOP}/hang"] == 1, "it loads")
    family = find_browser(os.getpid())
    profile, driver = profile_of(family), driver_of(family)
    assert profile.is_dir()
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert not profile.exists()
    await until_gone(family, profile, driver)


def has_started(what: str) -> bool:
    """Whether a driver of ours, or its browser, is there."""
    drivers = {it.pid for it in list_processes() if it.parent == os.getpid()}
    found = drivers if what == "driver" else {it for it in list_processes() if it.parent in drivers}
    return bool(found)


@pytest.mark.parametrize("what", ["driver", "browser"])
async def test_nothing_is_left_when_a_start_is_cancelled(chromium: str, what: str):
    async def use() -> None:
        async with BrowserPool(chromium):
            await asyncio.sleep(LONG)

    using = asyncio.create_task(use())
    await until(lambda: has_started(what), f"the {what} starts")
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    await until(lambda: not has_started("driver"), "the driver ended")
    await until(lambda: not has_started("browser"), "the browser ended")


PROGRAM = """
import asyncio, sys
from resources.browser.pool import BrowserPool

async def main():
    async with BrowserPool(sys.argv[1]) as pool:
        print("open", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_nothing_is_left_when_our_process_is_ended(chromium: str, number: signal.Signals):
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, chromium), stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    try:
        assert await program.stdout.readline() == b"open\n"
        family = find_browser(program.pid)
        profile, driver = profile_of(family), driver_of(family)
        assert profile.is_dir()
    finally:
        program.send_signal(number)
        await program.wait()
    await until_gone(family, profile, driver)


async def test_a_program_that_is_no_browser_is_not_started(tmp_path: Path):
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\necho no libraries here >&2; exit 1\n")
    program.chmod(0o755)
    with pytest.raises(TransientError, match="no libraries here") as caught:
        async with BrowserPool(program):
            pass
    assert caught.value.kind == "browser_not_started"
