"""What the engine and the domains ask of a ledger. Implementations: `resources/state/ledger.py`, and a fake in memory.

Methods are synchronous and may block on a database; the engine calls them in a thread.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from platform_assets.core.engine.units import (
    Attempt,
    JsonObject,
    Plan,
    Scope,
    Unit,
    UnitOutcome,
    UnitRecord,
)


class PlanLedger(Protocol):
    """Plans: which units a cell has. Used by domains before and after `run_units`."""

    def find_plan(self, scope: Scope) -> Plan | None:
        """The newest plan of the scope, open or closed; None when there was none yet."""
        ...

    def open_plan(self, scope: Scope, units: Sequence[Unit], context: JsonObject) -> Plan:
        """The open plan of the scope; stores `units` as its next generation when none is open.

        When one is open already, `units` and `context` are ignored: the grid is kept from the first run.
        Two processes that open at once get the same plan.

        Raises:
            ValueError: Two units share an id.
        """
        ...

    def read_units(self, plan: Plan) -> list[UnitRecord]:
        """All units of the plan, in the order in which they were planned."""
        ...

    def close_plan(self, plan: Plan) -> bool:
        """Marks the plan closed if all of its units are done; False (and no change) if some are not."""
        ...


class UnitLedger(Protocol):
    """Units under lease: what `run_units` needs."""

    def read_units(self, plan: Plan) -> list[UnitRecord]:
        """All units of the plan, in the order in which they were planned."""
        ...

    def claim(
        self, plan: Plan, unit_ids: Sequence[str], attempt: Attempt, lease_seconds: float
    ) -> list[UnitRecord]:
        """Takes those of the units that nobody holds, as RUNNING under `attempt`, until now + `lease_seconds`.

        Claimable is a unit that is PENDING or FAILED, or RUNNING with a lease that ran out or whose owner is a dead
        process of this host. Units that are DONE or held are left out of the answer. `attempts` grows by one.

        May be repeated: what the attempt holds already is answered again and not counted twice.

        Taking over a unit whose worker died counts a death. What was in hand at two deaths in a row is only had alone:
        while the attempt holds nothing else, and then nothing else is to be had. When too many workers have died of it
        alone it is answered as FAILED, kind `worker_died`, and stored so.

        A ledger may answer a unit as FAILED, with kind and message, that nobody may work on (its tenant is disabled):
        it is reported as failed and nothing is written for it.
        """
        ...

    def renew(self, plan: Plan, attempt: Attempt, lease_seconds: float) -> set[str]:
        """Extends every lease that `attempt` still holds in the plan; returns the unit ids that it holds."""
        ...

    def record(self, plan: Plan, attempt: Attempt, outcomes: Sequence[UnitOutcome]) -> set[str]:
        """Writes outcomes in one transaction; returns the unit ids that were refused (fencing).

        A write is refused when the unit is no longer RUNNING under this attempt. A refused write changes nothing.
        """
        ...

    def save_checkpoints(
        self, plan: Plan, attempt: Attempt, checkpoints: Mapping[str, JsonObject]
    ) -> set[str]:
        """Stores checkpoints of running units in one transaction; returns the unit ids that were refused."""
        ...

    def read_done(self, plan: Plan, unit_ids: Collection[str]) -> set[str]:
        """Those of the units that are DONE by now, whoever did them."""
        ...


class ExtendableLedger(Protocol):
    """Plans that grow while they are open. Used by domains whose list of work is not final when it is first planned."""

    def extend_plan(self, plan: Plan, units: Sequence[Unit]) -> int:
        """Adds those of the units that the plan does not have, after the others; how many.

        A closed plan is left as it is.

        Raises:
            ValueError: Two of the units share an id.
        """
        ...


class CorrectableLedger(Protocol):
    """Units whose outcome turned out to be wrong. Used by domains that find out after `run_units`."""

    def take_back(self, plan: Plan, unit_ids: Collection[str]) -> int:
        """Makes units that are DONE pending again, their details gone: what they brought turned out to be wrong.

        Returns:
            How many; units in another state, and those of a closed plan, are left alone.
        """
        ...

    def settle(
        self, plan: Plan, unit_id: str, decide: Callable[[UnitRecord], UnitOutcome | None]
    ) -> bool:
        """Ends a unit that is told of rather than worked on, also one that has ended: without a lease, in one step.

        Args:
            plan: The plan, open or closed.
            unit_id: The unit.
            decide: Given the unit as it is, under its lock: how it ends, or None to leave it. Does not block.

        Returns:
            Whether it was written; False if the plan has no such unit.
        """
        ...
