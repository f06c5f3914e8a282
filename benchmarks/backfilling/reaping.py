"""Starts a program and stays the ancestor of all that it starts, so that no process ends unseen. Linux only.

    python -m benchmarks.backfilling.reaping COMMAND...

Orphans come to it instead of to init, and it waits for each: the CPU time of everything that has ended is in its own.
"""

import ctypes
import os
import signal
import sys

PR_SET_CHILD_SUBREAPER = 36
"""linux/prctl.h"""


def main() -> int:
    """Runs until no descendant is left; passes SIGTERM on to the program."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot become the reaper of orphans")
    child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
    signal.signal(signal.SIGTERM, lambda number, _frame: os.kill(child, number))
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return 0


if __name__ == "__main__":
    raise SystemExit(main())
