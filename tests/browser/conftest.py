"""A headless Chromium, the system's own, driven by Playwright."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ANSWER_MILLISECONDS = 90_000
"""Dagster's page loads several megabytes of script, and the machine is busy."""


@pytest.fixture
def page(give_up: Callable[[str], NoReturn]) -> Iterator[Page]:
    """An empty page, wide enough for the whole of a table."""
    if not CHROMIUM.exists():
        give_up(f"there is no {CHROMIUM}; install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1500, "height": 1300})
        page.set_default_timeout(ANSWER_MILLISECONDS)
        expect.set_options(timeout=ANSWER_MILLISECONDS)
        yield page
        browser.close()
