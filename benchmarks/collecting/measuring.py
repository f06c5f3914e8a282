"""One measured collection: a sandbox for it alone, a process for it alone, and what came of it read back."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.collecting.job import Job, Measured
from benchmarks.collecting.landed import judge_ids, read_landed_ids, read_listed_ids
from benchmarks.collecting.modes import BenchMode, Collecting
from platform_assets.core.clock import SystemClock
from resources.caps.limits import CAPS, LARGEST_GUARD, Cap
from resources.caps.window import forget_throttles
from resources.state.cap_states import SqlCapStates
from resources.state.database import open_state
from sandbox.igdb.command import CLIENT_ID, CLIENT_SECRET
from sandbox.process import SandboxProcess

FIRST_DAY = "2026-01-01"
SECOND_DAY = "2026-01-02"

PAGE_SIZE = 500
"""Records a page (api-docs.igdb.com): what the limit is reckoned with."""

FAULT_SHARES = {"http_500": 0.5, "drop": 0.4, "slow": 0.1}
"""How a rate of faults is divided: 2 % are 1 % status 500, 0.8 % dropped connections, 0.2 % bodies of 5 s."""

IGDB = CAPS["igdb"]

_ROOT = Path(__file__).resolve().parent.parent.parent
_SAID_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class World:
    """What all collections of one round have in common.

    Attributes:
        records: Games that the sandbox has.
        time_scale: By how much the sandbox's time runs faster.
        latency: Median latency in seconds, unscaled.
        faults: Share of requests that go wrong in faulty modes.
        seed: Of data and latencies.
        folder: Where homes are made.
    """

    records: int
    time_scale: float
    latency: float
    faults: float
    seed: int
    folder: Path

    @property
    def cap(self) -> Cap:
        """IGDB's cap in the sandbox's time. The guard grows with the scale: our own delays do not shrink."""
        return replace(
            IGDB,
            per_seconds=IGDB.per_seconds / self.time_scale,
            guard=min(IGDB.guard * self.time_scale, LARGEST_GUARD),
        )

    @property
    def limit_seconds(self) -> float:
        """Least time that the allowed rate leaves, one page a request: pages / rate."""
        return -(-self.records // PAGE_SIZE) * self.cap.per_seconds / self.cap.requests


class Row(msgspec.Struct, frozen=True):
    """One measured collection.

    Attributes:
        mode: Name of the mode.
        seed: Of data and latencies.
        wall_seconds: See `Measured`.
        ratio: Wall / (pages / rate), however many pages a request carried.
        requests: Requests to the API that the sandbox saw, refused ones included.
        refused: 429s of the sandbox's gate, injected ones not counted.
        faults: Injected faults by kind.
        cpu_seconds: See `Measured`.
        import_cpu_seconds: See `Measured`.
        peak_megabytes: See `Measured`; 1 MB is 1,000,000 bytes.
        records: Records that were found where they should lie.
        verdict: `exact`, or what is wrong with them.
        max_open: Most requests in progress at once.
    """

    mode: str
    seed: int
    wall_seconds: float
    ratio: float
    requests: int
    refused: int
    faults: dict[str, int]
    cpu_seconds: float
    import_cpu_seconds: float
    peak_megabytes: float
    records: int
    verdict: str
    max_open: int


class CollectionError(Exception):
    """A measured process ended with an error; the text holds the end of what it said."""


def prepare_first_day(world: World) -> Path:
    """Collects the first day as fast as can be, unmeasured; returns the home that holds its snapshot.

    Raises:
        CollectionError: It did not work.
    """
    home = world.folder / f"first-day-{world.seed}"
    shutil.rmtree(home, ignore_errors=True)
    wide = replace(IGDB, requests=1000, in_flight=16, guard=0.0)
    arguments = ("--rate", "1000", "--open", "200", "--latency", "0")
    with SandboxProcess((*_describe_data(world), *arguments)) as sandbox:
        run_alone(Collecting.OURS, _make_job(sandbox, home, FIRST_DAY, wide))
    _forget_throttles(home)
    return home


def measure(world: World, mode: BenchMode, first_day: Path | None) -> Row:
    """Measures one collection.

    Args:
        world: Size, time and seed.
        mode: What to measure.
        first_day: Home with the snapshot of the day before; needed by modes of the second day.

    Raises:
        CollectionError: The measured process failed.
    """
    home = world.folder / f"{mode.name}-{world.seed}"
    shutil.rmtree(home, ignore_errors=True)
    if mode.second_day:
        assert first_day is not None
        shutil.copytree(first_day, home)
    home.mkdir(parents=True, exist_ok=True)
    with SandboxProcess(_describe_sandbox(world, mode, home)) as sandbox:
        date = SECOND_DAY if mode.second_day else FIRST_DAY
        job = msgspec.structs.replace(
            _make_job(sandbox, home, date, world.cap),
            concurrent=mode.concurrent,
            multiquery=mode.multiquery is not None,
            time_scale=world.time_scale,
        )
        measured = run_alone(mode.collecting, job)
        stats, served = sandbox.stats(), sandbox.ids()
    read_ids = read_landed_ids if mode.collecting is Collecting.OURS else read_listed_ids
    found = read_ids(job)
    return _make_row(world, mode, measured, stats, len(found), judge_ids(found, served))


def run_alone(collecting: Collecting, job: Job) -> Measured:
    """Runs a collection in a fresh process.

    Raises:
        CollectionError: It failed.
    """
    command = [sys.executable, "-m", f"benchmarks.collecting.{collecting}"]
    done = subprocess.run(
        [*command, msgspec.json.encode(job).decode()],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CollectionError(
            f"{collecting} ended with {done.returncode}: {done.stderr[-_SAID_LENGTH:]}"
        )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Measured)


def _make_job(sandbox: SandboxProcess, home: Path, date: str, cap: Cap) -> Job:
    return Job(sandbox.url, str(home), date, CLIENT_ID, CLIENT_SECRET, cap)


def _make_row(
    world: World,
    mode: BenchMode,
    measured: Measured,
    stats: Mapping[str, Any],
    records: int,
    verdict: str,
) -> Row:
    return Row(
        mode=mode.name,
        seed=world.seed,
        wall_seconds=measured.wall_seconds,
        ratio=measured.wall_seconds / world.limit_seconds,
        requests=stats["requests"],
        refused=stats["violations"],
        faults=stats["faults"],
        cpu_seconds=measured.cpu_seconds,
        import_cpu_seconds=measured.import_cpu_seconds,
        peak_megabytes=measured.peak_bytes / 1e6,
        records=records,
        verdict=verdict,
        max_open=stats["max_open"],
    )


def _describe_data(world: World) -> tuple[str, ...]:
    return ("--games", str(world.records), "--seed", str(world.seed))


def _describe_sandbox(world: World, mode: BenchMode, home: Path) -> tuple[str, ...]:
    arguments = [*_describe_data(world), "--rate", str(IGDB.requests)]
    arguments += ["--open", str(IGDB.in_flight), "--latency", str(world.latency)]
    arguments += ["--time-scale", str(world.time_scale)]
    if mode.multiquery is not None:
        arguments += ["--multiquery", mode.multiquery]
    if mode.faulty:
        rates = {fault: share * world.faults for fault, share in FAULT_SHARES.items()}
        path = home / "faults.json"
        path.write_text(json.dumps({"seed": world.seed, "rates": rates}))
        arguments += ["--faults", str(path)]
    return tuple(arguments)


def _forget_throttles(home: Path) -> None:
    """What the unmeasured collection taught the cap's limiter is not the measured one's."""
    with open_state(f"sqlite:///{home / 'state.db'}", SystemClock()) as database:
        SqlCapStates(database).change(IGDB.name, forget_throttles)
