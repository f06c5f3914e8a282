"""Whether the API can do its work: the state database, Dagster's instance, its daemons, the object store.

Every check is bounded in time and says little: the answer is for anybody. A check that hangs stays alone; until it
comes back, its thing counts as not answering.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

import anyio
import anyio.to_thread
from sqlalchemy import text

from api.run_desk import RunDesk
from api.schemas import CheckOut, HealthOut
from platform_assets.core.clock import Clock
from platform_assets.core.errors import PlatformError
from platform_assets.services import Services

CHECK_SECONDS = 2.0
"""How long a check may take."""

HEARTBEAT_SECONDS = 120.0
"""A daemon signs every 30 s; on a loaded machine up to a minute late."""

PROBE_KEY = "health/probe"
"""An empty object that is written anew: a full disk or a lost right shows in nothing else."""

PROBE_SECONDS = 10.0
"""How long a write that went well is believed: anybody may ask, and each write costs something."""


class HealthChecks:
    """The four checks.

    Args:
        services: State database and object store.
        runs: Dagster.
        clock: What the age of heartbeats is measured with.
        seconds: How long a check may take.
    """

    def __init__(
        self, services: Services, runs: RunDesk, clock: Clock, seconds: float = CHECK_SECONDS
    ) -> None:
        self._services = services
        self._runs = runs
        self._clock = clock
        self._seconds = seconds
        self._written_at: float | None = None
        self._open: dict[str, asyncio.Future[CheckOut]] = {}

    async def run(self) -> HealthOut:
        """The result of all checks, made side by side."""
        checks: Mapping[str, Callable[[], str]] = {
            "state_database": self._ask_state,
            "dagster_instance": self._ask_instance,
            "dagster_daemon": self._ask_daemon,
            "object_store": self._ask_objects,
        }
        results = await asyncio.gather(*(self._bound(*item) for item in checks.items()))
        by_name = dict(zip(checks, results, strict=True))
        return HealthOut(live=True, ready=all(r.ok for r in results), checks=by_name)

    async def _bound(self, name: str, check: Callable[[], str]) -> CheckOut:
        """The check's result, or that it does not answer; never more than one of a name at a time."""
        task = self._open.get(name)
        if task is None or task.done():
            # A thread of its own: checks must not wait behind requests that hang.
            work = anyio.to_thread.run_sync(_judge, check, limiter=anyio.CapacityLimiter(1))
            task = self._open[name] = asyncio.ensure_future(work)
        done, _ = await asyncio.wait({task}, timeout=self._seconds)
        if not done:
            return CheckOut(ok=False, detail=f"no answer within {self._seconds:g} s")
        del self._open[name]
        fault = task.exception()
        if fault is not None:
            return CheckOut(ok=False, detail=f"fails with {type(fault).__name__}")
        return task.result()

    def _ask_state(self) -> str:
        with self._services.state.read() as connection:
            connection.execute(text("SELECT 1"))
        return "answers"

    def _ask_instance(self) -> str:
        self._runs.runs_in_hand()
        return "answers"

    def _ask_daemon(self) -> str:
        now = self._clock.now()
        beats = self._runs.daemon_heartbeats()
        late = sorted(name for name, at in beats.items() if _is_late(at, now))
        if late:
            raise PlatformError(f"no recent sign of life of {', '.join(late)}", kind="late")
        return f"{len(beats)} daemons signed within {HEARTBEAT_SECONDS:g} s"

    def _ask_objects(self) -> str:
        now = self._clock.monotonic()
        if self._written_at is None or now - self._written_at >= PROBE_SECONDS:
            self._written_at = None
            self._services.objects.put(PROBE_KEY, b"")
            self._written_at = now
        return f"took a write within {PROBE_SECONDS:g} s"


def _is_late(at: datetime | None, now: datetime) -> bool:
    return at is None or (now - at).total_seconds() > HEARTBEAT_SECONDS


def _judge(check: Callable[[], str]) -> CheckOut:
    """Runs a check; of an error only its kind is told, for its message may name hosts and paths."""
    try:
        return CheckOut(ok=True, detail=check())
    except PlatformError as error:
        told = error.message if error.kind == "late" else f"does not work: {error.kind}"
        return CheckOut(ok=False, detail=told)
