"""How close does the collector come to what the upstream allows, and what does it cost? Ours and the reference.

    python -m benchmarks.collector [--records 344000] [--runs 3] [--modes plain faults ...] [--json FILE] [--home DIR]
    python -m benchmarks.collector --quick

All modes run in turns against the sandbox with IGDB's caps as strict sliding windows; every collection in a fresh
process, against a fresh sandbox, with the round's own seed of data and latencies. The limit is pages / rate. What was
collected is read back from the manifest and compared with what the sandbox serves. Exit status 1: something was lost,
doubled or out of order, or a collection failed.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.collecting.measuring import CollectionError, Row, World, measure, prepare_first_day
from benchmarks.collecting.modes import MODES, BenchMode
from benchmarks.collecting.summary import describe, format_rows, list_goals
from benchmarks.tables import format_goals, write_json

RECORDS = 344_000
"""Games that IGDB has, about: 688 pages."""

LATENCY_SECONDS = 1.05
"""Median latency of a page, as measured for IGDB; the sandbox spreads it as a lognormal."""

QUICK_RECORDS = 40_000
QUICK_TIME_SCALE = 4.0
"""Largest scale at which our own delays stay small beside the sandbox's."""


@dataclass(slots=True)
class Results:
    """What was measured so far, and what failed."""

    rows: list[Row] = field(default_factory=list[Row])
    failures: list[str] = field(default_factory=list[str])

    @property
    def all_right(self) -> bool:
        """Whether every collection worked and every record was there once and in order."""
        return not self.failures and all(row.verdict == "exact" for row in self.rows)


def main() -> int:
    """The command line."""
    options = read_options(sys.argv[1:])
    results = Results()
    with ExitStack() as stack:
        folder = options.home or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-collector-"))
        )
        for run in range(options.runs):
            world = World(
                records=options.records,
                time_scale=options.time_scale,
                latency=LATENCY_SECONDS,
                faults=options.faults,
                seed=run + 1,
                folder=folder.absolute(),
            )
            modes = [m for m in choose_modes(options.modes) if run < (m.most_runs or options.runs)]
            measure_round(world, modes, results, options)
    print_results(results, options)
    return 0 if results.all_right else 1


def measure_round(
    world: World, modes: Sequence[BenchMode], results: Results, options: argparse.Namespace
) -> None:
    """Measures each mode once; what is known so far is written after each."""
    first_day = prepare_first_day(world) if any(mode.second_day for mode in modes) else None
    for mode in modes:
        print(f"round {world.seed}: {mode.title} ...", file=sys.stderr, flush=True)
        try:
            results.rows.append(measure(world, mode, first_day))
        except CollectionError as error:
            results.failures.append(f"{mode.name}, seed {world.seed}: {error}")
        shown = {
            name: value for name, value in vars(options).items() if name not in ("json", "home")
        }
        write_json(options.json, describe(results.rows, results.failures, shown))


def print_results(results: Results, options: argparse.Namespace) -> None:
    """Table, goals and failures."""
    print(
        f"\n{options.records} records, time x {options.time_scale:g}, latency {LATENCY_SECONDS} s (median), "
        f"4 requests a second and 8 open, faults {options.faults:.1%}\n"
    )
    print(format_rows(results.rows))
    print(f"\n{format_goals(list_goals(results.rows))}")
    if (options.records, options.time_scale) != (RECORDS, 1.0):
        print(f"The goals are meant for {RECORDS} records and time x 1.")
    for failure in results.failures:
        print(f"FAILED {failure}")


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, with the short form filled in."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--quick",
        action="store_true",
        help=f"{QUICK_RECORDS} records, time x {QUICK_TIME_SCALE:g}, one run",
    )
    add("--records", type=int, help=f"games that the sandbox has ({RECORDS})")
    add("--runs", type=int, help="rounds (3)")
    add("--time-scale", type=float, help="by how much the sandbox's time runs faster (1)")
    add("--faults", type=float, default=0.02, help="share of requests that go wrong in mode faults")
    add("--modes", nargs="+", choices=[mode.name for mode in MODES], help="rows to measure (all)")
    add("--home", type=Path, help="keep what was collected in this folder")
    add("--json", type=Path)
    options = parser.parse_args(arguments)
    quick = options.quick
    options.records = options.records or (QUICK_RECORDS if quick else RECORDS)
    options.runs = options.runs or (1 if quick else 3)
    options.time_scale = options.time_scale or (QUICK_TIME_SCALE if quick else 1.0)
    return options


def choose_modes(names: Sequence[str] | None) -> list[BenchMode]:
    """The modes of these names, in the table's order; all without names."""
    return [mode for mode in MODES if names is None or mode.name in names]


if __name__ == "__main__":
    raise SystemExit(main())
