"""`ForkLoop`: reads lines from a descriptor, forks processes, and tells how each of them ended. Linux and macOS.

The process that runs it must have no other thread, and starts none: that is what makes forking it safe, whatever it has
imported or loaded before. It asks for nothing and knows no protocol: `fork_server.py` and a job's host are made of it.

A child dies with its parent: it holds the reading end of a pipe (`Ends.lifeline`) whose other end only the parent has,
so that its end can be seen without asking for anything. How it is watched is up to the child's work.
"""

import gc
import os
import selectors
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

from platform_assets.core.processes.signals import restore_signals

_READ_BYTES = 65536
_BROKEN = os.EX_SOFTWARE
_ENDING = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Ends:
    """Descriptors that a child has for itself.

    Attributes:
        output: What is written here comes back as `ForkEnd.output`.
        lifeline: Reading it blocks while the parent lives and ends (no bytes) when it is gone.
    """

    output: int
    lifeline: int


@dataclass(frozen=True, slots=True)
class ForkEnd:
    """How a child ended.

    Attributes:
        call_id: As it was given to `fork`.
        exit_code: Exit code, or minus the signal that killed it.
        output: What it wrote.
    """

    call_id: int
    exit_code: int
    output: bytes


ChildWork = Callable[[Ends], int]
"""What a child does; returns its exit code. Nothing of the parent goes on in it: no `finally`, no exit handler."""


@dataclass(slots=True)
class _Child:
    call_id: int
    output: int
    written: bytearray = field(default_factory=bytearray)


class ForkLoop:
    """Children of this process, which it has for itself: signal handlers included.

    Args:
        control: Descriptor that lines come from; when its other end is closed, the loop ends.
        on_line: Told of each line, without its end.
        on_end: Told of each child that ended, once.
    """

    def __init__(
        self, control: int, on_line: Callable[[bytes], None], on_end: Callable[[ForkEnd], None]
    ) -> None:
        self._control = control
        self._on_line = on_line
        self._on_end = on_end
        self._rest = b""
        self._children: dict[int, _Child] = {}
        self._stopping = False
        self._lifeline, self._held = os.pipe()
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self._selector = selectors.PollSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)

    def run(self) -> None:
        """Turns until the control is closed, `stop` is called, or SIGTERM or SIGINT comes; children may be left."""
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, *_ENDING):
            # The number arrives through the wake-up pipe; an ignored signal would not.
            signal.signal(number, _hear_nothing)
        # What lives now lives for ever: a collection in a child would only copy its pages.
        gc.collect()
        gc.freeze()
        while not self._stopping:
            self._turn(None)

    def stop(self) -> None:
        """Ends `run` after this turn."""
        self._stopping = True

    def fork(self, call_id: int, work: ChildWork) -> None:
        """Starts a child. One that cannot be started has ended with `os.EX_OSERR`."""
        output, target = os.pipe()
        try:
            pid = fork_quietly()
        except OSError as error:
            os.close(output)
            os.close(target)
            self._on_end(ForkEnd(call_id, os.EX_OSERR, str(error).encode()))
            return
        if pid == 0:
            self._become_child(output, target, work)
        os.close(target)
        os.set_blocking(output, False)
        self._children[pid] = _Child(call_id, output)
        self._selector.register(output, selectors.EVENT_READ, pid)

    def signal(self, call_id: int, number: int) -> None:
        """Sends a signal to a child; nothing happens when it has ended."""
        for pid, child in self._children.items():
            if child.call_id == call_id:
                os.kill(pid, number)

    def end_children(self, grace_seconds: float) -> None:
        """SIGTERM for all, SIGKILL for those that live on after so many seconds; returns when all are reaped."""
        if self._control in self._selector.get_map():
            self._selector.unregister(self._control)
        deadline = time.monotonic() + grace_seconds
        self._signal_all(signal.SIGTERM if grace_seconds else signal.SIGKILL)
        while self._children:
            left = deadline - time.monotonic()
            if left <= 0:
                self._signal_all(signal.SIGKILL)
                left = grace_seconds or 1.0
                deadline = time.monotonic() + left
            self._turn(left)

    def _signal_all(self, number: int) -> None:
        for pid in self._children:
            os.kill(pid, number)

    def _turn(self, seconds: float | None) -> None:
        for key, _ in self._selector.select(seconds):
            if key.fd == self._control:
                self._read_control()
            elif key.fd == self._woken:
                self._hear_signals()
            elif key.data in self._children:
                self._read_output(self._children[key.data])

    def _read_control(self) -> None:
        data = os.read(self._control, _READ_BYTES)
        if not data:
            self._stopping = True
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._on_line(line)

    def _hear_signals(self) -> None:
        numbers = b""
        with suppress(BlockingIOError):
            while data := os.read(self._woken, _READ_BYTES):
                numbers += data
        self._stopping = self._stopping or any(number in numbers for number in _ENDING)
        for pid in list(self._children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._conclude(pid, os.waitstatus_to_exitcode(status))

    def _read_output(self, child: _Child) -> None:
        """Takes what is there. The writing end may be open after the child's death, if somebody else has it."""
        with suppress(BlockingIOError):
            while data := os.read(child.output, _READ_BYTES):
                child.written += data
            self._selector.unregister(child.output)

    def _conclude(self, pid: int, exit_code: int) -> None:
        child = self._children.pop(pid)
        if child.output in self._selector.get_map():
            self._read_output(child)
        if child.output in self._selector.get_map():
            self._selector.unregister(child.output)
        os.close(child.output)
        self._on_end(ForkEnd(child.call_id, exit_code, bytes(child.written)))

    def _become_child(self, output: int, target: int, work: ChildWork) -> NoReturn:
        code = _BROKEN
        try:
            reset_signals()
            self._selector.close()
            siblings = [child.output for child in self._children.values()]
            for fd in (self._held, self._woken, self._wake, self._control, output, *siblings):
                os.close(fd)
            code = work(Ends(target, self._lifeline))
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:  # noqa: BLE001 - nothing may go on in the copy of the parent
            traceback.print_exc()
        finally:
            leave(code)


def _hear_nothing(_number: int, _frame: FrameType | None) -> None:
    pass


def fork_quietly() -> int:
    """`os.fork` by a process that has no thread of its own.

    Libraries may have started threads in C when they were imported (OpenBLAS, the allocator of Arrow). Those that we
    use stop or renew them at a fork; Python warns of them all the same.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def reset_signals() -> None:
    """In a forked process: what a `ForkLoop` of the parent hears is none of its business."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, *_ENDING):
        signal.signal(number, signal.SIG_DFL)
    restore_signals()


def leave(code: int) -> NoReturn:
    """Ends a forked process: what was printed is kept, and no exit handler of the parent runs."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
