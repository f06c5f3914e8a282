"""`python -m platform_assets.tags`: lists tenant-sources and moves tenants between runners.

What processes tables is Dagster: `dagster job execute -j tags --tags ...`.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

from platform_assets.command_line import run_command
from platform_assets.services import Services
from platform_assets.tags.shards.runner_choices import RUNNERS
from platform_assets.tags.sources import find_sources


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns 0, or 1 with the reason on standard error."""
    asked = _parser().parse_args(arguments)
    command: Callable[[Services, argparse.Namespace], Iterator[str]] = asked.run
    return run_command(lambda services: command(services, asked))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m platform_assets.tags", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("sources", help="print the tenant-sources that have raw tables")
    listing.set_defaults(run=_list)
    runners = commands.add_parser("runners", help="print which tenants were moved to which runner")
    runners.set_defaults(run=_runners)
    move = commands.add_parser("move", help="move a tenant to a runner, from its next run on")
    move.add_argument("tenant_id")
    move.add_argument("runner", choices=[*RUNNERS, "default"])
    move.set_defaults(run=_move)
    dictionary = commands.add_parser(
        "dictionary", help="check the dictionary and store its version"
    )
    dictionary.set_defaults(run=_dictionary)
    return parser


def _list(services: Services, _asked: argparse.Namespace) -> Iterator[str]:
    found = find_sources(services.objects)
    for place, count in found.tables.items():
        yield f"{place.key:<40} {count:>5} tables  {services.runner_choices.find(place.tenant_id)}"
    yield from found.problems


def _runners(services: Services, _asked: argparse.Namespace) -> Iterator[str]:
    for tenant_id, runner in services.runner_choices.list_moved().items():
        yield f"{tenant_id:<39} {runner}"
    yield f"{'all others':<40}{services.runner_choices.default}"


def _move(services: Services, asked: argparse.Namespace) -> Iterator[str]:
    runner = None if asked.runner == "default" else asked.runner
    yield f"{asked.tenant_id}: {services.runner_choices.move(asked.tenant_id, runner)}"


def _dictionary(services: Services, _asked: argparse.Namespace) -> Iterator[str]:
    published = services.publish_dictionary()
    yield f"{published.source}: version {published.version}, {published.tags} tags, {published.terms} terms"
    yield from published.notes


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
