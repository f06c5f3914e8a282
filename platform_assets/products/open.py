"""The adapters of the products pipeline as the settings say; part of `services.py`, which is large enough."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from platform_assets.core.clock import Clock
from platform_assets.core.engine.loop_thread import Emit
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.run import OnProgress
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.units import Report, UnitState
from platform_assets.core.errors import PermanentError, PlatformError
from platform_assets.core.months import TIMEZONE
from platform_assets.core.objects import ObjectStore
from platform_assets.http_services import find_network, make_policy
from platform_assets.products.batch_result import BatchResult
from platform_assets.products.batches import (
    DAY_PIPELINE,
    SCAN_PIPELINE,
    Batch,
    PlannedBatch,
    find_day,
    is_listed,
    mark_listed,
    read_opening,
    split_day,
)
from platform_assets.products.listing import ListReport, list_products
from platform_assets.products.platform import ShopPlatform, WorkerKind
from platform_assets.products.platforms import PLATFORMS, find_platform
from platform_assets.products.platforms.configured import declare_platform
from platform_assets.products.progress import DayProgress, measure_day
from platform_assets.products.scan import Scanner, scan_batch
from platform_assets.products.search_request import SearchRequest, check_keyword, check_searchable
from platform_assets.products.searches import Searcher, answer_requests
from platform_assets.products.source import ShopSource
from platform_assets.products.state.failed_items import SqlFailedItems
from platform_assets.products.state.known_products import SqlKnownProducts
from platform_assets.products.state.search_ledger import SqlSearchLedger
from platform_assets.products.state.search_requests import SqlSearchRequests
from platform_assets.products.turns import SEARCHES, take_turn
from platform_assets.settings import Settings
from resources.caps.limits import Cap, shop_cap
from resources.logs import open_log
from resources.shops.browser import BrowserShops
from resources.shops.http import SHOP_ERRORS, HttpShops
from resources.state.cap_states import SqlCapStates
from resources.state.database import StateDatabase
from resources.state.leases import SqlLeases
from resources.state.ledger import SqlLedger
from resources.state.ledger_queries import LedgerQueries, UnitFilter

SKIP_LIMIT = 25
"""Failed products after which a batch ends: half of it, and the shop is down; the next run does the rest."""

SEARCHES_AT_ONCE = 2
"""Searches of a shop that go on beside its batches; all of them together keep its cap."""

SEARCH_SECONDS = 600.0
"""Time that one try of a search may take: 50 pages at the pace of a browser, beside a batch."""


@dataclass(frozen=True, slots=True)
class BegunDay:
    """A shop's day that was split: its batches, none if no product is known, and how its list was read."""

    planned: tuple[PlannedBatch, ...]
    listed: ListReport


def read_declared(settings: Settings) -> tuple[ShopPlatform, ...]:
    """The shop of `SLUICE_SHOPS_FILE`, if it is set.

    Raises:
        PermanentError: kind `bad_platform`: the file is not there, or names its mistakes.
    """
    file = settings.shops_file
    if file is None:
        return ()
    try:
        return (declare_platform(file.read_bytes(), file.name),)
    except OSError as error:
        raise PermanentError(
            f"SLUICE_SHOPS_FILE: cannot read {file}: {error.strerror}", kind="bad_platform"
        ) from error


