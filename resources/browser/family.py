"""The processes of one browser as /proc shows them: found by their session, measured, killed.

Playwright starts a browser in a session of its own, and none of its processes leaves it, not even one whose parent
has died.
"""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_SESSION, _START = 3, 19
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class BrowserFamily:
    """A browser's processes.

    Attributes:
        leader: Pid of the browser process, which is the session's id.
        started: When it started, in clock ticks since boot: another process may get its pid later.
        proc: The folder /proc, for tests.
    """

    leader: int
    started: str
    proc: Path = PROC

    @classmethod
    def find(cls, leader: int, proc: Path = PROC) -> "BrowserFamily":
        """The family of a browser that runs."""
        fields = _read_stat(proc / str(leader))
        return cls(leader, fields[_START] if fields else "", proc)

    def members(self) -> list[int]:
        """Pids of the live ones, in order; none where there is no /proc."""
        fields = _read_stat(self.proc / str(self.leader))
        if fields and fields[_START] != self.started:
            return []
        return sorted(
            int(folder.name) for folder in self.proc.glob("[0-9]*") if self._holds(folder)
        )

    def resident_bytes(self) -> int:
        """Memory that they hold, summed. Pages that two of them share count twice: an upper bound."""
        return sum(self._resident_bytes(pid) for pid in self.members())

    def kill(self) -> None:
        """SIGKILL to all that live. Never blocks."""
        for pid in self.members():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def read_argument(self, name: str) -> str | None:
        """The value of an argument `--name=value` of the browser; None when it has none or is gone."""
        try:
            text = (self.proc / str(self.leader) / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return None
        # Chromium's own title joins the arguments by blanks; its parent's by NUL.
        words = text.replace("\0", " ").split(" ")
        start = f"--{name}="
        return next((word.removeprefix(start) for word in words if word.startswith(start)), None)

    def _holds(self, folder: Path) -> bool:
        fields = _read_stat(folder)
        return bool(fields) and fields[0] not in "ZX" and int(fields[_SESSION]) == self.leader

    def _resident_bytes(self, pid: int) -> int:
        try:
            return int((self.proc / str(pid) / "statm").read_text().split()[1]) * _PAGE_BYTES
        except OSError:
            return 0


def _read_stat(folder: Path) -> list[str]:
    """Fields of a process from its state on (proc(5)); empty when there is none."""
    try:
        return (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
