"""Does a subject's work in a fresh home while its processes are killed, and counts what that left behind.

SIGKILL, at moments spread over the work. By the command line: `dagster job execute`, started again after each kill. By
the daemon: the run is launched once, its worker, the code server and the daemon are killed, and what comes of it is the
daemon's own doing; a run is launched again only where nothing is queued or running.
"""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster import DagsterRunStatus, RunsFilter
from sqlalchemy.exc import OperationalError

from benchmarks.backfilling.sources import ROOT
from benchmarks.backfilling.storage import Home, program
from benchmarks.checking import open_instance
from benchmarks.reliability.contents import Contents, read_contents
from benchmarks.reliability.subjects import Subject, fill

LOOK_SECONDS = 0.05
IDLE_SECONDS = 600.0
"""Without a step forward for so long, a run counts as stuck: on a busy machine a start alone takes a minute or two."""

MOST_RUNS = 6
"""Starts of the job after the last kill, before the work counts as stuck."""

UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


@dataclass(slots=True)
class Attack:
    """What an attacked home came to.

    Attributes:
        kills: Processes that were killed.
        starts: Runs that were started by us.
        requests: That the upstream has seen; None where it does not count.
        stuck: Pieces in hand of nobody, runs that never end, slots that nobody frees, work that does not go on.
        disabled: Tenants that were switched off, units that were given up.
        contents: What is in its tables.
        notes: What was odd, in words.
    """

    kills: int = 0
    starts: int = 0
    requests: int | None = None
    stuck: int = 0
    disabled: int = 0
    contents: Contents = field(default_factory=dict[str, object])  # pyright: ignore[reportAssignmentType] - Contents
    notes: list[str] = field(default_factory=list[str])


