"""CPU-bound units in worker processes, behind the same call as any other work.

A worker process that runs over its unit's timeout is killed, one that dies takes only its own unit with it: both are
properties of `anyio.to_process`, which keeps idle workers for reuse.
"""

from collections.abc import Callable

import anyio
from anyio import BrokenWorkerProcess, CapacityLimiter, to_process

from platform_assets.core.engine import Work
from platform_assets.core.errors import TransientError
from platform_assets.core.unit_run import UnitRun
from platform_assets.core.units import JsonObject, Unit


def in_processes(do: Callable[[JsonObject], JsonObject | None], workers: int) -> Work:
    """Work for `run_units` that calls `do(unit.payload)` in one of `workers` processes.

    Args:
        do: A module-level function; its argument and result are pickled.
        workers: Most processes at the same time; more units than that wait for a free one.

    Raises:
        TransientError: (from the work) kind `worker_died`: the process ended, as by a crash or for lack of memory.
    """
    limiter: CapacityLimiter | None = None

    async def work(unit: Unit, run: UnitRun) -> JsonObject | None:
        nonlocal limiter
        limiter = limiter or CapacityLimiter(workers)
        run.ensure_held()
        try:
            return await to_process.run_sync(
                do, dict(unit.payload), cancellable=True, limiter=limiter
            )
        except (BrokenWorkerProcess, anyio.EndOfStream) as error:
            raise TransientError(
                f"unit {unit.unit_id}: its worker process died ({error or 'no reason given'})",
                kind="worker_died",
            ) from error

    return work
