"""What a measured process is told, and what it tells at its end: one JSON object each way. Values, no work.

The processes of one measurement are held at a barrier until all of them have imported what they need: starting Python
is not what is measured.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from platform_assets.settings import Settings

READY = "ready"
"""What a process says when it waits at the barrier."""


class Job(msgspec.Struct, frozen=True):
    """Cells for one process.

    Attributes:
        home: SLUICE_HOME: state, objects and logs.
        state_url: State database.
        sources: Folder that the sandbox wrote the tenants' databases to.
        slices: Cells run by run; months of a tenant oldest first.
        concurrency: Cells at the same time.
    """

    home: str
    state_url: str
    sources: str
    slices: list[list[str]]
    concurrency: int

    @property
    def settings(self) -> Settings:
        """Everything that decides where the work reads and writes; the environment decides nothing of it."""
        return Settings(
            home=Path(self.home),
            state_url=self.state_url,
            objects_url="",
            log_file=None,
            tenants_concurrency=self.concurrency,
        )

    @property
    def tenants(self) -> list[str]:
        """The tenants of the cells."""
        return list(
            dict.fromkeys(cell.partition("|")[2] for cells in self.slices for cell in cells)
        )


class Measured(msgspec.Struct, frozen=True):
    """What one process did.

    Attributes:
        started: Of the machine's monotonic clock: when the first cell was begun.
        ended: When the last cell was done, and told to Dagster where there is one.
        cpu_seconds: For the cells.
        after_cpu_seconds: For what follows them: the tenants' customers.
        records: Events that were processed.
        import_cpu_seconds: Before the barrier.
        done_seconds: From the first claim to the last completion in the state table; None where there is none.
    """

    started: float
    ended: float
    cpu_seconds: float
    after_cpu_seconds: float
    records: int
    import_cpu_seconds: float = 0.0
    done_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """A moment, in wall and CPU time."""

    wall: float
    cpu: float

    @classmethod
    def look(cls) -> "Watch":
        """Now."""
        return cls(time.monotonic(), time.process_time())


def serve(work: Callable[[Job], Measured]) -> None:
    """The command line of a measured process: a job as one line in, what was measured as one line out."""
    job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    print(READY, flush=True)
    sys.stdin.readline()
    at_barrier = Watch.look()
    measured = work(job)
    measured = msgspec.structs.replace(measured, import_cpu_seconds=at_barrier.cpu)
    print(msgspec.json.encode(measured).decode(), flush=True)
