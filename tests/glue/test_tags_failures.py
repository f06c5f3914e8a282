# pyright: standard
"""Runs over shards with real tasks: a table that hangs, one that crashes, a poisoned row, and the run after them."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from platform_assets.definitions import build_definitions
from platform_assets.services import Services
from platform_assets.tags.glue import CONVERTED, SHARD_KEYS, name_cell
from platform_assets.tags.keys import TableOutput
from platform_assets.tags.shards.dealing import read_plan
from platform_assets.tags.shards.result import read_result
from platform_assets.tags.table.receipts import read_receipt
from tests.glue.test_tags import PlayedRunner, TagsRig
from tests.integration.tags.faults_rig import (
    PLACE,
    SHARDS,
    faulty_steps,
    find_leaks,
    list_states,
    make_settings,
    read_texts,
)

pytestmark = pytest.mark.slow

TIMEOUT_SECONDS = 4.0
"""A table of three rows takes some hundredths of a second of CPU."""

FAILING = {"hangs": "timeout", "aborts": "worker_died"}
WHOLE = {*(f"t{number:02}" for number in range(21)), "poisoned"}
PHONE, MAIL = "010-9876-1234", "somebody.else@example.net"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[TagsRig]:
    """Three tables in each shard, about; the tasks are real."""
    services = Services(make_settings(tmp_path, TIMEOUT_SECONDS))
    services.objects.put("dictionary/tags.csv", "tag_id,term\nT1,수분크림\n".encode())
    for table_id in sorted({*FAILING, *WHOLE}):
        rows = f"1,수분크림 {PHONE}\n2,{MAIL}\n3,좋다"
        more = f",one too many: {PHONE}" if table_id == "poisoned" else ""
        data = f"id,body\n{rows}{more}\n".encode()
        services.objects.put(f"{PLACE.raw_prefix}{table_id}.csv", data)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("tenant_sources", [PLACE.key])
        definitions = build_definitions(services.settings, {"services": services})
        yield TagsRig(services, instance, PlayedRunner(services), definitions)
    services.state.close()


def run_all(rig: TagsRig) -> dg.DagsterRun:
    return rig.run_range(SHARDS[0], SHARDS[-1])


def find_shard(rig: TagsRig, table_id: str) -> str:
    plan = read_plan(rig.services.objects, PLACE)
    assert plan is not None
    return plan.shards[table_id]


def read_states(rig: TagsRig, run: dg.DagsterRun) -> dict[str, str]:
    """Table id -> how it ended in a run, or the kind of its error."""
    job_id = f"{run.run_id}-0"
    return list_states(read_result(rig.services.objects, job_id, shard) for shard in SHARDS)


def read_etags(rig: TagsRig) -> dict[str, str]:
    """Of the files of all tables; a file that was written again has another one."""
    return {
        info.key: info.etag
        for info in rig.services.objects.list("tags/acme/")
        if info.key.count("/") == 4 and "/summary/" not in info.key
    }


def list_leaks(rig: TagsRig, *runs: dg.DagsterRun) -> list[str]:
    """Personal data in objects that were made, in the events of runs, and in the log."""
    objects = rig.services.objects
    kept = [
        (info.key, objects.get(info.key))
        for prefix in ("tags/", "jobs/")
        for info in objects.list(prefix)
    ]
    log = rig.services.settings.log_path
    events = [repr(entry) for run in runs for entry in rig.instance.all_logs(run.run_id)]
    lines = [log.read_text()] if log.exists() else []
    return find_leaks([PHONE, MAIL], [PHONE.replace("-", ""), MAIL], kept, [*events, *lines])


def test_tables_that_hang_or_crash_fail_their_shards_alone_and_the_next_run_does_only_them(
    rig: TagsRig, capfd: pytest.CaptureFixture[str]
):
    with faulty_steps(rig.services):
        run = run_all(rig)
    assert run.is_failure
    assert read_states(rig, run) == FAILING | dict.fromkeys(WHOLE, "done")

    failed = {table_id: find_shard(rig, table_id) for table_id in FAILING}
    assert len({*failed.values()}) == 2
    failure = rig.failure(run).user_failure_data
    assert f"2 of {len(SHARDS)} shards are not whole" in failure.description
    for table_id, kind in FAILING.items():
        cell = name_cell(failed[table_id], PLACE)
        assert f"{cell}: 1 tables failed: {table_id} ({kind}): " in failure.description
    assert sorted(failure.metadata["failed_tables"].value) == [
        f"{PLACE.key}/{table_id}" for table_id in sorted(FAILING)
    ]
    assert failure.metadata["kind"].value in FAILING.values()
    assert failure.metadata["transient"].value is True, "the sensor runs starts it again"
    for key in SHARD_KEYS:
        assert rig.done(key) == {*SHARDS} - {*failed.values()}

    before = read_etags(rig)
    again = run_all(rig)
    assert again.is_success
    assert read_states(rig, again) == dict.fromkeys(FAILING, "done") | dict.fromkeys(
        WHOLE, "skipped"
    )
    assert {key: read_etags(rig).get(key) for key in before} == before
    for key in SHARD_KEYS:
        assert rig.done(key) == {*SHARDS}
    assert list_leaks(rig, run, again) == []
    assert find_leaks([PHONE, MAIL], [], [], [capfd.readouterr().err]) == []


def test_a_poisoned_row_is_a_dead_letter_and_its_shard_is_whole(rig: TagsRig):
    for table_id in sorted({*FAILING, *WHOLE} - {"poisoned"}):
        rig.services.objects.delete(f"{PLACE.raw_prefix}{table_id}.csv")
    run = rig.run_range("00", "00")
    assert run.is_success
    assert read_states(rig, run) == {"poisoned": "done"}
    event = rig.instance.get_latest_materialization_event(CONVERTED)
    assert event is not None
    assert event.asset_materialization is not None
    shown = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert (shown["dead_letters"], shown["dagster/partition_row_count"]) == (1, 2)
    receipt = read_receipt(rig.services.objects, PLACE, "poisoned")
    assert receipt is not None
    key = receipt.files[TableOutput.DEAD_LETTERS]
    (letter,) = read_texts(key, rig.services.objects.get(key))
    assert f"one too many: {'*' * len(PHONE)}" in letter
    assert list_leaks(rig, run) == []
