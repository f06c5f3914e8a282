"""A batch of products, from its plan to its tables.

    plan of the day -> a unit per product, under the shop's cap -> snapshots -> checked -> changes, latest table

What was read of a product is in the ledger as soon as it was read, so that a batch that was killed goes on with the
rest, and a second run of a batch reads what failed and nothing else. Tables are written at the end, whole, from the
ledger alone.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import structlog

from platform_assets.core.clock import Clock
from platform_assets.core.engine.run import OnProgress, run_units
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import (
    FailedUnit,
    JsonObject,
    Plan,
    Report,
    Scope,
    Unit,
    UnitOutcome,
    UnitRecord,
    UnitState,
)
from platform_assets.core.errors import is_platform_fault
from platform_assets.core.objects import ObjectChangedError, ObjectStore
from platform_assets.products.batch_result import BatchResult, FailedItem, FailedItems
from platform_assets.products.batches import (
    SCAN_PIPELINE,
    Batch,
    DayLedger,
    PlannedBatch,
    find_batch,
    mark_batch,
)
from platform_assets.products.blocking import BlockWatch
from platform_assets.products.platform import ShopPlatform, not_found_snapshot
from platform_assets.products.product import ProductSnapshot, SaleStatus
from platform_assets.products.publishing import find_snapshots, publish_batch
from platform_assets.products.quality import (
    NO_MASS_CHANGE,
    READ_SHARE,
    Belief,
    count_notes,
    tell_unread,
)
from platform_assets.products.source import ShopSource

log = structlog.get_logger(__name__)

_CLOSE_TRIES = 5
"""Another run of the batch can come between once, when it closes it too."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """What scanning a batch needs.

    Attributes:
        platform: The shop.
        source: Sends its requests.
        objects: Where the tables go.
        ledger: Plans and units.
        failed_items: See `FailedItems`.
        clock: Stamps the snapshots.
        policy: Bounds and retries.
        on_progress: See `run_units`.
        mass_accepted: Whether a person says that products which vanish in a mass are really gone.
        read_share: See `Belief`.
    """

    platform: ShopPlatform
    source: ShopSource
    objects: ObjectStore
    ledger: DayLedger
    failed_items: FailedItems
    clock: Clock
    policy: RunPolicy
    on_progress: OnProgress | None = None
    mass_accepted: bool = False
    read_share: float = READ_SHARE


async def scan_batch(scanner: Scanner, batch: Batch) -> BatchResult:
    """Reads the products of a batch that were not read yet, and publishes the batch when all were tried.

    Raises:
        PermanentError: kind `unknown_batch`: its day was not split that way.
        TransientError: The ledger or the store does not answer.
    """
    planned = await asyncio.to_thread(find_batch, scanner.ledger, batch)
    plan = await asyncio.to_thread(_open_plan, scanner.ledger, planned)
    report = await run_units(
        plan,
        _Reading(scanner).read,
        ledger=scanner.ledger,
        policy=scanner.policy,
        clock=scanner.clock,
        on_progress=scanner.on_progress,
        on_outcome=lambda outcome: _log_outcome(batch, outcome),
    )
    return await asyncio.to_thread(_close, scanner, plan, batch, report)


class _Reading:
    """The work of one unit: one product."""

    def __init__(self, scanner: Scanner) -> None:
        self._platform = scanner.platform
        self._source = scanner.source
        self._clock = scanner.clock
        self._blocks = BlockWatch(scanner.source, scanner.policy.unit_timeout_seconds)

    async def read(self, unit: Unit, run: UnitRun) -> JsonObject:
        """The product's snapshot as JSON. Raises what the source and the platform's reader raise."""
        del run
        with self._blocks.watching():
            # As it is read back: lists, no tuples.
            return msgspec.json.decode(msgspec.json.encode(await self._read(unit.unit_id)))

    async def _read(self, product_id: str) -> ProductSnapshot:
        body = await self._source.fetch(self._platform.product_request(product_id))
        now = self._clock.now()
        if body is None:
            return not_found_snapshot(self._platform, product_id, now)
        return self._platform.read_product(product_id, body, now)


def _open_plan(ledger: DayLedger, planned: PlannedBatch) -> Plan:
    """The plan of the batch: one for good, so that what was read is never read again."""
    batch = planned.batch
    scope = Scope(SCAN_PIPELINE, batch.platform, batch.key)
    units = [Unit(product_id, {}) for product_id in planned.products]
    return ledger.find_plan(scope) or ledger.open_plan(scope, units, {})


def _log_outcome(batch: Batch, outcome: UnitOutcome) -> None:
    """A line per product in the JSON log: Dagster's log would take longer than the product."""
    snapshot = outcome.detail or {}
    log.info(
        "product_scanned" if outcome.state is UnitState.DONE else "product_failed",
        platform=batch.platform,
        batch=batch.key,
        product_id=outcome.unit_id,
        sale_status=snapshot.get("sale_status"),
        discounted_price=snapshot.get("discounted_price"),
        seconds=round(outcome.seconds, 3),
        tries=outcome.tries,
        error_kind=outcome.error_kind,
        error_message=outcome.error_message,
    )


