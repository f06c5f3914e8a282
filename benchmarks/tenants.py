"""What does the tenants pipeline add to the processing of a tenant-month, and how fast does its REST API answer?

    python -m benchmarks.tenants [--tenants 200] [--months 25] [--events 100] [--rounds 1] [--json FILE] [--home DIR]
    python -m benchmarks.tenants --quick
    python -m benchmarks.tenants --tenants 1000 --months 24 --storage SQLite --kinds bare_many daemon

A backfill of new tenants goes through a real daemon and its code server, with the state and Dagster's storage on
SQLite and on PostgreSQL. What it adds is what it takes beyond bare processing of the same cells in the same session, as
many at once in as many processes. Every backfill has fresh homes and processes, and what it left is read back. The API
is asked by 20 clients at once over 1,000 tenants x 24 months. Exit status 1: something was missing or wrong.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from benchmarks.backfilling.measuring import (
    BackfillError,
    measure_bare,
    measure_daemon,
    measure_inside,
    read_shape,
)
from benchmarks.backfilling.sources import World, write_world
from benchmarks.backfilling.storage import POSTGRESQL, SQLITE, open_home
from benchmarks.backfilling.summary import PEERS, Backfill, Row, format_rows, list_goals
from benchmarks.ledgers import is_reachable
from benchmarks.serving.measuring import measure_api
from benchmarks.serving.summary import Served, format_served, list_served_goals
from benchmarks.tables import describe_goals, format_goals, write_json

POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"
QUICK_TENANTS, QUICK_MONTHS = 20, 24


def main() -> int:
    """The command line."""
    options = read_options(sys.argv[1:])
    rows: list[Row] = []
    served: list[Served] = []
    failures: list[str] = []
    with ExitStack() as stack:
        folder = options.home or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-tenants-"))
        )
        try:
            if "backfill" in options.parts:
                for row in measure_backfills(options, folder.absolute()):
                    rows.append(row)
                    write_results(options, rows, served, failures)
            if "api" in options.parts:
                for storage in options.storage:
                    served += measure_api(folder.absolute() / "api", storage, options.postgres)
        except BackfillError as error:
            failures.append(str(error))
        print_results(options, rows, served, failures)
        write_results(options, rows, served, failures)
    wrong = any(row.verdict != "exact" for row in rows) or any(one.failed for one in served)
    return 1 if failures or wrong else 0


def measure_backfills(options: argparse.Namespace, folder: Path) -> Generator[Row]:
    """Round after round; the bare peer before and after everything else."""
    say(f"writing {options.tenants} tenants x {options.months} months ...")
    world = write_world(folder / "sources", options.tenants, options.months, options.events)
    for number in range(options.rounds):
        yield from measure_round(options, world, folder / f"round-{number + 1}")


def measure_round(options: argparse.Namespace, world: World, folder: Path) -> Generator[Row]:
    """Each kind once on each storage, the peers twice."""
    yield from measure_peers(options, world, folder / "before")
    shape = read_shape()
    for storage in options.storage:
        for kind in (Backfill.ENGINE, Backfill.ONE_RUN, Backfill.DAEMON):
            if kind not in options.kinds:
                continue
            say(f"{kind} on {storage} ...")
            with open_home(folder / f"{kind}-{storage}", storage, options.postgres) as home:
                if kind is Backfill.DAEMON:
                    yield measure_daemon(world, home)
                else:
                    yield measure_inside(world, home, shape, kind)
    yield from measure_peers(options, world, folder / "after")


def measure_peers(options: argparse.Namespace, world: World, folder: Path) -> Generator[Row]:
    """Bare processing in one process, and in as many as runs go on at once."""
    shape = read_shape()
    for kind, processes in ((Backfill.BARE, 1), (Backfill.BARE_MANY, shape.runs)):
        if kind in options.kinds:
            say(f"{kind}, {folder.name} ...")
            yield measure_bare(world, folder / kind, shape, processes)


def print_results(
    options: argparse.Namespace,
    rows: Sequence[Row],
    served: Sequence[Served],
    failures: Sequence[str],
) -> None:
    """Tables, goals and failures."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\nmedians; load average {load}\n")
    if rows:
        print(
            f"{options.tenants} tenants x {options.months} months of about {options.events} events\n"
            f"{format_rows(rows)}\n"
        )
    if served:
        print(f"{format_served(served)}\n")
    print(format_goals([*list_goals(rows), *list_served_goals(served)]))
    for failure in failures:
        print(f"FAILED {failure}")


def write_results(
    options: argparse.Namespace,
    rows: Sequence[Row],
    served: Sequence[Served],
    failures: Sequence[str],
) -> None:
    """The JSON file."""
    shown = {name: value for name, value in vars(options).items() if name not in ("json", "home")}
    document = {
        "options": shown,
        "load_average": os.getloadavg(),
        "backfills": msgspec.to_builtins(rows),
        "api": msgspec.to_builtins(served),
        "failures": list(failures),
        "goals": describe_goals([*list_goals(rows), *list_served_goals(served)]),
    }
    write_json(options.json, document)


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, with the short form filled in; PostgreSQL is left out where there is none."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help=f"{QUICK_TENANTS} tenants x {QUICK_MONTHS} months")
    add("--tenants", type=int, help="new tenants (200)")
    add("--months", type=int, help="months of each, up to the current one (25)")
    add("--events", type=int, default=100, help="events of a month (100)")
    add("--rounds", type=int, default=1)
    add("--parts", nargs="+", choices=("backfill", "api"), default=("backfill", "api"))
    add("--kinds", nargs="+", choices=list(Backfill), default=list(Backfill), help="rows (all)")
    add("--storage", nargs="+", choices=(SQLITE, POSTGRESQL), default=(SQLITE, POSTGRESQL))
    add("--postgres", default=POSTGRES, help=f"a server to make databases on ({POSTGRES})")
    add("--home", type=Path, help="keep what was processed in this new folder")
    add("--json", type=Path)
    options = parser.parse_args(arguments)
    options.tenants = options.tenants or (QUICK_TENANTS if options.quick else 200)
    options.months = options.months or (QUICK_MONTHS if options.quick else 25)
    kinds = [Backfill(kind) for kind in options.kinds]
    options.kinds = list(dict.fromkeys([*(PEERS[kind] for kind in kinds), *kinds]))
    if POSTGRESQL in options.storage and not is_reachable(options.postgres):
        say("PostgreSQL is left out: it cannot be reached, see --postgres")
        options.storage = [storage for storage in options.storage if storage != POSTGRESQL]
    return options


def say(text: str) -> None:
    """What goes on, beside the results."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
