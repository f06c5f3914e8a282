"""Which unit a worker takes next: claims in small slices, holds back what waits for a retry, follows contested units.

A unit is *held* from its claim to its outcome, *delayed* while it waits for its next try, *contested* while another run
holds it. The queue decides nothing about how a unit ends: that is `engine.py`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from platform_assets.core.ledger import UnitLedger
from platform_assets.core.unit_run import UnitRun
from platform_assets.core.units import Attempt, JsonObject, Plan

CONTEST_POLL_SECONDS = 1.0
"""How often units that another run holds are looked at: two small queries."""


class UnitQueue:
    """Feeds workers with claimed units.

    Args:
        ledger: Where units are claimed.
        plan: The plan of all units.
        attempt: Who claims.
        unit_ids: Units that are not done yet, in plan order.
        workers: Number of workers that call `get`.
        lease_seconds: How long a claim lasts without a heartbeat.
        wait_for_others: Whether to wait for units that another run holds.
        on_save: Called with each checkpoint that a unit's work saves.
    """

    def __init__(
        self,
        ledger: UnitLedger,
        plan: Plan,
        attempt: Attempt,
        unit_ids: Sequence[str],
        *,
        workers: int,
        lease_seconds: float,
        wait_for_others: bool,
        on_save: Callable[[str, JsonObject], None],
    ) -> None:
        self._ledger = ledger
        self._plan = plan
        self._attempt = attempt
        self._workers = workers
        self._lease_seconds = lease_seconds
        self._wait_for_others = wait_for_others
        self._on_save = on_save
        self._unclaimed = deque(unit_ids)
        self._contested: set[str] = set()
        self._outstanding = set(unit_ids)
        self._held: dict[str, UnitRun] = {}
        self._ready: asyncio.Queue[UnitRun | None] = asyncio.Queue()
        self._hungry = asyncio.Event()
        self._closed = False
        self.done_elsewhere = 0

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
        self._settle(run.unit.unit_id)

    def lose(self, unit_ids: set[str]) -> None:
        """Another run may hold these units now: their tries are cut off, and they are followed as contested."""
        for unit_id in unit_ids:
            if (run := self._held.pop(unit_id, None)) is not None:
                run.lose()
                self.contest(unit_id)

    def contest(self, unit_id: str) -> None:
        """Follows a unit that another run holds, or leaves it to that run."""
        if self._wait_for_others:
            self._outstanding.add(unit_id)
            self._contested.add(unit_id)
            self._hungry.set()
        else:
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
            if self._unclaimed and self._ready.qsize() <= self._workers:
                await self._claim_slice()
            elif self._contested and not self._unclaimed:
                await self._look_at_contested()
            else:
                self._hungry.clear()
                await self._hungry.wait()
        self._release_workers()

    async def _claim_slice(self) -> None:
        """Claims about two units per worker: few transactions, and other runs of the plan find work too."""
        size = min(len(self._unclaimed), 2 * self._workers)
        await self._claim([self._unclaimed.popleft() for _ in range(size)])

    async def _look_at_contested(self) -> None:
        """Counts what others have done meanwhile, and takes over what they no longer hold."""
        await asyncio.sleep(CONTEST_POLL_SECONDS)
        contested, self._contested = self._contested, set()
        done = await asyncio.to_thread(self._ledger.read_done, self._plan, contested)
        self.done_elsewhere += len(done)
        for unit_id in done:
            self._settle(unit_id)
        await self._claim(sorted(contested - done))

    async def _claim(self, unit_ids: list[str]) -> None:
        if not unit_ids:
            return
        records = await asyncio.to_thread(
            self._ledger.claim, self._plan, unit_ids, self._attempt, self._lease_seconds
        )
        runs = [UnitRun(record, self._attempt.attempt_id, self._on_save) for record in records]
        self._held.update({run.unit.unit_id: run for run in runs})
        for run in runs:
            self._requeue(run)
        for unit_id in unit_ids:
            if unit_id not in self._held:
                self.contest(unit_id)

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
