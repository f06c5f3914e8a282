"""One rig per runner: a place for the tiny tasks, the runner itself, and what it started."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from platform_assets.core.jobs import Job, JobRunner, TaskEnd
from tests.architecture.source_tree import ROOT

TINY_TASK = Path(__file__).with_name("tiny_task.py")
GRACE_SECONDS = 1.0
"""From SIGTERM to SIGKILL in these tests; 10 in production."""

LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Trace:
    """A process that ran, by its own word."""

    index: int
    attempt: int
    pid: int
    variables: Mapping[str, str]
    argv: list[str]


@dataclass
class Rig:
    """A runner over tiny tasks.

    Attributes:
        name: Which runner.
        folder: Where manifests and traces are.
        runner: The runner.
    """

    name: str
    folder: Path
    runner: JobRunner
    ended: list[TaskEnd] = field(default_factory=list)

    def make_job(self, tasks: int, orders: Mapping[int, str] | None = None) -> Job:
        """A job of its own; `orders` says what single tasks do (see tiny_task.py)."""
        job_id = uuid4().hex[:12]
        job = Job(job_id, f"jobs/{job_id}/manifest.json", tasks)
        path = self.folder / job.manifest
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({str(n): order for n, order in (orders or {}).items()}))
        return job

    async def run(self, job: Job) -> list[TaskEnd]:
        """The ends in order, with `ended` in the order in which they were told."""
        self.ended.clear()
        return list(await self.runner.run(job, self.ended.append))

    def traces(self, job: Job) -> list[Trace]:
        """Processes of a job that have started."""
        found: list[Trace] = []
        for path in sorted((self.folder / "traces").glob("[0-9]*")):
            said = json.loads(path.read_text())
            argv = said.pop("argv")
            index, attempt, pid = map(int, path.name.split("-"))
            if job.manifest in argv:
                found.append(Trace(index, attempt, pid, said, argv))
        return found

    async def wait_for_traces(self, job: Job, count: int) -> list[Trace]:
        deadline = time.monotonic() + 120
        while len(found := self.traces(job)) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} tasks started"
            await asyncio.sleep(LOOK_SECONDS)
        return found


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


class ServiceProcess:
    """`python -m platform_assets.tags.service` on a free port of 127.0.0.1.

    Args:
        folder: For the tiny task, which is its task unless the options end in `--` and another one.
        options: Of the command line.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._log = (folder / "service.log").open("ab")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "platform_assets.tags.service", "--port", "0"),
                *("--grace-seconds", str(GRACE_SECONDS), *options),
                *(() if "--" in options else ("--", sys.executable, str(TINY_TASK), str(folder))),
            ],
            cwd=ROOT,
            env={**os.environ, "SLUICE_HOME": str(folder / "home")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said.startswith("listening on "), (folder / "service.log").read_text()
        self.url = said.removeprefix("listening on ").strip()

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        return self._process.wait(seconds)

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with suppress(OSError):
            self._log.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
