"""What the handlers of the API work with, made once per app: services, Dagster, threads, shared answers."""

from collections import Counter
from typing import Annotated, cast

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from api.health import HealthChecks
from api.recent import Recent
from api.run_desk import RunDesk
from api.running import read_running
from api.schemas import RunningJobsOut, StatusOut
from api.threads import READ_THREADS, Threads
from api.totals import read_status
from platform_assets.core.clock import Clock
from platform_assets.services import Services
from resources.state.audit import AuditEntry, SqlAudit


class ApiContext:
    """Everything of one app. The state database is opened when first needed: the API starts without it.

    Args:
        services: The adapters.
        runs: Dagster.
    """

    def __init__(self, services: Services, runs: RunDesk) -> None:
        self.services = services
        self.runs = runs
        backend = (
            "sqlite" if services.settings.state_database_url.startswith("sqlite") else "postgresql"
        )
        self.threads = Threads(READ_THREADS[backend])
        self.refusals = Counter[str]()
        self.clock: Clock = services.clock
        checks = HealthChecks(services, runs, self.clock)
        self.status = Recent(self._compute_status, self.clock)
        self.running = Recent(self._compute_running, self.clock)
        self.health = Recent(checks.run, self.clock)

    def add_audit(self, entry: AuditEntry) -> None:
        """Stores an entry of the audit trail; blocks."""
        SqlAudit(self.services.state).add(entry)

    def close(self) -> None:
        """Closes the connections of the state database, if it was opened."""
        if "state" in vars(self.services):
            self.services.state.close()

    def forget(self) -> None:
        """After a write: what is shared is computed anew."""
        self.status.forget()
        self.running.forget()

    async def _compute_status(self) -> StatusOut:
        return await self.threads.share(read_status, self.services, self.runs)

    async def _compute_running(self) -> RunningJobsOut:
        return await self.threads.share(read_running, self.services, self.runs)


async def _find_context(request: Request) -> ApiContext:
    return cast(ApiContext, request.app.state.context)


Api = Annotated[ApiContext, Depends(_find_context)]
"""The context, as an argument of a handler."""


def answer(document: BaseModel, status: int = 200) -> Response:
    """A document as a response. Written here, because the framework would validate it once more."""
    return Response(document.model_dump_json(), status, media_type="application/json")


def note_audit(request: Request, **notes: object) -> None:
    """Leaves something for the entry of this request in the audit trail, such as the id of a run."""
    state = request.scope.setdefault("state", {})
    state.setdefault("audit", {}).update(notes)
