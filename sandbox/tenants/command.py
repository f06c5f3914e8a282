"""`python -m sandbox tenants`: the command line, from what is asked for to the list of tenants."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.errors import PlatformError, RefusedError
from sandbox.arguments import at_least, read_share
from sandbox.tenants.appending import append_events
from sandbox.tenants.databases import Placement
from sandbox.tenants.events import Source
from sandbox.tenants.failing import BadKind
from sandbox.tenants.generated import DATASET, GeneratedTenants, Shape
from sandbox.tenants.listing import format_list, write_lists
from sandbox.tenants.months import check_month, last_second, list_months, to_local
from sandbox.tenants.oddities import TYPED, OddKind
from sandbox.tenants.olist import read_olist
from sandbox.tenants.political import read_political
from sandbox.tenants.real import RealTenants
from sandbox.tenants.retail import read_retail
from sandbox.tenants.truth import Truth
from sandbox.tenants.writing import write_failing, write_tenants

_DESCRIPTION = (
    "Writes tenants' databases of events and prints the list of tenants; with --out the list goes to tenants.csv too, "
    "the EXISTING ones to advertisers.csv (a legacy table to import), and what is in all of them to truth.json. "
    "Tables of the same name are replaced. A password of --url stands as ${SANDBOX_PASSWORD} in the lists."
)
_GENERATED_TENANTS = 20


class Dataset(StrEnum):
    """Real data sets."""

    OLIST = "olist"
    RETAIL = "retail"
    POLITICAL = "political"


_READERS = {
    Dataset.OLIST: read_olist,
    Dataset.RETAIL: read_retail,
    Dataset.POLITICAL: read_political,
}


def main(arguments: Sequence[str], clock: Clock | None = None) -> int:
    """Writes, and ends.

    Returns:
        0 when all is written, 2 if the command line or something named on it is wrong.
    """
    clock = clock or SystemClock()
    parser = _make_parser()
    options = parser.parse_args(arguments)
    if (options.data is None) != (options.dataset is None):
        parser.error("--data and --dataset belong together")
    try:
        _append(options, clock) if options.append else _write(options, clock)
    except PlatformError as error:
        print(f"sandbox tenants: {error.message}", file=sys.stderr)
        return 2
    return 0


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox tenants", description=_DESCRIPTION)
    add = parser.add_argument
    add("--out", type=Path, help="folder for the lists, the truth and a SQLite file per tenant")
    add(
        "--url",
        help="one database with a table per tenant instead: sqlite:///... or postgresql://...",
    )
    add("--tenants", type=at_least(1), help="how many (20); of real data the largest (all)")
    add("--months", type=at_least(1), default=25, help="months of generated history")
    add("--until", type=_read_month, help="last month, YYYY-MM; the current one if omitted")
    add("--events-per-month", type=at_least(1), default=500, help="mean over all tenants")
    add("--seed", type=int, default=1)
    add("--quiet", action="store_true", help="print nothing")
    add("--dirt", type=read_share, default=0.02, help="share of generated events that are odd")
    add("--existing", type=at_least(0), default=0, help="list the first so many as EXISTING")
    add(
        "--bad",
        type=BadKind,
        choices=list(BadKind),
        action="append",
        default=[],
        help="also make a tenant that always fails; can be given several times",
    )
    add("--append", type=at_least(1), help="only add so many events to the month of each tenant")
    add("--data", type=Path, help="folder of real events data")
    add("--dataset", type=Dataset, choices=list(Dataset), help="which of it")
    return parser


def _read_month(text: str) -> str:
    try:
        return check_month(text)
    except PlatformError as error:
        raise argparse.ArgumentTypeError(error.message) from error


def _write(options: argparse.Namespace, clock: Clock) -> None:
    started = clock.monotonic()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    placement = Placement(options.out, options.url)
    now = to_local(clock.now())
    until = options.until or now.strftime("%Y-%m")
    source = _make_source(options, until, now, placement.dialect)
    truth = Truth(options.dataset or DATASET, options.seed)
    completed = list_months(until, 2)[0]
    listed = write_tenants(source, truth, placement, existing=options.existing, completed=completed)
    listed += write_failing(options.bad, truth, placement)
    if options.out:
        write_lists(options.out, listed)
        truth.write(options.out)
    if options.quiet:
        return
    print(format_list(listed), end="")
    seconds = clock.monotonic() - started
    _say(f"{len(listed)} tenants, {truth.count_rows():,} rows in {seconds:.1f} s")


def _make_source(options: argparse.Namespace, until: str, now: datetime, dialect: str) -> Source:
    if options.dataset:
        return RealTenants(partial(_READERS[options.dataset], options.data), options.tenants)
    this_month = until == now.strftime("%Y-%m")
    return GeneratedTenants(
        Shape(
            count=options.tenants or _GENERATED_TENANTS,
            months=list_months(until, options.months),
            events_per_month=options.events_per_month,
            dirt=options.dirt,
            seed=options.seed,
            # Up to yesterday: nothing has happened in the days to come, and what is written stays the same all day.
            last_days=max(1, now.day - 1) if this_month else 0,
            kinds=tuple(OddKind) if dialect == "sqlite" else TYPED,
        )
    )


def _append(options: argparse.Namespace, clock: Clock) -> None:
    if options.out is None:
        raise RefusedError("--append needs the --out folder that the tenants were listed in")
    latest = to_local(clock.now()).replace(microsecond=0)
    if options.until:
        latest = min(latest, last_second(options.until))
    tenants = append_events(options.out, options.append, latest, options.url)
    _say(f"{options.append} events added to {latest:%Y-%m} of each of {tenants} tenants")


def _say(text: str) -> None:
    """Beside the list, which alone goes to standard output."""
    print(f"sandbox tenants: {text}", file=sys.stderr)
