"""Statements on rows of `units`: who holds them, how they are read, what an outcome writes.

Used by `ledger.py` and `ledger_queries.py` inside their transactions.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, case, func, select, update

from platform_assets.core.engine.units import (
    Attempt,
    Plan,
    Unit,
    UnitOutcome,
    UnitRecord,
    UnitState,
)
from resources.state.columns import ForeignText, JsonText, UtcDateTime, read_enum
from resources.state.tables import units

AnyRow = Row[*tuple[Any, ...]]
AnySelect = Select[*tuple[Any, ...]]

RECORD_COLUMNS = (
    units.c.unit_id,
    units.c.payload,
    units.c.state,
    units.c.attempts,
    units.c.checkpoint,
    units.c.detail,
    units.c.error_kind,
    units.c.error_message,
    units.c.deaths,
)
"""What `read_record` needs first in a row, in this order."""


def read_record(row: AnyRow) -> UnitRecord:
    """The unit in a row that begins with `RECORD_COLUMNS`."""
    unit_id, payload, state, attempts, checkpoint, detail, kind, message, deaths = row[:9]
    return UnitRecord(
        unit=Unit(unit_id, payload),
        state=read_enum(UnitState, state),
        attempts=attempts,
        checkpoint=checkpoint,
        detail=detail,
        error_kind=kind,
        error_message=message,
        deaths=deaths,
    )


def lock_units(*conditions: ColumnElement[bool]) -> AnySelect:
    """Locks units in plan order and reads who holds them. On SQLite the transaction has the only lock already."""
    columns = (
        units.c.unit_id,
        units.c.state,
        units.c.owner,
        units.c.lease_until,
        units.c.attempt_id,
        units.c.deaths,
    )
    return select(*columns).where(*conditions).order_by(units.c.position).with_for_update()


def is_held(plan: Plan, attempt: Attempt) -> tuple[ColumnElement[bool], ...]:
    """The condition for the units that the attempt holds in the plan."""
    return (
        units.c.plan_id == plan.plan_id,
        units.c.state == UnitState.RUNNING,
        units.c.attempt_id == attempt.attempt_id,
    )


def lock_held(plan: Plan, attempt: Attempt, unit_ids: Sequence[str] | None = None) -> AnySelect:
    """Locks the units that the attempt holds (of `unit_ids`, if given) and reads their ids first."""
    statement = lock_units(*is_held(plan, attempt))
    return statement if unit_ids is None else statement.where(units.c.unit_id.in_(unit_ids))


def is_fault(outcome: UnitOutcome) -> bool:
    """Whether a unit was given back for a fault of the platform: the attempt does not count."""
    return outcome.state is UnitState.PENDING and outcome.error_kind is not None


def write_outcome(outcome: UnitOutcome) -> dict[str, object]:
    """The parameters of `RECORD` for an outcome, less key and time."""
    return {
        "b_state": outcome.state,
        "b_more_attempts": -1 if is_fault(outcome) else outcome.tries - 1,
        "b_seconds": outcome.seconds,
        "b_detail": outcome.detail if outcome.state is UnitState.DONE else None,
        "b_checkpoint": outcome.checkpoint,
        "b_error_kind": outcome.error_kind,
        "b_error_message": outcome.error_message,
    }


_KEY = (
    units.c.plan_id == bindparam("b_plan_id"),
    units.c.unit_id == bindparam("b_unit_id"),
)

_GIVEN_BACK = bindparam("b_state") == UnitState.PENDING

RECORD = (
    update(units)
    .where(*_KEY)
    .values(
        state=bindparam("b_state"),
        # The claim counted the first try of this run.
        attempts=units.c.attempts + bindparam("b_more_attempts"),
        owner=None,
        lease_until=None,
        deaths=case((_GIVEN_BACK, units.c.deaths), else_=0),
        seconds=units.c.seconds + bindparam("b_seconds"),
        detail=bindparam("b_detail"),
        checkpoint=func.coalesce(bindparam("b_checkpoint", type_=JsonText()), units.c.checkpoint),
        # A unit that is given back did not fail again: it keeps its last error. One that is done has none.
        error_kind=case((_GIVEN_BACK, units.c.error_kind), else_=bindparam("b_error_kind")),
        error_message=case(
            (_GIVEN_BACK, units.c.error_message),
            else_=bindparam("b_error_message", type_=ForeignText()),
        ),
        finished_at=case((_GIVEN_BACK, None), else_=bindparam("b_now", type_=UtcDateTime())),
        updated_at=bindparam("b_now", type_=UtcDateTime()),
    )
)
"""Ends a unit that is locked: parameters `b_plan_id`, `b_unit_id`, `b_now` and those of `write_outcome`."""

SAVE_CHECKPOINT = (
    update(units)
    .where(*_KEY)
    .values(
        checkpoint=bindparam("b_checkpoint", type_=JsonText()),
        updated_at=bindparam("b_now", type_=UtcDateTime()),
    )
)
"""Parameters `b_plan_id`, `b_unit_id`, `b_now`, `b_checkpoint`."""
