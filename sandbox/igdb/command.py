"""`python -m sandbox igdb`: the command line, and the life of the process from loading to a clean stop."""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from platform_assets.core.clock import SystemClock
from platform_assets.core.errors import PlatformError
from sandbox.igdb.catalog import open_catalog
from sandbox.igdb.faults import Drift, FaultPlan, read_faults
from sandbox.igdb.latency import Latency
from sandbox.igdb.limits import Gate
from sandbox.igdb.server import Server
from sandbox.igdb.tokens import Tokens
from sandbox.igdb.upstream import Behaviour, MultiqueryMode, Upstream

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - opens nothing but this sandbox
_TOKEN_SECONDS = 60 * 24 * 3600.0
_DESCRIPTION = "IGDB and Twitch's token endpoint on loopback, with their limits; faults on order."
_Number = TypeVar("_Number", int, float)
_STOP_SECONDS = 0.5
"""How long requests in progress may go on after a signal to stop."""


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
    asyncio.run(_serve(server, options))
    return 0


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox igdb", description=_DESCRIPTION)
    add = parser.add_argument
    add("--port", type=int, required=True, help="0 picks a free one")
    add("--host", default="127.0.0.1")
    add("--ready-file", type=Path, help="file to write the port to, once it listens")
    add("--data", type=Path, help="folder of real data to serve; generated records without it")
    add("--games", type=_positive(int), default=20_000, help="how many games to generate")
    add("--seed", type=int, default=1)
    add("--rate", type=_positive(int), default=4, help="accepted requests in any second")
    add("--open", type=_positive(int), default=8, help="requests in progress at once")
    add("--latency", type=float, default=0.05, help="median latency in seconds")
    add("--time-scale", type=_positive(float), default=1.0, help="divides windows and latencies")
    add("--faults", type=Path, help="JSON file: see sandbox/igdb/faults.py")
    add("--multiquery", type=MultiqueryMode, default="parallel", choices=list(MultiqueryMode))
    add("--pretty", action="store_true", help="indent JSON, as the real API does")
    add("--client-id", default=CLIENT_ID)
    add("--client-secret", default=CLIENT_SECRET)
    add("--token-seconds", type=_positive(float), default=_TOKEN_SECONDS, help="token lifetime")
    return parser


def _positive(kind: type[_Number]) -> Callable[[str], _Number]:
    def read_positive(text: str) -> _Number:
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError("must be above 0")
        return value

    return read_positive


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


async def _serve(server: Server, options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        server.make_application(), access_log=None, shutdown_timeout=_STOP_SECONDS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port).start()
        port = int(runner.addresses[0][1])
        print(f"sandbox igdb listening on http://{options.host}:{port}", flush=True)
        _announce(port, options.ready_file)
        await stop.wait()
    finally:
        await runner.cleanup()


def _announce(port: int, ready_file: Path | None) -> None:
    """Writes the port, whole or not at all."""
    if ready_file is not None:
        draft = ready_file.with_name(f"{ready_file.name}.tmp")
        draft.write_text(str(port))
        draft.replace(ready_file)
