"""One task as Cloud Run starts it: exit codes, its result file, and what is left when it is ended or killed."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from platform_assets.tags.shards.manifest import Manifest
from platform_assets.tags.shards.result import ShardResult, TableState
from tests.integration.processes import list_children, list_family, wait_until, wait_until_gone
from tests.integration.tags.job_rig import PLACE, JobRig

pytestmark = pytest.mark.slow


@pytest.fixture
def rig(tmp_path: Path) -> JobRig:
    return JobRig(tmp_path)


def only_result(rig: JobRig, manifest: Manifest) -> ShardResult:
    (result,) = rig.results(manifest)
    return result


def test_a_task_does_its_shard_only(rig: JobRig):
    for table_id in ("a", "b", "c", "d"):
        rig.put(table_id, "apple", table_id)
    manifest = rig.plan(shards=2)
    assert rig.run_task(manifest.key, 1, 2) == (0, "")
    (result,) = rig.results(manifest)
    assert result.shard == manifest.shards[1]
    assert (result.ended, result.whole, len(result.tables)) == (True, True, 2)
    assert len(rig.etags("/receipt.json")) == 2
    assert list(rig.etags(f"summary/{result.shard}.parquet")) == [PLACE.summary_key(result.shard)]
    assert rig.is_tidy()


def test_the_manifest_may_come_from_the_environment(rig: JobRig, monkeypatch: pytest.MonkeyPatch):
    rig.put("a", "apple")
    manifest = rig.plan()
    monkeypatch.setenv("SLUICE_TAGS_MANIFEST", manifest.key)
    assert rig.run_task(None)[0] == 0
    assert rig.states(manifest) == {"a": TableState.DONE}


def test_tables_that_fail_are_named_and_the_others_are_done(rig: JobRig):
    rig.put("hangs", "hang")
    rig.put("crashes", "abort")
    rig.put("defect", "raise of 010-1234-5678")
    rig.put("broken", "permanent")
    rig.put("poisoned", "apple", "bad row", "pear")
    rig.put("fine", "apple")
    manifest = rig.plan(shards=1, timeout=4.0)
    code, _ = rig.run_task(manifest.key)
    assert code == 1
    assert rig.states(manifest) == {
        "hangs": "timeout",
        "crashes": "worker_died",
        "defect": "unexpected",
        "broken": "broken",
        "poisoned": TableState.DONE,
        "fine": TableState.DONE,
    }
    result = only_result(rig, manifest)
    counts = {table.table_id: (table.rows, table.dead_letters) for table in result.tables}
    assert counts["poisoned"] == (2, 1)
    assert not result.whole
    assert rig.is_tidy()
    written = json.dumps([result.tables], default=str) + read_log(rig)
    assert "forked_work_broke" in written
    assert "1234" not in written


def read_log(rig: JobRig) -> str:
    return (rig.folder / "home" / "logs" / "sluice.jsonl").read_text()


def test_a_second_run_does_only_what_is_not_done(rig: JobRig):
    rig.put("a", "apple")
    rig.put("b", "permanent")
    assert rig.run_task(rig.plan(shards=1).key)[0] == 1
    before, receipts = rig.outputs(), rig.etags("/receipt.json")
    rig.put("b", "pear")
    manifest = rig.plan()
    assert rig.run_task(manifest.key)[0] == 0
    assert rig.states(manifest) == {"a": TableState.SKIPPED, "b": TableState.DONE}
    assert {key: rig.etags("/receipt.json")[key] for key in receipts} == receipts
    assert {key: rig.outputs()[key] for key in before} == before


def test_the_same_input_gives_the_same_bytes(rig: JobRig):
    for number in range(4):
        rig.put(f"t{number}", "apple", "bad row", "avocado" * number)
    assert rig.run_task(rig.plan(shards=1).key)[0] == 0
    first = rig.outputs()
    for key in first:
        if not key.endswith("plan.json"):
            rig.objects.delete(key)
    assert rig.run_task(rig.plan().key)[0] == 0
    assert rig.outputs() == first


@pytest.mark.parametrize(
    ("index", "count", "kind"),
    [(1, 1, "bad_task_index"), (0, 2, "bad_task_index"), ("x", 1, "bad_task_index"), (-1, 1, "bad_task_index")],
)  # fmt: skip
def test_a_task_that_the_job_does_not_have_does_not_run(
    rig: JobRig, index: object, count: object, kind: str
):
    rig.put("a", "apple")
    manifest = rig.plan()
    code, err = rig.run_task(manifest.key, index, count)
    assert code == 2
    assert kind in err
    assert rig.results(manifest) == []


def test_without_its_manifest_a_task_does_not_run(rig: JobRig):
    code, err = rig.run_task("jobs/nobody/manifest.json")
    assert (code, "manifest_missing" in err) == (2, True)
    code, err = rig.run_task(None)
    assert (code, "--manifest" in err) == (2, True)


def test_with_a_manifest_of_another_job_a_task_does_not_run(rig: JobRig):
    rig.put("a", "apple")
    data = rig.objects.get(rig.plan().key)
    rig.objects.put("jobs/other/manifest.json", data)
    code, err = rig.run_task("jobs/other/manifest.json")
    assert (code, "bad_manifest" in err) == (2, True)
    assert rig.etags("/receipt.json") == {}


def test_with_a_store_that_cannot_be_written_a_task_does_not_run(
    rig: JobRig, monkeypatch: pytest.MonkeyPatch
):
    rig.put("a", "apple")
    manifest = rig.plan()
    results = rig.folder / "objects" / "jobs" / manifest.job_id / "results"
    results.write_text("a file is in the way")
    code, err = rig.run_task(manifest.key)
    assert (code, "object_store_path_taken" in err) == (2, True)


def test_without_its_dictionary_a_task_does_not_run_and_its_result_says_why(rig: JobRig):
    rig.put("a", "apple")
    manifest = rig.plan()
    rig.objects.delete(manifest.work.dictionary)
    code, err = rig.run_task(manifest.key)
    assert (code, "dictionary_missing" in err) == (2, True)
    result = only_result(rig, manifest)
    assert (result.ended, result.waiting, result.error_kind) == (True, 1, "dictionary_missing")


def test_a_defect_of_the_task_does_not_look_like_tables_that_failed(rig: JobRig):
    rig.put("a", "apple")
    manifest = rig.plan()
    rig.objects.put(manifest.work.dictionary, b"what the fake steps do not expect")
    code, err = rig.run_task(manifest.key)
    assert (code, "AssertionError" in err) == (2, True)
    assert "task_broke" in read_log(rig)


def test_a_refusal_ends_the_task_and_is_in_its_result(rig: JobRig):
    rig.put("a", "refuse")
    rig.put("b", "x")
    manifest = rig.plan(shards=1)
    assert rig.run_task(manifest.key)[0] == 2
    assert only_result(rig, manifest).error_kind == "denied"


def wait_for_table(rig: JobRig, manifest: Manifest, task: subprocess.Popen[str]) -> list[int]:
    """Waits until a table runs in its process, and the result file says so; all processes of the task."""
    wait_until(lambda: len(list_family(task.pid)) == 3, "task, fork server and table")
    wait_until(lambda: any(each.running for each in rig.results(manifest)), "a running table")
    return list_family(task.pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_task_that_is_told_to_end_writes_its_result_and_leaves_nothing(rig: JobRig, number: int):
    rig.put("first", "apple " * 9)
    rig.put("hangs", "hang", "")
    rig.put("last", "x")
    manifest = rig.plan(shards=1)
    with rig.start_task(manifest.key) as task:
        family = wait_for_table(rig, manifest, task)
        task.send_signal(number)
        assert task.wait(timeout=600) == 143
    wait_until_gone(family)
    result = only_result(rig, manifest)
    assert (result.ended, result.waiting, result.error_kind) == (True, 2, "stopped")
    assert rig.states(manifest) == {"first": TableState.DONE}
    assert rig.is_tidy()
    rig.put("hangs", "pear")
    manifest = rig.plan()
    assert rig.run_task(manifest.key)[0] == 0
    assert rig.states(manifest)["first"] is TableState.SKIPPED


def test_a_task_that_is_killed_leaves_no_process_and_the_next_one_goes_on(rig: JobRig):
    rig.put("first", "apple " * 9)
    rig.put("hangs", "hang", "")
    rig.put("last", "x")
    manifest = rig.plan(shards=1)
    with rig.start_task(manifest.key) as task:
        family = wait_for_table(rig, manifest, task)
        task.kill()
        task.wait(600)
        wait_until_gone(family)
    result = only_result(rig, manifest)
    assert (result.ended, result.running) == (False, "hangs")
    assert not rig.is_tidy()
    rig.put("hangs", "pear")
    manifest = rig.plan()
    assert rig.run_task(manifest.key)[0] == 0
    assert rig.states(manifest) == {
        "first": TableState.SKIPPED,
        "hangs": TableState.DONE,
        "last": TableState.DONE,
    }
    assert rig.is_tidy(), "what the killed one left is gone too"


def test_a_table_whose_process_is_killed_is_tried_again(rig: JobRig):
    rig.put("slow", "slow 3", "apple")
    manifest = rig.plan(attempts=2)
    with rig.start_task(manifest.key) as task:
        _, server, table = wait_for_table(rig, manifest, task)
        assert list_children(server) == [table]
        subprocess.run(["kill", "-9", str(table)], check=True)
        assert task.wait(timeout=600) == 0
    assert rig.states(manifest) == {"slow": TableState.DONE}


def test_without_its_fork_server_a_task_ends_and_can_be_started_again(rig: JobRig):
    rig.put("slow", "slow 3", "apple")
    rig.put("next", "x")
    manifest = rig.plan(shards=1, attempts=2)
    with rig.start_task(manifest.key) as task:
        _, server, table = wait_for_table(rig, manifest, task)
        subprocess.run(["kill", "-9", str(server)], check=True)
        assert task.wait(timeout=600) == 2
        wait_until_gone([server, table])
    assert only_result(rig, manifest).error_kind == "fork_server_died"
    assert rig.run_task(manifest.key)[0] == 0
