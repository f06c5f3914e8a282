"""Which unit a worker takes next: claims in small slices, holds back what waits for a retry, follows contested units.

A unit is *held* from its claim to its outcome, *delayed* while it waits for its next try, *contested* while another run
holds it, *chained* while it waits for the end of another unit. The queue decides nothing about how a unit ends: that is
`run.py`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from platform_assets.core.engine.ledger import UnitLedger
from platform_assets.core.engine.ledger_writer import until_answered
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import Attempt, JsonObject, Plan, UnitRecord, UnitState

CONTEST_POLL_SECONDS = 1.0
"""How often units that another run holds are looked at: two small queries."""


class UnitQueue:
    """Feeds workers with claimed units.

    Args:
        ledger: Where units are claimed.
        plan: The plan of all units.
        attempt: Who claims.
        unit_ids: Units that are not done yet, in the order in which they are to be begun.
        workers: Number of workers that call `get`.
        policy: Says how long a claim lasts, how many units are held, whether to wait for those that others hold.
        on_save: Called with each checkpoint that a unit's work saves.
        on_refused: Called with each unit that the ledger answers as FAILED to a claim: nobody works on it.
    """

    def __init__(
        self,
        ledger: UnitLedger,
        plan: Plan,
        attempt: Attempt,
        unit_ids: Sequence[str],
        *,
        workers: int,
        policy: RunPolicy,
        on_save: Callable[[str, JsonObject], None],
        on_refused: Callable[[UnitRecord], None],
    ) -> None:
        self._ledger = ledger
        self._plan = plan
        self._attempt = attempt
        self._workers = workers
        self._policy = policy
        self._on_save = on_save
        self._on_refused = on_refused
        self._unclaimed = deque(unit_ids)
        self._contested: set[str] = set()
        self._followers: dict[str, list[str]] = {}
        self._outstanding = set(unit_ids)
        self._held: dict[str, UnitRun] = {}
        self._ready: asyncio.Queue[UnitRun | None] = asyncio.Queue()
        self._hungry = asyncio.Event()
        self._idle = asyncio.Event()
        self._closed = False
        self.done_elsewhere = 0

    def chain(self, after: Mapping[str, str]) -> None:
        """Holds back units until the one that each comes after is done. Call it before the first `get`.

        Args:
            after: Unit id -> the unit that must be done first; one that is done already holds nothing back.
        """
        for unit_id, first in after.items():
            if unit_id in self._outstanding and first in self._outstanding:
                self._followers.setdefault(first, []).append(unit_id)
        chained = {unit_id for followers in self._followers.values() for unit_id in followers}
        self._unclaimed = deque(unit_id for unit_id in self._unclaimed if unit_id not in chained)

    def is_awaited(self, unit_id: str) -> bool:
        """Whether workers are idle until the ledger has its end: a unit comes after it, or waits to be alone."""
        waits = unit_id in self._followers or (bool(self._contested) and not self._held)
        return waits and self._ready.empty() and not self._unclaimed

    def release(self, unit_id: str) -> None:
        """The ledger knows that the unit is done: what comes after it may start."""
        self._unclaimed.extend(self._followers.pop(unit_id, ()))
        self._hungry.set()

    def notice_recorded(self) -> None:
        """The ledger has what was queued for it: a unit that is only to be had alone may be free now."""
        if not self._held:
            self._idle.set()

    def abandon(self, unit_id: str) -> None:
        """The unit is not done in this run: what comes after it is left."""
        for follower in self._followers.pop(unit_id, ()):
            self.abandon(follower)
            self._settle(follower)

    async def get(self) -> UnitRun | None:
        """The next unit to work on; None when there is nothing left to do."""
        if self._ready.qsize() <= self._workers:
            self._hungry.set()
        return await self._ready.get()

    def delay(self, run: UnitRun, seconds: float) -> None:
        """Puts a held unit back for another try after `seconds`; no worker waits for it meanwhile."""
        asyncio.get_running_loop().call_later(seconds, self._requeue, run)

    def finish(self, run: UnitRun) -> None:
        """The unit has its outcome: it is not held any more."""
        self._held.pop(run.unit.unit_id, None)
        self._hungry.set()
        self._settle(run.unit.unit_id)

    def lose(self, unit_ids: set[str]) -> None:
        """Another run may hold these units now: their tries are cut off, and they are followed as contested."""
        for unit_id in unit_ids:
            if (run := self._held.pop(unit_id, None)) is not None:
                run.lose()
                self.contest(unit_id)

    def contest(self, unit_id: str) -> None:
        """Follows a unit that another run holds, or leaves it to that run."""
        if self._policy.wait_for_others:
            self._outstanding.add(unit_id)
            self._contested.add(unit_id)
            self._hungry.set()
        else:
            self.abandon(unit_id)
            self._settle(unit_id)

    def close(self) -> None:
        """No unit starts any more; those that are held stay held until they are given back."""
        self._closed = True
        while not self._ready.empty():
            self._ready.get_nowait()
        self._release_workers()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left to start."""
        return self._closed or not self._outstanding

    def held_ids(self) -> set[str]:
        """A snapshot of the unit ids that are held; safe to call from any thread."""
        return set(self._held.copy())

    def held_runs(self) -> list[UnitRun]:
        """The units that are held."""
        return list(self._held.values())

    async def feed(self) -> None:
        """Claims as workers need, until nothing is left.

        Raises:
            TransientError: The ledger does not answer.
        """
        while not self.exhausted:
            room = self._room()
            if self._unclaimed and room and self._ready.qsize() <= self._workers:
                await self._claim_slice(room)
            elif self._contested and not self._unclaimed and room:
                await self._look_at_contested()
            else:
                self._hungry.clear()
                await self._hungry.wait()
        self._release_workers()

    def _room(self) -> int:
        """How many more units may be held."""
        limit = self._policy.hold_limit
        return len(self._outstanding) if limit is None else max(0, limit - len(self._held))

    async def _claim_slice(self, room: int) -> None:
        """Claims about two units per worker: few transactions, and other runs of the plan find work too."""
        size = min(len(self._unclaimed), 2 * self._workers, room)
        await self._claim([self._unclaimed.popleft() for _ in range(size)])

    async def _look_at_contested(self) -> None:
        """Counts what others have done meanwhile, and takes over what they no longer hold."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CONTEST_POLL_SECONDS):
                await self._idle.wait()
        self._idle.clear()
        contested, self._contested = self._contested, set()
        done = await until_answered(self._ledger.read_done, self._plan, contested)
        self.done_elsewhere += len(done)
        for unit_id in done:
            self._settle(unit_id)
            self.release(unit_id)
        await self._claim(sorted(contested - done), self._room())

    async def _claim(self, unit_ids: list[str], room: int | None = None) -> None:
        """Claims the first `room` of the units, all if None; what is not to be had is contested."""
        wanted = unit_ids[:room]
        records: list[UnitRecord] = []
        if wanted:
            records = await until_answered(  # a claim of the same attempt may be repeated
                self._ledger.claim, self._plan, wanted, self._attempt, self._policy.lease_seconds
            )
        place = {unit_id: number for number, unit_id in enumerate(wanted)}
        for record in sorted(records, key=lambda each: place[each.unit.unit_id]):
            if record.state is UnitState.FAILED:
                self._refuse(record)
            else:
                run = UnitRun(record, self._attempt.attempt_id, self._on_save)
                self._held[run.unit.unit_id] = run
                self._requeue(run)
        answered = {record.unit.unit_id for record in records}
        for unit_id in unit_ids:
            if unit_id not in answered:
                self.contest(unit_id)

    def _refuse(self, record: UnitRecord) -> None:
        self._on_refused(record)
        self.abandon(record.unit.unit_id)
        self._settle(record.unit.unit_id)

    def _requeue(self, run: UnitRun) -> None:
        if not self._closed and not run.lost:
            self._ready.put_nowait(run)

    def _settle(self, unit_id: str) -> None:
        self._outstanding.discard(unit_id)
        if not self._outstanding:
            self._hungry.set()

    def _release_workers(self) -> None:
        self._hungry.set()
        for _ in range(self._workers):
            self._ready.put_nowait(None)
