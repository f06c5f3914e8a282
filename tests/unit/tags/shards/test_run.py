import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Event

import pytest

from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.core.jobs import TaskState
from platform_assets.tags.keys import TenantSource, result_key
from platform_assets.tags.shards.manifest import Manifest, WorkSettings
from platform_assets.tags.shards.result import ShardResult, TableResult, TableState
from platform_assets.tags.shards.run import TASK_DIED, JobProgress, ShardOutcome, run_shards
from tests.fakes.job_runner import Script, ScriptedRunner, Stage
from tests.fakes.memory_objects import MemoryObjectStore
from tests.fakes.virtual_time import virtual_time

PLACE = TenantSource("acme", "board")
SHARDS = ("00", "01", "02")
WORK = WorkSettings("abc")
SIZES = {"a": 30, "b": 20, "c": 10}
"""Dealt to three shards: `a` to 00, `b` to 01, `c` to 02."""

PATIENCE = 600.0
"""Seconds after which something that must come is given up."""


@dataclass
class Rig:
    """A tenant-source of three tables in three shards, and what a run over them tells."""

    objects: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    outcomes: list[ShardOutcome] = field(default_factory=list[ShardOutcome])
    progress: list[JobProgress] = field(default_factory=list[JobProgress])
    runner: ScriptedRunner = field(init=False)
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    _told: asyncio.Queue[str] = field(default_factory=asyncio.Queue[str])

    def __post_init__(self) -> None:
        self.runner = ScriptedRunner(self.objects)
        for table_id, size in SIZES.items():
            self.deliver(table_id, size)

    def deliver(self, table_id: str, size: int) -> None:
        self.objects.put(f"raw/acme/board/{table_id}.csv", b"x" * size)

    async def run(
        self,
        script: Script | None = None,
        shards: Sequence[str] = SHARDS,
        *,
        job_id: str = "job-1",
        poll_seconds: float = 10.0,
        work: WorkSettings = WORK,
    ) -> None:
        if script is not None:
            self.runner.script = script
        await run_shards(
            job_id,
            PLACE,
            shards,
            objects=self.objects,
            runner=self.runner,
            work=work,
            on_shard=self._hear_end,
            on_progress=self._hear_progress,
            count=3,
            poll_seconds=poll_seconds,
        )

    async def next_told(self) -> str:
        """Waits for the next shard that is told."""
        async with asyncio.timeout(PATIENCE):
            return await self._told.get()

    def _hear_end(self, outcome: ShardOutcome) -> None:
        self.outcomes.append(outcome)
        self._told.put_nowait(outcome.shard)

    def _hear_progress(self, progress: JobProgress) -> None:
        self.progress.append(progress)
        self.looked.set()

    @property
    def told(self) -> list[str]:
        return [outcome.shard for outcome in self.outcomes]

    @property
    def reasons(self) -> dict[str, str | None]:
        return {outcome.shard: outcome.reason for outcome in self.outcomes}

    @property
    def manifests(self) -> list[Manifest]:
        return [stage.manifest for stage in self.runner.stages]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def result_of(shard: str, *tables: TableResult, waiting: int = 0, **more: object) -> ShardResult:
    ended = ShardResult(shard, 0, ended=True, tables=tables, waiting=waiting)
    return replace(ended, **more)


def done(table_id: str, seconds: float = 0.0) -> TableResult:
    return TableResult(table_id, TableState.DONE, seconds=seconds)


def failed(table_id: str, kind: str = "timeout", *, transient: bool = False) -> TableResult:
    ended = TableResult(table_id, TableState.FAILED, error_kind=kind, transient=transient)
    return replace(ended, error_message="it took too long")


# What the runner is given.


async def test_a_task_per_shard_with_its_tables_and_how_to_work_on_them(rig: Rig):
    work = WorkSettings("abc", table_timeout_seconds=7.0, attempts=3, tokenizer="kiwi")
    await rig.run(work=work)
    (stage,) = rig.runner.stages
    assert stage.job.job_id == "job-1"
    assert stage.job.tasks == 3
    tables = {s: [t.table_id for t in each] for s, each in stage.manifest.tables.items()}
    assert tables == {"00": ["a"], "01": ["b"], "02": ["c"]}
    assert (stage.manifest.place, stage.manifest.work) == (PLACE, work)
    assert stage.manifest.only is None


async def test_only_the_shards_that_were_asked_for_are_run(rig: Rig):
    await rig.run(shards=["02", "00"])
    assert rig.manifests[0].shards == ("00", "02")  # the heaviest first
    assert sorted(rig.told) == ["00", "02"]


