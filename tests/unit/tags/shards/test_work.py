"""An attempt at a shard: what is done, skipped, tried again and told. Tables run in this process, time is virtual."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from platform_assets.core.engine.units import JsonObject
from platform_assets.core.errors import (
    PermanentError,
    PlatformError,
    RefusedError,
    TransientError,
)
from platform_assets.core.objects import ObjectInfo
from platform_assets.tags.shards.dealing import plan_shards
from platform_assets.tags.shards.manifest import Manifest, WorkSettings, select_shards
from platform_assets.tags.shards.result import ShardResult, TableState, read_result
from platform_assets.tags.shards.work import ShardTask, WorkEnd, answer, work_on_shard
from platform_assets.tags.tables import list_tables
from tests.fakes.virtual_time import run_virtual
from tests.unit.tags.table_rig import PLACE, TableRig

WORK = WorkSettings("v1", table_timeout_seconds=60, attempts=2)


class ShardRig(TableRig):
    """One shard, and calls that run in this process; `before` may do something else first."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.calls: list[str] = []
        self.before: Callable[[JsonObject], object] = lambda _: None
        self.stop_at: str | None = None
        self.stop = asyncio.Event()

    def make_manifest(self, only: list[str] | None = None) -> Manifest:
        tables = list_tables(self.objects, PLACE).tables
        plan = plan_shards({table.table_id: table.size_bytes for table in tables}, 1)
        return select_shards("j1", PLACE, plan, tables, WORK, only=only)

    def run(self, only: list[str] | None = None) -> WorkEnd:
        self.calls.clear()
        return run_virtual(self.arun(ShardTask(self.make_manifest(only), "00", 0)))

    def stopping(self, error: PlatformError) -> None:
        """Fails, and asks for the end while the next try is waited for."""
        asyncio.get_running_loop().call_later(0.5, self.stop.set)
        raise error

    async def arun(self, task: ShardTask) -> WorkEnd:
        stop = self.stop = asyncio.Event()

        async def call(
            payload: JsonObject, *, alarm_seconds: float | None = None
        ) -> JsonObject | None:
            name = payload.get("table", "merge")
            self.calls.append(name)
            if name == self.stop_at:
                stop.set()
                await asyncio.sleep(3600)
            found = self.before(payload)
            if asyncio.iscoroutine(found):
                await found
            assert alarm_seconds == 90
            return answer(self.work, task, payload)

        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        try:
            return await work_on_shard(
                task,
                objects=self.objects,
                versions=self.steps.versions,
                call=call,
                scratch=scratch,
                stop=stop,
                mask=str.swapcase,
            )
        finally:
            assert list(scratch.iterdir()) == [], "temporary files are gone, however it ended"

    @property
    def result(self) -> ShardResult:
        found = read_result(self.objects, "j1", "00")
        assert found is not None
        return found

    @property
    def states(self) -> dict[str, TableState]:
        return {table.table_id: table.state for table in self.result.tables}


@pytest.fixture
def rig(tmp_path: Path) -> ShardRig:
    return ShardRig(tmp_path)


def test_all_tables_are_done_the_largest_first_and_then_the_summary(rig: ShardRig):
    rig.put("small", "apple")
    rig.put("large", "avocado", "pear", "plum")
    assert rig.run() is WorkEnd.DONE
    assert rig.calls == ["large", "small", "merge"]
    assert rig.states == {"large": TableState.DONE, "small": TableState.DONE}
    assert (rig.result.ended, rig.result.whole, rig.result.waiting) == (True, True, 0)
    assert [table.rows for table in rig.result.tables] == [3, 1]
    assert rig.objects.get(PLACE.summary_key("00")) == b'{"mentions": 2}'


def test_a_second_attempt_does_only_the_summary_again(rig: ShardRig):
    rig.put("a", "apple")
    rig.put("b", "pear")
    rig.run()
    assert rig.run() is WorkEnd.DONE
    assert rig.calls == ["merge"]
    assert set(rig.states.values()) == {TableState.SKIPPED}
    assert [table.rows for table in rig.result.tables] == [1, 1], "counts come from the receipts"


