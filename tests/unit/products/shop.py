"""A shop that a test plays, and everything that scanning it needs, in memory."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from platform_assets.core.clock import Clock
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.units import Scope, UnitRecord, UnitState
from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.core.objects import ObjectInfo
from platform_assets.products.batch_result import BatchResult, FailedItem
from platform_assets.products.batches import (
    SCAN_PIPELINE,
    Batch,
    PlannedBatch,
    find_batch,
    split_day,
)
from platform_assets.products.changes import Change
from platform_assets.products.latest import latest_key, read_latest
from platform_assets.products.platform import Goods, PageRequest, ShopPlatform, WorkerKind
from platform_assets.products.product import ListPage, ProductSnapshot, SaleStatus
from platform_assets.products.publishing import changes_key, snapshots_key
from platform_assets.products.scan import Scanner, scan_batch
from platform_assets.products.tables import read_changes, read_snapshots
from tests.fakes.clock import START, FakeClock
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.memory_objects import MemoryObjectStore
from tests.fakes.virtual_time import run_virtual

NAME = "playshop"
DAY = "2026-11-20"
PRICE = 10_000
POLICY = RunPolicy(
    concurrency=4, unit_timeout_seconds=30.0, retry=RetryPolicy(attempts=3, jitter=0.0)
)


class PlayedPlatform(ShopPlatform):
    """Reads what `PlayedSource` answers; it has no lists."""

    name = NAME
    kind = WorkerKind.HTTP
    hosts = {"main": "http://127.0.0.1"}  # noqa: RUF012 - as the platforms themselves do

    def list_request(self, cursor: str | None) -> PageRequest:
        raise NotImplementedError

    def read_list(self, body: bytes, cursor: str | None) -> ListPage:
        raise NotImplementedError

    def search_request(self, keyword: str, cursor: str | None) -> PageRequest:
        raise NotImplementedError

    def read_search(self, body: bytes, cursor: str | None) -> ListPage:
        raise NotImplementedError

    def product_request(self, product_id: str) -> PageRequest:
        return PageRequest(f"/products/{self.check_id(product_id)}")

    def read_product(self, product_id: str, body: bytes, scanned_at: datetime) -> ProductSnapshot:
        said = msgspec.json.decode(body)
        price = said["price"]
        goods = Goods(said["name"], SaleStatus(said["status"]), price, None)
        return self.snapshot(product_id, goods, scanned_at)

    def product_url(self, product_id: str) -> str:
        return f"http://127.0.0.1/products/{product_id}"


@dataclass
class Failing:
    """What a product answers in place of its page; `times` is None for always."""

    error: Exception
    times: int | None = None


@dataclass
class PlayedSource:
    """A shop of any product; it does what its attributes say about an id.

    Attributes:
        clock: Says which day it is.
        prices: Id -> day -> the price from that day on; else `PRICE`.
        names: Id -> name.
        gone: The shop says that there is nothing.
        sold_out: Sold out.
        failing: Raises.
        hanging: Never answers.
        seconds: How long each answer takes, in the time of the loop.
        asked: Ids in the order in which they were asked for.
        answered: Those whose answer, good or bad, came to its end.
        pauses: Seconds that the shop was to be left alone.
    """

    clock: Clock
    prices: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    names: dict[str, str] = field(default_factory=dict[str, str])
    gone: set[str] = field(default_factory=set[str])
    sold_out: set[str] = field(default_factory=set[str])
    failing: dict[str, Failing] = field(default_factory=dict[str, Failing])
    hanging: set[str] = field(default_factory=set[str])
    seconds: float = 0.0
    asked: list[str] = field(default_factory=list[str])
    answered: list[str] = field(default_factory=list[str])
    pauses: list[float] = field(default_factory=list[float])

    def slow_down(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def fetch(self, request: PageRequest) -> bytes | None:
        product_id = request.path.rpartition("/")[2]
        self.asked.append(product_id)
        await asyncio.sleep(1e9 if product_id in self.hanging else self.seconds)
        self.answered.append(product_id)
        self._fail(product_id)
        return None if product_id in self.gone else msgspec.json.encode(self._describe(product_id))

    def fail(
        self, product_ids: Iterable[str], error: Exception | None = None, times: int | None = None
    ) -> None:
        """Lets products fail: with a permanent error of kind `broken_page` if `error` is None."""
        error = error or PermanentError("the page has no end: look at it", kind="broken_page")
        self.failing.update({each: Failing(error, times) for each in product_ids})

    def _fail(self, product_id: str) -> None:
        failing = self.failing.get(product_id)
        if failing is None or failing.times == 0:
            return
        if failing.times is not None:
            failing.times -= 1
        raise failing.error

    def _describe(self, product_id: str) -> dict[str, object]:
        today = self.clock.now().date().isoformat()
        prices = {"": PRICE, **self.prices.get(product_id, {})}
        return {
            "name": self.names.get(product_id, f"상품 {product_id}"),
            "price": prices[max(day for day in prices if day <= today)],
            "status": SaleStatus.SOLD_OUT if product_id in self.sold_out else SaleStatus.ON_SALE,
        }


@dataclass
class PlayedObjects(MemoryObjectStore):
    """Notes each write, and stops working at one of them.

    Attributes:
        meddlers: Each is called once, before a write to `meddled`: what comes between a read and a write.
        meddled: Key of a table; of the latest table if nobody says otherwise.
        written: Keys in the order in which they were written.
        break_at: Number of the write, from 1, at which the store goes away; None for never.
        break_after: Whether that write is made all the same, and only its answer is lost.
    """

    meddlers: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])
    meddled: str = latest_key(NAME)
    written: list[str] = field(default_factory=list[str])
    break_at: int | None = None
    break_after: bool = False

    def put(self, key: str, data: bytes) -> ObjectInfo:
        self._play(key, before=True)
        info = super().put(key, data)
        self._play(key, before=False)
        return info

    def put_if(self, key: str, data: bytes, etag: str | None) -> ObjectInfo:
        if self.meddlers and key == self.meddled:
            self.meddlers.pop(0)()
        self._play(key, before=True)
        info = super().put_if(key, data, etag)
        self._play(key, before=False)
        return info

    def content(self) -> dict[str, bytes]:
        """All that is stored, by key."""
        return {info.key: self.get(info.key) for info in self.list("")}

    def _play(self, key: str, *, before: bool) -> None:
        if before:
            self.written.append(key)
        if before is not self.break_after and len(self.written) == self.break_at:
            raise TransientError("the store is away: start it", kind="store_unreachable")


class MemoryFailedItems:
    """Implements `FailedItems`; `away` lets it fail."""

    def __init__(self) -> None:
        self.items: dict[Batch, tuple[FailedItem, ...]] = {}
        self.away = False

    def replace(self, batch: Batch, items: Sequence[FailedItem]) -> None:
        if self.away:
            raise TransientError("the database is away: start it", kind="state_unreachable")
        self.items[batch] = tuple(items)


class Bench:
    """A shop, a day of `count` products, and what scanning needs.

    Attributes:
        ids: The products, sorted.
        planned: The batches as they were split.
    """

    def __init__(self, count: int = 10, policy: RunPolicy = POLICY) -> None:
        self.clock = FakeClock()
        self.source = PlayedSource(self.clock)
        self.objects = PlayedObjects(self.clock)
        self.ledger = MemoryLedger(self.clock)
        self.failed_items = MemoryFailedItems()
        self.policy = policy
        self.ids = make_ids(count)
        self.planned = self.split()
        self.batch = self.planned[0].batch

    def split(self, day: str = DAY) -> list[PlannedBatch]:
        """Splits a day."""
        return split_day(self.ledger, NAME, day, self.ids, START.isoformat())

    def begin_day(self, day: str = "2026-11-21") -> Batch:
        """Lets a day pass and splits the new one; its first batch."""
        self.clock.advance(86_400)
        return self.split(day)[0].batch

    def scanner(self) -> Scanner:
        return Scanner(
            PlayedPlatform(),
            self.source,
            self.objects,
            self.ledger,
            self.failed_items,
            self.clock,
            self.policy,
        )

    async def ascan(self, batch: Batch | None = None) -> BatchResult:
        return await scan_batch(self.scanner(), batch or self.batch)

    def scan(self, batch: Batch | None = None) -> BatchResult:
        """Scans a batch, the first of the first day if None; what was asked before is forgotten."""
        self.source.asked.clear()
        self.source.answered.clear()
        return run_virtual(self.ascan(batch))

    def failed(self, batch: Batch | None = None) -> list[str]:
        """The products of a batch that people see as failed."""
        return [item.product_id for item in self.failed_items.items[batch or self.batch]]

    def found(self, batch: Batch | None = None) -> PlannedBatch:
        return find_batch(self.ledger, batch or self.batch)

    def records(self, batch: Batch | None = None) -> Mapping[str, UnitRecord]:
        """The products of a batch as the ledger has them."""
        batch = batch or self.batch
        plan = self.ledger.find_plan(Scope(SCAN_PIPELINE, batch.platform, batch.key))
        assert plan is not None
        return {record.unit.unit_id: record for record in self.ledger.read_units(plan)}

    def states(self, batch: Batch | None = None) -> Counter[UnitState]:
        return Counter(record.state for record in self.records(batch).values())

    def snapshots(self, batch: Batch | None = None) -> list[ProductSnapshot]:
        return read_snapshots(self.objects.get(snapshots_key(batch or self.batch)), "snapshots")

    def changes(self, batch: Batch | None = None) -> list[Change]:
        return read_changes(self.objects.get(changes_key(batch or self.batch)), "changes")

    def latest(self) -> dict[str, ProductSnapshot]:
        return {each.product_id: each for each in read_latest(self.objects, NAME)}


def make_ids(count: int, first: int = 100_001) -> list[str]:
    """Ids of one width, so that they sort as numbers do."""
    return [str(first + number) for number in range(count)]


def make_snapshot(product_id: str = "1", at: datetime = START, **said: object) -> ProductSnapshot:
    """A product on sale; `said` replaces fields."""
    plain = ProductSnapshot(
        platform=NAME,
        product_id=product_id,
        name=f"상품 {product_id}",
        brand="킨치",
        original_price=PRICE,
        discounted_price=PRICE,
        currency="KRW",
        sale_status=SaleStatus.ON_SALE,
        rating=4.5,
        review_count=3,
        url=f"http://127.0.0.1/products/{product_id}",
        scanned_at=at,
    )
    return msgspec.structs.replace(plain, **said)


def make_gone(product_id: str = "1", at: datetime = START) -> ProductSnapshot:
    """A product that is not found."""
    return make_snapshot(
        product_id,
        at,
        name=None,
        brand=None,
        original_price=None,
        discounted_price=None,
        rating=None,
        review_count=None,
        sale_status=SaleStatus.NOT_FOUND,
    )
