"""The audit log: who asked the API to change what, and how it answered. Rows are never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from resources.state.database import StateDatabase
from resources.state.tables import audit_log


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One request.

    Attributes:
        at: When it was answered, aware UTC.
        actor: Name of the token; never the token.
        role: Role of the token; None when there was none.
        method: HTTP method.
        path: Path without its query.
        tenant: The tenant that it was about; None if about none.
        status: HTTP status of the answer.
        detail: What else a person would want to know, such as the id of the run that was started.
        entry_id: Key; None until it is stored.
    """

    at: datetime
    actor: str
    role: str | None
    method: str
    path: str
    tenant: str | None
    status: int
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    entry_id: int | None = None


class SqlAudit:
    """The audit log in the state database. Safe to use from several threads.

    Args:
        database: The state database.
    """

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def add(self, entry: AuditEntry) -> None:
        """Stores an entry; its `entry_id` is ignored."""
        values = {
            "at": entry.at,
            "actor": entry.actor,
            "role": entry.role,
            "method": entry.method,
            "path": entry.path,
            "tenant": entry.tenant,
            "status": entry.status,
            "detail": entry.detail,
        }
        with self._database.write() as connection:
            connection.execute(insert(audit_log), values)

    def purge(self, before: datetime) -> int:
        """Deletes the entries that are older; how many there were."""
        with self._database.write() as connection:
            return connection.execute(delete(audit_log).where(audit_log.c.at < before)).rowcount

    def find(self, limit: int = 100, before_id: int | None = None) -> list[AuditEntry]:
        """The newest entries first, at most `limit`; `before_id` continues behind the last one of a page."""
        statement = select(*audit_log.c).order_by(audit_log.c.id.desc()).limit(limit)
        if before_id is not None:
            statement = statement.where(audit_log.c.id < before_id)
        with self._database.read() as connection:
            return [
                AuditEntry(*values, entry_id=entry_id)
                for entry_id, *values in connection.execute(statement)
            ]
