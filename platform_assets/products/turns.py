"""Turns of a platform's batches, and of its searches: how many go on at once, over processes and machines.

Not a pool of Dagster: those are fixed per asset, and the batches of all platforms are one asset. A batch that waits
for its turn sleeps; the sensor starts no more batches than there are turns.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Protocol
from uuid import uuid4

from platform_assets.core.engine.units import Attempt
from platform_assets.core.errors import TransientError
from platform_assets.core.processes.owner import describe_owner

BATCHES = "products"
SEARCHES = "searches"

LEASE_SECONDS = 60.0
RENEW_SECONDS = 15.0
LOOK_SECONDS = 2.0


class Leases(Protocol):
    """Named leases. Synchronous; may block on a database."""

    def acquire(self, name: str, attempt: Attempt, seconds: float) -> int | None:
        """Takes the lease; None if another one holds it."""
        ...

    def renew(self, name: str, attempt: Attempt, seconds: float) -> bool:
        """Extends it; False if it is lost."""
        ...

    def release(self, name: str, attempt: Attempt) -> bool:
        """Gives it back."""
        ...


@asynccontextmanager
async def take_turn(
    leases: Leases, platform: str, turns: int, line: str = BATCHES
) -> AsyncGenerator[int]:
    """Waits for one of a platform's turns and holds it until the end of the block.

    Args:
        leases: Where turns are held.
        platform: Whose turn.
        turns: How many there are.
        line: What stands in line: each line of a platform has turns of its own.

    Yields:
        Which turn, from 1.
    """
    attempt = Attempt(uuid4().hex, describe_owner())
    name = await _acquire(leases, f"{line}/{platform}", turns, attempt)
    renewing = asyncio.create_task(_renew(leases, name, attempt))
    try:
        yield int(name.rpartition("/")[2])
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        await asyncio.to_thread(leases.release, name, attempt)


async def _acquire(leases: Leases, place: str, turns: int, attempt: Attempt) -> str:
    while True:
        for turn in range(1, turns + 1):
            name = f"{place}/{turn}"
            if await asyncio.to_thread(leases.acquire, name, attempt, LEASE_SECONDS) is not None:
                return name
        await asyncio.sleep(LOOK_SECONDS)


async def _renew(leases: Leases, name: str, attempt: Attempt) -> None:
    """Keeps the turn. One that is lost is not taken again: its products' own leases keep others off them."""
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with suppress(TransientError):
            if not await asyncio.to_thread(leases.renew, name, attempt, LEASE_SECONDS):
                return
