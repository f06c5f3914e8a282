"""Whose turn it is among the processes that wait for one cap: the least recently served goes first.

A process is told when to come back. The first in line comes when the slot is due. The others come one spacing later
each, and a grace after the one before them, to take over if it does not show up: two or three questions per grant,
however many processes wait. Who comes late loses the turn, not the rate. A single process pays nothing for it.
"""

from resources.caps.state import CapState, Waiter

FORGET_SECONDS = 60.0
"""After this long a process that does not come back is forgotten."""

LONGEST_GRACE_SECONDS = 0.03
"""How late the first in line may come before the next one takes its turn. A timer, a thread and a transaction take 1 to
5 ms; a busy machine 10 to 20 (benchmarks/caps.py)."""


class Turns:
    """The order of the waiting processes at one moment. Changes `waiting` and `served` of the state.

    Args:
        state: The cap's state.
        now: Epoch seconds.
        spacing: Seconds between two grants at the full rate.
        poll: Seconds between two looks at a slot of which nobody knows when it comes free.
    """

    def __init__(self, state: CapState, now: float, spacing: float, poll: float) -> None:
        self._state = state
        self._now = now
        self._spacing = spacing
        self._poll = poll
        self._grace = min(spacing / 2, LONGEST_GRACE_SECONDS)

    def has_rivals(self, process: str) -> bool:
        """Whether other processes wait."""
        return any(p != process and not w.absent for p, w in self._state.waiting.items())

    def leave(self, process: str) -> None:
        """Nobody waits in this process any more."""
        self._state.waiting.pop(process, None)

    def is_first(self, process: str) -> bool:
        """Whether a slot that is due now is for this process: nobody who was served longer ago is about to come."""
        ahead = self._list_ahead(process)
        # As late as a rival is told to come that polls for a slot.
        soon = self._now + self._poll + self._grace * len(ahead)
        return all(rival.expected_at > soon for rival in ahead)

    def line_up(self, process: str, due: float, *, polls: bool) -> float:
        """Registers the process as waiting.

        Args:
            process: The process.
            due: When the next slot comes, or when to look again.
            polls: Whether `due` is a guess.

        Returns:
            When the process should come back, epoch seconds: `due` when it is the first in line.
        """
        if ahead := self._list_ahead(process):
            first = min(ahead, key=lambda rival: rival.expected_at)
            start = max(due, min(first.expected_at, due + self._poll))
            step = self._grace if polls else self._spacing
            due = start + (len(ahead) - 1) * step + self._grace_of(first)
        waiter = self._state.waiting.setdefault(process, Waiter(due))
        waiter.expected_at, waiter.absent = due, False
        return due

    def mark_served(self, process: str) -> None:
        """The process got a grant: it goes last from now on, and who was late before it lost this turn."""
        self._state.served[process] = self._now
        for name, waiter in list(self._state.waiting.items()):
            if name != process and not waiter.absent and self._is_late(waiter):
                waiter.absent = True
                waiter.missed += 1
            if self._now - waiter.expected_at > FORGET_SECONDS:
                del self._state.waiting[name]
        if mine := self._state.waiting.get(process):
            mine.missed = max(0, mine.missed - 1)
        self._forget_the_gone()

    def _forget_the_gone(self) -> None:
        state = self._state
        state.served = {
            name: at
            for name, at in state.served.items()
            if name in state.waiting or self._now - at < FORGET_SECONDS
        }

    def _list_ahead(self, process: str) -> list[Waiter]:
        """Waiting processes that were served longer ago and are not late."""
        return [
            waiter
            for name, waiter in self._state.waiting.items()
            if name != process
            and not self._is_late(waiter)
            and self._rank(name) < self._rank(process)
        ]

    def _rank(self, process: str) -> tuple[float, str]:
        return self._state.served.get(process, 0.0), process

    def _is_late(self, waiter: Waiter) -> bool:
        return waiter.absent or self._now >= waiter.expected_at + self._grace_of(waiter)

    def _grace_of(self, waiter: Waiter) -> float:
        """Doubles with each lost turn, so that a slow process is not passed over for ever."""
        return min(self._grace * 2.0 ** min(waiter.missed, 10), self._spacing)
