"""Plans in the state database: found, opened, closed. Their units under lease are in `ledger.py`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, exists, insert, select, update

from platform_assets.core.engine.units import JsonObject, Plan, PlanState, Scope, Unit, UnitState
from resources.state.columns import read_enum
from resources.state.statements import insert_if_missing
from resources.state.tables import plans, units
from resources.state.unit_statements import AnyRow

UNIT_ID_LENGTH = 200
"""Longest unit id, in characters."""

_UNFINISHED = (UnitState.PENDING, UnitState.RUNNING, UnitState.FAILED)


def find_newest(connection: Connection, scope: Scope) -> Plan | None:
    """The plan of the scope with the highest generation."""
    row = connection.execute(
        select(plans.c.plan_id, plans.c.generation, plans.c.state, plans.c.context)
        .where(
            plans.c.pipeline == scope.pipeline,
            plans.c.tenant == scope.tenant,
            plans.c.partition == scope.partition,
        )
        .order_by(plans.c.generation.desc())
        .limit(1)
    ).first()
    return None if row is None else _read_plan(row, scope)


def open_newest(
    connection: Connection, scope: Scope, new: Sequence[Unit], context: JsonObject, now: datetime
) -> Plan:
    """The open plan of the scope; a new one with the units `new` when none is open."""
    while True:
        newest = find_newest(connection, scope)
        if newest is not None and newest.state is PlanState.OPEN:
            return newest
        generation = 1 if newest is None else newest.generation + 1
        plan_id = _insert_plan(connection, scope, generation, context, len(new), now)
        # None: another process has opened the same generation meanwhile; look again.
        if plan_id is not None:
            _insert_units(connection, plan_id, new, now)
            return Plan(plan_id, scope, generation, PlanState.OPEN, context)


def extend(connection: Connection, plan: Plan, wanted: Sequence[Unit], now: datetime) -> int:
    """Adds the units that an open plan does not have; how many. The lock of the plan's row keeps the order."""
    is_open = connection.scalar(
        select(plans.c.state == PlanState.OPEN)
        .where(plans.c.plan_id == plan.plan_id)
        .with_for_update()
    )
    if not is_open:
        return 0
    rows = connection.execute(
        select(units.c.unit_id, units.c.position).where(units.c.plan_id == plan.plan_id)
    )
    known: dict[str, int] = {row.unit_id: row.position for row in rows}
    new = [unit for unit in wanted if unit.unit_id not in known]
    _insert_units(connection, plan.plan_id, new, now, first=max(known.values(), default=-1) + 1)
    connection.execute(
        update(plans)
        .where(plans.c.plan_id == plan.plan_id)
        .values(unit_count=len(known) + len(new))
    )
    return len(new)


def close_if_done(connection: Connection, plan: Plan, now: datetime) -> bool:
    """Closes the plan unless a unit is left; whether none is."""
    left = exists().where(units.c.plan_id == plan.plan_id, units.c.state.in_(_UNFINISHED))
    if connection.scalar(select(left)):
        return False
    connection.execute(
        update(plans)
        .where(plans.c.plan_id == plan.plan_id, plans.c.state == PlanState.OPEN)
        .values(state=PlanState.CLOSED, closed_at=now)
    )
    return True


def close_abandoned(connection: Connection, before: datetime, now: datetime) -> int:
    """Closes open plans of which nothing has happened since a time, done or not; returns how many.

    Their cell begins anew if somebody wants it still: a plan that was left for so long is no rest worth keeping.
    """
    lives = exists().where(units.c.plan_id == plans.c.plan_id, units.c.updated_at >= before)
    statement = (
        update(plans)
        .where(plans.c.state == PlanState.OPEN, plans.c.created_at < before, ~lives)
        .values(state=PlanState.CLOSED, closed_at=now)
    )
    return connection.execute(statement).rowcount


def check_unit_ids(new: Sequence[Unit]) -> None:
    """Refuses a list of units that cannot be told apart.

    Raises:
        ValueError: Two units share an id, or an id is empty or too long.
    """
    seen: set[str] = set()
    for unit in new:
        if unit.unit_id in seen:
            raise ValueError(
                f"two units share the id {unit.unit_id!r}; ids must be unique in a plan"
            )
        if not 0 < len(unit.unit_id) <= UNIT_ID_LENGTH:
            raise ValueError(
                f"unit id {unit.unit_id[:50]!r}... has {len(unit.unit_id)} characters; "
                f"1 to {UNIT_ID_LENGTH} are allowed"
            )
        seen.add(unit.unit_id)


def _insert_plan(
    connection: Connection,
    scope: Scope,
    generation: int,
    context: JsonObject,
    unit_count: int,
    now: datetime,
) -> int | None:
    statement = insert_if_missing(connection, plans).values(
        pipeline=scope.pipeline,
        tenant=scope.tenant,
        partition=scope.partition,
        generation=generation,
        state=PlanState.OPEN,
        context=context,
        unit_count=unit_count,
        created_at=now,
    )
    return connection.scalar(statement.returning(plans.c.plan_id))


def _insert_units(
    connection: Connection, plan_id: int, new: Sequence[Unit], now: datetime, *, first: int = 0
) -> None:
    if not new:
        return
    connection.execute(
        insert(units),
        [
            {
                "plan_id": plan_id,
                "unit_id": unit.unit_id,
                "position": position,
                "state": UnitState.PENDING,
                "attempts": 0,
                "payload": unit.payload,
                "seconds": 0.0,
                "created_at": now,
                "updated_at": now,
            }
            for position, unit in enumerate(new, first)
        ],
    )


def _read_plan(row: AnyRow, scope: Scope) -> Plan:
    return Plan(row.plan_id, scope, row.generation, read_enum(PlanState, row.state), row.context)
