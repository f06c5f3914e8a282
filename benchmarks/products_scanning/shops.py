"""The sandbox's shops as a process of their own: for the benchmarks and the integration tests of products."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from platform_assets.core.errors import PermanentError

_ROOT = Path(__file__).resolve().parents[2]
_READY_SECONDS = 30.0
_STOP_SECONDS = 5.0


class ShopsProcess:
    """`python -m sandbox shops` on a free port of 127.0.0.1, from `with` to the end of its block.

    Args:
        arguments: Further options, such as `("--products", "100", "--latency", "0.01")`.
    """

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self._arguments = tuple(arguments)
        self.url = ""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-shops-")
        ready = Path(self._folder.name) / "port"
        command = [sys.executable, "-m", "sandbox", "shops", "--port", "0"]
        command += ["--ready-file", str(ready), *self._arguments]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL)
        try:
            self.url = f"http://127.0.0.1:{self._wait_for_port(ready)}"
        except BaseException:
            self._stop()
            raise
        self._client = httpx.Client(base_url=self.url, trust_env=False, timeout=30.0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()
        self._stop()

    @property
    def pid(self) -> int:
        """The process, to leave it out of what is measured."""
        return self._process.pid

    def settings(self, shop: str) -> dict[str, str]:
        """Fields of the settings of a platform that reads this shop."""
        return {f"shop_{shop}_url": f"{self.url}/{shop}"}

    def stats(self, shop: str) -> dict[str, Any]:
        """A shop's counters, as `sandbox/shops/stats.py` describes them."""
        return self._get("stats")["shops"][shop]

    def truth(self, shop: str) -> dict[str, dict[str, Any]]:
        """What a reader should make of each product on the day that it is, by id."""
        return self._get(f"truth?platform={shop}")["products"]

    def reset(self) -> None:
        """Sets the counters to zero."""
        self._post("reset", {})

    def set_faults(self, plan: Mapping[str, Any]) -> None:
        """Injects other faults from now on, as `sandbox/shops/faults.py` describes them; `{}` for none."""
        self._post("faults", plan)

    def set_day(self, day: int) -> None:
        """Makes it another day."""
        self._post("day", {"day": day})

    def _get(self, path: str) -> dict[str, Any]:
        return self._client.get(f"/_control/{path}").raise_for_status().json()

    def _post(self, path: str, body: Mapping[str, Any]) -> None:
        self._client.post(f"/_control/{path}", json=body).raise_for_status()

    def _wait_for_port(self, ready: Path) -> int:
        deadline = time.monotonic() + _READY_SECONDS
        while not ready.exists():
            try:
                code = self._process.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                code = None
            if code is not None or time.monotonic() > deadline:
                raise PermanentError(
                    f"the sandbox's shops do not listen ({code}): what they wrote says why"
                )
        return int(ready.read_text())

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()
