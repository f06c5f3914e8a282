"""Writes outcomes and checkpoints of a run to the ledger in batches, off the event loop.

A batch leaves when it is large or old enough; what the ledger refuses (fencing) is handed back to the engine. Holds no
rule about units: those are in `run.py`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from platform_assets.core.engine.ledger import UnitLedger
from platform_assets.core.engine.units import Attempt, JsonObject, Plan, UnitOutcome
from platform_assets.core.errors import TransientError

P = ParamSpec("P")
T = TypeVar("T")

FLUSH_SIZE = 100
"""Outcomes that make a batch leave at once: one transaction of 100 rows costs a few milliseconds."""

FLUSH_SECONDS = 0.25
"""Age at which a smaller batch leaves: what a killed process loses at most, and does again."""

WRITE_WAITS = (0.5, 1.0, 2.0, 4.0)
"""Seconds between tries while the state database does not answer."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one flush wrote, and the unit ids that the ledger refused of it."""

    outcomes: Sequence[UnitOutcome]
    refused: frozenset[str]


async def until_answered(ask: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """The answer of a blocking call that may be repeated, asked again while the state database does not answer.

    Raises:
        TransientError: It did not answer after several tries.
    """
    for wait in WRITE_WAITS:
        try:
            return await asyncio.to_thread(ask, *args, **options)
        except TransientError:
            await asyncio.sleep(wait)
    return await asyncio.to_thread(ask, *args, **options)


class LedgerWriter:
    """Buffer between the engine and the ledger.

    Args:
        ledger: Where to write.
        plan: The plan of all units.
        attempt: The attempt that holds them.
        on_batch: Called in the event loop after each flush.
    """

    def __init__(
        self,
        ledger: UnitLedger,
        plan: Plan,
        attempt: Attempt,
        on_batch: Callable[[Batch], None],
    ) -> None:
        self._ledger = ledger
        self._plan = plan
        self._attempt = attempt
        self._on_batch = on_batch
        self._outcomes: list[UnitOutcome] = []
        self._checkpoints: dict[str, JsonObject] = {}
        self._full = asyncio.Event()
        self._flushing = asyncio.Lock()

    def add_outcome(self, outcome: UnitOutcome) -> None:
        """Queues the end of a unit; its queued checkpoint, if any, is part of the outcome."""
        self._checkpoints.pop(outcome.unit_id, None)
        self._outcomes.append(outcome)
        if len(self._outcomes) >= FLUSH_SIZE:
            self._full.set()

    def add_checkpoint(self, unit_id: str, checkpoint: JsonObject) -> None:
        """Queues a checkpoint of a running unit; a newer one replaces it."""
        self._checkpoints[unit_id] = checkpoint

    def hurry(self) -> None:
        """Makes the batch leave now: somebody waits for an outcome in it."""
        self._full.set()

    async def flush_forever(self) -> None:
        """Flushes when a batch is full or old enough, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._full.wait()
            except TimeoutError:
                pass
            await self.flush()

    async def flush(self) -> None:
        """Writes what is queued.

        Raises:
            TransientError: The ledger could not be written after several tries.
        """
        async with self._flushing:
            outcomes, self._outcomes = self._outcomes, []
            checkpoints, self._checkpoints = self._checkpoints, {}
            self._full.clear()
            if not outcomes and not checkpoints:
                return
            refused = await self._write(outcomes, checkpoints)
            self._on_batch(Batch(outcomes, frozenset(refused)))

    async def _write(
        self, outcomes: list[UnitOutcome], checkpoints: dict[str, JsonObject]
    ) -> set[str]:
        return await until_answered(self._write_now, outcomes, checkpoints)

    def _write_now(
        self, outcomes: list[UnitOutcome], checkpoints: dict[str, JsonObject]
    ) -> set[str]:
        refused: set[str] = set()
        if checkpoints:
            refused |= self._ledger.save_checkpoints(self._plan, self._attempt, checkpoints)
        if outcomes:
            refused |= self._ledger.record(self._plan, self._attempt, outcomes)
        return refused
