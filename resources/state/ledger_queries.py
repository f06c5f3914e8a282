"""Questions and orders over the units of many plans: count, list failures, redrive, purge.

What one run does with its own plan is in `ledger.py`.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)

from platform_assets.core.engine.units import PlanState, Scope, UnitRecord, UnitState
from resources.state.columns import read_enum
from resources.state.database import StateDatabase
from resources.state.statements import CHUNK
from resources.state.tables import plans, units
from resources.state.unit_statements import RECORD_COLUMNS, read_record

PURGE_PLANS = 20
"""Plans deleted in one transaction, so that others can write in between."""


@dataclass(frozen=True, slots=True)
class UnitFilter:
    """Which units: those that match every field; None matches any value, and no unit ids match any unit.

    `with_parts`: `games` is also `games/raw_games`. `only_open`: not those that were left with a plan that
    is closed.
    """

    pipeline: str | None = None
    tenant: str | None = None
    partition: str | None = None
    state: UnitState | None = None
    error_kind: str | None = None
    unit_ids: frozenset[str] = frozenset()
    with_parts: bool = False
    only_open: bool = False


@dataclass(frozen=True, slots=True)
class UnitCount:
    """How many units of a cell are in a state. `error_kind` is that of their last failure, None when there is none."""

    scope: Scope
    state: UnitState
    error_kind: str | None
    count: int


@dataclass(frozen=True, slots=True)
class FailedUnitRecord:
    """A failed unit with its place. `failed_at` is aware UTC."""

    scope: Scope
    plan_id: int
    record: UnitRecord
    failed_at: datetime


class LedgerQueries:
    """Queries over the ledger. Safe to use from several threads.

    Args:
        database: The state database.
    """

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def count_units(self, wanted: UnitFilter) -> list[UnitCount]:
        """Counts by cell, state and error kind, in the order of the cells; all generations together."""
        cell = (plans.c.pipeline, plans.c.tenant, plans.c.partition)
        kinds = (units.c.state, units.c.error_kind)
        # Counted per plan before the join: a grouping over the index, not over its join with the plans.
        per_plan = (
            select(units.c.plan_id, *kinds, func.count().label("count"))
            .where(*_match_units(wanted))
            .group_by(units.c.plan_id, *kinds)
            .subquery()
        )
        keys = (*cell, per_plan.c.state, per_plan.c.error_kind)
        statement = (
            select(*keys, func.sum(per_plan.c.count))
            .join_from(per_plan, plans, plans.c.plan_id == per_plan.c.plan_id)
            .where(*_match_plans(wanted))
            .group_by(*keys)
            .order_by(*keys)
        )
        with self._database.read() as connection:
            return [
                UnitCount(
                    Scope(pipeline, tenant, partition),
                    read_enum(UnitState, state),
                    kind,
                    int(count),
                )
                for pipeline, tenant, partition, state, kind, count in connection.execute(statement)
            ]

    def failed_units(self, wanted: UnitFilter, limit: int = 100) -> list[FailedUnitRecord]:
        """Failed units, the newest plan first and in plan order, at most `limit`."""
        place = (plans.c.pipeline, plans.c.tenant, plans.c.partition, units.c.plan_id)
        statement = (
            select(*RECORD_COLUMNS, *place, units.c.finished_at)
            .join_from(units, plans)
            .where(*_match(wanted), units.c.state == UnitState.FAILED)
            .order_by(units.c.plan_id.desc(), units.c.position)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [
                FailedUnitRecord(
                    scope=Scope(row.pipeline, row.tenant, row.partition),
                    plan_id=row.plan_id,
                    record=read_record(row),
                    failed_at=row.finished_at,
                )
                for row in connection.execute(statement)
            ]

    def redrive(self, wanted: UnitFilter) -> dict[Scope, int]:
        """Turns failed units of open plans into pending ones; how many, by cell, in the order of the cells.

        Their attempts count from 0 again; checkpoints and last errors are kept. Units in another state are left alone,
        whatever `wanted.state` says.
        """
        key = (units.c.plan_id, units.c.unit_id)
        failed = (
            select(*key)
            .join_from(units, plans)
            .where(
                *_match(wanted), units.c.state == UnitState.FAILED, plans.c.state == PlanState.OPEN
            )
            # Locked in the order in which claims lock, so that the two cannot deadlock.
            .order_by(units.c.plan_id, units.c.position)
            .with_for_update(of=units)
        )
        statement = (
            update(units)
            .where(tuple_(*key).in_(failed), units.c.state == UnitState.FAILED)
            .values(
                state=UnitState.PENDING, attempts=0, deaths=0, updated_at=self._database.clock.now()
            )
            .returning(units.c.plan_id)
        )
        with self._database.write() as connection:
            counts = Counter(connection.scalars(statement))
            scopes = _read_scopes(connection, counts)
        return {scopes[plan_id]: counts[plan_id] for plan_id in scopes}

    def purge(self, before: datetime) -> int:
        """Deletes the units of plans that were closed before this time; returns the number of such plans.

        Of a cell's plans the newest row stays, emptied: the next generation is counted from it, and generations make
        the names of objects unique.
        """
        emptied = sum(self._empty_some(before))
        newer = plans.alias("newer")
        followed = exists().where(
            newer.c.pipeline == plans.c.pipeline,
            newer.c.tenant == plans.c.tenant,
            newer.c.partition == plans.c.partition,
            newer.c.generation > plans.c.generation,
        )
        with self._database.write() as connection:
            connection.execute(delete(plans).where(*_closed(before), followed))
        return emptied

    def _empty_some(self, before: datetime) -> Iterator[int]:
        filled = exists().where(units.c.plan_id == plans.c.plan_id)
        old: Select[int] = (
            select(plans.c.plan_id)
            .where(*_closed(before), filled)
            .order_by(plans.c.closed_at)
            .limit(PURGE_PLANS)
        )
        emptied = PURGE_PLANS
        while emptied == PURGE_PLANS:
            with self._database.write() as connection:
                ids = connection.scalars(old).all()
                connection.execute(delete(units).where(units.c.plan_id.in_(ids)))
            emptied = len(ids)
            yield emptied


def _read_scopes(connection: Connection, plan_ids: Collection[int]) -> dict[int, Scope]:
    """Plan id -> its cell, in the order of the cells."""
    cell = (plans.c.pipeline, plans.c.tenant, plans.c.partition)
    scopes: dict[int, Scope] = {}
    known = sorted(plan_ids)
    for start in range(0, len(known), CHUNK):
        chunk = known[start : start + CHUNK]
        statement = select(plans.c.plan_id, *cell).where(plans.c.plan_id.in_(chunk))
        for plan_id, pipeline, tenant, partition in connection.execute(statement):
            scopes[plan_id] = Scope(pipeline, tenant, partition)
    return dict(sorted(scopes.items(), key=lambda item: astuple(item[1])))


def _closed(before: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return plans.c.state == PlanState.CLOSED, plans.c.closed_at < before


def _match_units(wanted: UnitFilter) -> list[ColumnElement[bool]]:
    pairs = ((units.c.state, wanted.state), (units.c.error_kind, wanted.error_kind))
    chosen = [units.c.unit_id.in_(wanted.unit_ids)] if wanted.unit_ids else []
    return [*(column == value for column, value in pairs if value is not None), *chosen]


def _match_plans(wanted: UnitFilter) -> list[ColumnElement[bool]]:
    pairs = ((plans.c.tenant, wanted.tenant), (plans.c.partition, wanted.partition))
    matched = [column == value for column, value in pairs if value is not None]
    if wanted.only_open:
        matched.append(plans.c.state == PlanState.OPEN)
    return matched if wanted.pipeline is None else [*matched, _match_pipeline(wanted)]


def _match_pipeline(wanted: UnitFilter) -> ColumnElement[bool]:
    name = wanted.pipeline or ""
    if not wanted.with_parts:
        return plans.c.pipeline == name
    # No LIKE: SQLite's does not tell case apart.
    parts = func.substr(plans.c.pipeline, 1, len(name) + 1) == f"{name}/"
    return or_(plans.c.pipeline == name, parts)


def _match(wanted: UnitFilter) -> list[ColumnElement[bool]]:
    return [*_match_units(wanted), *_match_plans(wanted)]