def _close(scanner: Scanner, plan: Plan, batch: Batch, report: Report) -> BatchResult:
    """What all runs of the batch have brought, published if it can be believed."""
    tries = 0
    while True:
        # Before the ledger is read: whoever read it earlier, and writes later, is refused and reads it again.
        etag = find_snapshots(scanner.objects, batch)
        try:
            return _conclude(scanner, plan, batch, report, etag)
        except ObjectChangedError:
            tries += 1
            if tries == _CLOSE_TRIES:
                raise


def _conclude(
    scanner: Scanner, plan: Plan, batch: Batch, report: Report, etag: str | None
) -> BatchResult:
    counted_at = scanner.clock.now()
    records = scanner.ledger.read_units(plan)
    failed = [record for record in records if _is_failed(record)]
    scanner.failed_items.replace(batch, [_describe(record) for record in failed])
    snapshots = [_read_snapshot(record.detail) for record in records if record.detail is not None]
    failures = tuple(
        FailedUnit(record.unit.unit_id, record.error_kind or "", record.error_message or "")
        for record in failed
    )
    result = BatchResult(
        batch,
        report,
        len(records),
        dict(Counter(snapshot.sale_status.value for snapshot in snapshots)),
        failures,
        counted_at,
        count_notes(snapshots),
    )
    if is_platform_fault(report.stop_kind) or report.given_back:
        return replace(result, reason=_tell_stop(report))  # the batch is left, not failed
    if report.left:
        reason = _tell_stop(report)
        stopped = tell_unread(failures, len(records), reason)
        return _fail(scanner, replace(result, reason=reason, findings=(stopped,)))
    return _publish(scanner, plan, snapshots, result, etag)


def _publish(
    scanner: Scanner,
    plan: Plan,
    snapshots: Sequence[ProductSnapshot],
    result: BatchResult,
    etag: str | None,
) -> BatchResult:
    """Writes the tables and notes the end; what cannot be believed is read again by the next run."""
    published = publish_batch(
        scanner.objects,
        result,
        snapshots,
        etag,
        Belief(scanner.read_share, mass_accepted=scanner.mass_accepted),
    )
    result = replace(result, findings=published.findings, changes=published.changes)
    if not published.believed:
        if any(each.name == NO_MASS_CHANGE and not each.passed for each in published.findings):
            gone = [each for each in snapshots if each.sale_status is SaleStatus.NOT_FOUND]
            scanner.ledger.take_back(plan, [each.product_id for each in gone])
        reason = " ".join(
            each.text for each in published.findings if each.grave and not each.passed
        )
        if result.report.stop:
            reason += f" The run was stopped: {result.report.stop}"
        return _fail(scanner, replace(result, reason=reason))
    scanner.ledger.close_plan(plan)
    mark_batch(scanner.ledger, result.batch, UnitState.DONE, _count(result))
    return result


def _fail(scanner: Scanner, result: BatchResult) -> BatchResult:
    mark_batch(scanner.ledger, result.batch, UnitState.FAILED, _count(result), result.reason)
    return result


def _count(result: BatchResult) -> JsonObject:
    return {
        "products": result.products,
        "failed": len(result.failures),
        "statuses": dict(result.statuses),
        "changes": dict(result.changes),
        "counted_at": result.counted_at.isoformat(),
    }


def _is_failed(record: UnitRecord) -> bool:
    """Whether a product was tried and not read, now or in an earlier run whose failures this run did not get to."""
    return record.state is not UnitState.DONE and record.error_kind is not None


def _tell_stop(report: Report) -> str:
    """Why a run ended early."""
    return f"{report.left} products are left ({report.stop or 'another run has them'})"


def _describe(record: UnitRecord) -> FailedItem:
    return FailedItem(
        record.unit.unit_id, record.error_kind or "", record.error_message or "", record.attempts
    )


def _read_snapshot(detail: JsonObject) -> ProductSnapshot:
    return msgspec.convert(detail, ProductSnapshot)
