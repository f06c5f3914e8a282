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
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class BrowserFamily:
    """A browser's processes.

    Attributes:
        leader: Pid of the browser process, which is the session's id.
        proc: The folder /proc, for tests.
    """

    leader: int
    proc: Path = PROC

    def members(self) -> list[int]:
        """Pids of the live ones, in order; none where there is no /proc."""
        return sorted(int(folder.name) for folder in self.proc.glob("[0-9]*") if self._holds(folder))

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
        try:
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return False
        return fields[0] not in "ZX" and int(fields[3]) == self.leader

    def _resident_bytes(self, pid: int) -> int:
        try:
            return int((self.proc / str(pid) / "statm").read_text().split()[1]) * _PAGE_BYTES
        except OSError:
            return 0
