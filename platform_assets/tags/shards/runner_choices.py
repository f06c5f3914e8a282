"""Which runner does the tasks of a tenant: the one that it was moved to, or the default of the settings.

A runner is rolled out by tenant: one pilot first, then the others, then the default.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from platform_assets.core.engine.units import JsonObject
from platform_assets.core.errors import PermanentError
from platform_assets.tags.keys import is_tenant_id

RUNNERS = ("local", "cloud_run_job", "http_service")

_NOTE = "tags/runners"


class Notes(Protocol):
    """Where choices are kept."""

    def get(self, name: str) -> tuple[JsonObject, object] | None:
        """The note, and when it was stored."""
        ...

    def update(self, name: str, change: Callable[[JsonObject, datetime], JsonObject]) -> JsonObject:
        """Stores what `change` makes of the note."""
        ...


class RunnerChoices:
    """Runner by tenant. Thread-safe; blocks.

    Args:
        notes: Where choices are kept.
        default: The runner of tenants that were not moved.
    """

    def __init__(self, notes: Notes, default: str) -> None:
        self._notes = notes
        self.default = default

    def find(self, tenant_id: str) -> str:
        """The tenant's runner."""
        return self.list_moved().get(tenant_id, self.default)

    def list_moved(self) -> dict[str, str]:
        """Tenant -> runner, of those that were moved, by tenant."""
        found = self._notes.get(_NOTE)
        return dict(sorted(found[0].items())) if found else {}

    def move(self, tenant_id: str, runner: str | None) -> str:
        """Moves a tenant to a runner, from its next run on; None: back to the default. Returns its runner now.

        Raises:
            PermanentError: kinds `bad_tenant_id`, `unknown_runner`.
        """
        if not is_tenant_id(tenant_id):
            raise PermanentError(f"{tenant_id[:60]!r} is no tenant id", kind="bad_tenant_id")
        if runner is not None and runner not in RUNNERS:
            raise PermanentError(
                f"there is no runner {runner[:60]!r}: use {', '.join(RUNNERS)}",
                kind="unknown_runner",
            )

        def change(moved: JsonObject, _now: datetime) -> JsonObject:
            others = {tenant: name for tenant, name in moved.items() if tenant != tenant_id}
            return others if runner is None else {**others, tenant_id: runner}

        self._notes.update(_NOTE, change)
        return runner or self.default
