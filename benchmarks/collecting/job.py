"""What a measured process is told, and what it tells at its end: one JSON object each way.

The process is started for one collection only, so that its CPU time and its peak of memory are the collector's own; for
the same reason nothing of the sandbox is imported here.
"""

import asyncio
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from resources.caps.limits import Cap

GAMES = "games"
"""The entity that is measured: the only large one."""


class Job(msgspec.Struct, frozen=True):
    """One collection.

    Attributes:
        url: The sandbox, without a slash at the end.
        home: Folder of everything that the collection writes.
        date: Day to collect, `YYYY-MM-DD`.
        client_id: Known to the sandbox.
        client_secret: Known to the sandbox.
        cap: What the sandbox allows.
        concurrent: Many pages at the same time, or one after another.
        multiquery: Whether to pack ten queries into a request (ours only).
        time_scale: Waits before a repetition are divided by it, as the sandbox divides its latencies.
    """

    url: str
    home: str
    date: str
    client_id: str
    client_secret: str
    cap: Cap
    concurrent: bool = True
    multiquery: bool = False
    time_scale: float = 1.0

    @property
    def ids_path(self) -> Path:
        """Where a collector that lands nothing leaves the ids that it saw, in their order (64-bit integers)."""
        return Path(self.home) / "ids"


class Measured(msgspec.Struct, frozen=True):
    """One collection, as its process saw it.

    Attributes:
        wall_seconds: From opening the state database to the published manifest.
        cpu_seconds: User and system time of the whole process, imports included.
        import_cpu_seconds: The part of it before the collection began.
        peak_bytes: Largest resident memory.
    """

    wall_seconds: float
    cpu_seconds: float
    import_cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Wall and CPU time since it was started."""

    wall: float
    cpu: float

    @classmethod
    def start(cls) -> "Stopwatch":
        """Starts now."""
        return cls(time.perf_counter(), time.process_time())

    def stop(self) -> Measured:
        """What was used up to now."""
        return Measured(
            wall_seconds=time.perf_counter() - self.wall,
            cpu_seconds=time.process_time(),
            import_cpu_seconds=self.cpu,
            peak_bytes=read_peak_bytes(),
        )


def read_peak_bytes(status: Path = Path("/proc/self/status")) -> int:
    """Largest resident memory of this process so far.

    On Linux from `VmHWM`: `ru_maxrss` starts at the size of the process that started this one.
    """
    try:
        lines = status.read_text().splitlines()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def serve(collect: Callable[[Job], Coroutine[Any, Any, Measured]]) -> None:
    """The command line of a measured process: a job as JSON in, what was measured as JSON out."""
    job = msgspec.json.decode(sys.argv[1], type=Job)
    print(msgspec.json.encode(asyncio.run(collect(job))).decode())
