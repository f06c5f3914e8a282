"""Requests to search shops: asked for, listed, counted, purged. Who works on them is `search_ledger.py`."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, or_, select

from platform_assets.core.engine.units import UnitState
from platform_assets.core.errors import PermanentError
from platform_assets.products.search_request import SearchRequest
from resources.state.columns import read_enum
from resources.state.database import StateDatabase
from resources.state.statements import insert_if_missing
from resources.state.tables import search_requests as requests
from resources.state.unit_statements import AnyRow

IS_OPEN = requests.c.state.in_((UnitState.PENDING, UnitState.RUNNING))

_COLUMNS = (
    requests.c.request_id,
    requests.c.platform,
    requests.c.keyword,
    requests.c.state,
    requests.c.attempts,
    requests.c.found,
    requests.c.added,
    requests.c.error_kind,
    requests.c.error_message,
    requests.c.created_at,
    requests.c.done_at,
)
"""As `SearchRequest` has them."""


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """Which requests: those that match every field; None matches any value.

    Attributes:
        platform: Of that shop.
        state: In that state.
        before_id: With a smaller number: continues behind the last one of a page.
    """

    platform: str | None = None
    state: UnitState | None = None
    before_id: int | None = None


class SqlSearchRequests:
    """Search requests in the state database. Safe to use from several threads.

    Args:
        database: The state database; its clock stamps the rows.
    """

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def add(self, platform: str, keyword: str) -> tuple[SearchRequest, bool]:
        """Asks for a search. While the same is open already, it stays the only one.

        Args:
            platform: Name of a shop that can be searched.
            keyword: As `check_keyword` gives it.

        Returns:
            The request, and whether it is a new one.
        """
        mine = and_(requests.c.platform == platform, requests.c.keyword == keyword, IS_OPEN)
        with self._database.write() as connection:
            while True:
                statement = insert_if_missing(connection, requests).values(
                    platform=platform,
                    keyword=keyword,
                    state=UnitState.PENDING,
                    attempts=0,
                    created_at=self._database.clock.now(),
                )
                made = connection.execute(statement.returning(*_COLUMNS)).first()
                if made is not None:
                    return _read(made), True
                found = connection.execute(select(*_COLUMNS).where(mine)).first()
                if found is not None:  # None: it has ended since
                    return _read(found), False

    def get(self, request_id: int) -> SearchRequest:
        """One request.

        Raises:
            PermanentError: kind `unknown_search`.
        """
        statement = select(*_COLUMNS).where(requests.c.request_id == request_id)
        with self._database.read() as connection:
            found = connection.execute(statement).first()
        if found is None:
            raise PermanentError(
                f"there is no search request {request_id}: it was purged, or never asked for",
                kind="unknown_search",
            )
        return _read(found)

    def find(self, wanted: SearchFilter, limit: int = 100) -> list[SearchRequest]:
        """Requests that match, the newest first, at most `limit`."""
        statement = (
            select(*_COLUMNS)
            .where(*_match(wanted))
            .order_by(requests.c.request_id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_read(row) for row in connection.execute(statement)]

    def count_waiting(self) -> dict[str, int]:
        """Requests that somebody could take, by platform: those whose worker has died included."""
        is_running = requests.c.state == UnitState.RUNNING
        with self._database.read() as connection:
            ran_out = requests.c.lease_until <= self._database.now(connection)
            statement = (
                select(requests.c.platform, func.count().label("waiting"))
                .where(or_(requests.c.state == UnitState.PENDING, and_(is_running, ran_out)))
                .group_by(requests.c.platform)
                .order_by(requests.c.platform)
            )
            return {row.platform: row.waiting for row in connection.execute(statement)}

    def purge(self, before: datetime) -> int:
        """Deletes what ended before this time; returns how many."""
        statement = delete(requests).where(~IS_OPEN, requests.c.done_at < before)
        with self._database.write() as connection:
            return connection.execute(statement).rowcount


def _match(wanted: SearchFilter) -> list[ColumnElement[bool]]:
    pairs = ((requests.c.platform, wanted.platform), (requests.c.state, wanted.state))
    matched = [column == value for column, value in pairs if value is not None]
    if wanted.before_id is not None:
        matched.append(requests.c.request_id < wanted.before_id)
    return matched


def _read(row: AnyRow) -> SearchRequest:
    request_id, platform, keyword, state, *rest = row
    return SearchRequest(request_id, platform, keyword, read_enum(UnitState, state), *rest)
