# pyright: standard
"""Shops: small SQLite databases of tenants' events, and their sources with a test listening in. No Dagster here."""

import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from platform_assets.core.errors import PlatformError
from platform_assets.tenants.cycle import SourceOpener
from platform_assets.tenants.process import EventSource
from platform_assets.tenants.tenant import SourceSettings
from sandbox.tenants.databases import Placement
from sandbox.tenants.failing import BadKind
from sandbox.tenants.generated import GeneratedTenants, Shape
from sandbox.tenants.oddities import OddKind
from sandbox.tenants.truth import Truth
from sandbox.tenants.writing import write_failing, write_tenants

MONTHS = ("2026-03", "2026-04", "2026-05", "2026-06")
"""Months that the shops have events in; the clock stands in the last."""

EMPTY_MONTH = "2026-02"
"""A month before the shops' first event."""

NOW = datetime(2026, 6, 15, 3, 0, tzinfo=UTC)

SHOPS = 3
BROKEN = "bad-missing-table"
"""A shop whose source always fails."""


@dataclass(frozen=True, slots=True)
class Shops:
    """Databases of events, `tenant-0001` to `tenant-0003` and `bad-missing-table`, and the truth about them."""

    folder: Path
    truth: Truth

    def url(self, shop: str) -> str:
        return f"sqlite:///{self.folder / shop}.db"


@cache
def write_shops(base: Path) -> Shops:
    """Some thirty events a month for each shop, every twentieth of them odd; written once for a folder."""
    folder = base / "shops"
    folder.mkdir()
    truth = Truth("generated", 7)
    shape = Shape(SHOPS, MONTHS, 30, 0.05, seed=5, last_days=10, kinds=tuple(OddKind))
    placement = Placement(folder, None)
    write_tenants(GeneratedTenants(shape), truth, placement)
    write_failing([BadKind.MISSING_TABLE], truth, placement)
    return Shops(folder, truth)


class WatchedSources:
    """Opens real sources; counts what is read, how much of it at once, and fails or calls back where a test says so.

    Attributes:
        reads: (shop, month) -> how often it was read.
        most: Most months that were read at the same time.
        failing: (shop, month) -> what a reading raises.
        on_read: Called with (shop, month) in the thread of the reading, before the first row.
    """

    def __init__(self, sources: SourceOpener) -> None:
        self._sources = sources
        self._lock = threading.Lock()
        self._open = 0
        self.reads: Counter[tuple[str, str]] = Counter()
        self.most = 0
        self.failing: dict[tuple[str, str], PlatformError] = {}
        self.on_read: Callable[[str, str], object] = lambda shop, month: None

    def open(self, source: SourceSettings) -> EventSource:
        return _WatchedEvents(self, Path(source.url).stem, self._sources.open(source))

    @contextmanager
    def reading(self, shop: str, month: str) -> Generator[None]:
        with self._lock:
            self.reads[shop, month] += 1
            self._open += 1
            self.most = max(self.most, self._open)
        try:
            self.on_read(shop, month)
            if error := self.failing.get((shop, month)):
                raise error
            yield
        finally:
            with self._lock:
                self._open -= 1


@dataclass(frozen=True, slots=True)
class _WatchedEvents:
    watch: WatchedSources
    shop: str
    events: EventSource

    def fingerprint(self, month: str) -> str | None:
        return self.events.fingerprint(month)

    def read(self, month: str, slice_records: int) -> Generator[Sequence[Mapping[str, object]]]:
        with self.watch.reading(self.shop, month):
            yield from self.events.read(month, slice_records)

    def returning(self, month: str) -> Generator[object]:
        return self.events.returning(month)
