"""Pages of a shop that needs a browser: how many a minute one Chromium loads, and what it holds of memory meanwhile."""

import asyncio
import os
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from benchmarks.products_scanning.shops import ShopsProcess
from platform_assets.products.platform import ShopPlatform
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.caps.limits import Cap, find_cap
from resources.shops.browser import BrowserShop

UNHURRIED = 1000
"""Requests a second: more than a browser can load."""

_LOOK_SECONDS = 0.5
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class PageRun:
    """One browser.

    Attributes:
        platform: Whose pages.
        pages: Loaded and read.
        in_flight: Pages at a time.
        start_seconds: Until the browser was there.
        seconds: From the first page to the last.
        peaks_mb: Pages so far -> most memory that this process, Playwright's and the browser's held up to then; what
            they share counts once (PSS).
        resident_mb: Most memory of the browser as the worker measures it: what its processes share counts for each.
    """

    platform: str
    pages: int
    in_flight: int
    start_seconds: float
    seconds: float
    peaks_mb: dict[int, float]
    resident_mb: float

    @property
    def per_minute(self) -> float:
        """Pages a minute, without the browser's start."""
        return 60 * self.pages / self.seconds


def measure_pages(platform: str, pages: int, steps: Sequence[int]) -> PageRun:
    """Loads products one after the other in one browser, as many at a time as the platform's cap says.

    Args:
        platform: Of the kind `browser`.
        pages: How many; every one is read as the platform's batches read it.
        steps: Numbers of pages after which memory is noted.
    """
    options = ("--products", str(pages), "--rate", str(UNHURRIED), "--open", "100")
    with ShopsProcess(options) as shops, tempfile.TemporaryDirectory(prefix="bench-shops-") as home:
        return asyncio.run(_load(platform, shops, Path(home), steps))


async def _load(platform: str, shops: ShopsProcess, home: Path, steps: Sequence[int]) -> PageRun:
    services = Services(Settings(home=home).model_copy(update=shops.settings(platform)))
    services.shops.find_cap = _find_unhurried_cap  # type: ignore[method-assign]
    shop = services.shops.find_platform(platform)
    cap = services.shops.find_cap(shop)
    products = sorted(shops.truth(platform))
    peaks: dict[int, float] = {}
    opened = time.perf_counter()
    async with services.shops.open_shop(shop) as source:
        browser = cast("BrowserShop", source)
        started = time.perf_counter()
        left, done, peak = iter(products), 0, 0.0

        async def watch() -> None:
            nonlocal peak
            while True:
                peak = max(peak, await asyncio.to_thread(measure_family, {shops.pid}))
                await asyncio.sleep(_LOOK_SECONDS)

        async def read_on() -> None:
            nonlocal done
            for product in left:
                body = await browser.fetch(shop.product_request(product))
                if body is not None:
                    shop.read_product(product, body, datetime.now(UTC))
                done += 1
                if done in steps:
                    peaks[done] = peak / 1e6

        watching = asyncio.create_task(watch())
        async with asyncio.TaskGroup() as group:
            for _ in range(cap.in_flight):
                group.create_task(read_on())
        seconds = time.perf_counter() - started
        watching.cancel()
        resident = browser.peak_bytes / 1e6
    services.state.close()
    return PageRun(
        platform, len(products), cap.in_flight, started - opened, seconds, peaks, resident
    )


def measure_family(left_out: Collection[int]) -> int:
    """Bytes of this process and all below it, what they share counted once; without these processes."""
    parents = dict(filter(None, map(_read_parent, _PROC.glob("[0-9]*"))))
    family = [os.getpid()]
    for pid in family:  # grows while it is gone through
        family += [
            each for each, parent in parents.items() if parent == pid and each not in left_out
        ]
    return sum(map(_read_pss, family))


def _read_parent(folder: Path) -> tuple[int, int] | None:
    try:
        fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return int(folder.name), int(fields[1])


def _read_pss(pid: int) -> int:
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    return (
        next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) * 1024
    )


def _find_unhurried_cap(platform: ShopPlatform) -> Cap:
    return replace(find_cap(platform.cap_name), requests=UNHURRIED)
