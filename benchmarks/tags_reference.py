"""The case that the tags pipeline replaces, simulated in virtual time, and ours with the same table times.

    python -m benchmarks.tags_reference [--sigma 1.0] [--seed 1] [--timeout SECONDS] [--attempts 2] [--json FILE]

The case: 645 tables of a tenant as HTTP calls to a service, 20 in flight, no read timeout. It took 3 hours, of which 37
minutes passed waiting for two calls that never came back. Sizes are drawn from a log-normal distribution, cut where a
table would be more than a hundredth of all: the other two steps of the case took 100 tasks, and ended together. The
seconds per size are then chosen so that the simulation takes exactly that long. Both sides get the same tables, the
same two of which hang. Ours deals them by `tags/shards/dealing.py` to 100 tasks, and each task runs its tables through
`core/engine.run_units`, longest first, with a timeout per table. Starting processes and moving data cost nothing here.
"""

import argparse
import asyncio
import logging
import math
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from heapq import heapify, heapreplace
from pathlib import Path
from statistics import median
from typing import Any

import structlog

from benchmarks.bare_ledger import BareLedger
from benchmarks.tables import Goal, describe_goals, format_goals, format_table, write_json
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.run import run_units
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import JsonObject, Scope, Unit
from platform_assets.core.errors import TransientError
from platform_assets.tags.shards.dealing import plan_shards
from platform_assets.tags.shards.manifest import WorkSettings
from tests.fakes.virtual_time import run_virtual

TABLES = 645
IN_FLIGHT = 20
TASKS = 100
TOTAL_SECONDS = 3 * 3600.0
WAITED_SECONDS = 37 * 60.0
MEDIAN_BYTES = 1_000_000
PACE = 10.0
"""Seconds of the case per virtual second: the engine looks around four times in one of these."""
REFERENCE, OURS = "reference", "ours"
ATTEMPTS = WorkSettings("").attempts
HEADERS = ("case", "at once", "wall min", "x limit", "faster", "for stuck min", "unfinished")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the tenant.

    Attributes:
        name: Which.
        size: Bytes; what the plan goes by.
        seconds: How long it takes; infinite for one that hangs.
    """

    name: str
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case went.

    Attributes:
        name: The case.
        at_once: Tables at a time, at most.
        seconds: Until all was over.
        worked_seconds: Until the last table that does not hang was done.
        unfinished: Tables without a result.
        limit_seconds: What no plan can be faster than, with so many at once: tables that hang take no time in it.
    """

    name: str
    at_once: int
    seconds: float
    worked_seconds: float
    unfinished: int
    limit_seconds: float

    @property
    def waited_seconds(self) -> float:
        """How long it went on for the tables that hang alone."""
        return self.seconds - self.worked_seconds


class Watch:
    """Notes when tables are done."""

    def __init__(self) -> None:
        self.done: dict[str, float] = {}

    def note(self, table: Table) -> None:
        """This table has just been finished."""
        self.done[table.name] = read_time()


def read_time() -> float:
    """Seconds of the case until now."""
    return asyncio.get_running_loop().time() * PACE


async def pass_time(seconds: float) -> None:
    """So many seconds of the case."""
    await asyncio.sleep(seconds / PACE)


