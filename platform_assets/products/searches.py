"""The search queue: somebody asks for a keyword, the shop's search answers, what it finds joins the known products.

    request -> a unit under lease, under the shop's cap -> pages of the search -> known products -> found, added

Where requests are kept is the caller's; a request is answered once, and answering it again does no harm.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from platform_assets.core.clock import Clock
from platform_assets.core.engine.ledger import UnitLedger
from platform_assets.core.engine.run import run_units
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import JsonObject, Plan, Report, Unit
from platform_assets.products.blocking import BlockWatch
from platform_assets.products.listing import search_products
from platform_assets.products.platform import ShopPlatform
from platform_assets.products.product import ListedProduct
from platform_assets.products.source import ShopSource


class KnownProducts(Protocol):
    """Where found products go. Blocks on a database."""

    def add(self, platform: str, products: Sequence[ListedProduct], found_by: str) -> int:
        """Adds products; how many were not known before."""
        ...


@dataclass(frozen=True, slots=True)
class Searcher:
    """What answering the requests of a shop needs.

    Attributes:
        platform: The shop.
        source: Sends its requests.
        known: Takes what is found.
        ledger: The requests; their units have a `keyword`.
        clock: For the report.
        policy: Bounds and retries.
    """

    platform: ShopPlatform
    source: ShopSource
    known: KnownProducts
    ledger: UnitLedger
    clock: Clock
    policy: RunPolicy


async def answer_requests(searcher: Searcher, plan: Plan) -> Report:
    """Answers the open requests of a shop. One that finds nothing is done; one that fails does not stop the others.

    Raises:
        TransientError: The state database does not answer.
    """
    return await run_units(
        plan,
        _Answering(searcher).answer,
        ledger=searcher.ledger,
        policy=searcher.policy,
        clock=searcher.clock,
    )


class _Answering:
    """The work of one unit: one request."""

    def __init__(self, searcher: Searcher) -> None:
        self._platform = searcher.platform
        self._source = searcher.source
        self._known = searcher.known
        self._blocks = BlockWatch(searcher.source, searcher.policy.unit_timeout_seconds)

    async def answer(self, unit: Unit, run: UnitRun) -> JsonObject:
        """How many products were found and added. Raises what the source and the platform's reader raise."""
        with self._blocks.watching():
            return await self._answer(unit, run)

    async def _answer(self, unit: Unit, run: UnitRun) -> JsonObject:
        found = added = 0
        async for page in search_products(self._platform, self._source, unit.payload["keyword"]):
            run.ensure_held()
            name = self._platform.name
            added += await asyncio.to_thread(self._known.add, name, page, "search")
            found += len(page)
        return {"found": found, "added": added}
