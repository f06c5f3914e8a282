"""The rules of a cap as a pure state machine: who may send now, who waits and how long.

No clock, no database, no waiting: `decide_visit` takes the stored state and the time and returns the new state and an
answer. It runs under the lock of the cap's row, so a stamp is taken at the grant and never reserved ahead. The rules:

- a grant takes the open slot and the place in the window at once, so it cannot get stale waiting for the other;
- the window is a log of sends. An entry is stamped at the grant and moved to the moment the request was written; until
  that is known it counts as in the window, however long a connection takes;
- sends keep 0.8 of the even spacing, so a cold start is no burst;
- whose turn it is among processes is `order.py`.
"""

import math
from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from platform_assets.core.engine.units import JsonObject
from resources.caps.limits import LARGEST_GUARD, Cap
from resources.caps.messages import Answer, BudgetUsed, Granted, Outcome, Visit, Wait, Why
from resources.caps.order import Turns
from resources.caps.state import OpenGrant, Send, dump_state, load_state

GUARD_STEP = 0.015
"""What a 429 adds to the guard: measured to settle after two (docs/adr/0007)."""

GUARD_DECAY_SECONDS = 86_400.0
"""A day without a 429 takes one step of the guard back. A jam of one evening must not cost 10 % for ever, and probing
for a smaller guard costs at most one 429 a day."""

LONGEST_PAUSE_SECONDS = 600.0
"""Upper bound of a shared pause, whatever an upstream asks for."""

LEASE_SECONDS = 60.0
"""How long an open grant lives without a sign of life from its process: what another host's death costs."""

MOST_LEAD = 0.75
"""Share of the guard that granting early may use up, should a write come faster than any before."""

LEAST_GAP = 0.8
"""Least distance of two sends, as a share of the even spacing (docs/adr/0007)."""


def decide_visit(
    cap: Cap,
    stored: JsonObject | None,
    now: float,
    visit: Visit,
    is_dead: Callable[[str], bool],
) -> tuple[JsonObject, Outcome]:
    """The state after a visit, and the answer.

    Args:
        cap: The cap as this process knows it.
        stored: The state before; None for the first visit ever.
        now: Epoch seconds by the clock that all processes share.
        visit: What the process tells and asks.
        is_dead: Whether a process is known to be gone; asked only when its open grants are in the way.

    Raises:
        RefusedError: The stored state cannot be read.
    """
    window = CapWindow(cap, stored, now, is_dead)
    for grant_id, ago in visit.sent:
        window.mark_sent(grant_id, ago)
    for grant_id in visit.returned:
        window.take_back(grant_id)
    for seconds in visit.throttled:
        window.mark_throttled(seconds)
    window.keep(visit.process, visit.held)
    # Where several processes send, their times until the write differ too much to rely on.
    if window.is_alone(visit.process):
        window.lead = min(visit.lead, cap.guard * cap.per_seconds * MOST_LEAD)
    answer = None
    if visit.ask is not None:
        answer = window.ask(visit.process, visit.ask, queued=visit.queued)
    elif not visit.queued:
        window.turns.leave(visit.process)
    return window.dump(), Outcome(answer, window.guard, window.are_slots_scarce(visit.process))


def forget_throttles(stored: JsonObject | None, _now: float) -> tuple[JsonObject, None]:
    """For `CapStates.change`: drops what 429s taught (guard and pause), for a person who knows the cause is gone."""
    state = load_state(stored)
    state.learnt_guard = state.paused_until = 0.0
    return dump_state(state), None


