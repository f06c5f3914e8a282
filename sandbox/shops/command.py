"""`python -m sandbox shops`: the command line, and the life of the process from loading to a clean stop."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from platform_assets.core.clock import SystemClock
from platform_assets.core.errors import PlatformError
from sandbox.arguments import above_0
from sandbox.igdb.latency import Latency
from sandbox.serving import add_place_options, read_place, serve
from sandbox.shops.faults import FaultPlan, read_faults
from sandbox.shops.generated import Catalogue, GeneratedCatalogue
from sandbox.shops.real_data import read_rankings
from sandbox.shops.server import Server
from sandbox.shops.shelf import Shelf
from sandbox.shops.shop import Limits, Shop
from sandbox.shops.wires import WIRES

BROKEN_SHARE = 0.4
REAL = "musinsa"
"""The shop that there are real days of."""

_DESCRIPTION = "Six shops on loopback, with limits, days that differ, and faults on order."


def main(arguments: Sequence[str]) -> int:
    """Serves until SIGTERM or SIGINT.

    Returns:
        0 after a clean stop, 2 if a file named on the command line is missing or wrong.
    """
    options = _make_parser().parse_args(arguments)
    try:
        server = make_server(options)
    except PlatformError as error:
        print(f"sandbox shops: {error.message}", file=sys.stderr)
        return 2
    asyncio.run(serve(server.make_application(), read_place(options), _announce))
    return 0


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox shops", description=_DESCRIPTION)
    add = parser.add_argument
    add_place_options(parser)
    add("--data", type=Path, help="folder of real products: Musinsa's real days are served")
    add("--products", type=above_0(int), default=1400, help="per shop, to generate")
    add("--days", type=above_0(int), default=7, help="days that there are; day 0 is the first")
    add("--seed", type=int, default=1)
    add("--latency", type=float, default=0.05, help="median latency in seconds")
    add("--faults", type=Path, help="JSON file: see sandbox/shops/faults.py")
    _add_numbers(parser, "--rate", "requests in any second")
    _add_numbers(parser, "--open", "requests in progress at once")
    told = f"this share of its products is answered as not found; {BROKEN_SHARE} without one"
    add("--broken", type=_read_broken, action="append", metavar="SHOP[=SHARE]", help=told)
    return parser


def _add_numbers(parser: argparse.ArgumentParser, name: str, told: str) -> None:
    """An option that may be given for all shops and for single ones; the last one holds."""
    read, shown = _by_shop(above_0(int)), "[SHOP=]NUMBER"
    parser.add_argument(name, type=read, action="append", metavar=shown, help=told)


def _by_shop(read: Callable[[str], int]) -> Callable[[str], dict[str, int]]:
    """Reads `SHOP=NUMBER`, or a number for all shops."""

    def read_numbers(text: str) -> dict[str, int]:
        shop, sign, number = text.rpartition("=")
        return {_check_shop(shop): read(number)} if sign else dict.fromkeys(WIRES, read(text))

    return read_numbers


def _read_broken(text: str) -> dict[str, float]:
    shop, sign, share = text.partition("=")
    value = float(share) if sign else BROKEN_SHARE
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("a share is from 0 to 1")
    return {_check_shop(shop): value}


def _check_shop(name: str) -> str:
    if name not in WIRES:
        raise argparse.ArgumentTypeError(f"no shop {name!r}: there are {', '.join(WIRES)}")
    return name


def make_server(options: argparse.Namespace) -> Server:
    """The shops as the command line describes them, and their server.

    Raises:
        RefusedError: A file is missing or wrong.
    """
    rates, opens, broken = (_merge(given) for given in (options.rate, options.open, options.broken))
    faults = read_faults(options.faults) if options.faults else FaultPlan()
    catalogues = _open_catalogues(options.data, options.products, options.seed)
    shops = {
        name: Shop(
            wire,
            Shelf(wire, catalogues[name], broken.get(name, 0.0)),
            Limits(
                int(rates.get(name, wire.per_second)),
                int(opens.get(name, wire.open_limit)),
            ),
            latency=Latency(options.latency, options.seed),
            clock=SystemClock(),
            faults=faults,
        )
        for name, wire in WIRES.items()
    }
    return Server(shops, options.days)


def _merge(given: Sequence[Mapping[str, float]] | None) -> dict[str, float]:
    return {shop: number for numbers in given or () for shop, number in numbers.items()}


def _open_catalogues(data: Path | None, products: int, seed: int) -> dict[str, Catalogue]:
    made: dict[str, Catalogue] = {
        name: GeneratedCatalogue(name, wire.numbering, products, seed)
        for name, wire in WIRES.items()
    }
    if data is not None:
        made[REAL] = read_rankings(data)
    return made


def describe_place(url: str) -> dict[str, object]:
    """Where it listens, and the environment of a platform that uses it."""
    settings = {f"SLUICE_SHOP_{name.upper()}_URL": f"{url}/{name}" for name in WIRES}
    return {"sandbox": "shops", "url": url, "environment": settings}


def _announce(urls: Sequence[str]) -> str:
    return json.dumps(describe_place(urls[0]))
