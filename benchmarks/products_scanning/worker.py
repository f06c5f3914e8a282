"""Scans a day of Musinsa, batch after batch, as runs of the asset do. A process of its own, to be killed.

    python -m benchmarks.products_scanning.worker DAY RATE [BATCH ...]

DAY is an ISO date, RATE the requests a second of the cap, BATCH the number of a batch; without one, all are scanned.
Settings say where the shop and the platform's home are. A line for each batch tells how it ended.
"""

import asyncio
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace

from platform_assets.products.platform import ShopPlatform
from platform_assets.services import Services
from platform_assets.settings import load_settings
from resources.caps.limits import Cap, find_cap

PLATFORM = "musinsa"


def set_pace(services: Services, rate: int) -> None:
    """Gives the caps of all shops another number of requests a second; how many may be open stays."""

    def find_paced_cap(platform: ShopPlatform) -> Cap:
        return replace(find_cap(platform.cap_name), requests=rate)

    services.shops.find_cap = find_paced_cap  # type: ignore[method-assign]


async def scan(services: Services, day: str, numbers: Collection[int]) -> None:
    """Scans the batches of a day that have these numbers, or all; splits it first if nobody has."""
    for planned in await services.shops.split_day(PLATFORM, day):
        if numbers and planned.batch.index not in numbers:
            continue
        result = await services.shops.scan_batch(planned.batch)
        sys.stdout.write(f"{result.batch.key} {result.reason or 'published'}\n")
        sys.stdout.flush()


def main(arguments: Sequence[str]) -> None:
    """The command line."""
    day, rate, *numbers = arguments
    services = Services(load_settings())
    set_pace(services, int(rate))
    asyncio.run(scan(services, day, {int(number) for number in numbers}))
    services.state.close()


if __name__ == "__main__":
    main(sys.argv[1:])
