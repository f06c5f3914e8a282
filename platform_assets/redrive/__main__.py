"""`python -m platform_assets.redrive`: failed units of any pipeline become work again.

Without --dry-run it re-queues what matches; what works on it then is each pipeline's own run, which is named.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

from platform_assets.core.errors import PlatformError
from platform_assets.core.redrive import FailureFilter
from platform_assets.services import Services
from platform_assets.settings import load_settings

LISTED = 1000
"""Failures that --list prints at most."""


def main(arguments: Sequence[str]) -> int:
    """Runs one redrive; returns 0, also if nothing matched, or 1 with the reason on standard error."""
    asked = _parser().parse_args(arguments)
    wanted = FailureFilter(
        asked.pipeline, asked.tenant, asked.partition, asked.kind, frozenset(asked.unit)
    )
    try:
        services = Services(load_settings())
        lines = (
            _list(services, wanted)
            if asked.list
            else services.redrive.redrive(wanted, dry_run=asked.dry_run).describe()
        )
        for line in lines:
            sys.stdout.write(f"{line}\n")
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


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


def _list(services: Services, wanted: FailureFilter) -> Iterator[str]:
    for failure in services.redrive.find(wanted, LISTED):
        place = f"{failure.scope.pipeline} {failure.scope.partition} {failure.unit_id}"
        yield f"{failure.failed_at:%Y-%m-%d %H:%M:%S} {place} {failure.error_kind or '-'}"
        yield f"    {failure.message or ''}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
