"""What is lost, done twice, stuck or switched off when what a pipeline stands on fails it?

    python -m benchmarks.reliability.surroundings [--pipelines games ...] [--faults "full store" ...] [--json FILE]

Each pipeline does a day's work once undisturbed, then once per fault, which comes when a third of the work is done:

full store: the file system of the objects has no byte left; the state database is elsewhere.
full disk: neither has the one that everything is on, the state database and Dagster's storage included.
read-only store: the file system of the objects is mounted anew, for reading.
sleeping process: every process of the run is stopped for longer than its leases, another works, then the first wakes.

The job is started once more while the fault lasts, and again after it until the work is done. Then everything is
compared row by row with the undisturbed work. Exit status 1: any count is not 0. Mounting needs the rights for it.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import dagster as dg

from benchmarks.backfilling.storage import SQLITE
from benchmarks.reliability.__main__ import HEADERS, Row, open_ground
from benchmarks.reliability.contents import count_differences, name_differences
from benchmarks.reliability.killing import Attack, Ground, list_processes, work_undisturbed
from benchmarks.reliability.subjects import SUBJECTS, Subject
from benchmarks.tables import format_table, write_json

LEASE_SECONDS = 5
SLEEP_SECONDS = 3 * LEASE_SECONDS
BOUNDS = {
    "SLUICE_UNIT_LEASE_SECONDS": str(LEASE_SECONDS),
    "SLUICE_TENANTS_STALE_MINUTES": str(2 * LEASE_SECONDS / 60),
}
DISK_MEGABYTES = 256
MOST_SECONDS = 240.0
"""Of one run; then it is ended, and counts as stuck."""

MOST_RUNS = 6
BALLAST = "ballast"
Fault = Callable[[Ground, int, Attack], None]


def main() -> int:
    """The command line."""
    options = read_options()
    rows = list[Row]()
    with ExitStack() as stack:
        folder = options.home or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-surroundings-"))
        )
        for name in options.pipelines:
            for row in disturb_pipeline(name, folder.absolute() / name, options):
                rows.append(row)
                print(format_table(HEADERS, [row.cells()]), flush=True)
                for note in row.attack.notes:
                    print(f"    {note}", flush=True)
    print(f"\n{format_table(HEADERS, [row.cells() for row in rows])}")
    write_json(options.json, [dict(zip(HEADERS, row.cells(), strict=True)) for row in rows])
    return 0 if all(row.clean for row in rows) else 1


def disturb_pipeline(name: str, folder: Path, options: argparse.Namespace) -> Generator[Row]:
    """The undisturbed work once, then once with each fault."""
    folder.mkdir(parents=True)
    with SUBJECTS[name](folder) as plain:
        subject = replace(plain, variables={**plain.variables, **BOUNDS})
        with open_ground(subject, folder / "calm", SQLITE, "") as ground:
            total, calm = work_undisturbed(ground)
        for fault in options.faults:
            with open_place(subject, folder / fault.replace(" ", "-"), fault) as ground:
                attack = disturb(ground, fault, total)
            lost, twice = count_differences(calm.contents, attack.contents)
            attack.notes += name_differences(calm.contents, attack.contents)[:10]
            yield Row(f"{name}, {fault}", attack, calm.requests, lost, twice)


@contextmanager
def open_place(subject: Subject, folder: Path, fault: str) -> Generator[Ground]:
    """A prepared home; what the fault needs of it is a small file system of its own."""
    place = {"full disk": folder, "full store": folder / "objects"}
    place["read-only store"] = place["full store"]
    with ExitStack() as stack:
        if fault in place:
            stack.enter_context(mount_small(place[fault]))
        yield stack.enter_context(open_ground(subject, folder, SQLITE, ""))


@contextmanager
def mount_small(place: Path) -> Generator[None]:
    """A file system in memory; gone with the block.

    Raises:
        subprocess.CalledProcessError: This process may not mount.
    """
    place.mkdir(parents=True)
    size = f"size={DISK_MEGABYTES}m"
    call("mount", "-t", "tmpfs", "-o", size, "tmpfs", str(place)).check_returncode()
    try:
        yield
    finally:
        call("umount", "-l", str(place)).check_returncode()


def call(*command: str) -> "subprocess.CompletedProcess[bytes]":
    """A program of the system."""
    return subprocess.run(command, check=False, capture_output=True)


def disturb(ground: Ground, fault: str, total: int) -> Attack:
    """The work with the fault in it, to the end."""
    attack = Attack()
    before = ground.count_requests() or 0
    # What is to be done is read now: a full disk may not let this process read Dagster's storage, either.
    tags = ground.subject.find_tags(ground.instance)

    def find_tags(_: dg.DagsterInstance) -> Mapping[str, str]:
        return tags

    ground.subject = replace(ground.subject, find_tags=find_tags)
    FAULTS[fault](ground, total, attack)
    for _ in range(MOST_RUNS):
        status = run_to_end(ground, attack)
        if status == 0 and ground.count_done() >= total:
            break
        attack.notes.append(f"a run after the fault ended with {status}")
    ground.inspect(attack, total)
    now = ground.count_requests()
    attack.requests = None if now is None else now - before
    return attack


def fill_disk(place: str) -> Fault:
    """Fills the file system of a folder of the home to its last byte."""

    def fault(ground: Ground, total: int, attack: Attack) -> None:
        run = start_and_wait(ground, attack, total // 3)
        ballast = ground.home.folder / place / BALLAST
        fill_up(ballast)
        try:
            attack.notes.append(f"the run on the full disk ended with {wait_for_end(run)}")
            fill_up(ballast)
            attack.notes.append(f"the next one with {run_to_end(ground, attack)}")
        finally:
            ballast.unlink()

    return fault


def fill_up(ballast: Path) -> None:
    """Writes until nothing fits."""
    with ballast.open("ab", buffering=0) as file:
        for size in (1024 * 1024, 4096, 1):
            with suppress(OSError):
                while file.write(bytes(size)):
                    pass


def forbid_writing(ground: Ground, total: int, attack: Attack) -> None:
    """Makes the file system of the objects read-only."""
    run = start_and_wait(ground, attack, total // 3)
    objects = str(ground.home.folder / "objects")
    remount(objects, "ro")
    try:
        attack.notes.append(f"the run ended with {wait_for_end(run)}")
        attack.notes.append(f"the next one with {run_to_end(ground, attack)}")
    finally:
        remount(objects, "rw")


def remount(place: str, way: str) -> None:
    """It is refused while a file is open for writing, which is over soon."""
    for _ in range(1000):
        if call("mount", "-o", f"remount,{way}", place).returncode == 0:
            return
        time.sleep(0.01)
    raise RuntimeError(f"{place} cannot be mounted {way}")


def put_to_sleep(ground: Ground, total: int, attack: Attack) -> None:
    """Stops all processes of the run for longer than its leases; another run works meanwhile."""
    run = start_and_wait(ground, attack, total // 3)
    asleep = list_processes(ground.home.folder)
    for pid in asleep:
        send(pid, signal.SIGSTOP)
    time.sleep(SLEEP_SECONDS)
    attack.notes.append(f"the run beside it ended with {run_to_end(ground, attack)}")
    for pid in asleep:
        send(pid, signal.SIGCONT)
    attack.notes.append(f"the run that slept with {wait_for_end(run)}")


def send(pid: int, number: int) -> None:
    """A signal to a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def start_and_wait(ground: Ground, attack: Attack, moment: int) -> "subprocess.Popen[bytes]":
    """The job by the command line, so far that more than `moment` pieces are done, or ended."""
    run = ground.start_again()
    attack.starts += 1
    until = time.monotonic() + MOST_SECONDS
    while ground.count_done() <= moment and run.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    if run.poll() is not None:
        attack.notes.append("the run ended before the fault came")
    return run


def run_to_end(ground: Ground, attack: Attack) -> int | None:
    """The job by the command line; its status, None if it was ended because it did not end."""
    attack.starts += 1
    return wait_for_end(ground.start_again())


def wait_for_end(run: "subprocess.Popen[bytes]") -> int | None:
    """Its status; None if it was ended."""
    try:
        return run.wait(MOST_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        return None


FAULTS: dict[str, Fault] = {
    "full store": fill_disk("objects"),
    "full disk": fill_disk(""),
    "read-only store": forbid_writing,
    "sleeping process": put_to_sleep,
}


def read_options() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability.surroundings", description=__doc__
    )
    add = parser.add_argument
    add("--pipelines", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS))
    add("--faults", nargs="+", choices=list(FAULTS), default=list(FAULTS))
    add("--home", type=Path, help="an empty folder that is kept, instead of a temporary one")
    add("--json", type=Path, help="also write the rows to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
