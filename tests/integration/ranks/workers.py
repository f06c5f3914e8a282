"""Starts and kills the processes of `worker.py`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from platform_assets.settings import child_environment
from tests.integration.processes import is_gone, wait_until
from tests.integration.ranks.rig import Rig

SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Captor:
    """A process that captures a day."""

    pid: int
    told: Path

    def is_over(self) -> bool:
        return is_gone(self.pid)

    def kill(self) -> None:
        """Kills it in the middle of its work."""
        assert not self.is_over(), "it was over before"
        os.kill(self.pid, signal.SIGKILL)
        wait_until(self.is_over, "its end", SECONDS)
        assert not self.told.exists(), "it was over before"

    def read(self) -> dict[str, Any]:
        """What it did, once it has ended."""
        wait_until(self.is_over, "its end", SECONDS)
        return json.loads(self.told.read_text())


class Workers:
    """The process that forks, from `with` to its end, with the services of a rig."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self._rig, self._folder = rig, folder
        self._captors: list[Captor] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.ranks.worker"],
            env=child_environment(self._rig.variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for captor in self._captors:
            if not captor.is_over():
                os.kill(captor.pid, signal.SIGKILL)
        self._process.communicate()

    def start(self, trackings: Sequence[int] = ()) -> Captor:
        """A process that captures the day of some trackings, or of all."""
        told = self._folder / f"told-{len(self._captors)}.json"
        order = {
            "seconds": self._rig.clock.seconds,
            "trackings": list(trackings),
            "told": str(told),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self._captors.append(Captor(int(self._process.stdout.readline()), told))
        return self._captors[-1]
