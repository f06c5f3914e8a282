"""One unit while a run holds it: what the work sees of it, and the engine's notes about it."""

import asyncio
from collections.abc import Callable

from platform_assets.core.engine.units import JsonObject, Unit, UnitRecord
from platform_assets.core.errors import LeaseLostError


class UnitRun:
    """A claimed unit. The work reads `checkpoint`, calls `save` and `ensure_held`; the rest is the engine's.

    Attributes:
        unit: The unit as planned.
        attempt_id: Names this run in every write (fencing token).
        checkpoint: What an earlier try or run saved last; None when nothing was saved.
        tries: Which try of this run it is, from 1.
        failures: Failures since the last progress.
        seconds: Time worked on it in this run, waiting excluded.
        task: The try in progress.
    """

    __slots__ = (
        "_lost",
        "_on_save",
        "attempt_id",
        "checkpoint",
        "failures",
        "seconds",
        "task",
        "tries",
        "unit",
    )

    def __init__(
        self, record: UnitRecord, attempt_id: str, on_save: Callable[[str, JsonObject], None]
    ) -> None:
        self.unit: Unit = record.unit
        self.attempt_id = attempt_id
        self.checkpoint = record.checkpoint
        self.tries = 0
        self.failures = 0
        self.seconds = 0.0
        self.task: asyncio.Task[JsonObject | None] | None = None
        self._on_save = on_save
        self._lost = False

    def save(self, checkpoint: JsonObject) -> None:
        """Saves where to continue from. Cheap: written with the next batch, at the latest with the outcome.

        Progress starts the count of failures anew.

        Raises:
            LeaseLostError: Somebody else may hold the unit now.
        """
        self.ensure_held()
        self.checkpoint = checkpoint
        self.failures = 0
        self._on_save(self.unit.unit_id, checkpoint)

    def ensure_held(self) -> None:
        """Call it before a write that others would see.

        Raises:
            LeaseLostError: Somebody else may hold the unit now.
        """
        if self._lost:
            raise LeaseLostError(
                f"unit {self.unit.unit_id}: its lease was lost; nothing is written"
            )

    @property
    def lost(self) -> bool:
        """Whether the lease is gone."""
        return self._lost

    def lose(self) -> None:
        """From now on nothing may be written for this unit by this run; a try in progress is cut off."""
        self._lost = True
        self.interrupt()

    def interrupt(self) -> None:
        """Cuts off the try in progress, if there is one."""
        if self.task is not None:
            self.task.cancel()
