"""An answer that is shared for a moment: computed once for all who ask at the same time, kept for about a second."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from platform_assets.core.clock import Clock

T = TypeVar("T")

KEEP_SECONDS = 1.0


class Recent(Generic[T]):
    """Keeps the last value of a computation. For one event loop.

    A failure is not kept, but all who waited for it get it: a database that is away is asked once, not once per client.

    Args:
        compute: Makes the value.
        clock: Its stopwatch measures the value's age.
        keep_seconds: How long a value is used.
    """

    def __init__(
        self, compute: Callable[[], Awaitable[T]], clock: Clock, keep_seconds: float = KEEP_SECONDS
    ) -> None:
        self._compute = compute
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._task: asyncio.Future[T] | None = None
        self._computed_at: float | None = None

    async def get(self) -> T:
        """The value, at most `keep_seconds` old."""
        task = self._task
        if task is None or self._is_over(task):
            task = self._task = asyncio.ensure_future(self._run())
            self._computed_at = None
        # Shielded: one client that goes away must not take the value from the others.
        return await asyncio.shield(task)

    def forget(self) -> None:
        """The next `get` computes anew; for whoever has just changed what the value tells."""
        self._task = None

    async def _run(self) -> T:
        value = await self._compute()
        if self._task is asyncio.current_task():
            self._computed_at = self._clock.monotonic()
        return value

    def _is_over(self, task: asyncio.Future[T]) -> bool:
        if not task.done():
            return False
        if task.cancelled() or task.exception() is not None or self._computed_at is None:
            return True
        return self._clock.monotonic() - self._computed_at >= self._keep_seconds
