"""`python -m sandbox igdb`: the command line, and the life of the process from loading to a clean stop."""

import argparse
import asyncio
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from platform_assets.core.clock import SystemClock
from platform_assets.core.errors import PlatformError
from sandbox.arguments import above_0
from sandbox.igdb.catalog import open_catalog
from sandbox.igdb.faults import Drift, FaultPlan, read_faults
from sandbox.igdb.latency import Latency
from sandbox.igdb.limits import Gate
from sandbox.igdb.server import Server
from sandbox.igdb.tokens import Tokens
from sandbox.igdb.upstream import Behaviour, MultiqueryMode, Upstream
from sandbox.serving import add_place_options, read_place, serve

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - opens nothing but this sandbox
_TOKEN_SECONDS = 60 * 24 * 3600.0
_DESCRIPTION = "IGDB and Twitch's token endpoint on loopback, with their limits; faults on order."


def main(arguments: Sequence[str]) -> int:
    """Serves until SIGTERM or SIGINT.

    Returns:
        0 after a clean stop, 2 if a file named on the command line is missing or wrong.
    """
    options = _make_parser().parse_args(arguments)
    try:
        server = _make_server(options)
    except PlatformError as error:
        print(f"sandbox igdb: {error.message}", file=sys.stderr)
        return 2
    # What is loaded now stays: looking through it again and again would delay arrivals by milliseconds.
    gc.collect()
    gc.freeze()
    asyncio.run(serve(server.make_application(), read_place(options), _announce))
    return 0


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox igdb", description=_DESCRIPTION)
    add = parser.add_argument
    add_place_options(parser)
    add("--data", type=Path, help="folder of real data to serve; generated records without it")
    add("--games", type=above_0(int), default=20_000, help="how many games to generate")
    add("--seed", type=int, default=1)
    add("--rate", type=above_0(int), default=4, help="accepted requests in any second")
    add("--open", type=above_0(int), default=8, help="requests in progress at once")
    add("--latency", type=float, default=0.05, help="median latency in seconds")
    add("--time-scale", type=above_0(float), default=1.0, help="divides windows and latencies")
    add("--faults", type=Path, help="JSON file: see sandbox/igdb/faults.py")
    add("--multiquery", type=MultiqueryMode, default="parallel", choices=list(MultiqueryMode))
    add("--pretty", action="store_true", help="indent JSON, as the real API does")
    add("--client-id", default=CLIENT_ID)
    add("--client-secret", default=CLIENT_SECRET)
    add("--token-seconds", type=above_0(float), default=_TOKEN_SECONDS, help="token lifetime")
    return parser


def _make_server(options: argparse.Namespace) -> Server:
    clock = SystemClock()
    faults = read_faults(options.faults) if options.faults else FaultPlan()
    upstream = Upstream(
        tables=open_catalog(data=options.data, games=options.games, seed=options.seed),
        gate=Gate(
            rate=options.rate,
            window_seconds=1.0 / options.time_scale,
            open_limit=options.open,
        ),
        tokens=Tokens(
            client_id=options.client_id,
            client_secret=options.client_secret,
            lifetime_seconds=options.token_seconds,
            clock=clock,
        ),
        latency=Latency(options.latency, options.seed),
        behaviour=Behaviour(
            faults=faults,
            multiquery=options.multiquery,
            pretty=options.pretty,
            time_scale=options.time_scale,
        ),
        clock=clock,
    )
    return Server(upstream, Drift(faults.changes), options.time_scale, clock)


def _announce(urls: Sequence[str]) -> str:
    return f"sandbox igdb listening on {urls[0]}"
