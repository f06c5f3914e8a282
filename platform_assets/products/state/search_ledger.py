"""The open search requests of a shop as a ledger: implements `UnitLedger` of `platform_assets/core/engine/ledger.py`.

A request is a unit; its row says who may work on it, over all runs. Asking and listing are in `search_requests.py`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from platform_assets.core.engine.units import (
    Attempt,
    JsonObject,
    Plan,
    PlanState,
    Scope,
    Unit,
    UnitOutcome,
    UnitRecord,
    UnitState,
)
from platform_assets.core.processes.owner import is_dead
from platform_assets.products.search_request import SEARCH_PIPELINE
from platform_assets.products.state.search_requests import IS_OPEN
from resources.state.columns import ForeignText, UtcDateTime, read_enum
from resources.state.database import StateDatabase
from resources.state.statements import split_chunks
from resources.state.tables import search_requests as requests
from resources.state.unit_statements import AnyRow, is_fault

MOST_ATTEMPTS = 5
"""Attempts whose worker died, after which a request is not begun again: it may be what kills them."""

_END = (
    update(requests)
    .where(requests.c.request_id == bindparam("b_id"))
    .values(
        state=bindparam("b_state"),
        # The claim counted the first try of this run.
        attempts=requests.c.attempts + bindparam("b_more_attempts"),
        attempt_id=None,
        owner=None,
        lease_until=None,
        found=bindparam("b_found"),
        added=bindparam("b_added"),
        error_kind=bindparam("b_error_kind"),
        error_message=bindparam("b_error_message", type_=ForeignText()),
        done_at=bindparam("b_done_at", type_=UtcDateTime()),
    )
)


class SqlSearchLedger:
    """Open requests of one shop, for `run_units`. Safe to use from several threads.

    Args:
        database: The state database; its `now` stamps the rows and judges the leases.
        platform: The shop.
        is_dead: Whether the owner of an attempt is known to be gone.

    Attributes:
        plan: What `run_units` is to be given.
    """

    def __init__(
        self, database: StateDatabase, platform: str, is_dead: Callable[[str], bool] = is_dead
    ) -> None:
        self._database = database
        self._is_dead = is_dead
        self._of_platform = requests.c.platform == platform
        self.plan = Plan(0, Scope(SEARCH_PIPELINE, platform, ""), 1, PlanState.OPEN, {})

    def read_units(self, plan: Plan) -> list[UnitRecord]:  # noqa: ARG002 (interface)
        """The requests that are open now, the oldest first."""
        statement = (
            select(*_RECORD_COLUMNS)
            .where(self._of_platform, IS_OPEN)
            .order_by(requests.c.request_id)
        )
        with self._database.read() as connection:
            return [_read_record(row) for row in connection.execute(statement)]

    def claim(
        self,
        plan: Plan,  # noqa: ARG002 (interface)
        unit_ids: Sequence[str],
        attempt: Attempt,
        lease_seconds: float,
    ) -> list[UnitRecord]:
        """Takes those of the requests that nobody holds; what has ended stays as it is.

        One whose workers have died again and again is answered as FAILED, kind `worker_died`, and stored so.
        """
        answers: list[UnitRecord] = []
        with self._database.write() as connection:
            for chunk in split_chunks(unit_ids):
                answers += self._claim_chunk(connection, chunk, attempt, lease_seconds)
        return answers

    def renew(self, plan: Plan, attempt: Attempt, lease_seconds: float) -> set[str]:  # noqa: ARG002 (interface)
        """Extends every lease that the attempt still holds; returns the ids."""
        with self._database.write() as connection:
            held = self._lock_held(connection, attempt)
            until = self._database.now(connection) + timedelta(seconds=lease_seconds)
            connection.execute(
                update(requests).where(*self._is_held(attempt)).values(lease_until=until)
            )
        return held

    def record(
        self,
        plan: Plan,  # noqa: ARG002 (interface)
        attempt: Attempt,
        outcomes: Sequence[UnitOutcome],
    ) -> set[str]:
        """Writes outcomes in one transaction; returns the ids that were refused, since another one holds them now."""
        with self._database.write() as connection:
            held = self._lock_held(connection, attempt)
            now = self._database.now(connection)
            rows = [_write_outcome(each, now) for each in outcomes if each.unit_id in held]
            if rows:
                connection.execute(_END, rows)
        return {outcome.unit_id for outcome in outcomes} - held

    def save_checkpoints(
        self,
        plan: Plan,  # noqa: ARG002 (interface)
        attempt: Attempt,
        checkpoints: Mapping[str, JsonObject],
    ) -> set[str]:
        """Those of the requests that the attempt does not hold any more. None is kept: a search starts anew."""
        statement = select(requests.c.request_id).where(*self._is_held(attempt))
        with self._database.read() as connection:
            return set(checkpoints) - {str(number) for number in connection.scalars(statement)}

    def read_done(self, plan: Plan, unit_ids: Collection[str]) -> set[str]:  # noqa: ARG002 (interface)
        """Those of the requests that are DONE by now, whoever answered them."""
        done: set[str] = set()
        with self._database.read() as connection:
            for chunk in split_chunks(unit_ids):
                statement = select(requests.c.request_id).where(
                    requests.c.request_id.in_([int(each) for each in chunk]),
                    requests.c.state == UnitState.DONE,
                )
                done.update(str(number) for number in connection.scalars(statement))
        return done

    def _claim_chunk(
        self, connection: Connection, chunk: Sequence[str], attempt: Attempt, lease_seconds: float
    ) -> list[UnitRecord]:
        rows = connection.execute(
            select(*_RECORD_COLUMNS, requests.c.owner, requests.c.lease_until)
            .where(
                self._of_platform, IS_OPEN, requests.c.request_id.in_([int(each) for each in chunk])
            )
            .order_by(requests.c.request_id)
            .with_for_update()
        ).all()
        # The clock is read under the locks: a claim that had to wait for them must not judge by an older time.
        now = self._database.now(connection)
        free = [row for row in rows if self._is_free(row, now)]
        worn = [_give_up(row) for row in free if _is_worn(row)]
        if worn:
            connection.execute(_END, [_write_outcome(outcome, now) for outcome in worn])
        taken = [row for row in free if not _is_worn(row)]
        connection.execute(
            update(requests)
            .where(requests.c.request_id.in_([row.request_id for row in taken]))
            .values(
                state=UnitState.RUNNING,
                attempts=requests.c.attempts + 1,
                attempt_id=attempt.attempt_id,
                owner=attempt.owner,
                lease_until=now + timedelta(seconds=lease_seconds),
            )
        )
        return [*map(_read_claimed, taken), *map(_read_given_up, worn)]

    def _is_free(self, row: AnyRow, now: datetime) -> bool:
        if row.state == UnitState.PENDING:
            return True
        return row.lease_until <= now or self._is_dead(row.owner)

    def _is_held(self, attempt: Attempt) -> tuple[ColumnElement[bool], ...]:
        return (
            self._of_platform,
            requests.c.state == UnitState.RUNNING,
            requests.c.attempt_id == attempt.attempt_id,
        )

    def _lock_held(self, connection: Connection, attempt: Attempt) -> set[str]:
        statement = (
            select(requests.c.request_id)
            .where(*self._is_held(attempt))
            .order_by(requests.c.request_id)
            .with_for_update()
        )
        return {str(number) for number in connection.scalars(statement)}


_RECORD_COLUMNS = (
    requests.c.request_id,
    requests.c.keyword,
    requests.c.state,
    requests.c.attempts,
)


def _read_record(row: AnyRow) -> UnitRecord:
    unit = Unit(str(row.request_id), {"keyword": row.keyword})
    return UnitRecord(unit, read_enum(UnitState, row.state), attempts=row.attempts)


def _read_claimed(row: AnyRow) -> UnitRecord:
    unit = Unit(str(row.request_id), {"keyword": row.keyword})
    return UnitRecord(unit, UnitState.RUNNING, attempts=row.attempts + 1)


def _read_given_up(outcome: UnitOutcome) -> UnitRecord:
    return UnitRecord(
        Unit(outcome.unit_id, {}),
        UnitState.FAILED,
        error_kind=outcome.error_kind,
        error_message=outcome.error_message,
    )


def _is_worn(row: AnyRow) -> bool:
    """Whether workers died of it again and again: one that is given back is PENDING, and was not."""
    return row.state == UnitState.RUNNING and row.attempts >= MOST_ATTEMPTS


def _give_up(row: AnyRow) -> UnitOutcome:
    return UnitOutcome(
        str(row.request_id),
        UnitState.FAILED,
        error_kind="worker_died",
        error_message=f"it was begun {row.attempts} times and did not end: look at the last runs, then ask again",
    )


def _write_outcome(outcome: UnitOutcome, now: datetime) -> dict[str, Any]:
    """The parameters of `_END`."""
    detail = outcome.detail if outcome.state is UnitState.DONE and outcome.detail else {}
    return {
        "b_id": int(outcome.unit_id),
        "b_state": outcome.state,
        "b_more_attempts": -1 if is_fault(outcome) else outcome.tries - 1,
        "b_found": detail.get("found"),
        "b_added": detail.get("added"),
        "b_error_kind": outcome.error_kind,
        "b_error_message": outcome.error_message,
        "b_done_at": None if outcome.state is UnitState.PENDING else now,
    }
