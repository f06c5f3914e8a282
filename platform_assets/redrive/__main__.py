"""`python -m platform_assets.redrive`: failed units of any pipeline become work again.

Without --dry-run it re-queues what matches, and starts the runs that work on it where no sensor does. Without Dagster's
webserver it says which ones to start.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

from platform_assets.command_line import run_command
from platform_assets.core.redrive import FailureFilter
from platform_assets.redrive.starting import make_starters
from platform_assets.services import Services
from resources.dagster.orchestration import STARTED_BY_TAG, open_orchestration

LISTED = 1000
"""Failures that --list prints at most."""


def main(arguments: Sequence[str]) -> int:
    """Runs one redrive; returns 0, also if nothing matched, or 1 with the reason on standard error."""
    asked = _parser().parse_args(arguments)
    wanted = FailureFilter(
        asked.pipeline, asked.tenant, asked.partition, asked.kind, frozenset(asked.unit)
    )
    if asked.list:
        return run_command(lambda services: _list(services, wanted))
    return run_command(lambda services: _redrive(services, wanted, dry_run=asked.dry_run))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m platform_assets.redrive", description=__doc__)
    parser.add_argument("--pipeline", help="a pipeline (games) or a part of one (games/raw_games)")
    parser.add_argument("--tenant", help="tenant id, or the platform of a shop")
    parser.add_argument("--partition", help="partition key")
    parser.add_argument("--kind", help="kind of the last failure, such as server_error")
    parser.add_argument("--unit", action="append", default=[], help="unit id; may be repeated")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--list", action="store_true", help="print the failed units, change nothing"
    )
    return parser


def _redrive(services: Services, wanted: FailureFilter, *, dry_run: bool) -> Sequence[str]:
    runs = open_orchestration(services.dagster_webserver)
    starters = make_starters(runs, {STARTED_BY_TAG: "command"}, services.ranks.today)
    return services.redrive.starting(starters).redrive(wanted, dry_run=dry_run).describe()


def _list(services: Services, wanted: FailureFilter) -> Iterator[str]:
    for failure in services.redrive.find(wanted, LISTED):
        place = f"{failure.scope.pipeline} {failure.scope.partition} {failure.unit_id}"
        yield f"{failure.failed_at:%Y-%m-%d %H:%M:%S} {place} {failure.error_kind or '-'}"
        yield f"    {failure.message or ''}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