class CapWindow:
    """One look at a cap's state at one moment; `dump` gives what is to be stored. Arguments as in `decide_visit`."""

    def __init__(
        self, cap: Cap, stored: JsonObject | None, now: float, is_dead: Callable[[str], bool]
    ) -> None:
        self._cap = cap
        self._now = now
        self._is_dead = is_dead
        self._state = load_state(stored)
        self.lead = 0.0
        self._poll = min(max(cap.spacing_seconds / 4, 0.005), 0.1)
        self.turns = Turns(self._state, now, cap.spacing_seconds, self._poll)
        self._clamp_to_now()
        self._decay_guard()
        for grant_id in [g for g, grant in self._state.open.items() if grant.until < now]:
            self._end(grant_id)

    @property
    def guard(self) -> float:
        """The guard in force: the cap's own and what 429s added."""
        return min(self._cap.guard + self._state.learnt_guard, LARGEST_GUARD)

    @property
    def _window_seconds(self) -> float:
        return self._cap.per_seconds * (1 + self.guard)

    def is_alone(self, process: str) -> bool:
        """Whether no other process waits or was served in the last ten windows."""
        recent = self._now - 10 * self._cap.per_seconds
        others = (at for name, at in self._state.served.items() if name != process)
        return not self.turns.has_rivals(process) and all(at < recent for at in others)

    def are_slots_scarce(self, process: str) -> bool:
        """Whether others wait while three quarters of the slots are taken."""
        taken = len(self._state.open) >= 0.75 * self._cap.in_flight
        return taken and self.turns.has_rivals(process)

    def dump(self) -> JsonObject:
        """The state to store."""
        return dump_state(self._state)

    def mark_sent(self, grant_id: str, ago: float) -> None:
        """Moves the entry of a grant to the moment its request was written, `ago` seconds before now."""
        at = self._now - max(ago, 0.0)
        for send in self._state.sends:
            if send.grant_id == grant_id:
                send.at, send.grant_id = max(at, send.at), None
                return
        if grant_id not in self._state.open:
            # The lease had run out, yet the request went out: it counts.
            self._state.sends.append(Send(at))

    def take_back(self, grant_id: str) -> None:
        """Undoes a grant that was never used: slot, place in the window and budget."""
        state = self._state
        if state.open.pop(grant_id, None) is None:
            return
        state.sends = [send for send in state.sends if send.grant_id != grant_id]
        state.used = max(0, state.used - 1)
        state.granted -= 1

    def mark_throttled(self, asked_seconds: float | None) -> None:
        """Takes note of a 429: a pause that all share, and a larger guard, once for each burst of 429s."""
        state = self._state
        state.throttled += 1
        if self._now >= state.paused_until:
            state.learnt_guard = min(state.learnt_guard + GUARD_STEP, LARGEST_GUARD)
            state.guard_at = self._now
        pause = min(max(self._window_seconds, asked_seconds or 0.0), LONGEST_PAUSE_SECONDS)
        state.paused_until = max(state.paused_until, self._now + pause)

    def keep(self, process: str, held: frozenset[str]) -> None:
        """Renews the grants of a process that it still holds and ends its others: finished, or never received."""
        for grant_id, grant in list(self._state.open.items()):
            if grant.process != process:
                continue
            if grant_id in held:
                grant.until = self._now + LEASE_SECONDS
            else:
                self._end(grant_id)

    def ask(self, process: str, grant_id: str, *, queued: int) -> Answer:
        """Grants one request, or says how long to wait."""
        if used_up := self._check_budget():
            self.turns.leave(process)
            return used_up
        due, _ = self._find_due()
        if due > self._now or not self.turns.is_first(process):
            return self._line_up(process)
        late = self._now - self._find_pace()
        self._grant(process, grant_id)
        if queued > 1:
            return Granted(grant_id, self._line_up(process), late)
        self.turns.leave(process)
        return Granted(grant_id, None, late)

    def _grant(self, process: str, grant_id: str) -> None:
        state = self._state
        horizon = self._now - self._cap.per_seconds * (1 + LARGEST_GUARD)
        state.sends = [send for send in state.sends if send.grant_id or send.at > horizon]
        state.sends.append(Send(self._now, grant_id))
        state.open[grant_id] = OpenGrant(process, self._now + LEASE_SECONDS)
        state.used += 1
        state.granted += 1
        self.turns.mark_served(process)

    def _line_up(self, process: str) -> Wait:
        due, why = self._find_due()
        polls = why in (Why.OPEN_SLOTS, Why.UNSENT)
        back_at = self.turns.line_up(process, due, polls=polls)
        return Wait(max(back_at - self._now, 0.0), Why.TURN if back_at > due and not polls else why)

    def _find_due(self) -> tuple[float, Why]:
        """When the next grant may come: now, or later with the reason."""
        if (due := self._find_pace()) > self._now:
            return due, Why.PAUSED if due >= self._state.paused_until > self._now else Why.PACE
        blocked = self._find_block()
        if blocked and self._bury_dead():
            blocked = self._find_block()
        return (self._now + self._poll, blocked) if blocked else (self._now, Why.PACE)

    def _find_pace(self) -> float:
        """Earliest time of a grant by window, gap and pause, as if every grant before it had been written at once."""
        stamps = sorted(send.at for send in self._state.sends)
        write_due = -math.inf
        if stamps:
            write_due = stamps[-1] + LEAST_GAP * self._cap.spacing_seconds
        if len(stamps) >= self._cap.requests:
            write_due = max(write_due, stamps[-self._cap.requests] + self._window_seconds)
        return max(write_due - self.lead, self._state.paused_until)

    def _find_block(self) -> Why | None:
        """What is in the way although the pace allows a grant."""
        counted = sum(
            send.grant_id is not None or send.at + self._window_seconds > self._now + self.lead
            for send in self._state.sends
        )
        if counted >= self._cap.requests:
            return Why.UNSENT
        return Why.OPEN_SLOTS if len(self._state.open) >= self._cap.in_flight else None

    def _bury_dead(self) -> bool:
        """Ends the open grants of processes that are known to be gone; whether there were any."""
        holders = {grant.process for grant in self._state.open.values()}
        dead = {process for process in holders if self._is_dead(process)}
        for grant_id in [g for g, grant in self._state.open.items() if grant.process in dead]:
            self._end(grant_id)
        for process in dead:
            self.turns.leave(process)
        return bool(dead)

    def _end(self, grant_id: str) -> None:
        """Frees the open slot. A request of which no write was told may have been written up to now."""
        self._state.open.pop(grant_id, None)
        for send in self._state.sends:
            if send.grant_id == grant_id:
                send.at, send.grant_id = self._now, None

    def _clamp_to_now(self) -> None:
        """Pulls stamps out of the future: after a clock was set back, nothing waits for the old time to return."""
        state, now = self._state, self._now
        for send in state.sends:
            send.at = min(send.at, now)
        for grant in state.open.values():
            grant.until = min(grant.until, now + LEASE_SECONDS)
        for waiter in state.waiting.values():
            waiter.expected_at = min(waiter.expected_at, now + LONGEST_PAUSE_SECONDS)
        state.served = {name: min(at, now) for name, at in state.served.items()}
        state.paused_until = min(state.paused_until, now + LONGEST_PAUSE_SECONDS)
        state.guard_at = min(state.guard_at, now)

    def _decay_guard(self) -> None:
        days = int((self._now - self._state.guard_at) // GUARD_DECAY_SECONDS)
        if days and self._state.learnt_guard:
            self._state.learnt_guard = max(0.0, self._state.learnt_guard - days * GUARD_STEP)
            self._state.guard_at += days * GUARD_DECAY_SECONDS

    def _check_budget(self) -> BudgetUsed | None:
        """Starts a new day's count when it is one; says so when the day's budget is used up."""
        zone = ZoneInfo(self._cap.day_zone)
        today = datetime.fromtimestamp(self._now, zone).date()
        if self._state.day != today.isoformat():
            self._state.day, self._state.used = today.isoformat(), 0
        if self._cap.per_day is None or self._state.used < self._cap.per_day:
            return None
        resets_at = datetime.combine(today + timedelta(days=1), time.min, zone)
        return BudgetUsed(resets_at.timestamp() - self._now, resets_at)
