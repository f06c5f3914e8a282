"""A tenant's events as a list, and dead letters as one: what `platform_assets/tenants/process.py` asks for."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

from platform_assets.tenants.events import BadRecord
from platform_assets.tenants.process import Row


def make_row(event_id: object, event_at: object = "2024-02-10 12:00:00", **values: object) -> Row:
    """A row with the columns that a test does not care about filled in."""
    return {
        "event_id": event_id,
        "event_at": event_at,
        "customer_id": "ann",
        "amount": "10.00",
        **values,
    }


def refuse_nothing() -> None:
    """A lease that is held for ever."""


@dataclass(slots=True)
class FakeEventSource:
    """Answers the same rows for every month.

    Attributes:
        rows: What `read` gives.
        earlier: What `returning` gives.
        print: What `fingerprint` gives.
        before_slice: Called with the number of each slice before it is given.
        reads: How often `read` was called.
    """

    rows: Sequence[Row] = ()
    earlier: Sequence[object] = ()
    print: str | None = "1"
    before_slice: Callable[[int], None] = field(default=lambda number: None)
    reads: int = 0

    def fingerprint(self, month: str) -> str | None:
        return self.print

    def read(self, month: str, slice_records: int) -> Generator[Sequence[Row]]:
        self.reads += 1
        for start in range(0, len(self.rows), slice_records):
            self.before_slice(start // slice_records)
            yield self.rows[start : start + slice_records]

    def returning(self, month: str) -> Generator[object]:
        yield from self.earlier


@dataclass(slots=True)
class MemoryLetters:
    """Dead letters by (tenant, month)."""

    kept: dict[tuple[str, str], list[BadRecord]] = field(
        default_factory=dict[tuple[str, str], list[BadRecord]]
    )
    sizes: list[int] = field(default_factory=list[int])

    def replace(self, tenant: str, month: str) -> None:
        self.kept[tenant, month] = []

    def add(self, tenant: str, month: str, bad: Sequence[BadRecord]) -> None:
        self.kept[tenant, month].extend(bad)
        self.sizes.append(len(bad))

    def kinds(self) -> list[str]:
        return [bad.kind for records in self.kept.values() for bad in records]
