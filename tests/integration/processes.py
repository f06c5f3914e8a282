"""Looking at processes that a test has started directly or not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.architecture.source_tree import ROOT

PATIENCE_SECONDS = 600.0
"""How long a test waits for what takes moments on a quiet machine."""


NEEDED = (signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD)
"""What a program needs to end, to end what hangs, and to hear how its children ended."""


@contextmanager
def deaf() -> Generator[None]:
    """What is started meanwhile begins with the signals that it needs ignored and blocked."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, NEEDED)
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in NEEDED}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


DEAF = f"""
import os, signal, sys
for number in {[int(number) for number in NEEDED]}:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {[int(number) for number in NEEDED]})
os.execv(sys.argv[1], sys.argv[1:])
"""


def start_deaf(command: Sequence[str]) -> list[str]:
    """The command as `deaf` starts it, for those who start it later."""
    return [sys.executable, "-c", DEAF, *command]


def is_gone(pid: int) -> bool:
    """Whether a process has ended. One that nobody has reaped yet has."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        # Reaped between the two looks, or while the file was read.
        return Path("/proc/self").exists()


def wait_until(check: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def wait_until_gone(pids: Iterable[int], seconds: float = PATIENCE_SECONDS) -> None:
    pids = list(pids)
    wait_until(lambda: all(map(is_gone, pids)), f"the end of {pids}", seconds)


def python_path() -> dict[str, str]:
    """Variables with which a program of this tree runs from any folder."""
    return {"PYTHONPATH": str(ROOT)}


def list_children(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    listed = f"/proc/{pid}/task/{pid}/children"
    started = _read_children(pid) if Path(listed).exists() else _ask_ps(pid)
    return [child for child in started if not is_gone(child)]


def _read_children(pid: int) -> list[int]:
    """Of all its threads: a look that costs nothing, for those who look again and again."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, thread.read_text().split())
    return sorted(found)


def _ask_ps(pid: int) -> list[int]:
    with subprocess.Popen(
        ["ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE, text=True
    ) as ps:
        listed, _ = ps.communicate()
    return [
        int(child)
        for child, parent in map(str.split, listed.splitlines())
        if parent == str(pid) and child != str(ps.pid)
    ]


def list_family(pid: int) -> list[int]:
    """The process, its children, theirs, and so on."""
    return [pid, *(each for child in list_children(pid) for each in list_family(child))]
