"""Rows of `tenants` and `tenant_month_states` as values and back, and how a transaction locks and writes them.

The row of a tenant is the lock of everything that is its own: whoever changes a status or adds a month locks it first.
Only a heartbeat does without. Locks are taken in one order: tenants by id, then months by tenant and month, so that no
two transactions can wait for each other.
"""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, tuple_, update

from platform_assets.core.engine.units import Attempt
from platform_assets.core.errors import PermanentError
from platform_assets.tenants.tenant import (
    MonthStatus,
    SourceSettings,
    Tenant,
    TenantMonth,
    TenantType,
)
from resources.state.columns import read_enum
from resources.state.statements import insert_if_missing
from resources.state.tables import tenant_month_states as states
from resources.state.tables import tenants
from resources.state.unit_statements import AnyRow, AnySelect

Cell = tuple[str, str]
"""(tenant id, month)."""

_STATUSES = {status.value: status for status in MonthStatus}

SELECT_TENANTS: AnySelect = select(*tenants.c)
"""Columns as `read_tenant` needs them."""

SELECT_MONTHS: AnySelect = select(*states.c)
"""Columns as `read_month` needs them."""

MONTH_ORDER = (states.c.tenant_id, states.c.processing_month)

# Made once: to build a statement and find it among the compiled ones costs as much as to run it.
_ONE_TENANT = SELECT_TENANTS.where(tenants.c.tenant_id == bindparam("b_tenant"))
_MONTHS_OF = SELECT_MONTHS.where(states.c.tenant_id == bindparam("b_tenant")).order_by(*MONTH_ORDER)

_WRITE_TENANT = (
    update(tenants)
    .where(tenants.c.tenant_id == bindparam("b_tenant_id"))
    .values({c.name: bindparam(f"b_{c.name}") for c in tenants.c if not c.primary_key})
)
_WRITE_MONTH = (
    update(states)
    .where(
        states.c.tenant_id == bindparam("b_tenant_id"),
        states.c.processing_month == bindparam("b_processing_month"),
    )
    .values({c.name: bindparam(f"b_{c.name}") for c in states.c if not c.primary_key})
)


