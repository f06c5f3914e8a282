"""`python -m api` as a process of its own, a Dagster home, and a door to PostgreSQL that a test can shut."""

import hashlib
import os
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import httpx
from dagster._core.instance.ref import InstanceRef
from dagster._daemon.types import DaemonHeartbeat

from platform_assets.core.clock import SystemClock
from tests.architecture.source_tree import ROOT

OPERATE, READ = "token-of-olga", "token-of-rita"
TOKENS = ",".join(
    f"{name}:{role}:{hashlib.sha256(token.encode()).hexdigest()}"
    for name, role, token in (("olga", "operate", OPERATE), ("rita", "read", READ))
)
START_SECONDS = 600


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def dagster_home(folder: Path) -> Generator[dg.DagsterInstance]:
    """A Dagster home; the settings of the repository, which ask for a queue and its daemons."""
    folder.mkdir()
    (folder / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder))) as instance:
        yield instance


def sign_daemons(instance: dg.DagsterInstance) -> None:
    """Gives every daemon that the instance needs a sign of life."""
    now = SystemClock().now().timestamp()
    for name in instance.get_required_daemon_types():
        instance.add_daemon_heartbeat(DaemonHeartbeat(now, name, None))


@contextmanager
def serving(home: Path, **variables: str) -> Generator[httpx.Client]:
    """The API as a process; a client that may operate. Its log is `api.log` in `home`."""
    port = free_port()
    foreign = {key: value for key, value in os.environ.items() if not key.startswith("SLUICE_")}
    environment = {
        **foreign,
        "DAGSTER_HOME": str(home / "dagster"),
        "SLUICE_HOME": str(home),
        "SLUICE_API_URL": f"http://127.0.0.1:{port}",
        "SLUICE_API_TOKENS": TOKENS,
        "SLUICE_API_REQUESTS_PER_MINUTE": "10000000",
        "SLUICE_DAGSTER_URL": f"http://127.0.0.1:{free_port()}",
        **variables,
    }
    with (
        (home / "api.log").open("a") as log,
        subprocess.Popen(
            [sys.executable, "-m", "api"], cwd=ROOT, env=environment, stdout=log, stderr=log
        ) as process,
    ):
        try:
            _await_port(port, process)
            headers = {"authorization": f"Bearer {OPERATE}"}
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=600, trust_env=False
            ) as client:
                yield client
        finally:
            process.terminate()
            process.wait(600)


def _await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(START_SECONDS * 10):
        assert process.poll() is None, "the API ended; see api.log"
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise AssertionError("the API does not listen")


class Door:
    """A port that leads to another one while it is open. Shut, it refuses, and cuts what went through."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self.port = free_port()
        self._server: socket.socket | None = None
        self._pairs: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._spawn(self._accept, self._server)

    def shut(self) -> None:
        assert self._server is not None
        # Closing alone leaves the accept of the other thread waiting.
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for end in self._pairs:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._pairs.clear()
        self._threads.clear()

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                near, _ = server.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._pairs += [near, far]
            self._spawn(self._pipe, near, far)

    def _pipe(self, near: socket.socket, far: socket.socket) -> None:
        with near, far, selectors.DefaultSelector() as selector, suppress(OSError):
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in selector.select():
                    end: socket.socket = key.data
                    assert isinstance(key.fileobj, socket.socket)
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    end.sendall(data)

    def _spawn(self, work: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # pyright: ignore[reportArgumentType]
        self._threads.append(thread)
        thread.start()