def test_a_table_that_fails_leaves_the_others_alone_and_the_summary_as_it_was(rig: ShardRig):
    rig.put("good", "apple")
    rig.put("broken", "permanent")
    rig.put("defect", "raise 010-1234-5678")
    rig.objects.put(PLACE.summary_key("00"), b"the one before")
    assert rig.run() is WorkEnd.FAILED
    assert rig.states == {
        "good": TableState.DONE,
        "broken": TableState.FAILED,
        "defect": TableState.FAILED,
    }
    assert {table.error_kind for table in rig.result.failed} == {"broken", "unexpected"}
    assert rig.result.failed[0].error_message is not None
    assert "A DEFECT OF THE WORK" in rig.result.failed[0].error_message, "masked"
    assert "merge" not in rig.calls
    assert not rig.result.whole
    assert rig.objects.get(PLACE.summary_key("00")) == b"the one before"


def test_what_may_pass_is_tried_as_often_as_the_manifest_says(rig: ShardRig):
    rig.put("a", "transient")
    rig.put("b", "apple")
    assert rig.run() is WorkEnd.FAILED
    assert rig.calls.count("a") == 2
    assert rig.states["b"] is TableState.DONE


def test_a_table_that_hangs_is_cut_off_at_its_timeout(rig: ShardRig):
    rig.put("a", "apple")
    rig.put("b", "pear")
    rig.before = lambda payload: asyncio.sleep(3600) if payload.get("table") == "a" else None
    assert rig.run() is WorkEnd.FAILED
    (failed,) = rig.result.failed
    assert (failed.table_id, failed.error_kind, failed.seconds) == ("a", "timeout", 120.0)
    assert rig.states["b"] is TableState.DONE


def test_a_redrive_works_on_the_named_tables_and_counts_the_others(rig: ShardRig):
    rig.put("a", "apple")
    rig.put("b", "permanent")
    rig.put("c", "pear")
    rig.run()
    rig.put("b", "avocado")
    assert rig.run(only=["b"]) is WorkEnd.DONE
    assert rig.calls == ["b", "merge"]
    assert (rig.states, rig.result.whole) == ({"b": TableState.DONE}, True)
    assert rig.objects.get(PLACE.summary_key("00")) == b'{"mentions": 2}'


def test_a_redrive_of_a_shard_with_other_unfinished_tables_makes_no_summary(rig: ShardRig):
    rig.put("a", "apple")
    rig.put("b", "pear")
    assert rig.run(only=["b"]) is WorkEnd.DONE
    assert (rig.result.whole, rig.result.left_out) == (False, 1)
    assert rig.calls == ["b"]


def test_a_shard_without_tables_is_whole(rig: ShardRig):
    table = rig.put("a")
    manifest = rig.make_manifest()
    rig.objects.delete(table.key)
    empty = ShardTask(
        Manifest("j1", PLACE, ("00",), {"00": ()}, manifest.work),
        "00",
        0,
    )
    assert run_virtual(rig.arun(empty)) is WorkEnd.DONE
    assert (rig.result.whole, rig.result.tables) == (True, ())


def test_asked_to_stop_it_gives_up_the_running_table_and_starts_no_other(rig: ShardRig):
    rig.put("first", "apple apple apple")
    rig.put("second", "pear pear")
    rig.put("third", "plum")
    rig.stop_at = "second"
    assert rig.run() is WorkEnd.STOPPED
    assert rig.calls == ["first", "second"]
    assert rig.states == {"first": TableState.DONE}
    assert (rig.result.ended, rig.result.waiting, rig.result.error_kind) == (True, 2, "stopped")
    rig.stop_at = None
    assert rig.run() is WorkEnd.DONE
    assert rig.calls == ["second", "third", "merge"]


