"""The life of a sandbox that listens: from an application to a clean stop on SIGTERM or SIGINT."""

import argparse
import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

_STOP_SECONDS = 0.5
"""How long requests in progress may go on after a signal to stop."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sandbox listens.

    Attributes:
        host: Address to bind to.
        ports: One or more; 0 picks a free one.
        ready_file: Gets the ports, with spaces between, once it listens; None for no such file.
    """

    host: str
    ports: tuple[int, ...]
    ready_file: Path | None = None


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--port`, `--host` and `--ready-file`."""
    parser.add_argument("--port", type=int, required=True, help="0 picks a free one")
    parser.add_argument("--host", default="127.0.0.1")
    told = "file to write the port to, once it listens"
    parser.add_argument("--ready-file", type=Path, help=told)


def read_place(options: argparse.Namespace) -> Place:
    """What the options of `add_place_options` say."""
    return Place(options.host, (options.port,), options.ready_file)


async def serve(
    application: web.Application, place: Place, announce: Callable[[Sequence[str]], str]
) -> None:
    """Serves on all ports until a signal.

    Args:
        application: What answers, the same on all ports.
        place: Where to listen.
        announce: What to print once it listens, of the URLs in the order of the ports.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Whoever started it may have blocked them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_STOP_SECONDS)
    await runner.setup()
    try:
        for port in place.ports:
            await web.TCPSite(runner, place.host, port).start()
        ports = [int(address[1]) for address in runner.addresses]
        print(announce([f"http://{place.host}:{port}" for port in ports]), flush=True)
        _write_ports(ports, place.ready_file)
        await stop.wait()
    finally:
        await runner.cleanup()


def _write_ports(ports: Sequence[int], ready_file: Path | None) -> None:
    """Writes them whole or not at all."""
    if ready_file is not None:
        draft = ready_file.with_name(f"{ready_file.name}.tmp")
        draft.write_text(" ".join(map(str, ports)))
        draft.replace(ready_file)
