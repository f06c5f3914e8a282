"""A platform's day in batches: split once, kept as split, and how each batch ended.

    known products -> batches of 50 -> the ledger's plan of the day -> a partition for each batch

The plan is what a restart finds: products that become known later wait for the next day.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from platform_assets.core.engine.ledger import CorrectableLedger, PlanLedger, UnitLedger
from platform_assets.core.engine.units import (
    JsonObject,
    Plan,
    Scope,
    Unit,
    UnitOutcome,
    UnitRecord,
    UnitState,
)
from platform_assets.core.errors import PermanentError

BATCH_PRODUCTS = 50
"""Products of a batch, by spec/products.md: 1,400 products are 28 batches."""

DAY_PIPELINE = "products/batches"
"""Its plans have a batch for each unit."""

SCAN_PIPELINE = "products/scan"
"""Its plans have a product for each unit."""

LIST_PIPELINE = "products/lists"
"""Its plans have one unit, which is done when the shop's list was read that day."""

_LIST_UNIT = "list"

_KEY = re.compile(r"([a-z][a-z0-9_]{0,39})/(\d{4}-\d{2}-\d{2})/(\d{1,5})-of-(\d{1,5})")


class DayLedger(PlanLedger, UnitLedger, CorrectableLedger, Protocol):
    """Plans and their units, also those that were wrongly done."""


@dataclass(frozen=True, slots=True, order=True)
class Batch:
    """A part of a platform's day. `index` counts from 1 to `total`."""

    platform: str
    day: str
    index: int
    total: int

    @property
    def unit_id(self) -> str:
        """Its unit in the plan of the day: `07-of-28`, which sorts by number."""
        return f"{self.index:0{len(str(self.total))}}-of-{self.total}"

    @property
    def key(self) -> str:
        """Its partition key: `musinsa/2026-11-20/07-of-28`."""
        return f"{self.platform}/{self.day}/{self.unit_id}"


def read_batch(key: str) -> Batch:
    """The batch that a partition key names.

    Raises:
        PermanentError: kind `bad_partition`.
    """
    found = _KEY.fullmatch(key)
    batch = Batch(found[1], found[2], int(found[3]), int(found[4])) if found else None
    if (
        batch is None
        or batch.key != key
        or not 1 <= batch.index <= batch.total
        or not _is_day(batch.day)
    ):
        raise PermanentError(
            f"{key[:100]!r} is no batch: write a platform, a day, a number and how many there are, "
            "such as musinsa/2026-11-20/07-of-28",
            kind="bad_partition",
        )
    return batch


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """A batch as the plan of its day has it.

    Attributes:
        batch: Which one.
        products: Ids of its products; no other batch of the day has one of them.
        state: PENDING until it has ended; DONE even if single products failed; FAILED if it says nothing that can be
            believed, or did not come to its end.
        detail: What `mark_batch` noted.
        reason: Why it failed.
        reopened_at: When `reopen_batch` was last called; None if never.
    """

    batch: Batch
    products: tuple[str, ...]
    state: UnitState = UnitState.PENDING
    detail: JsonObject | None = None
    reason: str | None = None
    reopened_at: datetime | None = None


def split_day(
    ledger: DayLedger, platform: str, day: str, product_ids: Iterable[str], opened_at: str
) -> list[PlannedBatch]:
    """The batches of a day. The first call of a day splits, each later one finds what the first has stored.

    Args:
        ledger: Where the plan is kept.
        platform: Name of the platform.
        day: ISO date.
        product_ids: All known products of the platform, in any order; doubles count once.
        opened_at: When, for estimates; ISO 8601.

    Returns:
        The batches in order; none when no product is known.
    """
    ids = sorted(set(product_ids))
    parts = [
        tuple(ids[first : first + BATCH_PRODUCTS]) for first in range(0, len(ids), BATCH_PRODUCTS)
    ]
    batches = [Batch(platform, day, number, len(parts)) for number in range(1, len(parts) + 1)]
    known = ledger.find_plan(_scope(platform, day))
    if known is None and not batches:
        return []
    plan = known or ledger.open_plan(
        _scope(platform, day),
        [
            Unit(batch.unit_id, {"products": list(part)})
            for batch, part in zip(batches, parts, strict=True)
        ],
        {"opened_at": opened_at},
    )
    return _read_batches(ledger, plan)


def is_listed(ledger: DayLedger, platform: str, day: str) -> bool:
    """Whether the list of a platform was read for a day."""
    plan = ledger.find_plan(Scope(LIST_PIPELINE, platform, day))
    if plan is None:
        return False
    return all(record.state is UnitState.DONE for record in ledger.read_units(plan))


