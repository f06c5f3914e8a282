"""`python -m sandbox tags`: the command line, from what is asked for to an object store with raw tables in it."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.errors import PlatformError
from sandbox.arguments import at_least, read_share
from sandbox.tags.chatbot import read_chatbot
from sandbox.tags.generated import GeneratedTables, Shape
from sandbox.tags.nsmc import read_nsmc
from sandbox.tags.oliveyoung import read_oliveyoung
from sandbox.tags.ordered import BrokenKind, make_big, make_broken
from sandbox.tags.planting import Dirt
from sandbox.tags.real import RealTables, RealText
from sandbox.tags.sources import TableSource
from sandbox.tags.truth import FILE_NAME, SourceTruth, Truth, read_truth
from sandbox.tags.writing import SourceFolder, check_dictionary, write_dictionary

_DESCRIPTION = (
    "Writes the raw tables of a tenant's source into the folder of an object store, raw/<tenant>/<source>/<table>, "
    "the tag dictionary to dictionary/tags.csv, and what is in all of them to truth.json. Tables that an earlier "
    "call wrote for the tenant-source are removed; other tenant-sources stay."
)
_ROWS = 60_000
_DIRT, _PERSONAL = 0.01, 0.02
_TENANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,49}")
_SOURCE = re.compile(r"[a-z0-9_]{1,40}")


class Dataset(StrEnum):
    """Real text."""

    NSMC = "nsmc"
    CHATBOT = "chatbot"
    OLIVEYOUNG = "oliveyoung"


_READERS: dict[Dataset, Callable[[Path], RealText[Any]]] = {
    Dataset.NSMC: read_nsmc,
    Dataset.CHATBOT: read_chatbot,
    Dataset.OLIVEYOUNG: read_oliveyoung,
}


def main(arguments: Sequence[str], clock: Clock | None = None) -> int:
    """Writes, and ends.

    Returns:
        0 when all is written, 2 if the command line or something named on it is wrong.
    """
    clock = clock or SystemClock()
    parser = _make_parser()
    options = parser.parse_args(arguments)
    if options.dataset and options.data is None:
        parser.error("--dataset needs --data")
    started = clock.monotonic()
    try:
        known = _write(options)
    except (PlatformError, OSError) as error:
        message = error.message if isinstance(error, PlatformError) else str(error)
        print(f"sandbox tags: {message}", file=sys.stderr)
        return 2
    if not options.quiet:
        seconds = clock.monotonic() - started
        print(f"sandbox tags: {_describe(known)} in {seconds:.1f} s", file=sys.stderr)
    return 0


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox tags", description=_DESCRIPTION)
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder of the object store")
    add("--tenant", type=_matching(_TENANT), default="acme")
    add("--source", type=_matching(_SOURCE), default="board")
    add("--tables", type=at_least(1), default=645, help="how many; of real text at most (645)")
    add("--rows", type=at_least(0), help="of all tables (60000); of real text at most (all)")
    add("--seed", type=int, default=1)
    add(
        "--dirt",
        type=read_share,
        help="share of bad rows, ten times as many have dirty text (0.01; of real text 0)",
    )
    add("--pii", type=read_share, help="share of rows with personal data (0.02; of real text 0)")
    add(
        "--bad",
        type=_read_kinds,
        action="extend",
        default=[],
        help=f"also make tables that cannot be read: some of {', '.join(BrokenKind)}, with commas between",
    )
    add("--big", type=at_least(1), metavar="MB", help="also make a CSV table of that size, `big`")
    add("--data", type=Path, help="folder of real board data, instead of invented text")
    add("--dataset", type=Dataset, choices=list(Dataset), help="which of it (nsmc)")
    add("--quiet", action="store_true", help="print nothing")
    return parser


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def read_name(text: str) -> str:
        if pattern.fullmatch(text) is None:
            raise argparse.ArgumentTypeError(f"{text!r} is not of the form {pattern.pattern}")
        return text

    return read_name


def _read_kinds(text: str) -> list[BrokenKind]:
    try:
        return [BrokenKind(word) for word in text.split(",")]
    except ValueError as error:
        known = ", ".join(BrokenKind)
        raise argparse.ArgumentTypeError(f"{text!r} holds something else than {known}") from error


def _write(options: argparse.Namespace) -> SourceTruth:
    place = f"{options.tenant}:{options.source}"
    invented = GeneratedTables(_make_shape(options, place))
    source = _open_text(options) if options.data else invented
    options.out.mkdir(parents=True, exist_ok=True)
    truth = read_truth(options.out) if (options.out / FILE_NAME).exists() else Truth()
    check_dictionary(truth, place, source)
    known = SourceTruth(source.dataset, options.seed, source.dictionary, source is invented)
    folder = SourceFolder(options.out, place, known)
    if place in truth.sources:
        folder.clear(truth.sources[place])
    truth.sources[place] = known
    try:
        write_dictionary(options.out, source.terms)
        _write_tables(folder, source, invented, options)
    finally:
        # What there is must be known, or the next call would leave it beside its own.
        truth.write(options.out)
    return known


def _write_tables(
    folder: SourceFolder,
    source: TableSource,
    invented: GeneratedTables,
    options: argparse.Namespace,
) -> None:
    if source.options is not None:
        folder.write_options(source.options)
    for table in source.read():
        folder.write(table)
    for kind in dict.fromkeys(options.bad):
        for broken in make_broken(kind, invented, source.sketch):
            folder.write_broken(kind, broken)
    if options.big:
        folder.write(make_big(invented, source.sketch), options.big * 1_000_000)


def _make_shape(options: argparse.Namespace, place: str) -> Shape:
    bad = _DIRT if options.dirt is None else options.dirt
    personal = _PERSONAL if options.pii is None else options.pii
    rows = _ROWS if options.rows is None else options.rows
    dirt = Dirt(bad, personal)
    return Shape(options.tables, rows, dirt, options.seed, place, _name_tables(options))


def _open_text(options: argparse.Namespace) -> RealTables:
    return RealTables(
        _READERS[options.dataset or Dataset.NSMC](options.data),
        options.data,
        tables=options.tables,
        rows=options.rows,
        dirt=Dirt(options.dirt or 0, options.pii or 0),
        seed=options.seed,
        prefix=_name_tables(options),
    )


def _name_tables(options: argparse.Namespace) -> str:
    """What the ids of tables begin with: the source, but a file that begins with `_` is no table."""
    return options.source.lstrip("_") or "table"


def _describe(known: SourceTruth) -> str:
    tables = known.tables.values()
    bad = sum(table.rows - table.good for table in tables)
    broken = sum(bool(table.broken) for table in tables)
    size = sum(table.size_bytes for table in tables) / 1e6
    return (
        f"{len(tables)} tables ({broken} broken), {known.rows:,} rows ({bad:,} bad), {size:.1f} MB"
    )
