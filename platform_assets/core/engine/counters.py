"""Counts of a run while it goes on, and the report at its end."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from platform_assets.core.engine.units import (
    FailedUnit,
    Progress,
    Report,
    Stop,
    UnitOutcome,
    UnitRecord,
    UnitState,
)


class Tally:
    """Counts outcomes that the ledger has taken.

    Args:
        records: All units of the plan, in plan order.
        started_at: Aware UTC start of the run.
        on_progress: Called with a look at the run.
        progress_seconds: Least time between two such calls.

    Attributes:
        retries: Starts of units beyond their first.
        stop: Why the run ends early; None while it does not.
    """

    def __init__(
        self,
        records: Sequence[UnitRecord],
        started_at: datetime,
        on_progress: Callable[[Progress], None] | None,
        progress_seconds: float,
    ) -> None:
        self._order = {record.unit.unit_id: n for n, record in enumerate(records)}
        open_units = [r for r in records if r.state is not UnitState.DONE]
        open_units.sort(key=lambda record: (record.deaths, record.state is UnitState.FAILED))
        self._todo = [record.unit.unit_id for record in open_units]
        self._done = 0
        self._failures: dict[str, FailedUnit] = {}
        self._given_back: dict[str, FailedUnit] = {}
        self._started_at = started_at
        self._started = asyncio.get_running_loop().time()
        self._on_progress = on_progress
        self._progress_seconds = progress_seconds
        self._told = float("-inf")
        self.retries = 0
        self.stop: Stop | None = None

    def todo(self) -> list[str]:
        """Ids of the units that were not done at the start, in plan order.

        At the end those that have failed before, then those whose workers died.
        """
        return self._todo

    @property
    def failed(self) -> int:
        """Units that failed for good so far."""
        return len(self._failures)

    def add(self, outcome: UnitOutcome) -> None:
        """Counts one outcome."""
        if outcome.state is UnitState.DONE:
            self._done += 1
        elif outcome.state is UnitState.FAILED:
            self._failures[outcome.unit_id] = _describe(outcome)
        elif outcome.error_kind is not None:
            self._given_back[outcome.unit_id] = _describe(outcome)

    def tell_progress(self, *, running: int, final: bool = False) -> None:
        """Calls `on_progress`, if it is time."""
        now = self._seconds()
        if self._on_progress is None or (not final and now - self._told < self._progress_seconds):
            return
        self._told = now
        skipped = len(self._order) - len(self._todo)
        self._on_progress(
            Progress(len(self._order), self._done, self.failed, skipped, running, now)
        )

    def report(self, *, skipped_meanwhile: int) -> Report:
        """The report; `skipped_meanwhile` are units that another run finished during this one."""
        self.tell_progress(running=0, final=True)
        skipped = len(self._order) - len(self._todo) + skipped_meanwhile
        failures = self._in_order(self._failures)
        return Report(
            total=len(self._order),
            done=self._done,
            failed=len(failures),
            skipped=skipped,
            left=len(self._order) - self._done - len(failures) - skipped,
            retries=self.retries,
            seconds=self._seconds(),
            failures=failures,
            stop=self.stop,
            started_at=self._started_at,
            given_back=self._in_order(self._given_back),
        )

    def _in_order(self, units: Mapping[str, FailedUnit]) -> tuple[FailedUnit, ...]:
        return tuple(sorted(units.values(), key=lambda unit: self._order[unit.unit_id]))

    def _seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._started


def _describe(outcome: UnitOutcome) -> FailedUnit:
    return FailedUnit(
        outcome.unit_id, outcome.error_kind or "", outcome.error_message or "", outcome.transient
    )
