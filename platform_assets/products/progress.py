"""How far a platform's day is: batches and products, percent, when it will be done. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from platform_assets.core.engine.units import UnitState
from platform_assets.products.batches import PlannedBatch


@dataclass(frozen=True, slots=True)
class DayProgress:
    """A look at a platform's day.

    Attributes:
        platform: Which platform.
        day: ISO date.
        batches: Of the day.
        waiting: Batches that have not ended.
        completed: Batches that have ended well, single failed products included.
        failed: Batches that say nothing that can be believed, or did not come to their end.
        products: Of the day.
        products_done: Read.
        products_failed: Tried and not read; once all batches have ended, all that were not read.
        percent: Of the products, 0 to 100.
        updated_at: When the numbers were read.
        ends_at: Estimate; None while nothing is done, and once all batches have ended.
    """

    platform: str
    day: str
    batches: int
    waiting: int
    completed: int
    failed: int
    products: int
    products_done: int
    products_failed: int
    percent: float
    updated_at: datetime
    ends_at: datetime | None


def measure_day(
    planned: Sequence[PlannedBatch],
    states: Mapping[UnitState, int],
    began_at: datetime | None,
    now: datetime,
) -> DayProgress | None:
    """How far a day is; None for a day that was not split.

    Args:
        planned: Its batches.
        states: Its products by state, as far as their batches were begun.
        began_at: When the day was split; None if that is not known.
        now: The time of the look.
    """
    if not planned:
        return None
    total = sum(len(each.products) for each in planned)
    done, failed = states.get(UnitState.DONE, 0), states.get(UnitState.FAILED, 0)
    waiting = sum(each.state in (UnitState.PENDING, UnitState.RUNNING) for each in planned)
    if not waiting:
        failed = max(failed, total - done)  # what is left belongs to batches that have failed
    tried = done + failed
    return DayProgress(
        platform=planned[0].batch.platform,
        day=planned[0].batch.day,
        batches=len(planned),
        waiting=waiting,
        completed=sum(each.state is UnitState.DONE for each in planned),
        failed=sum(each.state is UnitState.FAILED for each in planned),
        products=total,
        products_done=done,
        products_failed=failed,
        percent=round(100 * tried / total, 1) if total else 100.0,
        updated_at=now,
        ends_at=_estimate(tried, total, began_at, now),
    )


def _estimate(tried: int, total: int, began_at: datetime | None, now: datetime) -> datetime | None:
    if began_at is None or not 0 < tried < total:
        return None
    seconds = (now - began_at).total_seconds()
    return now + timedelta(seconds=seconds / tried * (total - tried))