async def test_a_shard_that_the_plan_does_not_have_ends_at_once_with_nothing_to_do(rig: Rig):
    told_before_the_job: list[ShardOutcome] = []

    async def script(stage: Stage) -> None:
        told_before_the_job.extend(rig.outcomes)
        stage.finish("01")

    await rig.run(script, ["01", "07", "99"])
    nothing = {s: ShardResult(s, 0, ended=True, whole=True) for s in ("07", "99")}
    assert told_before_the_job == [ShardOutcome(s, nothing[s], None) for s in ("07", "99")]
    assert rig.told == ["07", "99", "01"]


async def test_no_job_is_started_for_shards_that_the_plan_does_not_have(rig: Rig):
    await rig.run(shards=["50", "51"])
    assert rig.reasons == {"50": None, "51": None}
    assert rig.runner.stages == []
    assert not list(rig.objects.list("jobs/"))


async def test_what_cannot_be_planned_is_refused_before_a_job_is_started(
    rig: Rig,
):
    for info in list(rig.objects.list("raw/")):
        rig.objects.delete(info.key)
    with pytest.raises(PermanentError) as error:
        await rig.run()
    assert error.value.kind == "no_tables"
    assert (rig.runner.stages, rig.outcomes) == ([], [])


async def test_the_same_job_goes_on_with_the_same_manifest(rig: Rig):
    await rig.run()
    rig.objects.delete("raw/acme/board/b.csv")
    rig.deliver("d", 5)
    await rig.run()
    first, second = rig.manifests
    assert second == first


@pytest.mark.parametrize("shards", [["00"], ["01", "02"], SHARDS])
async def test_a_job_that_was_started_with_other_shards_is_refused(rig: Rig, shards: Sequence[str]):
    await rig.run(shards=["00", "01"])
    told = list(rig.told)
    with pytest.raises(PermanentError, match=r"shards 00, 01 of acme:board.*start a new run") as e:
        await rig.run(shards=shards)
    assert e.value.kind == "other_shards"
    assert rig.told == told
    assert len(rig.runner.stages) == 1


async def test_another_job_works_on_the_tables_that_there_are_then(rig: Rig):
    await rig.run()
    rig.objects.delete("raw/acme/board/b.csv")
    rig.deliver("d", 5)
    await rig.run(job_id="job-2")
    tables = {s: [t.table_id for t in each] for s, each in rig.manifests[1].tables.items()}
    assert tables == {"00": ["a"], "01": ["d"], "02": ["c"]}


# How shards end.


async def test_each_shard_is_told_as_soon_as_its_task_is_over(rig: Rig):
    async def script(stage: Stage) -> None:
        for shard in ("02", "00", "01"):
            stage.finish(shard)
            assert await rig.next_told() == shard

    await rig.run(script)
    assert rig.told == ["02", "00", "01"]
    assert rig.reasons == dict.fromkeys(SHARDS)
    results = [outcome.result for outcome in rig.outcomes]
    assert [result and result.tables for result in results] == [
        (done("c"),),
        (done("a"),),
        (done("b"),),
    ]


async def test_ends_that_come_together_are_told_in_their_order(rig: Rig):
    async def script(stage: Stage) -> None:
        for shard in ("01", "02", "00"):
            stage.finish(shard)

    await rig.run(script)
    assert rig.told == ["01", "02", "00"]


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        (TaskState.FAILED, "signal 9", "its task failed without a result: signal 9"),
        (TaskState.CANCELLED, None, "its task cancelled without a result: no reason given"),
        (TaskState.SUCCEEDED, None, "its task succeeded without a result: no reason given"),
    ],
)
async def test_a_task_without_a_result_is_explained_by_its_end(
    rig: Rig, state: TaskState, reason: str | None, said: str
):
    async def script(stage: Stage) -> None:
        stage.end("00", state, reason)
        stage.finish("01")
        stage.finish("02")

    await rig.run(script)
    assert rig.outcomes[0] == ShardOutcome("00", None, said)
    assert rig.reasons["01"] is rig.reasons["02"] is None


async def test_a_result_that_cannot_be_read_is_no_whole_shard(rig: Rig):
    async def script(stage: Stage) -> None:
        rig.objects.put(result_key("job-1", "01"), b"{ half a file")
        stage.end("01")
        stage.finish("00")
        stage.finish("02")

    await rig.run(script)
    assert rig.outcomes[0].result is None
    assert "its result cannot be read (bad_result)" in (rig.reasons["01"] or "")
    assert "results/01.json" in (rig.reasons["01"] or "")
    assert rig.reasons["00"] is rig.reasons["02"] is None


