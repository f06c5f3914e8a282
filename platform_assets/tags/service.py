"""`python -m platform_assets.tags.service`: runs tasks for tenants whose tables go through a service.

It listens where SLUICE_TAGS_SERVICE_URL says and asks callers for SLUICE_TAGS_SERVICE_TOKEN. Each task is a process of
its own. What it answers is in `resources/runners/service_app.py`, who calls it in `resources/runners/http_service.py`.
SIGTERM ends the tasks, then the service; what they have finished stays.
"""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import uvicorn

from platform_assets.core.errors import PlatformError, RefusedError
from platform_assets.core.processes.signals import restore_signals
from platform_assets.settings import child_environment, load_settings
from resources.logs import open_log
from resources.runners.service_app import build_service
from resources.runners.task_processes import DeskLimits, TaskDesk

TASK_COMMAND = (sys.executable, "-m", "platform_assets.tags.task")
STOP_SECONDS = 5
"""Added to the grace of the processes: how long answers may take to end after SIGTERM."""


class _Server(uvicorn.Server):
    """Ends the tasks as soon as it is told to stop; else it would wait for answers that take hours."""

    def __init__(self, config: uvicorn.Config, desk: TaskDesk) -> None:
        super().__init__(config)
        self._desk = desk
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._desk.stop)
        super().handle_exit(sig, frame)


async def serve(options: argparse.Namespace, address: tuple[str, int], token: str | None) -> None:
    """Listens until SIGTERM or SIGINT; then ends the tasks, and returns when they are gone.

    Args:
        options: The command line.
        address: Host and port.
        token: What callers must send; None to let everybody in.
    """
    limits = DeskLimits(
        options.concurrency, options.queue, options.task_timeout, options.grace_seconds
    )
    desk = TaskDesk(tuple(options.command) or TASK_COMMAND, child_environment, limits)
    app = build_service(desk, token=token, heartbeat_seconds=options.heartbeat_seconds)
    config = uvicorn.Config(
        app,
        ws="none",
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=round(options.grace_seconds) + STOP_SECONDS,
    )
    with _listen(address) as listening:
        host, port = listening.getsockname()[:2]
        sys.stdout.write(f"listening on http://{host}:{port}\n")
        sys.stdout.flush()
        await _Server(config, desk).serve(sockets=[listening])


def _listen(address: tuple[str, int]) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        return socket.create_server(address, family=family, backlog=256)
    except OSError as error:
        raise RefusedError(
            f"cannot listen at {address[0]}:{address[1]}: {error}: choose another --port, or end what is there",
            kind="bad_setting",
        ) from error


def read_address(url: str, host: str | None, port: int | None) -> tuple[str, int]:
    """Where to listen: as the command line says, else as the setting does.

    Raises:
        RefusedError: kind `bad_setting`: the setting is no URL with host and port.
    """
    try:
        parts = urlsplit(url)
        wanted = (host or parts.hostname, parts.port if port is None else port)
    except ValueError:
        wanted = (None, None)
    if wanted[0] is None or wanted[1] is None:
        raise RefusedError(
            "SLUICE_TAGS_SERVICE_URL needs host and port, such as http://127.0.0.1:8090",
            kind="bad_setting",
        )
    return wanted[0], wanted[1]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m platform_assets.tags.service",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", help="address to listen at (that of SLUICE_TAGS_SERVICE_URL)")
    parser.add_argument("--port", type=int, help="0: a free one (that of SLUICE_TAGS_SERVICE_URL)")
    cores = os.cpu_count() or 1
    parser.add_argument("--concurrency", type=int, default=cores, help="processes at a time")
    parser.add_argument("--queue", type=int, default=200, help="tasks in line before 429")
    parser.add_argument("--heartbeat-seconds", type=float, default=5.0)
    parser.add_argument("--grace-seconds", type=float, default=10.0, help="SIGTERM to SIGKILL")
    parser.add_argument("--task-timeout", type=float, default=3600.0, help="seconds of one task")
    parser.add_argument("--token-file", type=Path, help="instead of SLUICE_TAGS_SERVICE_TOKEN")
    parser.add_argument("--open", action="store_true", help="no token, though others can reach it")
    parser.add_argument("command", nargs="*", help="instead of the task's own, after --")
    return parser.parse_args(arguments)


def read_token(path: Path | None) -> str | None:
    """The token in a file; None without a file.

    Raises:
        RefusedError: kind `bad_setting`: it cannot be read, or is empty.
    """
    if path is None:
        return None
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(
            f"the token file {path} cannot be read: {error}", kind="bad_setting"
        ) from error
    if not token:
        raise RefusedError(
            f"the token file {path} is empty: write a token into it", kind="bad_setting"
        )
    return token


def main(arguments: Sequence[str]) -> int:
    """Serves; 0, or 1 with the reason on standard error."""
    restore_signals()
    options = read_options(arguments)
    try:
        settings = load_settings()
        address = read_address(settings.tags_service_url, options.host, options.port)
        token = read_token(options.token_file) or settings.tags_service_token.get_secret_value()
        if not (token or options.open or is_loopback(address[0])):
            raise RefusedError(
                f"{address[0]} can be reached from other machines: set SLUICE_TAGS_SERVICE_TOKEN, or say --open if "
                "something in front of it lets in only those who may",
                kind="bad_setting",
            )
        open_log(settings.log_path)
        asyncio.run(serve(options, address, token or None))
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