def test_asked_to_stop_while_it_merges_it_stops_too(rig: ShardRig):
    rig.put("a", "apple")
    rig.stop_at = "merge"
    assert rig.run() is WorkEnd.STOPPED
    assert (rig.result.whole, rig.states) == (False, {"a": TableState.DONE})


def test_a_refusal_ends_the_attempt_and_says_why(rig: ShardRig):
    rig.put("first", "refuse")
    rig.put("second", "pear")
    assert rig.run() is WorkEnd.REFUSED
    assert rig.calls == ["first"]
    assert (rig.result.error_kind, rig.result.waiting) == ("denied", 1)


def fail(error: PlatformError) -> None:
    raise error


def test_without_a_summary_the_shard_is_not_whole(rig: ShardRig):
    rig.put("a", "apple")
    error = PermanentError("a summary cannot be read", kind="bad_summary")
    rig.before = lambda payload: fail(error) if "merge" in payload else None
    assert rig.run() is WorkEnd.FAILED
    assert (rig.result.whole, rig.result.error_kind) == (False, "bad_summary")


def test_a_summary_whose_process_dies_is_tried_again_as_a_table_is(rig: ShardRig):
    rig.put("a", "apple")
    died = [TransientError("its process died: signal 9", kind="worker_died")]
    rig.before = lambda payload: fail(died.pop()) if "merge" in payload and died else None
    assert rig.run() is WorkEnd.DONE
    assert rig.calls == ["a", "merge", "merge"]
    assert (rig.result.whole, rig.result.error_kind) == (True, None)


def test_a_summary_that_fails_as_often_as_it_may_is_missing(rig: ShardRig):
    rig.put("a", "apple")
    died = TransientError("its process died: signal 9", kind="worker_died")
    rig.before = lambda payload: fail(died) if "merge" in payload else None
    assert rig.run() is WorkEnd.FAILED
    assert rig.calls == ["a", "merge", "merge"]
    assert (rig.result.whole, rig.result.error_kind) == (False, "worker_died")


def test_a_refused_summary_is_the_attempts_failure_and_no_tables(rig: ShardRig):
    rig.put("a", "apple")
    gone = RefusedError("the fork server of this process is gone", kind="fork_server_died")
    rig.before = lambda payload: fail(gone) if "merge" in payload else None
    assert rig.run() is WorkEnd.REFUSED, "the runner starts such a task again"
    assert rig.calls == ["a", "merge"]
    assert (rig.result.whole, rig.result.error_kind) == (False, "fork_server_died")
    assert rig.states == {"a": TableState.DONE}


def test_asked_to_stop_before_the_summary_is_tried_again_it_stops(rig: ShardRig):
    rig.put("a", "apple")
    died = [TransientError("its process died: signal 9", kind="worker_died")]
    rig.before = lambda payload: rig.stopping(died.pop()) if "merge" in payload else None
    assert rig.run() is WorkEnd.STOPPED
    assert rig.calls == ["a", "merge"]
    assert (rig.result.whole, rig.result.error_kind) == (False, "stopped")


def test_a_summary_that_hangs_is_cut_off(rig: ShardRig):
    rig.put("a", "apple")
    rig.before = lambda payload: asyncio.sleep(3600) if "merge" in payload else None
    assert rig.run() is WorkEnd.FAILED
    assert rig.result.error_kind == "timeout"


def test_receipts_that_cannot_be_read_stop_the_attempt(rig: ShardRig):
    rig.put("a", "apple")
    task = ShardTask(rig.make_manifest(), "00", 3)

    def away(prefix: str) -> Iterator[ObjectInfo]:
        raise TransientError("the store is away", kind="object_store_unavailable")

    rig.objects.list = away
    assert run_virtual(rig.arun(task)) is WorkEnd.REFUSED
    assert (rig.result.error_kind, rig.result.attempt) == ("object_store_unavailable", 3)
    assert rig.calls == []
