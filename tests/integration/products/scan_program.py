"""Scans a day of Musinsa, batch after batch, as runs of the asset do.

The shop is the one of the settings, with a cap of eight times the real one's pace.
"""

import asyncio
import sys
from dataclasses import replace

from platform_assets.products.platform import ShopPlatform
from platform_assets.services import Services
from platform_assets.settings import load_settings
from resources.caps import Cap, find_cap

DAY = "2026-11-20"
PACE = 40
"""Products a second."""


def find_fast_cap(platform: ShopPlatform) -> Cap:
    return replace(find_cap(platform.cap_name), requests=PACE)


async def scan(services: Services) -> None:
    for planned in await services.shops.split_day("musinsa", DAY):
        result = await services.shops.scan_batch(planned.batch)
        sys.stdout.write(f"{result.batch.key} {result.reason or 'published'}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    services = Services(load_settings())
    services.shops.find_cap = find_fast_cap  # type: ignore[method-assign]
    asyncio.run(scan(services))
