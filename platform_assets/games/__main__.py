"""`python -m platform_assets.games read ENTITY`: an entity's records as JSON Lines on standard output, in id order.

Nothing is landed and no state but the cap is touched: for a look, or for a pipe. `set-aside`, `give-up` and `accept`
are what a person does about records and deletions that were not believed.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence

from platform_assets.command_line import run_command
from platform_assets.core.engine.loop_thread import LoopThread
from platform_assets.core.errors import PermanentError
from platform_assets.games.entities import ENTITIES, Entity, find_entity
from platform_assets.games.set_aside import give_up, read_set_aside
from platform_assets.games.stream import CONCURRENT, SEQUENTIAL, Reading, read_records
from platform_assets.services import Services


def main(arguments: Sequence[str]) -> int:
    """Reads one entity; returns 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m platform_assets.games", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    read = commands.add_parser("read", help="print an entity's records, one JSON object a line")
    read.add_argument("entity", choices=[entity.name for entity in ENTITIES], metavar="ENTITY")
    read.add_argument("--since", type=int, help="only records changed after this Unix second")
    read.add_argument("--sequential", action="store_true", help="one page after another")
    for name, text in _MAINTENANCE.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("entity", choices=[each.name for each in ENTITIES], metavar="ENTITY")
        if name == "give-up":
            command.add_argument("ids", type=int, nargs="+", metavar="ID")
    asked = parser.parse_args(arguments)
    if asked.command in _MAINTENANCE:
        return run_command(lambda services: _maintain(services, asked))
    reading = SEQUENTIAL if asked.sequential else CONCURRENT

    def read_entity(services: Services) -> Iterable[str]:
        try:
            entity = find_entity(asked.entity)
            with LoopThread() as loop:
                loop.call(_print_records(services, entity, reading, asked.since))
        except ValueError as error:
            raise PermanentError(str(error), kind="bad_entity") from error
        except BrokenPipeError:
            sys.stderr.close()  # the reader of the pipe has seen enough
        return ()

    return run_command(read_entity)


_MAINTENANCE = {
    "set-aside": "records that could not be read and are asked for again",
    "give-up": "ask for records no more",
    "accept": "merge a full collection that lost a mass of rows: they are really gone",
}


def _maintain(services: Services, asked: argparse.Namespace) -> Iterable[str]:
    entity = find_entity(asked.entity)
    if asked.command == "accept":
        return _accept(services, entity)
    if asked.command == "give-up":
        known = give_up(services.objects, entity.name, asked.ids)
    else:
        known = read_set_aside(services.objects, entity.name)
    return [
        *(f"{each.id} {each.kind}: {each.message}" for each in known.odd),
        *(f"{each} given up" for each in known.given_up),
    ]


def _accept(services: Services, entity: Entity) -> Iterator[str]:
    merged = services.merge_games(entity, accepted=True)
    yield f"{entity.name}: {merged.rows} rows, {merged.deleted} of them deleted"
    if merged.unmerged:
        raise PermanentError(
            "\n".join(
                f"not merged: {each.name} ({each.kind}): {each.message}" for each in merged.unmerged
            ),
            kind=merged.unmerged[0].kind,
        )


async def _print_records(
    services: Services, entity: Entity, reading: Reading, since: int | None
) -> None:
    async with services.igdb.open() as source:
        async for record in read_records(source, entity, reading, since):
            sys.stdout.buffer.write(record + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