async def test_failed_tables_are_named_with_what_was_not_reached(rig: Rig):
    async def script(stage: Stage) -> None:
        stage.write(result_of("00", failed("a"), done("b"), waiting=4))
        stage.end("00", TaskState.FAILED, "exit code 1")

    await rig.run(script, ["00"])
    (outcome,) = rig.outcomes
    assert outcome.reason == "1 tables failed, 4 were not reached: a (timeout): it took too long"
    assert outcome.result is not None
    assert outcome.result.failed == [failed("a")]


@pytest.mark.parametrize(("count", "end"), [(5, "t4 (timeout): it took too long"), (7, "2 more")])
async def test_five_failed_tables_are_named_and_the_rest_is_counted(rig: Rig, count: int, end: str):
    async def script(stage: Stage) -> None:
        stage.write(result_of("00", *(failed(f"t{number}") for number in range(count))))
        stage.end("00", TaskState.FAILED)

    await rig.run(script, ["00"])
    reason = rig.reasons["00"] or ""
    assert reason.startswith(f"{count} tables failed: t0 (timeout)")
    assert reason.endswith(end)
    assert "t5" not in reason


@pytest.mark.parametrize(
    ("result", "state", "reason", "said"),
    [
        (
            result_of("00", done("a"), waiting=2, error_message="the store refuses"),
            TaskState.FAILED,
            "exit code 2",
            "the store refuses (1 tables are done, 2 are left)",
        ),
        (
            result_of("00", done("a"), waiting=2, ended=False, running="b"),
            TaskState.FAILED,
            "signal 9",
            "signal 9 (1 tables are done, 2 are left)",
        ),
        (
            result_of("00", waiting=3, ended=False),
            TaskState.CANCELLED,
            None,
            "its task cancelled (0 tables are done, 3 are left)",
        ),
        (
            result_of("00", done("a"), whole=True),
            TaskState.FAILED,
            "exit code 143",
            "exit code 143 (1 tables are done, 0 are left)",
        ),
        (
            result_of("00", done("a"), whole=False, error_message="no summary was written"),
            TaskState.SUCCEEDED,
            None,
            "no summary was written (1 tables are done, 0 are left)",
        ),
    ],
    ids=["refused", "killed", "cancelled", "failed after its end", "not whole"],
)
async def test_a_shard_is_whole_only_if_its_result_and_its_task_say_so(
    rig: Rig, result: ShardResult, state: TaskState, reason: str | None, said: str
):
    async def script(stage: Stage) -> None:
        stage.write(result)
        stage.end("00", state, reason)

    await rig.run(script, ["00"])
    assert rig.outcomes == [ShardOutcome("00", result, said)]


# A runner that does not get to its end.


async def test_what_has_ended_is_told_before_the_error_of_the_runner(rig: Rig):
    async def script(stage: Stage) -> None:
        stage.finish("01")
        stage.end("00", TaskState.FAILED, "signal 9")
        raise TransientError("the service is away", kind="runner_unreachable")

    with pytest.raises(TransientError, match="the service is away"):
        await rig.run(script)
    assert rig.told == ["01", "00"]


async def test_a_cancelled_run_tells_what_has_ended_and_cancels_the_runner(rig: Rig):
    cancelled = False

    async def script(stage: Stage) -> None:
        nonlocal cancelled
        stage.finish("01")
        running.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled = True
            stage.end("00", TaskState.CANCELLED)
            raise

    running = asyncio.Event()
    run = asyncio.create_task(rig.run(script))
    await running.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert cancelled
    assert rig.told == ["01", "00"]


# Progress.


@virtual_time
async def test_progress_is_told_at_its_interval_until_the_job_ends(rig: Rig):
    async def script(stage: Stage) -> None:
        await asyncio.sleep(35)
        for shard in SHARDS:
            stage.finish(shard)

    await rig.run(script, poll_seconds=10)
    await asyncio.sleep(100)
    assert [progress.seconds for progress in rig.progress] == [10, 20, 30]


@virtual_time
async def test_progress_counts_tables_of_all_shards(rig: Rig):
    async def script(stage: Stage) -> None:
        await asyncio.sleep(15)
        waiting = result_of("01", ended=False, running="b", waiting=1)
        stage.write(waiting)
        stage.write(result_of("00", failed("a")))
        stage.end("00", TaskState.FAILED)
        await asyncio.sleep(20)
        stage.finish("01")
        await asyncio.sleep(5)

    await rig.run(script, ["00", "01"], poll_seconds=10)
    counts = [(each.done, each.failed, each.running) for each in rig.progress]
    assert counts == [(0, 0, ()), (0, 1, ("b",)), (0, 1, ("b",)), (1, 1, ())]
    assert {each.total for each in rig.progress} == {2}