def mark_listed(ledger: DayLedger, platform: str, day: str, detail: JsonObject) -> None:
    """Notes that the list of a platform was read for a day."""
    scope = Scope(LIST_PIPELINE, platform, day)
    plan = ledger.find_plan(scope) or ledger.open_plan(scope, [Unit(_LIST_UNIT, {})], {})
    outcome = UnitOutcome(_LIST_UNIT, UnitState.DONE, detail=detail)
    ledger.settle(plan, _LIST_UNIT, lambda _: outcome)
    ledger.close_plan(plan)


def find_day(ledger: DayLedger, platform: str, day: str) -> list[PlannedBatch]:
    """The batches of a day that was split; none if it was not."""
    plan = ledger.find_plan(_scope(platform, day))
    return [] if plan is None else _read_batches(ledger, plan)


def read_opening(ledger: PlanLedger, platform: str, day: str) -> str | None:
    """When a day was split, as `split_day` was told; None if it was not."""
    plan = ledger.find_plan(_scope(platform, day))
    return plan.context.get("opened_at") if plan else None


def find_batch(ledger: DayLedger, batch: Batch) -> PlannedBatch:
    """A batch as its day was split.

    Raises:
        PermanentError: kind `unknown_batch`: the day was not split, or into another number of batches.
    """
    for planned in find_day(ledger, batch.platform, batch.day):
        if planned.batch == batch:
            return planned
    raise PermanentError(
        f"{batch.key}: {batch.platform} has no such batch on {batch.day}: let its schedule split the day first, or run "
        f"the job `product_day` for {batch.platform} and {batch.day}",
        kind="unknown_batch",
    )


def mark_batch(
    ledger: DayLedger, batch: Batch, state: UnitState, detail: JsonObject, reason: str | None = None
) -> None:
    """Notes how a batch ended. One that is DONE stays so; its detail becomes that of the newest look at its products.

    Args:
        ledger: Where the plan of the day is.
        batch: Which one.
        state: DONE or FAILED.
        detail: Its counts; `counted_at` says when they were counted, ISO 8601 in UTC.
        reason: Why it failed.
    """
    plan = ledger.find_plan(_scope(batch.platform, batch.day))
    if plan is None:
        return  # purged meanwhile
    kind = "batch_failed" if reason else None
    outcome = UnitOutcome(
        batch.unit_id, state, detail=detail, error_kind=kind, error_message=reason
    )

    def decide(record: UnitRecord) -> UnitOutcome | None:
        if record.state is not UnitState.DONE:
            return outcome
        return outcome if state is UnitState.DONE and not _is_newer(record, detail) else None

    ledger.settle(plan, batch.unit_id, decide)
    ledger.close_plan(plan)


def reopen_batch(
    ledger: DayLedger, batch: Batch, now: datetime, states: Collection[UnitState]
) -> bool:
    """Makes a batch wait again, so that it is started once more, whatever its day; whether it was in such a state.

    Args:
        ledger: Where the plan of the day is, closed or not.
        batch: Which one.
        now: Aware UTC.
        states: Left alone if it is in another one.
    """
    plan = ledger.find_plan(_scope(batch.platform, batch.day))
    if plan is None:
        return False  # purged meanwhile
    note = {"reopened_at": now.isoformat()}
    waits = UnitOutcome(batch.unit_id, UnitState.PENDING, checkpoint=note)
    return ledger.settle(
        plan, batch.unit_id, lambda record: waits if record.state in states else None
    )


def _is_newer(record: UnitRecord, detail: JsonObject) -> bool:
    """Whether what is stored was counted after `detail` was; a time of UTC in ISO 8601 sorts as text."""
    return (record.detail or {}).get("counted_at", "") > detail.get("counted_at", "")


def _scope(platform: str, day: str) -> Scope:
    return Scope(DAY_PIPELINE, platform, day)


def _read_batches(ledger: DayLedger, plan: Plan) -> list[PlannedBatch]:
    platform, day = plan.scope.tenant, plan.scope.partition
    return [_read_batch(platform, day, record) for record in ledger.read_units(plan)]


def _read_batch(platform: str, day: str, record: UnitRecord) -> PlannedBatch:
    reopened = (record.checkpoint or {}).get("reopened_at")
    return PlannedBatch(
        read_batch(f"{platform}/{day}/{record.unit.unit_id}"),
        tuple(record.unit.payload["products"]),
        record.state,
        record.detail,
        record.error_message,
        datetime.fromisoformat(reopened) if reopened else None,
    )


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
