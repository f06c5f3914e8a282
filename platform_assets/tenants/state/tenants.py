"""Tenants in the state database: registered, found, switched on and off. Their months are in `months.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, select

from platform_assets.core.errors import PermanentError
from platform_assets.core.months import month_of
from platform_assets.tenants import transitions
from platform_assets.tenants.state.rows import (
    SELECT_TENANTS,
    insert_months,
    insert_tenants,
    lock_months,
    lock_tenant,
    read_months,
    read_months_of,
    read_tenant,
    require_tenant,
    write_months,
    write_tenants,
)
from platform_assets.tenants.tenant import (
    MonthStatus,
    SourceSettings,
    Tenant,
    TenantMonth,
    TenantType,
)
from resources.state.database import StateDatabase
from resources.state.tables import tenant_month_states as states
from resources.state.tables import tenants
from resources.state.unit_statements import AnySelect


@dataclass(frozen=True, slots=True)
class TenantFilter:
    """Which tenants: those that match every field; None matches any value.

    Attributes:
        tenant_type: NEW or EXISTING.
        active: Whether it is active.
        status: It has a month in this status.
    """

    tenant_type: TenantType | None = None
    active: bool | None = None
    status: MonthStatus | None = None


class SqlTenants:
    """Tenants in the state database. Safe to use from several threads.

    Args:
        database: The state database; its clock stamps the rows.
    """

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def register(self, tenant: Tenant, months: Sequence[str]) -> None:
        """Adds a tenant and a PENDING row for each of the months, all or nothing.

        Raises:
            PermanentError: kind `tenant_exists`.
        """
        now = self._database.clock.now()
        with self._database.write() as connection:
            if not insert_tenants(connection, [tenant]):
                raise PermanentError(
                    f"tenant {tenant.tenant_id!r} is registered already; nothing was changed",
                    kind="tenant_exists",
                )
            insert_months(
                connection,
                [transitions.new_month(tenant.tenant_id, month, now) for month in months],
            )

    def import_tenants(self, tenants: Sequence[Tenant]) -> list[str]:
        """Adds those of the tenants that are missing, each with the months since its last completed one as PENDING.

        Returns:
            Their ids, in the order given.
        """
        now = self._database.clock.now()
        with self._database.write() as connection:
            added = insert_tenants(connection, tenants)
            insert_months(
                connection,
                [
                    transitions.new_month(tenant.tenant_id, month, now)
                    for tenant in tenants
                    if tenant.tenant_id in added
                    for month in transitions.list_missed(tenant, month_of(now))
                ],
            )
        return [tenant.tenant_id for tenant in tenants if tenant.tenant_id in added]

    def get(self, tenant_id: str) -> Tenant:
        """One tenant.

        Raises:
            PermanentError: kind `unknown_tenant`.
        """
        with self._database.read() as connection:
            return require_tenant(connection, tenant_id)

    def find(self, wanted: TenantFilter, limit: int, after: str = "") -> list[Tenant]:
        """Matching tenants by id, at most `limit`; `after` continues behind the last id of a page."""
        with self._database.read() as connection:
            found = connection.execute(_select_page(wanted, limit, after))
            return [read_tenant(row) for row in found]

    def find_page(
        self, wanted: TenantFilter, limit: int, after: str = ""
    ) -> tuple[list[Tenant], int]:
        """What `find` and `count` answer, with one visit to the database."""
        matching = select(func.count()).select_from(tenants).where(*_match(wanted))
        with self._database.read() as connection:
            found = connection.execute(_select_page(wanted, limit, after))
            return [read_tenant(row) for row in found], connection.scalar(matching) or 0

    def count(self, wanted: TenantFilter) -> int:
        """How many tenants match."""
        statement = select(func.count()).select_from(tenants).where(*_match(wanted))
        with self._database.read() as connection:
            return connection.scalar(statement) or 0

    def ids(self) -> list[str]:
        """The ids of all tenants, in order."""
        with self._database.read() as connection:
            statement = select(tenants.c.tenant_id).order_by(tenants.c.tenant_id)
            return list(connection.scalars(statement))

    def read_all(self) -> tuple[list[Tenant], list[TenantMonth]]:
        """All tenants by id, and all of their months by tenant and month, as they were at one moment."""
        with self._database.read() as connection:
            if self._database.dialect == "postgresql":
                # Else each statement sees what was committed before it, and the two lists may disagree.
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            rows = connection.execute(SELECT_TENANTS.order_by(tenants.c.tenant_id))
            return [read_tenant(row) for row in rows], read_months(connection)

    def months(self, tenant_id: str) -> list[TenantMonth]:
        """The rows of one tenant, oldest month first.

        Raises:
            PermanentError: kind `unknown_tenant`.
        """
        with self._database.read() as connection:
            found = read_months_of(connection, tenant_id)
            if not found:
                require_tenant(connection, tenant_id)
            return found

    def get_with_months(self, tenant_id: str) -> tuple[Tenant, list[TenantMonth]]:
        """A tenant and its rows, oldest month first.

        Raises:
            PermanentError: kind `unknown_tenant`.
        """
        with self._database.read() as connection:
            tenant = require_tenant(connection, tenant_id)
            return tenant, read_months_of(connection, tenant_id)

    def activate(self, tenant_id: str) -> Tenant:
        """Switches a tenant on; months that failed too often may be tried again.

        Raises:
            PermanentError: kind `unknown_tenant`.
        """
        with self._database.write() as connection:
            tenant = lock_tenant(connection, tenant_id)
            failed = lock_months(
                connection,
                states.c.tenant_id == tenant_id,
                states.c.status == MonthStatus.FAILED,
            )
            now = self._database.clock.now()
            exhausted = [month for month in failed if transitions.is_exhausted(month)]
            write_months(connection, [transitions.reset(month, now) for month in exhausted])
            tenant = transitions.activate(tenant, now)
            write_tenants(connection, [tenant])
            return tenant

    def deactivate(self, tenant_id: str, reason: str) -> Tenant:
        """Switches a tenant off: nothing of it is started any more; what runs comes to its end.

        Raises:
            PermanentError: kind `unknown_tenant`.
        """
        return self._change(tenant_id, lambda t, now: transitions.disable(t, reason, now))

    def update_source(self, tenant_id: str, source: SourceSettings) -> Tenant:
        """Says where the tenant's events are from now on.

        Raises:
            PermanentError: kind `unknown_tenant`.
        """
        return self._change(tenant_id, lambda t, now: replace(t, source=source, updated_at=now))

    def mark_customers(self, tenant_id: str, at: datetime) -> None:
        """Notes that the table of the tenant's customers holds what was complete at that time.

        Raises:
            PermanentError: kind `unknown_tenant`.
        """
        self._change(tenant_id, lambda t, now: replace(t, customers_at=at, updated_at=now))

    def delete(self, tenant_id: str) -> None:
        """Removes a tenant and the states of its months; a run that works on it can write nothing any more.

        Raises:
            PermanentError: kind `unknown_tenant`.
        """
        with self._database.write() as connection:
            lock_tenant(connection, tenant_id)
            # Before the cascade, which has no order, could meet a heartbeat halfway.
            lock_months(connection, states.c.tenant_id == tenant_id)
            connection.execute(delete(tenants).where(tenants.c.tenant_id == tenant_id))

    def _change(self, tenant_id: str, change: Callable[[Tenant, datetime], Tenant]) -> Tenant:
        with self._database.write() as connection:
            tenant = lock_tenant(connection, tenant_id)
            tenant = change(tenant, self._database.clock.now())
            write_tenants(connection, [tenant])
            return tenant


def _select_page(wanted: TenantFilter, limit: int, after: str) -> AnySelect:
    statement = SELECT_TENANTS.where(tenants.c.tenant_id > after, *_match(wanted))
    return statement.order_by(tenants.c.tenant_id).limit(limit)


def _match(wanted: TenantFilter) -> list[ColumnElement[bool]]:
    pairs = ((tenants.c.tenant_type, wanted.tenant_type), (tenants.c.active, wanted.active))
    conditions = [column == value for column, value in pairs if value is not None]
    if wanted.status is not None:
        of_tenant = states.c.tenant_id == tenants.c.tenant_id
        conditions.append(exists().where(of_tenant, states.c.status == wanted.status))
    return conditions