@virtual_time
async def test_the_estimate_comes_from_what_was_worked_on_and_not_from_what_was_done_before(
    rig: Rig,
):
    for number in range(5):
        rig.deliver(f"d{number}", 30)

    async def script(stage: Stage) -> None:
        tables = [table.table_id for table in stage.manifest.tables["00"]]
        before = TableResult(tables[0], TableState.SKIPPED)
        stage.write(result_of("00", before, ended=False))
        await asyncio.sleep(15)
        stage.write(result_of("00", before, done(tables[1]), ended=False))
        await asyncio.sleep(15)
        stage.finish("00")
        await asyncio.sleep(11)

    await rig.run(script, ["00"], poll_seconds=10)
    total = len(rig.manifests[0].tables["00"])
    assert [each.done for each in rig.progress] == [1, 2, total, total]
    left = [each.left_seconds for each in rig.progress]
    assert left == [None, 20.0 * (total - 2), 0.0, 0.0]


@virtual_time
async def test_the_five_slowest_tables_are_told_the_slowest_first(rig: Rig):
    seconds = {"p": 3.0, "q": 9.0, "r": 1.0, "s": 5.0, "t": 7.0, "u": 2.0}

    async def script(stage: Stage) -> None:
        stage.write(result_of("00", *(done(*item) for item in seconds.items())))
        await asyncio.sleep(11)
        stage.end("00")

    await rig.run(script, ["00"])
    assert rig.progress[0].slowest == (
        ("q", 9.0),
        ("t", 7.0),
        ("s", 5.0),
        ("p", 3.0),
        ("u", 2.0),
    )


@virtual_time
async def test_a_result_that_cannot_be_read_now_leaves_the_progress_as_it_was(rig: Rig):
    async def script(stage: Stage) -> None:
        stage.write(result_of("00", done("a"), ended=False))
        await asyncio.sleep(15)
        rig.objects.put(result_key("job-1", "00"), b"half")
        await asyncio.sleep(10)
        stage.finish("00")

    await rig.run(script, ["00"])
    assert [each.done for each in rig.progress] == [1, 1]
    assert rig.reasons == {"00": None}


@virtual_time
async def test_the_table_of_a_task_that_died_is_not_running_any_more(rig: Rig):
    async def script(stage: Stage) -> None:
        stage.write(result_of("00", ended=False, running="a", waiting=1))
        await asyncio.sleep(15)
        stage.end("00", TaskState.FAILED, "signal 9")
        await asyncio.sleep(10)
        stage.finish("01")

    await rig.run(script, ["00", "01"])
    assert [each.running for each in rig.progress] == [("a",), ()]


class HeldStore(MemoryObjectStore):
    """Its first read of a result takes as long as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.read = Event()
        self.go_on = Event()

    def get(self, key: str) -> bytes:
        data = super().get(key)
        if "/results/" in key and not self.read.is_set():
            self.read.set()
            assert self.go_on.wait(PATIENCE)
        return data


async def test_a_slow_look_at_a_shard_does_not_undo_what_its_end_has_told():
    objects = HeldStore()
    rig = Rig(objects)

    async def script(stage: Stage) -> None:
        stage.write(result_of("00", ended=False, running="a", waiting=1))
        assert await asyncio.to_thread(objects.read.wait, PATIENCE)
        stage.finish("00")
        await rig.next_told()
        objects.go_on.set()
        async with asyncio.timeout(PATIENCE):
            await rig.looked.wait()

    await rig.run(script, ["00"], poll_seconds=0)
    assert rig.progress[0].done == 1


@pytest.mark.parametrize(
    ("result", "blamed"),
    [
        (None, [(TASK_DIED, True)]),
        (result_of("00", waiting=3, ended=False), [(TASK_DIED, True)]),
        (
            result_of("00", error_kind="stopped", error_message="asked to stop", transient=True),
            [("stopped", True)],
        ),
        (
            result_of("00", error_kind="no_dictionary", error_message="none"),
            [("no_dictionary", False)],
        ),
        (
            result_of(
                "00", done("a"), failed("b", "timeout", transient=True), failed("c", "bad_csv")
            ),
            [("timeout", True), ("bad_csv", False)],
        ),
    ],
    ids=["no result", "killed", "stopped", "refused", "tables failed"],
)
def test_a_shard_that_is_not_whole_says_what_is_to_blame_and_whether_it_may_pass(
    result: ShardResult | None, blamed: list[tuple[str, bool]]
):
    outcome = ShardOutcome("00", result, "it is not whole")
    assert [(each.kind, each.transient) for each in outcome.blamed] == blamed
