import subprocess
import sys
from pathlib import Path

import pytest

from platform_assets.core.errors import RefusedError
from platform_assets.products.platform import PageRequest
from resources.browser.messages import BrowserPolicy, PageLoad
from resources.browser.pool import BrowserPool
from resources.browser.process import BrowserProcess, find_chromium

URL = "https://shop.example/goods?key=geheim-1"


def test_the_first_chromium_on_the_path_is_taken():
    there = {"google-chrome": "/opt/chrome", "chromium-browser": "/usr/bin/cb"}
    assert find_chromium(None, there.get) == "/usr/bin/cb"
    assert find_chromium("google-chrome", there.get) == "/opt/chrome"


def test_a_named_program_must_be_there_and_run(tmp_path: Path):
    program = tmp_path / "chromium"
    with pytest.raises(RefusedError) as missing:
        find_chromium(program)
    assert missing.value.kind == "missing_browser"
    assert str(program) in missing.value.message
    program.touch(0o600)
    with pytest.raises(RefusedError):
        find_chromium(program)
    program.chmod(0o700)
    assert find_chromium(program) == str(program)


async def test_a_pool_without_chromium_says_what_to_do(tmp_path: Path):
    with pytest.raises(RefusedError, match="install chromium") as caught:
        async with BrowserPool(tmp_path / "none"):
            pass
    assert caught.value.kind == "missing_browser"


async def test_a_pool_without_playwright_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "playwright.async_api", None)
    with pytest.raises(RefusedError, match=r"sluice\[browser\]") as caught:
        await BrowserProcess.start("/bin/true", (), 1.0)
    assert caught.value.kind == "missing_extra"


def test_playwright_is_not_imported_before_a_browser_starts():
    code = "import sys, resources.browser.pool; sys.exit(any(m.startswith('playwright') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("url", ["", "file:///etc/hostname", "https://other.example/", "http://["])
async def test_a_url_of_nobody_is_refused_before_anything_is_asked(url: str):
    pool = BrowserPool(policy=BrowserPolicy(allowed_hosts=frozenset({"shop.example"})))
    with pytest.raises(RefusedError) as caught:
        await pool.fetch(url)
    assert caught.value.kind == "bad_url"


def test_a_text_captures_urls_that_contain_it_and_a_function_what_it_accepts():
    load = PageLoad(URL, {}, "/api/goods", 1.0)
    assert load.captures("https://shop.example/api/goods?id=1")
    assert not load.captures("https://shop.example/api/other")
    assert not PageLoad(URL, {}, None, 1.0).captures(URL)
    request = PageRequest("/goods", capture="/api/goods")
    load = PageLoad(URL, {}, request.captures, 1.0)
    assert load.captures("https://shop.example/api/goods?id=1")
    assert not load.captures("https://shop.example/api/goods/list")


def test_a_load_is_described_without_its_query_and_tells_its_secrets():
    load = PageLoad(URL, {"x-key": "geheim-2", "accept": "text/html"}, None, 1.0)
    assert load.describe() == "browser: GET https://shop.example/goods"
    assert {"geheim-1", "geheim-2"} <= set(load.list_secrets())
    assert "text/html" not in load.list_secrets()
