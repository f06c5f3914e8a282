"""The ledger in memory: the rules of `platform_assets/core/engine/ledger.py` without a database."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from platform_assets.core.clock import Clock
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
from platform_assets.core.processes.owner import ALONE_AFTER, MOST_DEATHS, is_dead


@dataclass(frozen=True, slots=True)
class _Held:
    attempt: Attempt
    until: datetime


class MemoryLedger:
    """Implements `PlanLedger` and `UnitLedger` for one process.

    Args:
        clock: Judges the leases.
        is_dead: Whether the owner of a lease is known to be gone.
    """

    def __init__(self, clock: Clock, is_dead: Callable[[str], bool] = is_dead) -> None:
        self._clock = clock
        self._is_dead = is_dead
        self._lock = threading.Lock()
        self._plans: list[Plan] = []
        self._records: dict[int, dict[str, UnitRecord]] = {}
        self._held: dict[tuple[int, str], _Held] = {}

    def find_plan(self, scope: Scope) -> Plan | None:
        with self._lock:
            return self._find_newest(scope)

    def open_plan(self, scope: Scope, units: Sequence[Unit], context: JsonObject) -> Plan:
        if len({unit.unit_id for unit in units}) < len(units):
            raise ValueError("two units share an id; ids must be unique in a plan")
        if any(not 0 < len(unit.unit_id) <= 200 for unit in units):
            raise ValueError("unit ids have 1 to 200 characters")
        with self._lock:
            newest = self._find_newest(scope)
            if newest is not None and newest.state is PlanState.OPEN:
                return newest
            generation = 1 if newest is None else newest.generation + 1
            plan = Plan(len(self._plans) + 1, scope, generation, PlanState.OPEN, context)
            self._plans.append(plan)
            self._records[plan.plan_id] = {
                unit.unit_id: UnitRecord(unit, UnitState.PENDING) for unit in units
            }
            return plan

    def read_units(self, plan: Plan) -> list[UnitRecord]:
        with self._lock:
            return list(self._records[plan.plan_id].values())

    def extend_plan(self, plan: Plan, units: Sequence[Unit]) -> int:
        if len({unit.unit_id for unit in units}) < len(units):
            raise ValueError("two units share an id; ids must be unique in a plan")
        with self._lock:
            if self._plans[plan.plan_id - 1].state is PlanState.CLOSED:
                return 0
            records = self._records[plan.plan_id]
            new = [unit for unit in units if unit.unit_id not in records]
            records.update({unit.unit_id: UnitRecord(unit, UnitState.PENDING) for unit in new})
            return len(new)

    def take_back(self, plan: Plan, unit_ids: Collection[str]) -> int:
        with self._lock:
            records = self._records[plan.plan_id]
            done = [u for u in set(unit_ids) if u in records and records[u].state is UnitState.DONE]
            if self._plans[plan.plan_id - 1].state is PlanState.CLOSED:
                return 0
            for unit_id in done:
                records[unit_id] = replace(records[unit_id], state=UnitState.PENDING, detail=None)
            return len(done)

    def settle(
        self, plan: Plan, unit_id: str, decide: Callable[[UnitRecord], UnitOutcome | None]
    ) -> bool:
        with self._lock:
            records = self._records[plan.plan_id]
            outcome = decide(records[unit_id]) if unit_id in records else None
            if outcome is None:
                return False
            records[unit_id] = _apply(records[unit_id], outcome)
            self._held.pop((plan.plan_id, unit_id), None)
            return True

    def close_plan(self, plan: Plan) -> bool:
        with self._lock:
            records = self._records[plan.plan_id].values()
            if any(record.state is not UnitState.DONE for record in records):
                return False
            stored = self._plans[plan.plan_id - 1]
            self._plans[plan.plan_id - 1] = replace(stored, state=PlanState.CLOSED)
            return True

    def claim(
        self, plan: Plan, unit_ids: Sequence[str], attempt: Attempt, lease_seconds: float
    ) -> list[UnitRecord]:
        with self._lock:
            records, wanted = self._records[plan.plan_id], set(unit_ids)
            now = self._clock.now()
            until = now + timedelta(seconds=lease_seconds)
            answers: dict[str, UnitRecord] = {}
            free: list[str] = []
            for unit_id, record in records.items():
                if unit_id not in wanted:
                    continue
                mine = self._holds(plan, attempt, unit_id)
                if mine and not self._is_free(plan, record, now):
                    answers[unit_id] = record
                elif self._is_free(plan, record, now):
                    if record.state is UnitState.RUNNING and not mine:
                        records[unit_id] = self._lose(plan, record)
                    if (
                        records[unit_id].state is UnitState.FAILED
                        and record.state is UnitState.RUNNING
                    ):
                        answers[unit_id] = records[unit_id]
                    else:
                        free.append(unit_id)
            for unit_id in self._choose(plan, attempt, free):
                taken = replace(
                    records[unit_id],
                    state=UnitState.RUNNING,
                    attempts=records[unit_id].attempts + 1,
                )
                records[unit_id] = answers[unit_id] = taken
                self._held[plan.plan_id, unit_id] = _Held(attempt, until)
            return [answers[unit_id] for unit_id in records if unit_id in answers]

    def _lose(self, plan: Plan, record: UnitRecord) -> UnitRecord:
        del self._held[plan.plan_id, record.unit.unit_id]
        deaths = record.deaths + 1
        if deaths < MOST_DEATHS + ALONE_AFTER:
            return replace(record, state=UnitState.PENDING, deaths=deaths)
        return replace(
            record,
            state=UnitState.FAILED,
            deaths=deaths,
            error_kind="worker_died",
            error_message=f"{deaths - ALONE_AFTER} workers in a row died while they had it alone "
            "in hand: look at the last runs",
        )

    def _choose(self, plan: Plan, attempt: Attempt, free: Sequence[str]) -> Sequence[str]:
        records = self._records[plan.plan_id]
        held = [u for u in records if self._holds(plan, attempt, u)]
        if any(records[unit_id].deaths >= ALONE_AFTER for unit_id in held):
            return []
        if innocent := [u for u in free if records[u].deaths < ALONE_AFTER]:
            return innocent
        return [] if held or not free else [min(free, key=lambda u: records[u].deaths)]

    def renew(self, plan: Plan, attempt: Attempt, lease_seconds: float) -> set[str]:
        with self._lock:
            held = {
                unit_id
                for unit_id in self._records[plan.plan_id]
                if self._holds(plan, attempt, unit_id)
            }
            until = self._clock.now() + timedelta(seconds=lease_seconds)
            for unit_id in held:
                self._held[plan.plan_id, unit_id] = _Held(attempt, until)
            return held

    def record(self, plan: Plan, attempt: Attempt, outcomes: Sequence[UnitOutcome]) -> set[str]:
        with self._lock:
            refused: set[str] = set()
            for outcome in outcomes:
                if self._holds(plan, attempt, outcome.unit_id):
                    records = self._records[plan.plan_id]
                    records[outcome.unit_id] = _apply(records[outcome.unit_id], outcome)
                    del self._held[plan.plan_id, outcome.unit_id]
                else:
                    refused.add(outcome.unit_id)
            return refused

    def save_checkpoints(
        self, plan: Plan, attempt: Attempt, checkpoints: Mapping[str, JsonObject]
    ) -> set[str]:
        with self._lock:
            records = self._records[plan.plan_id]
            held = {u for u in checkpoints if self._holds(plan, attempt, u)}
            for unit_id in held:
                records[unit_id] = replace(records[unit_id], checkpoint=checkpoints[unit_id])
            return set(checkpoints) - held

    def read_done(self, plan: Plan, unit_ids: Collection[str]) -> set[str]:
        with self._lock:
            records = self._records[plan.plan_id]
            return {u for u in unit_ids if u in records and records[u].state is UnitState.DONE}

    def _find_newest(self, scope: Scope) -> Plan | None:
        return next((plan for plan in reversed(self._plans) if plan.scope == scope), None)

    def _holds(self, plan: Plan, attempt: Attempt, unit_id: str) -> bool:
        held = self._held.get((plan.plan_id, unit_id))
        return held is not None and held.attempt.attempt_id == attempt.attempt_id

    def _is_free(self, plan: Plan, record: UnitRecord, now: datetime) -> bool:
        if record.state is not UnitState.RUNNING:
            return record.state is not UnitState.DONE
        held = self._held[plan.plan_id, record.unit.unit_id]
        return held.until <= now or self._is_dead(held.attempt.owner)


def _apply(record: UnitRecord, outcome: UnitOutcome) -> UnitRecord:
    given_back = outcome.state is UnitState.PENDING
    return replace(
        record,
        state=outcome.state,
        attempts=record.attempts + (-1 if given_back and outcome.error_kind else outcome.tries - 1),
        detail=outcome.detail if outcome.state is UnitState.DONE else None,
        checkpoint=record.checkpoint if outcome.checkpoint is None else outcome.checkpoint,
        error_kind=record.error_kind if given_back else outcome.error_kind,
        error_message=record.error_message if given_back else outcome.error_message,
        deaths=record.deaths if given_back else 0,
    )
