"""How a list of units is run, as a value. What the fields mean in action is `run.py`."""

from dataclasses import dataclass, field

from platform_assets.core.engine.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """How a list of units is run.

    Attributes:
        concurrency: Units worked on at the same time.
        unit_timeout_seconds: Time one try of a unit may take; None for no bound.
        deadline_seconds: Time the whole run may take; what is not finished then is reported as left. None: no bound.
        lease_seconds: How long a lease lasts without a heartbeat: a dead worker on another host is noticed after it.
        retry: When a unit is tried again. Progress (a new checkpoint) starts the count of failures anew.
        skip_limit: Failed units after which no new ones are started; None for no bound.
        fault_limit: Units given back in a row for faults of the platform after which the run ends: the next ones would
            fail, too.
        wait_for_others: Whether to wait for units that another run holds, or to report them as left.
        hold_limit: Units that are held at the same time at most, those that wait for a retry included; None for about
            three per worker.
        progress_seconds: Least time between two calls of `on_progress`.
    """

    concurrency: int = 8
    unit_timeout_seconds: float | None = None
    deadline_seconds: float | None = None
    lease_seconds: float = 60.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    skip_limit: int | None = None
    fault_limit: int = 3
    wait_for_others: bool = True
    hold_limit: int | None = None
    progress_seconds: float = 1.0
