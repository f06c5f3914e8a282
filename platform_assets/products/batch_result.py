"""How a batch ended, and the products of it that could not be read. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from platform_assets.core.engine.units import FailedUnit, Report
from platform_assets.core.findings import Finding
from platform_assets.products.batches import Batch


@dataclass(frozen=True, slots=True)
class FailedItem:
    """A product that could not be read.

    Attributes:
        product_id: Its id.
        kind: Kind of the error.
        message: Its text.
        attempts: How often it was tried, over all runs.
    """

    product_id: str
    kind: str
    message: str
    attempts: int


class FailedItems(Protocol):
    """Where failed products are kept for people, some days long."""

    def replace(self, batch: Batch, items: Sequence[FailedItem]) -> None:
        """Stores the failed products of a batch in place of those that are stored."""
        ...


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How a batch ended.

    Attributes:
        batch: Which one.
        report: Of this run.
        products: Products of the batch.
        statuses: Snapshots by sale status.
        failures: Products that could not be read, in this run or in one before.
        counted_at: When products, statuses and failures were counted; aware UTC.
        notes: Products by what is noted of them; see `ProductSnapshot.notes`.
        changes: Changes by kind, of all runs of the batch.
        findings: What was checked; of a batch whose products were not all tried, that this is so.
        reason: Why its tables were not published; None when they were.
    """

    batch: Batch
    report: Report
    products: int
    statuses: Mapping[str, int]
    failures: tuple[FailedUnit, ...]
    counted_at: datetime
    notes: Mapping[str, int] = field(default_factory=dict[str, int])
    changes: Mapping[str, int] = field(default_factory=dict[str, int])
    findings: tuple[Finding, ...] = ()
    reason: str | None = None
