"""Processes of a test: started in sessions of their own, found by session in /proc, and always ended.

Dagster's processes start others (a daemon its code server, that one a process per run) and leave them in their session:
a session is what can be searched, and ended whole.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

END_SECONDS = 5.0
"""Between asking a session to end and killing what is left of it."""

WAIT_SECONDS = 600.0
"""For a program that is to end by itself."""


@dataclass(frozen=True)
class Found:
    """A live process."""

    pid: int
    parent: int
    session: int
    command: str


class Session:
    """A program and everything that it starts.

    Args:
        command: Program and arguments.
        environment: All of its environment.
        log: What it prints is added here.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as output:
            self._leader = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._leader.pid

    def lives(self) -> bool:
        return self._leader.poll() is None

    def wait(self) -> int:
        """The program's exit status, once it has ended."""
        return self._leader.wait(WAIT_SECONDS)

    def members(self) -> list[Found]:
        """Live processes of the session, the leader included."""
        return [process for process in list_processes() if process.session == self.pid]

    def kill_leader(self) -> None:
        """SIGKILL to the program alone: what it started goes on without it."""
        self._leader.kill()
        self._leader.wait()

    def end(self) -> None:
        """Asks all of the session to end, then kills what is left."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        while self.members() and time.monotonic() < deadline:
            self._leader.poll()
            time.sleep(0.1)
        self._signal(signal.SIGKILL)
        self._leader.wait()

    def _signal(self, number: int) -> None:
        for process in self.members():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
                os.kill(process.pid, number)


def list_processes() -> Iterator[Found]:
    """Live processes of the machine; zombies have ended."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
        except OSError:
            continue
        if fields[0] not in "ZX":
            yield Found(int(folder.name), int(fields[1]), int(fields[3]), command.strip())