def read_tenant(row: AnyRow) -> Tenant:
    """The tenant in a row of `SELECT_TENANTS`."""
    source = SourceSettings(row.source_url, row.source_table, row.source_columns)
    return Tenant(
        tenant_id=row.tenant_id,
        name=row.name,
        tenant_type=read_enum(TenantType, row.tenant_type),
        active=row.active,
        disabled_reason=row.disabled_reason,
        current_processing_month=row.current_processing_month,
        backfill_start_month=row.backfill_start_month,
        backfill_completed=row.backfill_completed,
        last_completed_month=row.last_completed_month,
        customers_at=row.customers_at,
        source=source,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def read_month(row: AnyRow) -> TenantMonth:
    """The tenant-month in a row of `SELECT_MONTHS`."""
    tenant_id, month, status, *rest = row
    return TenantMonth(
        tenant_id, month, _STATUSES.get(status) or read_enum(MonthStatus, status), *rest
    )


def read_months(connection: Connection, *conditions: ColumnElement[bool]) -> list[TenantMonth]:
    """The tenant-months that meet the conditions, by tenant and month."""
    rows = connection.execute(SELECT_MONTHS.where(*conditions).order_by(*MONTH_ORDER))
    return [read_month(row) for row in rows.all()]


def read_months_of(connection: Connection, tenant_id: str) -> list[TenantMonth]:
    """The tenant's months, oldest first; none if there is no such tenant."""
    return [read_month(row) for row in connection.execute(_MONTHS_OF, {"b_tenant": tenant_id})]


def require_tenant(connection: Connection, tenant_id: str) -> Tenant:
    """The tenant, without locking it.

    Raises:
        PermanentError: kind `unknown_tenant`.
    """
    row = connection.execute(_ONE_TENANT, {"b_tenant": tenant_id}).first()
    if row is None:
        raise _unknown(tenant_id)
    return read_tenant(row)


def lock_tenant(connection: Connection, tenant_id: str) -> Tenant:
    """The tenant, locked for the rest of the transaction.

    Raises:
        PermanentError: kind `unknown_tenant`.
    """
    locked = lock_tenants(connection, [tenant_id])
    if tenant_id not in locked:
        raise _unknown(tenant_id)
    return locked[tenant_id]


def lock_tenants(connection: Connection, tenant_ids: Collection[str]) -> dict[str, Tenant]:
    """Those of the tenants that exist, locked for the rest of the transaction. On SQLite it is locked already."""
    statement = (
        SELECT_TENANTS.where(tenants.c.tenant_id.in_(tenant_ids))
        .order_by(tenants.c.tenant_id)
        .with_for_update()
    )
    return {row[0]: read_tenant(row) for row in connection.execute(statement)}


def lock_months(connection: Connection, *conditions: ColumnElement[bool]) -> list[TenantMonth]:
    """The tenant-months that meet the conditions, by tenant and month, locked for the rest of the transaction.

    Their tenants are locked already, unless all that follows is a heartbeat.
    """
    statement = SELECT_MONTHS.where(*conditions).order_by(*MONTH_ORDER).with_for_update()
    return [read_month(row) for row in connection.execute(statement)]


def is_held(attempt: Attempt) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The condition for the tenant-months that the attempt works on."""
    return states.c.status == MonthStatus.RUNNING, states.c.attempt_id == attempt.attempt_id


def is_one_of(cells: Collection[Cell]) -> ColumnElement[bool]:
    """The condition for the rows of these cells; keep them to some hundreds."""
    return tuple_(states.c.tenant_id, states.c.processing_month).in_(list(cells))


def count_running(connection: Connection) -> int:
    """Tenant-months that are RUNNING, of all tenants and runs."""
    statement = (
        select(func.count()).select_from(states).where(states.c.status == MonthStatus.RUNNING)
    )
    return connection.scalar(statement) or 0


def insert_tenants(connection: Connection, new: Sequence[Tenant]) -> set[str]:
    """Adds those of the tenants that are missing; their ids."""
    if not new:
        return set()
    statement = insert_if_missing(connection, tenants).returning(tenants.c.tenant_id)
    return set(connection.scalars(statement, [_describe_tenant(tenant) for tenant in new]))


def insert_months(connection: Connection, new: Iterable[TenantMonth]) -> None:
    """Adds rows that are missing for sure: the tenant is locked and was looked at."""
    rows = [_describe_month(month) for month in new]
    if rows:
        connection.execute(insert(states), rows)


def write_tenants(connection: Connection, changed: Iterable[Tenant]) -> None:
    """Writes tenants that are locked."""
    rows = [_bind(_describe_tenant(tenant)) for tenant in changed]
    if rows:
        connection.execute(_WRITE_TENANT, rows)


def write_months(connection: Connection, changed: Iterable[TenantMonth]) -> None:
    """Writes tenant-months that are locked, in any order: the locks have been waited for."""
    rows = [_bind(_describe_month(month)) for month in changed]
    if rows:
        connection.execute(_WRITE_MONTH, rows)


def _bind(row: dict[str, object]) -> dict[str, object]:
    return {f"b_{name}": value for name, value in row.items()}


def _describe_tenant(tenant: Tenant) -> dict[str, object]:
    return {
        "tenant_id": tenant.tenant_id,
        "name": tenant.name,
        "tenant_type": tenant.tenant_type,
        "active": tenant.active,
        "disabled_reason": tenant.disabled_reason,
        "current_processing_month": tenant.current_processing_month,
        "backfill_start_month": tenant.backfill_start_month,
        "backfill_completed": tenant.backfill_completed,
        "last_completed_month": tenant.last_completed_month,
        "customers_at": tenant.customers_at,
        "source_url": tenant.source.url,
        "source_table": tenant.source.table,
        "source_columns": tenant.source.columns,
        "created_at": tenant.created_at,
        "updated_at": tenant.updated_at,
    }


def _describe_month(month: TenantMonth) -> dict[str, object]:
    return {
        "tenant_id": month.tenant_id,
        "processing_month": month.month,
        "status": month.status,
        "started_at": month.started_at,
        "heartbeat_at": month.heartbeat_at,
        "completed_at": month.completed_at,
        "processed_records": month.processed_records,
        "failed_records": month.failed_records,
        "error_message": month.error_message,
        "retry_count": month.retry_count,
        "max_retries": month.max_retries,
        "next_attempt_at": month.next_attempt_at,
        "attempt_id": month.attempt_id,
        "owner": month.owner,
        "run_id": month.run_id,
        "watermark": month.watermark,
        "created_at": month.created_at,
        "updated_at": month.updated_at,
        "deaths": month.deaths,
        "faults": month.faults,
    }


def _unknown(tenant_id: str) -> PermanentError:
    return PermanentError(
        f"there is no tenant {tenant_id[:60]!r}; look for its id in the list of tenants, or register it",
        kind="unknown_tenant",
    )