class ShopServices:
    """Shops, and what is known of their products.

    Args:
        settings: Where shops are and how they are asked.
        state: The state database.
        objects: The object store.
        ledger: Plans and units.
        clock: The wall clock.
    """

    def __init__(
        self,
        settings: Settings,
        state: StateDatabase,
        objects: ObjectStore,
        ledger: SqlLedger,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self._state = state
        self._objects = objects
        self._ledger = ledger
        self._clock = clock
        self.known = SqlKnownProducts(state)
        self.searches = SqlSearchRequests(state)

    @cached_property
    def declared(self) -> tuple[ShopPlatform, ...]:
        """The shop of `SLUICE_SHOPS_FILE`. Raises as `read_declared` does."""
        return read_declared(self.settings)

    @property
    def platforms(self) -> list[str]:
        """Names of all platforms."""
        return sorted({*PLATFORMS, *(shop.name for shop in self.declared)})

    def find_platform(self, name: str) -> ShopPlatform:
        """A platform by name. Raises `PermanentError` of kind `unknown_platform` or `bad_platform`."""
        return find_platform(name, self.declared)

    def find_cap(self, platform: ShopPlatform) -> Cap:
        """What a shop allows."""
        return shop_cap(platform.cap_name)

    @asynccontextmanager
    async def open_shop(self, platform: ShopPlatform) -> AsyncGenerator[ShopSource]:
        """A shop under its cap; closed at the end.

        Raises:
            RefusedError: kind `missing_browser`: it needs one, and there is none.
        """
        open_log(self.settings.log_path)
        url: str | None = getattr(self.settings, f"shop_{platform.name}_url", None)
        async with self._openers[platform.kind].open(
            platform, self.find_cap(platform), url
        ) as source:
            yield source

    @property
    def _openers(self) -> Mapping[WorkerKind, HttpShops | BrowserShops]:
        states, settings = SqlCapStates(self._state), self.settings
        seconds = settings.products_timeout_seconds / 2  # one page of two tries
        policy = replace(make_policy(settings), table=SHOP_ERRORS)
        network = find_network(settings)
        return {
            WorkerKind.HTTP: HttpShops(states, self._clock, policy, network=network),
            WorkerKind.BROWSER: BrowserShops(
                states, self._clock, settings.chromium, network, seconds
            ),
        }

    async def split_day(self, name: str, day: str) -> list[PlannedBatch]:
        """The batches of `begin_day`.

        Raises:
            PlatformError: The list failed, and no product was known.
        """
        begun = await self.begin_day(name, day)
        if not begun.planned and begun.listed.error is not None:
            raise begun.listed.error
        return list(begun.planned)

    async def begin_day(self, name: str, day: str) -> BegunDay:
        """Lists a shop's products, adds them to the known ones, and splits the day if it was not split before.

        A list that fails costs what is new on it: known products are split all the same, and a later call of the day
        reads the list again.

        Raises:
            PermanentError: kind `unknown_platform`.
            TransientError: The state database does not answer.
        """
        platform = self.find_platform(name)
        planned = await asyncio.to_thread(find_day, self._ledger, name, day)
        if planned and await asyncio.to_thread(is_listed, self._ledger, name, day):
            return BegunDay(tuple(planned), ListReport())
        report = await self._list_shop(platform, day)
        if not planned:
            ids = await asyncio.to_thread(self.known.list_ids, name)
            opened_at = self._clock.now().isoformat()
            planned = await asyncio.to_thread(split_day, self._ledger, name, day, ids, opened_at)
        return BegunDay(tuple(planned), report)

    async def _list_shop(self, platform: ShopPlatform, day: str) -> ListReport:
        listed = added = 0
        odd: list[str] = []
        try:
            async with self.open_shop(platform) as source:
                async for page in list_products(platform, source, odd.extend):
                    listed += len(page)
                    added += await asyncio.to_thread(self.known.add, platform.name, page, "list")
        except PlatformError as error:
            return ListReport(listed, added, tuple(odd), error)
        report = ListReport(listed, added, tuple(odd))
        detail = {"listed": listed, "added": added, "odd": len(odd)}
        await asyncio.to_thread(mark_listed, self._ledger, platform.name, day, detail)
        return report

    def find_waiting_days(self) -> list[tuple[str, str]]:
        """Platforms and days that have batches which wait."""
        counted = LedgerQueries(self._state).count_units(
            UnitFilter(pipeline=DAY_PIPELINE, state=UnitState.PENDING)
        )
        return sorted({(count.scope.tenant, count.scope.partition) for count in counted})

    def find_day(self, name: str, day: str) -> list[PlannedBatch]:
        """The batches of a day; none if it was not split."""
        return find_day(self._ledger, name, day)

    async def scan_batch(
        self,
        batch: Batch,
        on_progress: OnProgress | None = None,
        *,
        mass_accepted: bool = False,
    ) -> BatchResult:
        """Scans a batch when it is the platform's turn.

        Args:
            batch: Which one.
            on_progress: See `run_units`.
            mass_accepted: Whether a person says that products which vanish in a mass are really gone.

        Raises:
            PermanentError: kinds `unknown_platform`, `unknown_batch`, `bad_table`.
            TransientError: The state database or the store does not answer.
        """
        platform = self.find_platform(batch.platform)
        turns = self.settings.products_parallel_batches
        async with (
            take_turn(SqlLeases(self._state), platform.name, turns),
            self.open_shop(platform) as source,
        ):
            scanner = self._make_scanner(platform, source, on_progress)
            return await scan_batch(replace(scanner, mass_accepted=mass_accepted), batch)

    async def scan_batches(
        self,
        batches: Iterable[Batch],
        emit: Emit[BatchResult | DayProgress],
        *,
        mass_accepted: bool = False,
    ) -> None:
        """Scans batches, the shops side by side and each shop's in their order.

        Args:
            batches: Which ones.
            emit: Is handed the result of each batch, then how far its day is.
            mass_accepted: Whether a person says that products which vanish in a mass are really gone.

        Raises:
            ExceptionGroup: What `scan_batch` raises.
        """
        by_shop: dict[str, list[Batch]] = {}
        for batch in sorted(batches):
            by_shop.setdefault(batch.platform, []).append(batch)

        async def scan_shop(waiting: Iterable[Batch]) -> None:
            for batch in waiting:
                emit(await self.scan_batch(batch, mass_accepted=mass_accepted))
                progress = await asyncio.to_thread(self.measure_day, batch.platform, batch.day)
                if progress is not None:
                    emit(progress)

        async with asyncio.TaskGroup() as group:
            for waiting in by_shop.values():
                group.create_task(scan_shop(waiting))

    def request_search(self, name: str, keyword: str) -> tuple[SearchRequest, bool]:
        """Asks for a search of a shop; the request, and whether it is a new one.

        Raises:
            PermanentError: kinds `unknown_platform`, `no_search`, `bad_keyword`, `bad_platform`.
        """
        platform = self.find_platform(name)
        check_searchable(platform)
        return self.searches.add(platform.name, check_keyword(keyword))

    async def answer_searches(self, name: str) -> Report:
        """Answers the open search requests of a shop, beside its batches and under the same cap.

        Raises:
            PermanentError: kinds `unknown_platform`, `bad_platform`.
            TransientError: The state database does not answer.
            RefusedError: kind `missing_browser`.
        """
        platform = self.find_platform(name)
        ledger = SqlSearchLedger(self._state, name)
        lanes = min(SEARCHES_AT_ONCE, self.find_cap(platform).in_flight)
        policy = RunPolicy(
            concurrency=lanes,
            hold_limit=lanes,
            unit_timeout_seconds=SEARCH_SECONDS,
            retry=RetryPolicy(attempts=2),
            lease_seconds=self.settings.unit_lease_seconds,
            wait_for_others=False,
        )
        async with (
            take_turn(SqlLeases(self._state), name, 1, SEARCHES),
            self.open_shop(platform) as source,
        ):
            searcher = Searcher(platform, source, self.known, ledger, self._clock, policy)
            return await answer_requests(searcher, ledger.plan)

    def measure_day(self, name: str, day: str) -> DayProgress | None:
        """How far a platform's day is; None if it was not split."""
        counted = LedgerQueries(self._state).count_units(
            UnitFilter(pipeline=SCAN_PIPELINE, tenant=name)
        )
        states: Counter[UnitState] = Counter()
        for count in counted:
            if count.scope.partition.startswith(f"{name}/{day}/"):
                states[count.state] += count.count
        opened = read_opening(self._ledger, name, day)
        began_at = datetime.fromisoformat(opened) if opened else None
        return measure_day(self.find_day(name, day), states, began_at, self._clock.now())

    def measure_recent(self) -> list[DayProgress]:
        """How far yesterday and today are, of all platforms that have split them."""
        now = self._clock.now().astimezone(ZoneInfo(TIMEZONE))
        days = [(now - timedelta(days=back)).strftime("%Y-%m-%d") for back in (1, 0)]
        measured = (self.measure_day(name, day) for name in self.known.count() for day in days)
        return [progress for progress in measured if progress is not None]

    def _make_scanner(
        self, platform: ShopPlatform, source: ShopSource, on_progress: OnProgress | None
    ) -> Scanner:
        settings = self.settings
        return Scanner(
            platform=platform,
            source=source,
            objects=self._objects,
            ledger=self._ledger,
            failed_items=SqlFailedItems(self._state, settings.retention_days),
            clock=self._clock,
            policy=RunPolicy(
                concurrency=self.find_cap(platform).in_flight,
                hold_limit=self.find_cap(platform).in_flight,
                unit_timeout_seconds=settings.products_timeout_seconds,
                retry=RetryPolicy(attempts=2),
                skip_limit=SKIP_LIMIT,
                lease_seconds=settings.unit_lease_seconds,
            ),
            on_progress=on_progress,
            read_share=settings.products_read_share,
        )