def draw_tables(sigma: float, seed: int) -> list[Table]:
    """The tables with the reference's times: two hang, the others end 37 minutes before 3 hours are over."""
    draw = random.Random(seed)  # noqa: S311 - a repeatable sample
    sizes = [int(MEDIAN_BYTES * draw.lognormvariate(0.0, sigma)) for _ in range(TABLES)]
    most = sum(sizes) // TASKS
    sizes = [min(size, most) for size in sizes]
    hang = {TABLES // 3, 2 * TABLES // 3}
    seconds = [float("inf") if n in hang else size for n, size in enumerate(sizes)]
    scale = (TOTAL_SECONDS - WAITED_SECONDS) / measure_line(seconds, IN_FLIGHT)
    return [
        Table(f"board_{n:03d}", size, each * scale)
        for n, (size, each) in enumerate(zip(sizes, seconds, strict=True))
    ]


def measure_line(seconds: Sequence[float], places: int) -> float:
    """When the last table ends that ends at all, if each takes the first free place."""
    free = [0.0] * places
    heapify(free)
    last = 0.0
    for each in seconds:
        end = free[0] + each
        heapreplace(free, end)
        last = max(last, end if end < float("inf") else 0.0)
    return last


def find_limit(tables: Sequence[Table], places: int) -> float:
    """max(total / places, longest) of the tables that do not hang."""
    seconds = [table.seconds for table in tables if table.seconds < float("inf")]
    return max(sum(seconds) / places, *seconds)


def deal(tables: Sequence[Table], tasks: int) -> list[list[Table]]:
    """The tables of each task by the plan, the largest first."""
    plan = plan_shards({table.name: table.size for table in tables}, tasks)
    shards: dict[str, list[Table]] = {name: [] for name in plan.names}
    for table in sorted(tables, key=lambda table: (-table.size, table.name)):
        shards[plan.shards[table.name]].append(table)
    return list(shards.values())


async def run_reference(
    tables: Sequence[Table], watch: Watch, *, read_timeout: float | None
) -> int:
    """20 calls in flight; a call that hangs keeps its place until it times out, or until 3 hours are over."""
    places = asyncio.Semaphore(IN_FLIGHT)

    async def call(table: Table) -> bool:
        async with places:
            # What ended the two calls in the end was not on the caller's side.
            broken = TOTAL_SECONDS - read_time()
            most = broken if read_timeout is None else min(read_timeout, broken)
            if table.seconds > most:
                await pass_time(most)
                return False
            await pass_time(table.seconds)
            watch.note(table)
            return True

    return TABLES - sum(await asyncio.gather(*map(call, tables)))


async def run_ours(
    tables: Sequence[Table], watch: Watch, *, tasks: int, table_seconds: float, attempts: int
) -> int:
    """So many tasks at once, each of them with the tables of its shard in turn."""
    policy = RunPolicy(
        concurrency=1,
        unit_timeout_seconds=table_seconds / PACE,
        retry=RetryPolicy(attempts=attempts),
    )

    async def run_task(number: int, shard: Sequence[Table]) -> int:
        by_name = {table.name: table for table in shard}

        async def work(unit: Unit, run: UnitRun) -> JsonObject | None:
            del run
            table = by_name[unit.unit_id]
            if table.seconds == float("inf"):
                await pass_time(10 * table_seconds)
                raise TransientError(f"{table.name} was not cut off")
            await pass_time(table.seconds)
            watch.note(table)
            return None

        ledger = BareLedger()
        units = [Unit(table.name, {}) for table in shard]
        plan = ledger.open_plan(Scope("benchmarks/tags", "", f"{number:02d}"), units, {})
        report = await run_units(plan, work, ledger=ledger, policy=policy)
        return report.total - report.done

    shards = deal(tables, tasks)
    return sum(await asyncio.gather(*(run_task(n, shard) for n, shard in enumerate(shards))))


Case = Callable[[Sequence[Table], Watch], Coroutine[Any, Any, int]]


def simulate(name: str, at_once: int, tables: Sequence[Table], case: Case) -> Outcome:
    """Runs a case to its end in virtual time."""
    watch = Watch()

    async def run() -> tuple[int, float]:
        unfinished = await case(tables, watch)
        return unfinished, read_time()

    unfinished, seconds = run_virtual(run())
    limit = find_limit(tables, at_once)
    return Outcome(name, at_once, seconds, max(watch.done.values()), unfinished, limit)


def simulate_all(tables: Sequence[Table], timeout: float, attempts: int) -> list[Outcome]:
    """The reference, what a timeout alone would have done for it, and ours."""
    healthy = [table for table in tables if table.seconds < float("inf")]
    ours = partial(run_ours, table_seconds=timeout, attempts=attempts)
    return [
        simulate(REFERENCE, IN_FLIGHT, tables, partial(run_reference, read_timeout=None)),
        simulate(
            "reference, with a timeout",
            IN_FLIGHT,
            tables,
            partial(run_reference, read_timeout=timeout),
        ),
        simulate("ours, as many at once", IN_FLIGHT, tables, partial(ours, tasks=IN_FLIGHT)),
        simulate(OURS, TASKS, tables, partial(ours, tasks=TASKS)),
        simulate("ours, one attempt", TASKS, tables, partial(ours, tasks=TASKS, attempts=1)),
        simulate("ours, nothing hangs", TASKS, healthy, partial(ours, tasks=TASKS)),
    ]


def format_outcomes(outcomes: Sequence[Outcome]) -> str:
    """One line each."""
    rows = [
        (
            each.name,
            str(each.at_once),
            f"{each.seconds / 60:.1f}",
            f"{each.seconds / each.limit_seconds:.2f}",
            f"{outcomes[0].seconds / each.seconds:.1f}",
            f"{max(each.waited_seconds, 0) / 60:.1f}",
            str(each.unfinished),
        )
        for each in outcomes
    ]
    return format_table(HEADERS, rows)


def list_goals(outcomes: Sequence[Outcome], hanging_seconds: float) -> list[Goal]:
    """What must hold for the comparison to mean anything, and for ours.

    Args:
        outcomes: All cases.
        hanging_seconds: How long ours gives a table that hangs, all attempts together.
    """
    by_name = {each.name: each for each in outcomes}
    reference, ours = by_name[REFERENCE], by_name[OURS]
    bound = ours.limit_seconds + hanging_seconds
    return [
        Goal("reference: seconds off 3 h", 1.0, abs(reference.seconds - TOTAL_SECONDS)),
        Goal("reference: seconds off 37 min", 1.0, abs(reference.waited_seconds - WAITED_SECONDS)),
        Goal("ours: wall / reference", 0.6, ours.seconds / reference.seconds),
        Goal("ours: wall / (limit + attempts x timeout)", 1.05, ours.seconds / bound),
        Goal("ours: tables without a result", 2, ours.unfinished),
    ]


def choose_timeout(tables: Sequence[Table]) -> float:
    """Seconds per table: a quarter over the longest one, in whole minutes."""
    longest = max(table.seconds for table in tables if table.seconds < float("inf"))
    return math.ceil(longest * 1.25 / 60) * 60.0


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sigma", type=float, default=1.0, help="skew of the sizes (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=float, help="seconds per table; 1.25 x the longest")
    parser.add_argument("--attempts", type=int, default=ATTEMPTS, help="at a table that hangs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    tables = draw_tables(options.sigma, options.seed)
    timeout = options.timeout or choose_timeout(tables)
    outcomes = simulate_all(tables, timeout, options.attempts)
    goals = list_goals(outcomes, options.attempts * timeout)
    seconds = sorted(table.seconds for table in tables)[:-2]
    print(
        f"{TABLES} tables, 2 of which hang; the others take {sum(seconds) / 3600:.1f} h in all, median "
        f"{median(seconds) / 60:.1f} min, longest {seconds[-1] / 60:.1f} min; timeout {timeout / 60:.0f} min, "
        f"{options.attempts} attempts\n"
    )
    print(f"{format_outcomes(outcomes)}\n\n{format_goals(goals)}")
    write_json(
        options.json,
        {
            "sigma": options.sigma,
            "seed": options.seed,
            "timeout_seconds": timeout,
            "attempts": options.attempts,
            "outcomes": [asdict(each) for each in outcomes],
            "goals": describe_goals(goals),
        },
    )


if __name__ == "__main__":
    main()
