"""The REST API under many clients, as `python -m api` serves it, over a state of 1,000 tenants x 24 months."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from api.auth import mint_token
from benchmarks.backfilling.sources import ROOT
from benchmarks.backfilling.storage import open_home
from benchmarks.deciding import make_months, make_tenant
from benchmarks.serving.clients import Answers, Load
from benchmarks.serving.summary import BARE, Served, describe_answers
from platform_assets.services import Services
from platform_assets.settings import child_environment
from platform_assets.tenants.state.rows import insert_months, insert_tenants
from platform_assets.tenants.tenant import TenantType

TENANTS, MONTHS = 1000, 24
CLIENTS = 20
SECONDS = 8.0
START_SECONDS = 60.0
UNLIMITED = 10_000_000
"""Requests per minute: the clients come from one address, and the limit is not what is measured."""


def measure_api(folder: Path, storage: str, server: str) -> list[Served]:
    """Latencies of each question, and of the bare server with an answer of the same size.

    Args:
        folder: A folder is made in it.
        storage: SQLITE or POSTGRESQL.
        server: See `open_home`.
    """
    token, entry = mint_token("benchmark", "read")
    served: list[Served] = []
    with open_home(folder / storage, storage, server) as home:
        fill_state(home.open_services())
        port = find_free_port()
        environment = home.environment(
            SLUICE_API_URL=f"http://127.0.0.1:{port}",
            SLUICE_API_TOKENS=entry,
            SLUICE_API_REQUESTS_PER_MINUTE=str(UNLIMITED),
        )
        with running(["-m", "api"], port, environment, home.folder / "api.log"):
            for name, paths in list_questions().items():
                answers = ask(Load(port, paths, token, CLIENTS, SECONDS))
                served.append(describe_answers(name, storage, answers))
    sizes = {one.body_bytes for one in served}
    return [*served, *(measure_bare_server(folder, storage, size) for size in sorted(sizes)[-1:])]


def measure_bare_server(folder: Path, storage: str, size: int) -> Served:
    """The peer, with the largest of the answers."""
    port = find_free_port()
    command = ["-m", "benchmarks.serving.bare_server", str(port), str(size)]
    with running(command, port, child_environment({}), folder / "bare.log"):
        return describe_answers(BARE, storage, ask(Load(port, ["/"], "", CLIENTS, SECONDS)))


def list_questions() -> dict[str, list[str]]:
    """Name -> paths that are asked in turns; of tenants, many different ones."""
    tenants = [
        f"/api/v2/batch/advertisers/tenant-{number * 7 % TENANTS:05}" for number in range(TENANTS)
    ]
    return {
        "status": ["/api/v2/batch/status"],
        "backfill-progress": [f"{tenant}/backfill-progress" for tenant in tenants],
        "processing-states": [f"{tenant}/processing-states" for tenant in tenants],
    }


def fill_state(services: Services) -> None:
    """Tenants and their months, half of the tenants NEW and half done."""
    made = [
        make_tenant(number, TenantType.NEW if number % 2 else TenantType.EXISTING)
        for number in range(TENANTS)
    ]
    with services.state.write() as connection:
        insert_tenants(connection, made)
        insert_months(connection, [month for one in made for month in make_months(one, MONTHS)])
    services.state.close()


def ask(load: Load) -> Answers:
    """Runs the clients in a process of their own."""
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving.clients", msgspec.json.encode(load).decode()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(told.stdout, type=Answers)


@contextmanager
def running(
    arguments: Sequence[str], port: int, environment: Mapping[str, str], log: Path
) -> Generator[None]:
    """A server from when it listens to the end of the block.

    Raises:
        RuntimeError: It ended, or did not listen in time.
    """
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_until_listening(server, port, log)
        yield
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def find_free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_listening(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"no server at {port}: {log.read_text(errors='replace')[-2000:]}")