class Ground:
    """A prepared home with a subject's work in it.

    Args:
        home: Fresh.
        subject: Whose work it is.
    """

    def __init__(self, home: Home, subject: Subject) -> None:
        self.home, self.subject = home, subject
        self.environment = home.environment(**subject.variables)
        self.objects = home.folder / "objects"
        self.engine = sa.create_engine(home.state_url, pool_pre_ping=True)
        self.instance = open_instance(home.dagster_home)
        fill(subject, home, self.instance)
        if subject.first_job is not None:
            job, tags = subject.first_job
            if self.start(job, tags).wait():
                raise RuntimeError(f"{job} failed: {self.log}")

    @property
    def log(self) -> Path:
        """What its processes print."""
        return self.home.folder / "processes.log"

    def start(self, job: str, tags: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """`dagster job execute`, in a session of its own."""
        return self.spawn("dagster", "job", "execute", "-j", job, "--tags", json.dumps(tags))

    def launch(self) -> None:
        """`dagster job launch` of the subject's job: into the queue of the daemon."""
        tags = json.dumps(self.subject.find_tags(self.instance))
        workspace = str(ROOT / "workspace.yaml")
        job = self.subject.job
        if self.spawn(
            "dagster", "job", "launch", "-w", workspace, "-j", job, "--tags", tags
        ).wait():
            raise RuntimeError(f"{job} could not be launched: {self.log}")

    def spawn(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """A program of the environment, in a session of its own."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [program(name), *arguments],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_again(self) -> "subprocess.Popen[bytes]":
        """The subject's job, by the command line."""
        return self.start(self.subject.job, self.subject.find_tags(self.instance))

    def count_done(self) -> int:
        """How far the work is; 0 while the database cannot be read."""
        with suppress(OperationalError), self.engine.connect() as connection:
            return self.subject.count_done(self.objects, connection)
        return 0

    def count_requests(self) -> int | None:
        """What the upstream has seen."""
        return self.subject.count_requests() if self.subject.count_requests else None

    def unfinished_runs(self) -> list[dg.DagsterRun]:
        """Runs that Dagster believes to be going on or about to start."""
        return list(self.instance.get_runs(RunsFilter(statuses=UNFINISHED)))

    def inspect(self, attack: Attack, total: int) -> None:
        """Counts what is stuck or given up, and reads the tables."""
        done = self.count_done()
        held = self._count("SELECT count(*) FROM units WHERE state = 'running'")
        held += self._count("SELECT count(*) FROM tenant_month_states WHERE status = 'RUNNING'")
        runs = self.unfinished_runs()
        slots = count_slots(self.instance)
        parts = {"units or months held": held, "runs unfinished": len(runs), "slots claimed": slots}
        parts["pieces not done"] = max(0, total - done)
        attack.stuck = sum(parts.values())
        attack.notes += [f"{count} {name}" for name, count in parts.items() if count]
        attack.disabled = self._count("SELECT count(*) FROM tenants WHERE NOT active")
        attack.disabled += self._count("SELECT count(*) FROM units WHERE state = 'failed'")
        attack.contents = read_contents(self.objects, self.engine)

    def close(self) -> None:
        """Ends what is left of its processes; frees what this process holds."""
        for pid in list_processes(self.home.folder):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.engine.dispose()

    def _count(self, query: str) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(sa.text(query)) or 0


def work_undisturbed(ground: Ground) -> tuple[int, Attack]:
    """The work without any kill; how many pieces it has, and what came of it.

    Raises:
        RuntimeError: The job failed.
    """
    before = ground.count_requests() or 0
    if ground.start_again().wait():
        raise RuntimeError(f"the undisturbed {ground.subject.job} failed: {ground.log}")
    total = ground.count_done()
    calm = Attack(starts=1)
    ground.inspect(calm, total)
    calm.requests = None if ground.count_requests() is None else ground.count_requests() - before  # pyright: ignore[reportOptionalOperand]
    return total, calm


def choose_moments(total: int, kills: int, draw: random.Random) -> list[int]:
    """Ascending counts of finished pieces at which to kill; the first may be before any is finished."""
    width = total / kills
    return [int(width * (number + 0.9 * draw.random())) for number in range(kills)]


def kill_commands(ground: Ground, total: int, kills: int, draw: random.Random) -> Attack:
    """The job by the command line, killed and started again."""
    attack = Attack()
    before = ground.count_requests() or 0
    for moment in choose_moments(total, kills, draw):
        run = ground.start_again()
        attack.starts += 1
        if not _wait_for(ground, run, moment):
            attack.notes.append(f"a run ended with {run.returncode} before it could be killed")
            break
        time.sleep(draw.uniform(0, 0.3))
        _kill(ground, run, everything=attack.kills % 2 == 0)
        attack.kills += 1
    for _ in range(MOST_RUNS):
        run = ground.start_again()
        attack.starts += 1
        status = _wait_for_end(ground, run)
        if status == 0 and ground.count_done() >= total:
            break
        attack.notes.append(f"a run after the last kill ended with {status}")
    ground.inspect(attack, total)
    _count_requests(attack, ground, before)
    return attack


def kill_under_daemon(ground: Ground, total: int, kills: int, draw: random.Random) -> Attack:
    """The job launched into the daemon's queue; workers, code server and daemon are killed."""
    attack = Attack()
    before = ground.count_requests() or 0
    moments = choose_moments(total, kills, draw)
    with _daemon(ground) as daemon:
        _launch_once(ground, attack)
        moved, last = time.monotonic(), -1
        while time.monotonic() - moved < IDLE_SECONDS:
            done = ground.count_done()
            if done != last:
                moved, last = time.monotonic(), done
            if moments and done >= moments[0] and daemon.kill_one(draw):
                moments.pop(0)
                attack.kills += 1
            unfinished = ground.unfinished_runs()
            if done >= total and not unfinished:
                break
            if not unfinished:
                _launch_once(ground, attack)
            time.sleep(0.3)
        ground.inspect(attack, total)
    _count_requests(attack, ground, before)
    return attack


def _launch_once(ground: Ground, attack: Attack) -> None:
    ground.launch()
    attack.starts += 1


class _Daemon:
    """`dagster-daemon run` with the code server that it starts; started again when it is killed."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        return self._ground.spawn("dagster-daemon", "run", "-w", str(ROOT / "workspace.yaml"))

    def kill_one(self, draw: random.Random) -> bool:
        """Kills a worker of a run, mostly, or the code server or the daemon; False where there is none."""
        servers, workers = find_servers_and_workers(self._ground.home.folder)
        choice = draw.random()
        if choice < 0.15:
            self._process.kill()
            self._process.wait()
            self._process = self._start()
            return True
        targets = servers if choice < 0.25 else workers
        if not targets:
            return False
        with suppress(ProcessLookupError):
            os.kill(draw.choice(targets), signal.SIGKILL)
        return True

    def end(self) -> None:
        """Asks it to end, then kills what is left."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(30)


@contextmanager
def _daemon(ground: Ground) -> Generator[_Daemon]:
    daemon = _Daemon(ground)
    try:
        yield daemon
    finally:
        daemon.end()


def count_slots(instance: dg.DagsterInstance) -> int:
    """Slots of all pools that are claimed."""
    storage = instance.event_log_storage
    keys = storage.get_concurrency_keys()
    return sum(storage.get_concurrency_info(key).active_slot_count for key in keys)


def list_processes(home: Path) -> list[int]:
    """Every process of a home (SLUICE_HOME), whoever started it."""
    wanted = f"SLUICE_HOME={home}".encode()
    found = list[int]()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if wanted in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def find_servers_and_workers(home: Path) -> tuple[list[int], list[int]]:
    """Code servers of a home, and the workers of its runs: what a code server has started."""
    pids = list_processes(home)
    lines = {pid: _read_command(pid) for pid in pids}
    servers = [pid for pid, line in lines.items() if " api grpc" in line]
    workers = [pid for pid in pids if _parent_of(pid) in servers]
    return servers, [pid for pid in workers if "resource_tracker" not in lines[pid]]


def _read_command(pid: int) -> str:
    with suppress(OSError):
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    return ""


def _parent_of(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _wait_for(ground: Ground, run: "subprocess.Popen[bytes]", moment: int) -> bool:
    """Whether the run came so far before it ended; one that does not move is given up."""
    moved, last = time.monotonic(), -1
    while time.monotonic() - moved < IDLE_SECONDS:
        done = ground.count_done()
        if done != last:
            moved, last = time.monotonic(), done
        if done > moment:
            return True
        if run.poll() is not None:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _wait_for_end(ground: Ground, run: "subprocess.Popen[bytes]") -> int | None:
    """The run's exit status; None if it was killed because it did not move."""
    moved, last = time.monotonic(), -1
    while time.monotonic() - moved < IDLE_SECONDS:
        if run.poll() is not None:
            return run.returncode
        done = ground.count_done()
        if done != last:
            moved, last = time.monotonic(), done
        time.sleep(0.2)
    _kill(ground, run, everything=True)
    return None


def _kill(ground: Ground, run: "subprocess.Popen[bytes]", *, everything: bool) -> None:
    """SIGKILL of the run alone, whose children have to notice, or of all processes of the home."""
    for pid in list_processes(ground.home.folder) if everything else [run.pid]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    run.wait()


def _count_requests(attack: Attack, ground: Ground, before: int) -> None:
    now = ground.count_requests()
    attack.requests = None if now is None else now - before
