"""`run_units`: the one loop that every pipeline runs its work through.

    read the ledger -> claim -> work, many at once -> record in batches -> report

It bounds concurrency, cuts off what takes too long, retries by policy without holding a place, keeps leases alive,
skips what is done already, goes on past failures and logs them, and ends with a frozen report. It knows nothing about
what a unit is.
"""

import asyncio
import contextlib
import errno
import random
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

import structlog

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.engine.counters import Tally
from platform_assets.core.engine.heartbeat import Heartbeat
from platform_assets.core.engine.ledger import UnitLedger
from platform_assets.core.engine.ledger_writer import Batch, LedgerWriter, until_answered
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.unit_queue import UnitQueue
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import (
    Attempt,
    JsonObject,
    Plan,
    Progress,
    Report,
    Stop,
    StopReason,
    Unit,
    UnitOutcome,
    UnitRecord,
    UnitState,
)
from platform_assets.core.errors import (
    LeaseLostError,
    PermanentError,
    PlatformError,
    RefusedError,
    TransientError,
)
from platform_assets.core.processes.owner import describe_owner

log = structlog.get_logger(__name__)

MESSAGE_LENGTH = 1000
"""Characters of an error's text that the ledger keeps."""

_MACHINE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Of the machine, whatever was worked on."""

Work = Callable[[Unit, UnitRun], Awaitable[JsonObject | None]]
"""Does one unit and returns a small JSON object for the ledger. Must be safe to do twice."""

OnProgress = Callable[[Progress], None]

OnOutcome = Callable[[UnitOutcome], None]


async def run_units(  # noqa: PLR0913 - each argument is one thing that a pipeline says about its run
    plan: Plan,
    work: Work,
    *,
    ledger: UnitLedger,
    policy: RunPolicy,
    clock: Clock | None = None,
    draw: Callable[[], float] = random.random,
    after: Mapping[str, str] | None = None,
    on_progress: OnProgress | None = None,
    on_outcome: OnOutcome | None = None,
    stop: asyncio.Event | None = None,
) -> Report:
    """Runs every unit of `plan` that is not done yet and reports how it went.

    Args:
        plan: The stored plan.
        work: Does one unit. Raises `TransientError` to be tried again, `PermanentError` to be skipped and logged,
            `RefusedError` to stop the whole run; anything else counts as permanent, kind `unexpected`. An error whose
            kind is a fault of the platform gives the unit back.
        ledger: Where the plan's units are kept.
        policy: Bounds and retries.
        clock: The wall clock, for the report; waiting follows the event loop's time.
        draw: Random numbers in [0, 1) for the jitter of waits.
        after: Unit id -> the unit of the plan that must be done first, where there is one. While that one is not done,
            what comes after it is left.
        on_progress: Called in the event loop at a human pace, and once at the end.
        on_outcome: Called in the event loop with each unit that ended done or failed, once the ledger has it.
        stop: When set, no new unit starts, running ones are given back, and the report says so.

    Returns:
        The report; `report.stop` is set when the run ended before its units did.

    Raises:
        TransientError: The ledger could not be read or written.
    """
    run = _Run(plan, work, ledger, policy, clock or SystemClock(), draw, on_outcome)
    return await run.execute(after or {}, on_progress, stop)


class _Run:
    """One call of `run_units`."""

    def __init__(
        self,
        plan: Plan,
        work: Work,
        ledger: UnitLedger,
        policy: RunPolicy,
        clock: Clock,
        draw: Callable[[], float],
        on_outcome: OnOutcome | None,
    ) -> None:
        self._plan = plan
        self._work = work
        self._ledger = ledger
        self._policy = policy
        self._clock = clock
        self._draw = draw
        self._on_outcome = on_outcome
        self._faults = 0
        self._attempt = Attempt(uuid.uuid4().hex, describe_owner())
        self._writer = LedgerWriter(ledger, plan, self._attempt, self._account)

    async def execute(
        self,
        after: Mapping[str, str],
        on_progress: OnProgress | None,
        stop: asyncio.Event | None,
    ) -> Report:
        """The straight line, from the ledger's word to the report."""
        self._tally = Tally(
            await until_answered(self._ledger.read_units, self._plan),
            self._clock.now(),
            on_progress,
            self._policy.progress_seconds,
        )
        todo = self._tally.todo()
        self._workers = min(self._policy.concurrency, len(todo))
        self._queue = UnitQueue(
            self._ledger,
            self._plan,
            self._attempt,
            todo,
            workers=self._workers,
            policy=self._policy,
            on_save=self._writer.add_checkpoint,
            on_refused=self._refuse,
        )
        self._queue.chain(after)
        if todo:
            async with self._kept_alive(stop):
                await self._work_until_deadline()
        return self._tally.report(skipped_meanwhile=self._queue.done_elsewhere)

    async def _work_until_deadline(self) -> None:
        """Runs the workers to the end or to the deadline, and leaves nothing held behind."""
        try:
            async with asyncio.timeout(self._policy.deadline_seconds):
                while not self._queue.exhausted:
                    await self._work_through()
                    await self._writer.flush()
        except TimeoutError:
            passed = f"deadline: {self._policy.deadline_seconds:g} s have passed"
            self._tally.stop = Stop(StopReason.DEADLINE, passed)
            self._queue.close()
        finally:
            await asyncio.shield(self._give_back())

    async def _work_through(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._queue.feed())
                for _ in range(self._workers):
                    group.create_task(self._work_one_by_one())
        except* PlatformError as errors:
            raise errors.exceptions[0] from None

    async def _work_one_by_one(self) -> None:
        while (run := await self._queue.get()) is not None:
            await self._try_once(run)

    async def _try_once(self, run: UnitRun) -> None:
        """One try of one unit, and what follows from it."""
        loop = asyncio.get_running_loop()
        run.tries += 1
        started = loop.time()
        run.task = asyncio.ensure_future(self._work(run.unit, run))
        try:
            async with asyncio.timeout(self._policy.unit_timeout_seconds):
                detail = await run.task
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return  # cut off because its lease was lost or the run is stopping: no outcome of ours
        except Exception as error:  # noqa: BLE001 - the unit runner is one of the three places that catch
            run.seconds += loop.time() - started
            self._fail(run, self._classify(error))
        else:
            run.seconds += loop.time() - started
            self._faults = 0
            self._finish(run, UnitState.DONE, detail=detail)
        finally:
            run.task = None

    def _classify(self, error: Exception) -> PlatformError:
        if isinstance(error, PlatformError):
            return error
        if isinstance(error, TimeoutError):
            seconds = self._policy.unit_timeout_seconds
            return TransientError(f"no end after {seconds} s; the try was cut off", kind="timeout")
        if isinstance(error, OSError) and error.errno in _MACHINE_ERRORS:
            return TransientError(f"this machine is out of room: {error}", kind="no_space")
        log.error("unit_broke", exc_info=error)
        return PermanentError(
            f"{type(error).__name__}: {error}. This is a defect of the work, see the log",
            kind="unexpected",
        )

    def _fail(self, run: UnitRun, error: PlatformError) -> None:
        """Tries again later, or gives the unit up; a refusal ends the run."""
        if isinstance(error, LeaseLostError):
            self._queue.lose({run.unit.unit_id})
            return
        run.failures += 1
        wait = self._policy.retry.next_wait(run.failures, error, self._draw())
        if wait is not None:
            self._tally.retries += 1
            self._queue.delay(run, wait)
            return
        if error.is_platform_fault:
            self._give_up_for_now(run, error)
            return
        self._finish(run, UnitState.FAILED, error=error)
        if isinstance(error, RefusedError):
            self._stop(Stop(StopReason.REFUSED, f"refused: {error}", error.kind))

    def _give_up_for_now(self, run: UnitRun, error: PlatformError) -> None:
        """A fault of the platform: the unit is given back, and the run ends when nothing can succeed."""
        self._finish(run, UnitState.PENDING, error=error)
        self._faults += 1
        if isinstance(error, RefusedError):
            self._stop(Stop(StopReason.REFUSED, f"refused: {error}", error.kind))
        elif self._faults >= self._policy.fault_limit:
            self._stop_for_platform(
                f"{self._faults} faults of the platform in a row, the last", error
            )

    def _finish(
        self,
        run: UnitRun,
        state: UnitState,
        *,
        detail: JsonObject | None = None,
        error: PlatformError | None = None,
    ) -> None:
        if run.lost:
            return
        self._queue.finish(run)
        self._writer.add_outcome(
            UnitOutcome(
                run.unit.unit_id,
                state,
                seconds=run.seconds,
                tries=run.tries,
                detail=detail,
                checkpoint=run.checkpoint,
                error_kind=error.kind if error else None,
                error_message=str(error)[:MESSAGE_LENGTH] if error else None,
                transient=isinstance(error, TransientError),
            )
        )
        if self._queue.is_awaited(run.unit.unit_id):
            self._writer.hurry()

    def _account(self, batch: Batch) -> None:
        """The ledger's answer to a batch: only what it took counts."""
        for outcome in batch.outcomes:
            if outcome.unit_id in batch.refused:
                self._queue.contest(outcome.unit_id)
            else:
                self._conclude(outcome)
        self._queue.lose(set(batch.refused))
        self._queue.notice_recorded()
        limit = self._policy.skip_limit
        if limit is not None and self._tally.failed > limit and not self._queue.closed:
            failed = f"skip limit: more than {limit} units failed"
            self._tally.stop = Stop(StopReason.SKIP_LIMIT, failed)
            self._queue.close()
        self._tally.tell_progress(running=len(self._queue.held_ids()))

    def _conclude(self, outcome: UnitOutcome) -> None:
        """What follows from an outcome that the ledger has."""
        self._tally.add(outcome)
        _log_outcome(self._plan, outcome)
        if outcome.state is UnitState.DONE:
            self._queue.release(outcome.unit_id)
        else:
            self._queue.abandon(outcome.unit_id)
        if self._on_outcome is not None and outcome.state is not UnitState.PENDING:
            self._on_outcome(outcome)

    def _refuse(self, record: UnitRecord) -> None:
        """The ledger will not have anybody work on this unit: it is told, and nothing is written."""
        self._conclude(
            UnitOutcome(
                record.unit.unit_id,
                UnitState.FAILED,
                tries=0,
                error_kind=record.error_kind,
                error_message=record.error_message,
            )
        )

    def _stop_for_platform(self, what: str, error: PlatformError) -> None:
        self._stop(Stop(StopReason.PLATFORM, f"{what}: {error}", error.kind))

    def _stop(self, stop: Stop) -> None:
        """Ends the run early: no new unit, running ones are cut off and given back."""
        self._tally.stop = self._tally.stop or stop
        self._queue.close()
        for run in self._queue.held_runs():
            run.interrupt()

    async def _give_back(self) -> None:
        """Gives back what is still held, so that the next run need not wait for the leases to end."""
        for run in self._queue.held_runs():
            self._finish(run, UnitState.PENDING)
        await self._writer.flush()

    @contextlib.asynccontextmanager
    async def _kept_alive(self, stop: asyncio.Event | None) -> AsyncGenerator[None]:
        """Heartbeat, flushing and the stop signal, for as long as the workers run."""
        heartbeat = self._heartbeat()
        background = [asyncio.create_task(self._flush_until_cancelled())]
        if stop is not None:
            background.append(asyncio.create_task(self._stop_when(stop)))
        heartbeat.start()
        try:
            yield
        finally:
            heartbeat.stop()
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)

    def _heartbeat(self) -> Heartbeat:
        call = asyncio.get_running_loop().call_soon_threadsafe

        def on_lost(lost: set[str]) -> None:
            call(self._queue.lose, lost)

        def on_dead(error: PlatformError) -> None:
            call(self._stop_for_platform, "leases could not be renewed", error)

        return Heartbeat(
            renew=lambda: self._ledger.renew(self._plan, self._attempt, self._policy.lease_seconds),
            held=self._queue.held_ids,
            on_lost=on_lost,
            on_dead=on_dead,
            lease_seconds=self._policy.lease_seconds,
            clock=self._clock,
        )

    async def _flush_until_cancelled(self) -> None:
        try:
            await self._writer.flush_forever()
        except PlatformError as error:
            self._stop_for_platform("the ledger could not be written", error)

    async def _stop_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stop(Stop(StopReason.ASKED, "asked to stop"))


def _log_outcome(plan: Plan, outcome: UnitOutcome) -> None:
    log.info(
        "unit",
        pipeline=plan.scope.pipeline,
        tenant=plan.scope.tenant,
        partition=plan.scope.partition,
        unit_id=outcome.unit_id,
        state=outcome.state.value,
        seconds=round(outcome.seconds, 3),
        tries=outcome.tries,
        error_kind=outcome.error_kind,
    )
