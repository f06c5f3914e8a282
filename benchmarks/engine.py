"""What does a unit cost that does nothing? The engine with no database, SQLite and PostgreSQL, and plain asyncio.

    python -m benchmarks.engine [--units 10000] [--runs 3] [--postgres URL] [--json FILE]

Per unit: claim, work, outcome, progress and the line in the item log, which goes to a file as in production. Then the
same plan is run again: what it costs to find that everything is done. Each run has a database of its own; the CPU time
is this process's, a database server's is not in it.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.ledgers import Ledger, is_reachable, open_bare, open_postgres, open_sqlite
from benchmarks.tables import Goal, describe_goals, format_goals, format_table, write_json
from platform_assets.core.engine.run import run_units
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import JsonObject, Scope, Unit
from resources.logs import open_log

CONCURRENCY = 16
"""As the games collector runs: two lanes for each of IGDB's 8 open requests."""

POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"
HEADERS = ("run_units over", "runs", "ms / unit", "CPU ms / unit", "plan s", "resume s", "x plain")
PLAIN = "plain asyncio, semaphore"
BARE, SQLITE, POSTGRESQL = "no database", "SQLite", "PostgreSQL"


OpenLedger = Callable[[], AbstractContextManager[Ledger]]


@dataclass(frozen=True, slots=True)
class Cost:
    """One run of all units.

    Attributes:
        name: What they ran over.
        unit_ms: Wall time of the run per unit.
        unit_cpu_ms: CPU time of this process per unit.
        plan_seconds: To store the plan; None where there is none.
        resume_seconds: To run the plan again when all is done; None where there is no plan.
    """

    name: str
    unit_ms: float
    unit_cpu_ms: float
    plan_seconds: float | None = None
    resume_seconds: float | None = None


async def do_nothing(unit: Unit, run: UnitRun | None) -> JsonObject | None:
    """The work of one unit: one turn of the event loop."""
    del unit, run
    await asyncio.sleep(0)
    return None


async def measure_plain(units: Sequence[Unit]) -> Cost:
    """The peer: no ledger, no leases, no retries, no report."""
    places = asyncio.Semaphore(CONCURRENCY)

    async def run_one(unit: Unit) -> None:
        async with places:
            await do_nothing(unit, None)

    wall, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for unit in units:
            group.create_task(run_one(unit))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Cost(PLAIN, wall * 1e3 / len(units), cpu * 1e3 / len(units))


async def measure_engine(name: str, ledger: Ledger, units: Sequence[Unit]) -> Cost:
    """Plans, runs and resumes.

    Raises:
        RuntimeError: A unit was not done, or done twice.
    """
    policy = RunPolicy(concurrency=CONCURRENCY)
    started = time.perf_counter()
    plan = ledger.open_plan(Scope("benchmarks/engine", "", "2026-01-01"), units, {})
    planned, cpu = time.perf_counter(), time.process_time()
    report = await run_units(plan, do_nothing, ledger=ledger, policy=policy)
    ended, cpu = time.perf_counter(), time.process_time() - cpu
    again = await run_units(plan, do_nothing, ledger=ledger, policy=policy)
    resumed = time.perf_counter()
    if (report.done, again.skipped) != (len(units), len(units)):
        raise RuntimeError(f"not every unit was done once: {report}, then {again}")
    return Cost(
        name,
        unit_ms=(ended - planned) * 1e3 / len(units),
        unit_cpu_ms=cpu * 1e3 / len(units),
        plan_seconds=planned - started,
        resume_seconds=resumed - ended,
    )


def measure_round(units: Sequence[Unit], ledgers: dict[str, OpenLedger]) -> Generator[Cost]:
    """Each of them once, in turns: what else the machine does hits all alike."""
    yield asyncio.run(measure_plain(units))
    for name, open_ledger in ledgers.items():
        with open_ledger() as ledger:
            yield asyncio.run(measure_engine(name, ledger, units))


def take_median(costs: Sequence[Cost]) -> Cost:
    """The medians of several runs over the same thing."""
    plans = [cost.plan_seconds for cost in costs if cost.plan_seconds is not None]
    resumes = [cost.resume_seconds for cost in costs if cost.resume_seconds is not None]
    return Cost(
        costs[0].name,
        median(cost.unit_ms for cost in costs),
        median(cost.unit_cpu_ms for cost in costs),
        median(plans) if plans else None,
        median(resumes) if resumes else None,
    )


def list_goals(costs: Iterable[Cost], units: int) -> list[Goal]:
    """The goals of the engine (docs/benchmarks.md)."""
    by_name = {cost.name: cost for cost in costs}
    bare, sqlite = by_name[BARE], by_name[SQLITE]
    return [
        Goal("no database: ms / unit", 1.0, bare.unit_ms),
        Goal("SQLite: ms / unit", 3.0, sqlite.unit_ms),
        Goal(f"SQLite: resume of {units} done units, s", 1.0, sqlite.resume_seconds),
    ]


def format_costs(costs: Sequence[Cost], runs: int) -> str:
    """One line each; the last column compares the wall time with the peer's."""
    plain = next(cost for cost in costs if cost.name == PLAIN)
    rows = [
        (
            cost.name,
            str(runs),
            f"{cost.unit_ms:.3f}",
            f"{cost.unit_cpu_ms:.3f}",
            "" if cost.plan_seconds is None else f"{cost.plan_seconds:.2f}",
            "" if cost.resume_seconds is None else f"{cost.resume_seconds:.2f}",
            f"{cost.unit_ms / plain.unit_ms:.0f}",
        )
        for cost in costs
    ]
    return format_table(HEADERS, rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--postgres", default=POSTGRES, help=f"without options ({POSTGRES})")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    ledgers: dict[str, OpenLedger] = {BARE: open_bare, SQLITE: open_sqlite}
    if is_reachable(options.postgres):
        ledgers[POSTGRESQL] = partial(open_postgres, options.postgres)
    else:
        print("PostgreSQL is left out: it cannot be reached, see --postgres", file=sys.stderr)
    units = [Unit(f"{number:06d}", {"number": number}) for number in range(options.units)]
    with tempfile.TemporaryDirectory(prefix="bench-engine-log-") as folder:
        open_log(Path(folder) / "log.jsonl")
        runs = [list(measure_round(units, ledgers)) for _ in range(options.runs)]
    costs = [take_median(each) for each in zip(*runs, strict=True)]
    goals = list_goals(costs, options.units)
    print(f"{options.units} units, {CONCURRENCY} at a time, medians\n")
    print(f"{format_costs(costs, options.runs)}\n\n{format_goals(goals)}")
    write_json(
        options.json,
        {
            "units": options.units,
            "medians": [asdict(cost) for cost in costs],
            "runs": [[asdict(cost) for cost in run] for run in runs],
            "goals": describe_goals(goals),
        },
    )


if __name__ == "__main__":
    main()
