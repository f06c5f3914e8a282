"""Runs a sandbox as a process of its own: for the demo, the tests and the benchmarks."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from platform_assets.core.errors import PermanentError

_ROOT = Path(__file__).resolve().parent.parent
_LOOK_SECONDS = 0.02
_STOP_SECONDS = 5.0
_CONTROLS = {"igdb": "/_sandbox", "shops": "/_control", "naver": "/sandbox"}
"""Upstream -> where its own endpoints are."""


class SandboxProcess:
    """`python -m sandbox igdb`, or another one that listens, on free ports of 127.0.0.1, from `with` to its end.

    Args:
        arguments: Further options, such as `("--games", "5000", "--time-scale", "10")`.
        upstream: `igdb`, `shops` or `naver`.
        ready_seconds: How long it may take until it listens.
    """

    def __init__(
        self,
        arguments: Sequence[str] = (),
        *,
        upstream: str = "igdb",
        ready_seconds: float = 120.0,
    ) -> None:
        self._arguments = tuple(arguments)
        self._upstream = upstream
        self._control = _CONTROLS[upstream]
        self._ports: tuple[int, ...] = ()
        self._ready_seconds = ready_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._client: httpx.Client | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the process and waits until it listens.

        Raises:
            PermanentError: It ended, or did not listen in time; the message holds the end of what it said.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-")
        folder = Path(self._folder.name)
        command = [sys.executable, "-m", "sandbox", self._upstream, "--port", "0"]
        command += ["--ready-file", str(folder / "port"), *self._arguments]
        try:
            with (folder / "log").open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                    command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            self._ports = self._wait_until_ready(folder)
        except BaseException:
            self.stop()
            raise
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{self._ports[0]}", trust_env=False, timeout=30.0
        )

    def stop(self) -> None:
        """Ends the process: SIGTERM, then SIGKILL after some seconds. Does nothing if it runs no more."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._process is not None:
            self._end(self._process)
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return str(self._http.base_url).rstrip("/")

    @property
    def urls(self) -> tuple[str, ...]:
        """As `url`, for every port that it listens on; the first is `url`."""
        return tuple(f"http://127.0.0.1:{port}" for port in self._ports)

    @property
    def pid(self) -> int:
        """The process, to measure its CPU time and memory."""
        if self._process is None:
            raise PermanentError("the sandbox does not run: call start() first")
        return self._process.pid

    def stats(self) -> dict[str, Any]:
        """The counters, as `stats.py` of the upstream describes them."""
        return self.ask("stats")

    def reset(self) -> None:
        """Sets the counters to zero."""
        self.tell("reset")

    def ask(self, question: str, **words: str) -> Any:  # noqa: ANN401 - any JSON
        """What one of its own endpoints answers: `ask("truth", type="blog", keyword="x")`."""
        reply = self._http.get(f"{self._control}/{question}", params=words)
        return reply.raise_for_status().json()

    def tell(self, order: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - any JSON
        """What one of its own endpoints answers to an order: `tell("day", {"day": 3})`."""
        reply = self._http.post(f"{self._control}/{order}", json=body)
        return reply.raise_for_status().json()

    def mutate(
        self,
        entity: str = "games",
        *,
        delete: Sequence[int] = (),
        delete_random: int = 0,
        change: Sequence[int] = (),
        change_random: int = 0,
        add: int = 0,
    ) -> dict[str, list[int]]:
        """Of igdb: deletes, changes and adds rows at once; returns the ids `deleted`, `changed` and `added`."""
        body = {"entity": entity, "delete": list(delete), "delete_random": delete_random}
        body |= {"change": list(change), "change_random": change_random, "add": add}
        return self.tell("mutate", body)

    def ids(self, entity: str = "games") -> list[int]:
        """Of igdb: all ids that there are now, ascending."""
        return self.ask("ids", entity=entity)

    @property
    def _http(self) -> httpx.Client:
        if self._client is None:
            raise PermanentError("the sandbox does not run: call start() first")
        return self._client

    def _wait_until_ready(self, folder: Path) -> tuple[int, ...]:
        assert self._process is not None
        ready = folder / "port"
        for _ in range(int(self._ready_seconds / _LOOK_SECONDS)):
            try:
                status = self._process.wait(timeout=_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if ready.exists():
                    return tuple(map(int, ready.read_text().split()))
            else:
                raise PermanentError(f"the sandbox ended with {status}: {_read_end(folder)}")
        raise PermanentError(
            f"the sandbox did not listen within {self._ready_seconds} s: {_read_end(folder)}"
        )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _read_end(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")[-1000:].strip() or "it said nothing"
