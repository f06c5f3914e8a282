"""Trackings in the state database: registered, listed, paused, ended. Their records are in `histories.py`."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, select, update

from platform_assets.core.errors import PermanentError
from platform_assets.ranks.result_page import RankType
from platform_assets.ranks.tracking import NewTracking, Tracking, TrackingStatus
from resources.state.columns import read_enum
from resources.state.database import StateDatabase
from resources.state.statements import insert_if_missing
from resources.state.tables import rank_trackings as trackings
from resources.state.unit_statements import AnyRow


@dataclass(frozen=True, slots=True)
class TrackingFilter:
    """Which trackings: those that match every field; None matches any value.

    Attributes:
        rank_type: Of that type.
        status: In that state.
        customer: Of that customer.
        keyword: With that keyword, written exactly so.
        ids: With one of these numbers.
    """

    rank_type: RankType | None = None
    status: TrackingStatus | None = None
    customer: str | None = None
    keyword: str | None = None
    ids: Collection[int] | None = None


class SqlTrackings:
    """Trackings in the state database. Safe to use from several threads.

    Args:
        database: The state database; its clock stamps the rows.
    """

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def register(self, new: NewTracking) -> Tracking:
        """Stores a tracking; of two at once one succeeds.

        Args:
            new: Checked and in canonical form.

        Raises:
            PermanentError: kind `already_tracked`: the customer has it already; the text names its number.
        """
        now = self._database.clock.now()
        with self._database.write() as connection:
            made = connection.execute(
                insert_if_missing(connection, trackings)
                .values(
                    rank_type=new.rank_type,
                    keyword=new.keyword,
                    target=new.target,
                    customer=new.customer,
                    status=TrackingStatus.ACTIVE,
                    status_at=now,
                    current_session=1,
                    created_at=now,
                )
                .returning(trackings)
            ).first()
            if made is None:
                held = connection.scalar(_find_in_force(new))
                number = "which has just ended" if held is None else f"as tracking {held}"
                raise PermanentError(
                    f"{new.customer} has this {new.rank_type} and keyword already, {number}: resume it if it is "
                    "paused, register it again if it has ended",
                    kind="already_tracked",
                )
            return _read(made)

    def get(self, tracking_id: int) -> Tracking:
        """One tracking.

        Raises:
            PermanentError: kind `unknown_tracking`.
        """
        for tracking in self.list(TrackingFilter(ids=[tracking_id])):
            return tracking
        raise PermanentError(f"there is no tracking {tracking_id}", kind="unknown_tracking")

    def list(
        self, wanted: TrackingFilter | None = None, limit: int | None = None, offset: int = 0
    ) -> list[Tracking]:
        """Trackings by their number."""
        statement = (
            select(trackings)
            .where(*_match(wanted or TrackingFilter()))
            .order_by(trackings.c.tracking_id)
            .limit(limit)
            .offset(offset)
        )
        with self._database.read() as connection:
            return [_read(row) for row in connection.execute(statement)]

    def set_status(self, tracking_id: int, status: TrackingStatus) -> Tracking:
        """Pauses, resumes or ends a tracking; nothing happens if it is so already.

        Raises:
            PermanentError: kinds `unknown_tracking`, `tracking_ended`: it has ended, and is registered anew instead.
        """
        with self._database.write() as connection:
            row = connection.execute(
                select(trackings).where(trackings.c.tracking_id == tracking_id).with_for_update()
            ).first()
            if row is None:
                raise PermanentError(f"there is no tracking {tracking_id}", kind="unknown_tracking")
            if row.status == status:
                return _read(row)
            if row.status == TrackingStatus.ENDED:
                raise PermanentError(
                    f"tracking {tracking_id} has ended, which is for good: register it anew",
                    kind="tracking_ended",
                )
            changed = connection.execute(
                update(trackings)
                .where(trackings.c.tracking_id == tracking_id)
                .values(status=status, status_at=self._database.clock.now())
                .returning(trackings)
            )
            return _read(changed.one())


def _match(wanted: TrackingFilter) -> Iterable[ColumnElement[bool]]:
    columns = {
        trackings.c.rank_type: wanted.rank_type,
        trackings.c.status: wanted.status,
        trackings.c.customer: wanted.customer,
        trackings.c.keyword: wanted.keyword,
    }
    yield from (column == value for column, value in columns.items() if value is not None)
    if wanted.ids is not None:
        yield trackings.c.tracking_id.in_(wanted.ids)


def _find_in_force(new: NewTracking) -> Select[tuple[int]]:
    return select(trackings.c.tracking_id).where(
        trackings.c.rank_type == new.rank_type,
        trackings.c.keyword == new.keyword,
        trackings.c.target == new.target,
        trackings.c.customer == new.customer,
        trackings.c.status != TrackingStatus.ENDED,
    )


def _read(row: AnyRow) -> Tracking:
    return Tracking(
        row.tracking_id,
        read_enum(RankType, row.rank_type),
        row.keyword,
        row.target,
        row.customer,
        read_enum(TrackingStatus, row.status),
        row.status_at,
        row.current_session,
        row.created_at,
    )
