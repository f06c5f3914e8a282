"""The peak memory of programs: each runs in a process of its own, and prints what it held at most."""

import re
import subprocess
import sys
from pathlib import Path

from tests.architecture.source_tree import ROOT

_SECONDS = 600


def peak_kib() -> int:
    """Most memory that this process has held so far; called by the program.

    Not `ru_maxrss`, which begins with the peak of the process that started this one.
    """
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def measure(program: str, count: int, folder: Path) -> list[int]:
    """Runs a program and returns the whole numbers that it prints.

    Args:
        program: Its code; `sys.argv` has `count` and `folder`.
        count: How much it works on.
        folder: Made for it.
    """
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program, str(count), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]
