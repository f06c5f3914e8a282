"""The history of ranks in the state database: one record per tracking and day, numbered by sessions as it is stored.

A record and what follows from it are one transaction under the lock of its tracking: reruns, replays of earlier days
and two workers at once leave the same numbers as if all days had come once and in order.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, select, text, update

from platform_assets.core.errors import PermanentError
from platform_assets.ranks.sessions import number_sessions, session_after
from platform_assets.ranks.tracking import Capture, RankRecord
from resources.state.columns import UtcDateTime
from resources.state.database import StateDatabase
from resources.state.tables import rank_histories as histories
from resources.state.tables import rank_trackings as trackings
from resources.state.unit_statements import AnyRow, AnySelect

# The same text on both databases.
_PUT = text(
    "INSERT INTO rank_histories "
    "(tracking_id, checked_on, rank, session_number, result_count, page_key, captured_at) "
    "VALUES (:tracking_id, :day, :rank, :session, :result_count, :page_key, :captured_at) "
    "ON CONFLICT (tracking_id, checked_on) DO UPDATE SET rank = excluded.rank, "
    "session_number = excluded.session_number, result_count = excluded.result_count, "
    "page_key = excluded.page_key, captured_at = excluded.captured_at"
).bindparams(bindparam("captured_at", type_=UtcDateTime()))


class SqlRankHistories:
    """The history in the state database. Safe to use from several threads.

    Args:
        database: The state database.
    """

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def record(self, capture: Capture) -> RankRecord:
        """Stores what a day's page says, in place of what was stored for that day; numbers it and what comes after.

        Raises:
            PermanentError: kind `unknown_tracking`.
        """
        tracking_id, day = capture.tracking_id, capture.checked_on
        with self._database.write() as connection:
            self._lock(connection, tracking_id)
            before = _count_exposed(connection, tracking_id, day)
            session = session_after(before)
            connection.execute(
                _PUT,
                {
                    "tracking_id": tracking_id,
                    "day": day,
                    "rank": capture.rank,
                    "session": session,
                    "result_count": capture.result_count,
                    "page_key": capture.page_key,
                    "captured_at": capture.captured_at,
                },
            )
            exposed = before + (capture.rank is not None)
            exposed += _renumber_later(connection, tracking_id, day, exposed)
            connection.execute(
                update(trackings)
                .where(trackings.c.tracking_id == tracking_id)
                .values(current_session=session_after(exposed))
            )
        return RankRecord(capture, session)

    def read(
        self,
        tracking_id: int,
        *,
        since: str | None = None,
        until: str | None = None,
        session: int | None = None,
    ) -> list[RankRecord]:
        """Records of a tracking, oldest first.

        Args:
            tracking_id: The tracking.
            since: First day, `YYYY-MM-DD`; None for the first there is.
            until: Last day.
            session: Of that session only.
        """
        statement = select(histories).where(histories.c.tracking_id == tracking_id)
        if since is not None:
            statement = statement.where(histories.c.checked_on >= since)
        if until is not None:
            statement = statement.where(histories.c.checked_on <= until)
        if session is not None:
            statement = statement.where(histories.c.session_number == session)
        with self._database.read() as connection:
            rows = connection.execute(statement.order_by(histories.c.checked_on))
            return [_read(row) for row in rows]

    def read_day(self, day: str) -> list[RankRecord]:
        """Records of a day, by tracking."""
        statement = (
            select(histories).where(histories.c.checked_on == day).order_by(histories.c.tracking_id)
        )
        with self._database.read() as connection:
            return [_read(row) for row in connection.execute(statement)]

    def find_recorded(self, day: str) -> set[int]:
        """Numbers of the trackings that have a record of a day."""
        statement = select(histories.c.tracking_id).where(histories.c.checked_on == day)
        with self._database.read() as connection:
            return set(connection.scalars(statement))

    def read_last(self, tracking_ids: Sequence[int]) -> dict[int, RankRecord]:
        """The newest record of each tracking that has one; for a page of trackings, not for all."""
        with self._database.read() as connection:
            rows = connection.execute(_select_last(tracking_ids))
            return {row.tracking_id: _read(row) for row in rows}

    def _lock(self, connection: Connection, tracking_id: int) -> None:
        """Takes the tracking's row until the end of the transaction; on SQLite the transaction itself is the lock."""
        statement = (
            select(trackings.c.tracking_id)
            .where(trackings.c.tracking_id == tracking_id)
            .with_for_update()
        )
        if connection.scalar(statement) is None:
            raise PermanentError(
                f"there is no tracking {tracking_id}: nothing was recorded", kind="unknown_tracking"
            )


def _count_exposed(connection: Connection, tracking_id: int, before: str) -> int:
    statement = select(func.count(histories.c.rank)).where(
        histories.c.tracking_id == tracking_id, histories.c.checked_on < before
    )
    return connection.scalar(statement) or 0


def _renumber_later(connection: Connection, tracking_id: int, day: str, exposed_before: int) -> int:
    """Numbers the records after a day anew where that changes them; how many of them are exposed."""
    later = connection.execute(
        select(histories.c.checked_on, histories.c.rank, histories.c.session_number)
        .where(histories.c.tracking_id == tracking_id, histories.c.checked_on > day)
        .order_by(histories.c.checked_on)
    ).all()
    exposures = [row.rank is not None for row in later]
    changed = [
        {"b_tracking_id": tracking_id, "b_checked_on": row.checked_on, "b_session": session}
        for row, session in zip(later, number_sessions(exposures, exposed_before), strict=True)
        if row.session_number != session
    ]
    if changed:
        connection.execute(_RENUMBER, changed)
    return sum(exposures)


_RENUMBER = (
    update(histories)
    .where(
        histories.c.tracking_id == bindparam("b_tracking_id"),
        histories.c.checked_on == bindparam("b_checked_on"),
    )
    .values(session_number=bindparam("b_session"))
)


def _select_last(tracking_ids: Sequence[int]) -> AnySelect:
    days = (
        select(histories.c.tracking_id, func.max(histories.c.checked_on).label("day"))
        .where(histories.c.tracking_id.in_(tracking_ids))
        .group_by(histories.c.tracking_id)
        .subquery()
    )
    return select(histories).join(
        days,
        (histories.c.tracking_id == days.c.tracking_id) & (histories.c.checked_on == days.c.day),
    )


def _read(row: AnyRow) -> RankRecord:
    capture = Capture(
        row.tracking_id, row.checked_on, row.rank, row.result_count, row.page_key, row.captured_at
    )
    return RankRecord(capture, row.session_number)
