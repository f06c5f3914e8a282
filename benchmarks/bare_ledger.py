"""A ledger in a dict, for what the engine itself costs: every call does the least that the protocol allows.

It keeps no leases and refuses nothing: one run at a time, in one process.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from platform_assets.core.engine.units import (
    Attempt,
    JsonObject,
    Plan,
    PlanState,
    Scope,
    Unit,
    UnitOutcome,
    UnitRecord,
    UnitState,
)


class BareLedger:
    """Implements `PlanLedger` and `UnitLedger` for one plan and one run at a time."""

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._records: dict[str, UnitRecord] = {}

    def find_plan(self, scope: Scope) -> Plan | None:
        """The plan, whatever the scope; None before it was opened."""
        del scope
        return self._plan

    def open_plan(self, scope: Scope, units: Sequence[Unit], context: JsonObject) -> Plan:
        """The plan; stores `units` the first time."""
        if self._plan is None:
            self._plan = Plan(1, scope, 1, PlanState.OPEN, context)
            self._records = {unit.unit_id: UnitRecord(unit, UnitState.PENDING) for unit in units}
        return self._plan

    def read_units(self, plan: Plan) -> list[UnitRecord]:
        """All units of the plan."""
        del plan
        return list(self._records.values())

    def close_plan(self, plan: Plan) -> bool:
        """Whether all units are done; the plan stays open."""
        del plan
        return all(record.state is UnitState.DONE for record in self._records.values())

    def claim(
        self, plan: Plan, unit_ids: Sequence[str], attempt: Attempt, lease_seconds: float
    ) -> list[UnitRecord]:
        """Hands out the units."""
        del plan, attempt, lease_seconds
        return [self._records[unit_id] for unit_id in unit_ids]

    def renew(self, plan: Plan, attempt: Attempt, lease_seconds: float) -> set[str]:
        """Everything is held for ever."""
        del plan, attempt, lease_seconds
        return set(self._records)

    def record(self, plan: Plan, attempt: Attempt, outcomes: Sequence[UnitOutcome]) -> set[str]:
        """Keeps the states; refuses nothing."""
        del plan, attempt
        for outcome in outcomes:
            before = self._records[outcome.unit_id]
            self._records[outcome.unit_id] = replace(before, state=outcome.state)
        return set()

    def save_checkpoints(
        self, plan: Plan, attempt: Attempt, checkpoints: Mapping[str, JsonObject]
    ) -> set[str]:
        """Forgets them; refuses nothing."""
        del plan, attempt, checkpoints
        return set()

    def read_done(self, plan: Plan, unit_ids: Collection[str]) -> set[str]:
        """Those of the units that are done."""
        del plan
        return {unit for unit in unit_ids if self._records[unit].state is UnitState.DONE}
