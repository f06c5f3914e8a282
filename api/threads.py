"""Where blocking work of requests is done: threads for reads, for shared answers and for writes.

Few, because more threads only take turns on one interpreter; apart, because a launch takes seconds and Dagster may
hang. When too much waits already, a request is refused at once: who would wait longer has gone.
"""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread

from platform_assets.core.errors import TransientError

P = ParamSpec("P")
T = TypeVar("T")

READ_THREADS = {"sqlite": 1, "postgresql": 2}
"""Measured with 20 clients. A read from SQLite waits for nothing, so a second thread costs a third more CPU and doubles
the slowest answers; PostgreSQL answers one while the other is written."""

SHARED_THREADS = 2
WRITE_THREADS = 4
MOST_WAITING = 200
"""Requests that may wait for a thread."""


class Threads:
    """Runs functions in threads.

    Args:
        reads: Threads for reads.
        shared: Threads for answers that many requests share; they also ask Dagster.
        writes: Threads for writes.
        most_waiting: Requests that may wait for a thread of one kind.
    """

    def __init__(
        self,
        reads: int,
        shared: int = SHARED_THREADS,
        writes: int = WRITE_THREADS,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._reads = anyio.CapacityLimiter(reads)
        self._shared = anyio.CapacityLimiter(shared)
        self._writes = anyio.CapacityLimiter(writes)
        self._most_waiting = most_waiting

    async def read(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns.

        Raises:
            TransientError: kind `busy`: too many requests wait already.
        """
        return await self._run(self._reads, partial(work, *args, **kwargs))

    async def share(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns; see `read`."""
        return await self._run(self._shared, partial(work, *args, **kwargs))

    async def write(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns; see `read`."""
        return await self._run(self._writes, partial(work, *args, **kwargs))

    async def _run(self, limiter: anyio.CapacityLimiter, work: Callable[[], T]) -> T:
        if limiter.statistics().tasks_waiting >= self._most_waiting:
            raise TransientError(
                f"{self._most_waiting} requests wait for a database already; try again later",
                kind="busy",
            )
        return await anyio.to_thread.run_sync(work, limiter=limiter)
