"""The values that the unit engine works with: what is to be done, how it went, and the report.

No behaviour beyond what follows from the values; the loop is `run.py`, the stored form is `resources/state`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

JsonObject = Mapping[str, Any]
"""A small JSON object that is stored beside a unit (payload, checkpoint, detail): keep it under a few kilobytes."""


class UnitState(StrEnum):
    """Stored state of a unit. PENDING -> RUNNING -> DONE | FAILED; redrive turns FAILED into PENDING."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class PlanState(StrEnum):
    """Stored state of a plan: OPEN while units are to be done, CLOSED when its result is published."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan belongs to: one cell of one pipeline.

    Attributes:
        pipeline: Asset or step name, such as `games/raw_platforms`.
        tenant: Tenant id; empty where a pipeline has no tenants.
        partition: Dagster partition key, such as `2026-11-20`.
    """

    pipeline: str
    tenant: str
    partition: str


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest piece that is retried, skipped and counted.

    Attributes:
        unit_id: Unique in its plan and the same on every restart; at most 200 characters.
        payload: What the work needs to know, kept in the ledger so that a restart or redrive can rebuild the unit.
    """

    unit_id: str
    payload: JsonObject


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """One unit as the ledger knows it.

    Attributes:
        unit: The unit as planned.
        state: Stored state.
        attempts: How often it was started, over all runs.
        checkpoint: What the last attempt saved to continue from; None when nothing was saved.
        detail: What the work returned; None until DONE.
        error_kind: Kind of the last failure; None when there was none.
        error_message: Text of the last failure.
        deaths: Workers that died in a row while they had it in hand.
    """

    unit: Unit
    state: UnitState
    attempts: int = 0
    checkpoint: JsonObject | None = None
    detail: JsonObject | None = None
    error_kind: str | None = None
    error_message: str | None = None
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A stored list of units. The grid is kept from the first run; a closed plan is followed by a new generation.

    Attributes:
        plan_id: Key of the plan in the state database.
        scope: The cell that the plan belongs to.
        generation: 1 for the first plan of the scope, growing by one with each plan after a closed one.
        state: Open or closed.
        context: What the planner wants to remember with the plan (mode, watermark at the start, ...).
    """

    plan_id: int
    scope: Scope
    generation: int
    state: PlanState
    context: JsonObject


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who works, for leases and fencing: every write of a unit names the attempt that holds it.

    Attributes:
        attempt_id: Unique per call of `run_units`.
        owner: The process, as `core/processes/owner.py` describes it; lets a process on the same host see that it died.
    """

    attempt_id: str
    owner: str


@dataclass(frozen=True, slots=True)
class UnitOutcome:
    """How one unit ended in this run: DONE with a detail, FAILED with an error, or PENDING when it was given back.

    One that is given back with an error met a fault of the platform: the attempt does not count.

    Attributes:
        unit_id: The unit.
        state: DONE, FAILED or PENDING.
        seconds: Time spent working on it in this run, waiting excluded.
        tries: How often it was started in this run.
        detail: What the work returned (DONE).
        checkpoint: The last checkpoint that the work saved; None leaves the stored one as it is.
        error_kind: Kind of the error (FAILED).
        error_message: Its text, cut to 1000 characters.
        transient: Whether another try may help.
    """

    unit_id: str
    state: UnitState
    seconds: float = 0.0
    tries: int = 1
    detail: JsonObject | None = None
    checkpoint: JsonObject | None = None
    error_kind: str | None = None
    error_message: str | None = None
    transient: bool = False


@dataclass(frozen=True, slots=True)
class FailedUnit:
    """A unit that failed for good in this run, as the report names it; `transient` if another run may do it."""

    unit_id: str
    kind: str
    message: str
    transient: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """A look at a run while it goes on. Counts are units; `seconds` is the time since the run's start."""

    total: int
    done: int
    failed: int
    skipped: int
    running: int
    seconds: float


class StopReason(StrEnum):
    """What ends a run before its units have ended."""

    REFUSED = "refused"
    """A unit met what only a person can mend: credentials, settings, a block."""

    PLATFORM = "platform"
    """The platform itself does not work: its ledger, its disk, its leases."""

    DEADLINE = "deadline"
    SKIP_LIMIT = "skip limit"
    ASKED = "asked"


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run ended before its units did.

    Attributes:
        reason: What decisions are made by.
        message: The same for people.
        kind: Of the error that ended it; None where there was none.
    """

    reason: StopReason
    message: str
    kind: str | None = None

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Report:
    """The end of a run. `total == done + failed + skipped + left` always holds.

    Attributes:
        total: Units of the plan.
        done: Finished by this run.
        failed: Failed for good in this run.
        skipped: Already done before this run, or done by another run meanwhile.
        left: Not finished: deadline, stop, skip limit, or held by another run.
        retries: Starts beyond the first, over all units of this run.
        seconds: Wall time of the run.
        failures: The failed units with kind and message, in plan order.
        stop: Why the run ended before its units did; None when it did not.
        given_back: Units, among those left, that met a fault of the platform.
        started_at: Aware UTC start of the run.
    """

    total: int
    done: int
    failed: int
    skipped: int
    left: int
    retries: int
    seconds: float
    failures: tuple[FailedUnit, ...]
    stop: Stop | None
    started_at: datetime
    given_back: tuple[FailedUnit, ...] = ()

    @property
    def stop_kind(self) -> str | None:
        """Kind of the error that ended the run; None where there was none."""
        return self.stop.kind if self.stop else None

    @property
    def refused(self) -> bool:
        """Whether the run ended since a person must act first."""
        return self.stop is not None and self.stop.reason is StopReason.REFUSED

    @property
    def complete(self) -> bool:
        """Whether every unit of the plan is done."""
        return self.done + self.skipped == self.total
