"""Who is kept out by clients that connect, send half a request and wait?

    python -m benchmarks.reliability.slow_clients [--connections 1000] [--files 1024]

The API and Dagster's webserver behind its guard, as processes that may open so many files. While the connections are
there others ask: how many of them are answered, the longest wait, and what became of the slow ones.
"""

import argparse
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.backfilling.sources import ROOT
from benchmarks.backfilling.storage import SQLITE, open_home
from benchmarks.tables import format_table, write_json

HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
ASKED = 50
START_SECONDS = 180.0
LONGEST_SECONDS = 10.0
WATCHED_SECONDS = 15.0
"""Longer than the API gives a head."""

HEADERS = (
    *("server", "slow connections", "asked beside them", "answered", "longest wait"),
    *("open after 15 s", "answered after"),
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server, the arguments of its process, and a path that it answers."""

    name: str
    arguments: Sequence[str]
    path: str


SERVERS = (
    Server("API", ("-m", "api"), "/api/v2/batch/health"),
    Server(
        "webserver",
        ("-m", "platform_assets.webserver", "-w", "{home}/workspace.yaml", "-p", "{port}"),
        "/server_info",
    ),
)


def main() -> int:
    """The command line."""
    options = read_options()
    raise_own_limit(2 * options.connections)
    rows = list[tuple[str, ...]]()
    with tempfile.TemporaryDirectory(prefix="bench-slow-") as folder:
        for server in SERVERS:
            home = Path(folder) / server.name
            home.mkdir()
            (home / "workspace.yaml").write_text("load_from: []\n")
            with start(server, home, options.files) as port:
                rows.append(besiege(server, port, options.connections))
    print(format_table(HEADERS, rows))
    write_json(options.json, [dict(zip(HEADERS, row, strict=True)) for row in rows])
    return 0 if all(row[2] == row[3] and row[-1] == "yes" for row in rows) else 1


def raise_own_limit(files: int) -> None:
    """This process holds the other ends."""
    _, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files + 100, highest), highest))


@contextmanager
def start(server: Server, home: Path, files: int) -> Generator[int]:
    """The server as a process, on a port that it is given."""
    port = find_port()
    with open_home(home / "home", SQLITE, "") as own:
        environment = own.environment(SLUICE_API_URL=f"http://127.0.0.1:{port}")
        arguments = [part.format(home=home, port=port) for part in server.arguments]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        try:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (files, files))
            wait_for_answer(server, port, process)
            yield port
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()


def find_port() -> int:
    """A free one."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def wait_for_answer(server: Server, port: int, process: "subprocess.Popen[bytes]") -> None:
    """Returns when it answers.

    Raises:
        RuntimeError: It ended, or did not answer in time.
    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if ask(server, port) is not None:
            return
        time.sleep(0.2)
    raise RuntimeError(f"{server.name} does not answer")


def ask(server: Server, port: int) -> float | None:
    """Seconds until an answer by a connection of its own; None if there was none. Any status is one."""
    started = time.monotonic()
    try:
        httpx.get(f"http://127.0.0.1:{port}{server.path}", trust_env=False, timeout=LONGEST_SECONDS)
    except httpx.HTTPError:
        return None
    return time.monotonic() - started


def besiege(server: Server, port: int, connections: int) -> tuple[str, ...]:
    """The row of a server."""
    with ExitStack() as stack:
        slow = list[socket.socket]()
        for _ in range(connections):
            with suppress(OSError):
                connection = socket.create_connection(("127.0.0.1", port), timeout=5)
                slow.append(stack.enter_context(closing(connection)))
                connection.sendall(HALF)
        waits = [ask(server, port) for _ in range(ASKED)]
        time.sleep(WATCHED_SECONDS)
        still = sum(is_open(connection) for connection in slow)
    answered = [wait for wait in waits if wait is not None]
    longest = f"{max(answered):.2f} s" if answered else "-"
    after = "yes" if ask(server, port) is not None else "no"
    return (
        server.name,
        str(len(slow)),
        str(ASKED),
        str(len(answered)),
        longest,
        str(still),
        after,
    )


def is_open(connection: socket.socket) -> bool:
    """Whether the other side has it open still, and has answered nothing."""
    connection.setblocking(False)  # noqa: FBT003 - the name of the standard library
    try:
        return bool(connection.recv(1)) and False
    except BlockingIOError:
        return True
    except OSError:
        return False


def read_options() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability.slow_clients", description=__doc__
    )
    add = parser.add_argument
    add("--connections", type=int, default=1000)
    add("--files", type=int, default=1024, help="that a server may open")
    add("--json", type=Path, help="also write the rows to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
