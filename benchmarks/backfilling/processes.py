"""A program with everything that it starts: the CPU time of all of it, ended processes included, and its end.

What starts is found by its ancestor (`reaping.py`) in /proc: Linux only. What is measured with it is elsewhere.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.backfilling.sources import ROOT

END_SECONDS = 15.0
"""Between asking a program to end and killing what is left of it."""

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Found:
    """A live process, as `/proc/PID/stat` has it.

    Attributes:
        pid: Its id.
        parent: Its parent's.
        ticks: User and system time of itself and of those children that it has waited for.
    """

    pid: int
    parent: int
    ticks: int


class ProcessTree:
    """A program from `with` to the end of its block.

    Args:
        command: Program, as a path, and arguments.
        environment: All of its environment.
        log: What it prints is added here.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        reaping = [sys.executable, "-m", "benchmarks.backfilling.reaping", *command]
        with log.open("ab") as output:
            self._reaper = subprocess.Popen(
                reaping,
                env=dict(environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def lives(self) -> bool:
        """Whether anything of it is left."""
        return self._reaper.poll() is None

    def cpu_seconds(self) -> float:
        """User and system time so far of all its processes, the ended ones too."""
        return sum(found.ticks for found in self._members()) / TICKS

    def end(self) -> None:
        """Asks the program to end, then kills what is left."""
        self._reaper.terminate()
        try:
            self._reaper.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            for found in self._members():
                with suppress(ProcessLookupError):
                    os.kill(found.pid, signal.SIGKILL)
            self._reaper.wait()

    def _members(self) -> list[Found]:
        return find_tree(self._reaper.pid, read_processes())


def find_tree(root: int, processes: Iterable[Found]) -> list[Found]:
    """A process and its descendants, ancestors first."""
    found = list(processes)
    tree = [process for process in found if process.pid == root]
    for ancestor in tree:
        tree += [process for process in found if process.parent == ancestor.pid]
    return tree


def read_processes(proc: Path = Path("/proc")) -> list[Found]:
    """All processes of the machine."""
    found = list[Found]()
    for path in proc.glob("[0-9]*/stat"):
        with suppress(OSError):
            found.append(parse_stat(path.read_text()))
    return found


def parse_stat(text: str) -> Found:
    """One line of `/proc/PID/stat` (proc(5)); the name in parentheses may hold anything."""
    head, _, rest = text.rpartition(")")
    fields = rest.split()
    return Found(int(head.split()[0]), int(fields[1]), sum(map(int, fields[11:15])))
