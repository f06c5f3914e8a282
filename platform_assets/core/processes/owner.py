"""Identity of a process for leases: lets a process on the same host see that the holder of a lease is dead.

An owner reads `host|boot|namespace|pid|start`. Only a process of the same host, boot and pid namespace may judge; from
anywhere else an owner counts as alive until its lease runs out.
"""

import os
import socket
from functools import cache
from pathlib import Path

MOST_DEATHS = 3
"""Workers that may die of a unit that each had alone in hand; SLUICE_MOST_DEATHS says otherwise."""

ALONE_AFTER = 2
"""Deaths after which a unit is only had alone. A run holds a few units per worker that it has not begun: one kill says
little about any of them."""

CLOCK_SLACK_SECONDS = 2.0
"""Boot time is known to the second, and clocks are corrected."""


@cache
def _place() -> str:
    """Host, boot and pid namespace: where a pid means the same process."""
    boot = _read_text(Path("/proc/sys/kernel/random/boot_id"))
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}|{boot}|{namespace}"


def describe_owner() -> str:
    """The owner string of the calling process."""
    pid = os.getpid()
    return f"{_place()}|{pid}|{_start_of(pid)}"


def host_of(owner: str) -> str:
    """The host of an owner."""
    return owner.partition("|")[0]


def is_dead(owner: str) -> bool:
    """Whether `owner` is known to be gone. False when it lives or when this process cannot tell."""
    place, _, rest = owner.rpartition("|")
    place, _, pid = place.rpartition("|")
    if place != _place() or not pid.isdecimal() or not rest:
        return False
    return _start_of(int(pid)) != rest


def is_pid_dead(pid: int, alive_at: float) -> bool:
    """Whether the process of this host that had a pid at a time (seconds since 1970) is gone.

    A process that has the pid now and began later is another one.
    """
    start = _start_of(pid)
    if not start:
        return True
    began = _boot_time() + int(start) / os.sysconf("SC_CLK_TCK")
    return began > alive_at + CLOCK_SLACK_SECONDS


def _boot_time() -> float:
    for line in _read_text(Path("/proc/stat")).splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def _start_of(pid: int) -> str:
    """Start time of a process in clock ticks since boot; empty when there is no such process (or no /proc)."""
    stat = _read_text(Path(f"/proc/{pid}/stat"))
    fields = stat.rpartition(")")[2].split()
    # Field 3 is the state: a zombie has ended, only its parent has not looked yet.
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


def _read_text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
