"""Questions about tenant-months, and changes to them outside a run: reset by a person, given up when their run is gone.

What a run does with its own cells is in `ledger.py`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from platform_assets.core.errors import PermanentError
from platform_assets.core.processes.owner import MOST_DEATHS, is_dead
from platform_assets.tenants import transitions
from platform_assets.tenants.state.claims import describe_loss, lose_month
from platform_assets.tenants.state.rows import (
    MONTH_ORDER,
    SELECT_MONTHS,
    Cell,
    is_one_of,
    lock_months,
    lock_tenant,
    lock_tenants,
    read_month,
    read_months,
    require_tenant,
    write_months,
    write_tenants,
)
from platform_assets.tenants.tenant import MonthStatus, TenantMonth
from resources.state.database import StateDatabase
from resources.state.statements import CHUNK
from resources.state.tables import tenant_month_states as states
from resources.state.tables import tenants as tenant_rows

IsGone = Callable[[TenantMonth], bool]

_IS_RUNNING = states.c.status == MonthStatus.RUNNING


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A month that perhaps nobody works on: who did, and whether only the run says so."""

    attempt_id: str | None
    gone: bool


class SqlTenantMonths:
    """Tenant-months in the state database. Safe to use from several threads.

    Args:
        database: The state database; its clock stamps the rows and judges the heartbeats.
        is_dead: Whether the owner of an attempt is known to be gone.
        most_deaths: Workers that may die of a month that they had alone in hand, before it fails.
    """

    def __init__(
        self,
        database: StateDatabase,
        is_dead: Callable[[str], bool] = is_dead,
        *,
        most_deaths: int = MOST_DEATHS,
    ) -> None:
        self._database = database
        self._is_dead = is_dead
        self._most_deaths = most_deaths

    def get(self, tenant_id: str, month: str) -> TenantMonth:
        """One tenant-month.

        Raises:
            PermanentError: kinds `unknown_tenant`, `unknown_month`.
        """
        with self._database.read() as connection:
            require_tenant(connection, tenant_id)
            return _require_one(
                read_months(connection, *_is_cell(tenant_id, month)), tenant_id, month
            )

    def find(
        self, status: MonthStatus | None = None, limit: int = 1000, *, active: bool | None = None
    ) -> list[TenantMonth]:
        """Tenant-months in a status, in any if None, by tenant and month, at most `limit`.

        Args:
            status: Which status.
            limit: How many.
            active: Only those of tenants that are active, or that are not.
        """
        statement = SELECT_MONTHS.order_by(*MONTH_ORDER).limit(limit)
        if status is not None:
            statement = statement.where(states.c.status == status)
        if active is not None:
            chosen = select(tenant_rows.c.tenant_id).where(tenant_rows.c.active.is_(active))
            statement = statement.where(states.c.tenant_id.in_(chosen))
        with self._database.read() as connection:
            return [read_month(row) for row in connection.execute(statement)]

    def count_by_status(self) -> dict[MonthStatus, int]:
        """How many tenant-months are in each status; every status is there."""
        statement = select(states.c.status, func.count()).group_by(states.c.status)
        with self._database.read() as connection:
            counts = {row[0]: row[1] for row in connection.execute(statement)}
        return {status: counts.get(status, 0) for status in MonthStatus}

    def reset(self, tenant_id: str, month: str) -> TenantMonth:
        """A FAILED month as PENDING, with its failures forgotten. Whether its tenant is active is not looked at.

        Raises:
            PermanentError: kinds `unknown_tenant`, `unknown_month`, `not_failed`.
        """
        with self._database.write() as connection:
            lock_tenant(connection, tenant_id)
            found = _require_one(
                lock_months(connection, *_is_cell(tenant_id, month)), tenant_id, month
            )
            if found.status is not MonthStatus.FAILED:
                raise PermanentError(
                    f"{month} of tenant {tenant_id} is {found.status}; only a FAILED month can be reset",
                    kind="not_failed",
                )
            found = transitions.reset(found, self._database.now(connection))
            write_months(connection, [found])
            return found

    def reset_failed(self, cells: Collection[Cell]) -> list[TenantMonth]:
        """Those of the cells that are FAILED, and whose tenant is active, as PENDING with their failures forgotten."""
        wanted, found = sorted(cells), list[TenantMonth]()
        for start in range(0, len(wanted), CHUNK // 2):
            found += self._reset_chunk(wanted[start : start + CHUNK // 2])
        return found

    def _reset_chunk(self, cells: Collection[Cell]) -> list[TenantMonth]:
        with self._database.write() as connection:
            tenants = lock_tenants(connection, {tenant_id for tenant_id, _ in cells})
            failed = lock_months(
                connection, is_one_of(cells), states.c.status == MonthStatus.FAILED
            )
            now = self._database.now(connection)
            found = [
                transitions.reset(month, now) for month in failed if tenants[month.tenant_id].active
            ]
            write_months(connection, found)
            return found

    def expire(self, stale_seconds: float, is_gone: IsGone) -> list[TenantMonth]:
        """Gives up RUNNING months that nobody works on: a failure each, and the tenant is disabled after too many.

        Args:
            stale_seconds: Without a heartbeat for so long, nobody does.
            is_gone: Whether the run of a month that looks alive is known to be gone. It may be slow: no transaction is
                open while it is asked.

        Returns:
            The months that were given up, as they are now, by tenant and month.
        """
        suspects = self._find_suspects(stale_seconds, is_gone)
        if not suspects:
            return []
        with self._database.write() as connection:
            tenants = lock_tenants(connection, {tenant_id for tenant_id, _ in suspects})
            running = lock_months(connection, is_one_of(suspects), _IS_RUNNING)
            now = self._database.now(connection)
            expired: list[TenantMonth] = []
            for month in running:
                suspect = suspects[month.tenant_id, month.month]
                if reason := self._confirm(month, suspect, stale_seconds, now):
                    tenants[month.tenant_id], lost = lose_month(
                        tenants[month.tenant_id], month, reason, now, self._most_deaths
                    )
                    expired.append(lost)
            write_months(connection, expired)
            disabled = {month.tenant_id for month in expired if transitions.is_exhausted(month)}
            write_tenants(connection, [tenants[tenant_id] for tenant_id in sorted(disabled)])
            return expired

    def find_silent(self, seconds: float) -> list[TenantMonth]:
        """RUNNING months without a sign of life for so long, by tenant and month."""
        with self._database.read() as connection:
            running = read_months(connection, _IS_RUNNING)
            now = self._database.now(connection)
        return [month for month in running if transitions.is_stale(month, now, seconds)]

    def _find_suspects(self, stale_seconds: float, is_gone: IsGone) -> dict[Cell, _Suspect]:
        with self._database.read() as connection:
            running = read_months(connection, _IS_RUNNING)
            now = self._database.now(connection)
        suspects: dict[Cell, _Suspect] = {}
        for month in running:
            lost = describe_loss(month, now, stale_seconds, self._is_dead) is not None
            if lost or is_gone(month):
                suspects[month.tenant_id, month.month] = _Suspect(month.attempt_id, gone=not lost)
        return suspects

    def _confirm(
        self, month: TenantMonth, suspect: _Suspect, stale_seconds: float, now: datetime
    ) -> str | None:
        """Why a locked month is given up; None if another attempt has it, or it was heard of meanwhile."""
        if month.attempt_id != suspect.attempt_id:
            return None
        if suspect.gone:
            return f"gone: run {month.run_id} has ended without a word"
        return describe_loss(month, now, stale_seconds, self._is_dead)


def _is_cell(tenant_id: str, month: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return states.c.tenant_id == tenant_id, states.c.processing_month == month


def _require_one(found: Sequence[TenantMonth], tenant_id: str, month: str) -> TenantMonth:
    if not found:
        raise PermanentError(
            f"tenant {tenant_id} has no month {month[:50]!r}; look at the list of its months",
            kind="unknown_month",
        )
    return found[0]
