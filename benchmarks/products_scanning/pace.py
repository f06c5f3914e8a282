"""A day of products under a cap, in this process: its time over products / rate, and what the ledger takes of it."""

import asyncio
import functools
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from benchmarks.products_scanning.shops import ShopsProcess
from benchmarks.products_scanning.worker import PLATFORM
from platform_assets.core.errors import PermanentError
from platform_assets.products.open import ShopServices
from platform_assets.products.platform import ShopPlatform
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.caps.limits import Cap, find_cap

if TYPE_CHECKING:
    from resources.state.ledger import SqlLedger

DAY = "2026-11-20"
CHECKPOINTS = ("record", "save_checkpoints")
"""Calls of the ledger that write down what was read; the others plan, and take and give leases."""


@dataclass(frozen=True, slots=True)
class PaceRun:
    """A day, scanned.

    Attributes:
        name: Which cap.
        products: Of the day.
        rate: Products a second that the cap allows.
        guard: Share by which the limiter stretches the cap's window.
        seconds: Wall time of all batches.
        batch_seconds: Wall time of the median batch.
        ledger_seconds: Time in calls of the ledger, added up over threads.
        checkpoint_seconds: Of that, in those that write down what was read.
        cpu_seconds: Of this process.
        refused: Requests that the shop refused.
    """

    name: str
    products: int
    rate: int
    guard: float
    seconds: float
    batch_seconds: float
    ledger_seconds: float
    checkpoint_seconds: float
    cpu_seconds: float
    refused: int

    @property
    def ratio(self) -> float:
        """Wall time over products / rate."""
        return self.seconds * self.rate / self.products


class TimedLedger:
    """A ledger whose calls are timed, whichever they are.

    Attributes:
        seconds: Time by name of the call, added up over threads: more than it delays a batch, which goes on meanwhile.
    """

    def __init__(self, ledger: "SqlLedger") -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self.seconds = defaultdict[str, float](float)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of whatever type the ledger has there
        found = getattr(self._ledger, name)
        if not callable(found):
            return found

        @functools.wraps(found)
        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - the ledger's own
            started = time.perf_counter()
            try:
                return found(*arguments, **named)
            finally:
                with self._lock:
                    self.seconds[name] += time.perf_counter() - started

        return call


def measure_pace(name: str, products: int, rate: int, in_flight: int | None = None) -> PaceRun:
    """Scans a day in a fresh home, batch after batch.

    Args:
        name: Of the row.
        products: How many there are.
        rate: Requests a second of the cap; the shop refuses what is above it.
        in_flight: Open requests of the cap; the platform's own if omitted.
    """
    cap = find_cap(PLATFORM)
    cap = replace(cap, requests=rate, in_flight=in_flight or cap.in_flight)
    options = ("--products", str(products), "--rate", str(rate), "--open", str(cap.in_flight))
    with ShopsProcess(options) as shops, tempfile.TemporaryDirectory(prefix="bench-shops-") as home:
        return asyncio.run(_scan(name, shops, Path(home), cap, products))


async def _scan(name: str, shops: ShopsProcess, home: Path, cap: Cap, products: int) -> PaceRun:
    settings = Settings(home=home).model_copy(update=shops.settings(PLATFORM))
    services = Services(settings)
    ledger = TimedLedger(services.ledger)
    timed = cast("SqlLedger", ledger)
    ours = ShopServices(settings, services.state, services.objects, timed, services.clock)

    def find_our_cap(platform: ShopPlatform) -> Cap:
        del platform
        return cap

    ours.find_cap = find_our_cap  # type: ignore[method-assign]
    planned = await ours.split_day(PLATFORM, DAY)
    shops.reset()
    ledger.seconds.clear()
    started, cpu = time.perf_counter(), time.process_time()
    ends = [started]
    for each in planned:
        result = await ours.scan_batch(each.batch)
        if result.reason is not None or result.failures:
            raise PermanentError(f"{each.batch.key}: {result.reason or result.failures}")
        ends.append(time.perf_counter())
    cpu = time.process_time() - cpu
    batches = sorted(end - start for start, end in pairwise(ends))
    stats = shops.stats(PLATFORM)
    if stats["by_kind"].get("product") != products:
        raise PermanentError(f"{stats['by_kind']} requests for {products} products")
    services.state.close()
    return PaceRun(
        name=name,
        products=products,
        rate=cap.requests,
        guard=cap.guard,
        seconds=ends[-1] - started,
        batch_seconds=batches[len(batches) // 2],
        ledger_seconds=sum(ledger.seconds.values()),
        checkpoint_seconds=sum(ledger.seconds[name] for name in CHECKPOINTS),
        cpu_seconds=cpu,
        refused=stats["violations"],
    )
