"""Questions about the trackings and days of ranks for overviews: how many, how many of a day, what failed of it.

Only reads. Records themselves are in `histories.py`, units in `ledger.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, Text, cast, func, select

from platform_assets.core.engine.units import UnitState
from platform_assets.ranks.tracking import TrackingStatus
from resources.state.columns import read_enum
from resources.state.database import StateDatabase
from resources.state.tables import plans, rank_histories, rank_trackings, units


@dataclass(frozen=True, slots=True)
class DayCount:
    """What a day has.

    Attributes:
        recorded: Trackings with a record of the day.
        exposed: Those of them that have a rank.
        failed: Trackings without a record that failed.
    """

    recorded: int
    exposed: int
    failed: int


@dataclass(frozen=True, slots=True)
class DayUnit:
    """A unit of a day, in whichever of its plans; a tracking or page that was captured alone is in two of them.

    Attributes:
        pipeline: Whose unit.
        unit_id: Which.
        state: In that plan.
        error_kind: Of its last failure there, None if there was none.
    """

    pipeline: str
    unit_id: str
    state: UnitState
    error_kind: str | None


class SqlRankDays:
    """Counts over trackings, records and units. Safe to use from several threads.

    Args:
        database: The state database.
    """

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def count_trackings(self) -> dict[TrackingStatus, int]:
        """Trackings by status, also where there are none."""
        statement = select(rank_trackings.c.status, func.count()).group_by(rank_trackings.c.status)
        with self._database.read() as connection:
            rows = connection.execute(statement).all()
        return dict.fromkeys(TrackingStatus, 0) | {
            read_enum(TrackingStatus, name): n for name, n in rows
        }

    def count_day(self, day: str, pipeline: str) -> DayCount:
        """What a day has; two queries.

        Args:
            day: `YYYY-MM-DD`.
            pipeline: The one whose units are trackings.
        """
        records = select(func.count(), func.count(rank_histories.c.rank)).where(
            rank_histories.c.checked_on == day
        )
        with self._database.read() as connection:
            recorded, exposed = connection.execute(records).one()
            failed = connection.scalar(_count_failed(day, pipeline)) or 0
        return DayCount(recorded, exposed, failed)

    def read_units(self, day: str, pipelines: Sequence[str]) -> list[DayUnit]:
        """The units of all plans of a day, the newest plan last."""
        statement = (
            select(plans.c.pipeline, units.c.unit_id, units.c.state, units.c.error_kind)
            .join_from(units, plans)
            .where(plans.c.pipeline.in_(pipelines), plans.c.partition == day)
            .order_by(units.c.plan_id, units.c.position)
        )
        with self._database.read() as connection:
            return [
                DayUnit(row.pipeline, row.unit_id, read_enum(UnitState, row.state), row.error_kind)
                for row in connection.execute(statement)
            ]


def _count_failed(day: str, pipeline: str) -> Select[int]:
    # The number is made text, not the text a number: an id of another pipeline need not be one. Not correlated: a day
    # that failed as a whole would be looked through once per unit.
    recorded = select(cast(rank_histories.c.tracking_id, Text)).where(
        rank_histories.c.checked_on == day
    )
    return (
        select(func.count(units.c.unit_id.distinct()))
        .join_from(units, plans)
        .where(
            plans.c.pipeline == pipeline,
            plans.c.partition == day,
            units.c.state == UnitState.FAILED,
            units.c.unit_id.not_in(recorded),
        )
    )
