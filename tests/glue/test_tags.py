# pyright: standard
"""Runs over shards, with a runner that a test plays: what Dagster is told of each, and what fails."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.test_utils import BasicLoadingContext

from platform_assets.core.errors import TransientError
from platform_assets.core.jobs import Job, OnEnd, TaskEnd, TaskState
from platform_assets.definitions import build_definitions
from platform_assets.partitions import TAG_SHARDS
from platform_assets.services import Services
from platform_assets.settings import Settings
from platform_assets.tags.glue import (
    CHECKS,
    CONVERTED,
    DICTIONARY,
    PREPARED,
    SHARD_KEYS,
    SUMMARY,
    TAGGED,
)
from platform_assets.tags.keys import read_tenant_source, result_key
from platform_assets.tags.quality import NO_PERSONAL_DATA, ROWS_KEPT
from platform_assets.tags.shards.dealing import read_plan
from platform_assets.tags.shards.manifest import Manifest, read_manifest
from platform_assets.tags.shards.result import (
    ShardResult,
    TableResult,
    TableState,
    encode_result,
)

PLACE = "acme:board"
TABLES = 5
TERMS = "tag_id,term\nT1,수분크림\n"


@dataclass
class PlayedRunner:
    """A `JobRunner` whose tasks say that all tables are done, unless a test says otherwise."""

    services: Services
    failing: dict[str, str] = field(default_factory=dict)  # table id -> error kind
    silent: set[str] = field(default_factory=set)  # shards whose task dies without a result
    unmasked: set[str] = field(default_factory=set)  # table ids with something personal left
    empty: set[str] = field(default_factory=set)  # table ids without rows
    breaks_after: int | None = None
    jobs: list[Manifest] = field(default_factory=list)
    cancelled: bool = False

    async def run(self, job: Job, on_end: OnEnd) -> Sequence[TaskEnd]:
        manifest = read_manifest(self.services.objects, job.manifest)
        self.jobs.append(manifest)
        assert job.tasks == len(manifest.shards)
        ends: list[TaskEnd] = []
        try:
            for index, shard in enumerate(manifest.shards):
                if index == self.breaks_after:
                    raise TransientError("the service is away", kind="runner_unreachable")
                ends.append(self._end(manifest, index, shard))
                on_end(ends[-1])
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return ends

    def _end(self, manifest: Manifest, index: int, shard: str) -> TaskEnd:
        if shard in self.silent:
            return TaskEnd(index, TaskState.FAILED, 2, "signal 9")
        tables = tuple(self._do(table.table_id) for table in manifest.tables[shard])
        failed = any(table.state is TableState.FAILED for table in tables)
        result = ShardResult(shard, 0, ended=True, tables=tables, whole=not failed)
        key = result_key(manifest.job_id, shard)
        self.services.objects.put(key, encode_result(result))
        state = TaskState.FAILED if failed else TaskState.SUCCEEDED
        return TaskEnd(index, state, 1, "exit code 1" if failed else None)

    def _do(self, table_id: str) -> TableResult:
        if kind := self.failing.get(table_id):
            return TableResult(
                table_id, TableState.FAILED, error_kind=kind, error_message="it is broken"
            )
        if table_id in self.empty:
            return TableResult(table_id, TableState.DONE)
        return TableResult(
            table_id,
            TableState.DONE,
            seconds=0.5,
            rows=10,
            dead_letters=1,
            rows_read=10,
            mentions=3,
            personal=2 * (table_id in self.unmasked),
        )


@dataclass
class TagsRig:
    services: Services
    instance: dg.DagsterInstance
    runner: PlayedRunner
    definitions: dg.Definitions

    def run(self, job: str = "tags", **tags: str) -> dg.DagsterRun:
        """Runs a job to its end, as a worker process would."""
        definition = self.definitions.resolve_job_def(job)
        run = self.instance.create_run_for_job(definition, tags=tags)
        execute_run(InMemoryJob(definition), run, self.instance, raise_on_error=False)
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found

    def run_range(self, first: str, last: str, place: str = PLACE) -> dg.DagsterRun:
        return self.run(
            **{
                "dagster/asset_partition_range_start": f"{first}|{place}",
                "dagster/asset_partition_range_end": f"{last}|{place}",
            }
        )

    def failure(self, run: dg.DagsterRun) -> Any:
        for entry in self.instance.all_logs(run.run_id):
            event = entry.dagster_event
            if event is not None and event.is_step_failure:
                return event.step_failure_data
        raise AssertionError("no step failed")

    def done(self, key: dg.AssetKey = TAGGED) -> set[str]:
        return {
            cell.removesuffix(f"|{PLACE}")
            for cell in self.instance.get_materialized_partitions(key)
        }

    def checked(self, run: dg.DagsterRun, name: str) -> dg.AssetCheckEvaluation:
        """What a check said of the run: one result."""
        evaluations = [
            entry.dagster_event.event_specific_data
            for entry in self.instance.all_logs(run.run_id)
            if entry.dagster_event
            and entry.dagster_event.event_type_value == "ASSET_CHECK_EVALUATION"
        ]
        (found,) = (
            each
            for each in evaluations
            if isinstance(each, dg.AssetCheckEvaluation) and each.check_name == name
        )
        return found

    def shown(self, key: dg.AssetKey) -> dict[str, Any]:
        """The metadata of the newest materialization of an asset."""
        event = self.instance.get_latest_materialization_event(key)
        assert event is not None
        assert event.asset_materialization is not None
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}

    def alerts(self) -> dict[str, object]:
        """Subjects that somebody was told of."""
        note = self.services.notes.get("alerts/tags_failed")
        return dict(note[0]["told"]) if note else {}

    def stale(self, key: dg.AssetKey, shard: str = "00") -> str:
        resolver = CachingStaleStatusResolver(
            self.instance,
            self.definitions.resolve_asset_graph(),
            BasicLoadingContext(self.instance),
        )
        return resolver.get_status(key, f"{shard}|{PLACE}").value


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[TagsRig]:
    services = Services(Settings(home=tmp_path, log_file=Path("/dev/null")))
    runner = PlayedRunner(services)
    services.tags_runner = lambda tenant_id: runner  # type: ignore[method-assign]
    services.objects.put("dictionary/tags.csv", TERMS.encode())
    for number in range(TABLES):
        services.objects.put(f"raw/acme/board/t{number}.csv", b"id,body\n" + b"1,x\n" * number)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("tenant_sources", [PLACE])
        definitions = build_definitions(services.settings, {"services": services})
        yield TagsRig(services, instance, runner, definitions)
    services.state.close()


def test_many_shards_are_one_job_with_a_task_for_each(rig: TagsRig):
    assert rig.run_range("00", "04").is_success
    (manifest,) = rig.runner.jobs
    assert sorted(manifest.shards) == ["00", "01", "02", "03", "04"]
    assert sorted(table.table_id for shard in manifest.tables.values() for table in shard) == [
        f"t{number}" for number in range(TABLES)
    ]
    for key in SHARD_KEYS:
        assert rig.done(key) == set(manifest.shards)


def test_one_shard_is_one_task(rig: TagsRig):
    assert rig.run(**{"dagster/partition": f"02|{PLACE}"}).is_success
    assert rig.runner.jobs[0].shards == ("02",)
    assert rig.done() == {"02"}


def test_a_shard_shows_its_numbers(rig: TagsRig):
    rig.run(**{"dagster/partition": f"00|{PLACE}"})
    shown = {}
    for key in (CONVERTED, TAGGED, SUMMARY):
        event = rig.instance.get_latest_materialization_event(key)
        assert event is not None
        assert event.asset_materialization is not None
        shown[key] = {
            name: value.value for name, value in event.asset_materialization.metadata.items()
        }
    assert shown[CONVERTED]["dagster/partition_row_count"] == 10
    assert shown[CONVERTED]["dead_letters"] == 1
    assert shown[TAGGED]["mentions"] == 3
    assert shown[SUMMARY]["dictionary_version"] == rig.services.publish_dictionary().version


def test_a_run_has_one_result_of_each_check_which_names_the_shards_that_fail_it(rig: TagsRig):
    rig.runner.unmasked = {"t3"}
    run = rig.run_range("00", "04")
    assert run.is_success, "what is wrong with data is shown, and stops nothing that was done"
    bad = next(
        shard for shard, tables in rig.runner.jobs[0].tables.items() if tables[0].table_id == "t3"
    )
    personal = rig.checked(run, NO_PERSONAL_DATA)
    assert not personal.passed
    assert "2 texts of t3" in (personal.description or "")
    assert personal.metadata["failing"].value == [f"{bad}|{PLACE}"]
    rows = rig.checked(run, ROWS_KEPT)
    assert rows.passed
    assert rows.metadata["dead_letters"].value == 5
    assert {rig.checked(run, name).check_name for name in CHECKS} == set(CHECKS)


def test_a_check_says_how_the_latest_run_went(rig: TagsRig):
    key = dg.AssetCheckKey(PREPARED, NO_PERSONAL_DATA)
    rig.runner.unmasked = {"t3"}
    rig.run_range("00", "04")
    rig.runner.unmasked = set()
    rig.run_range("00", "04")
    records = rig.instance.event_log_storage.get_asset_check_execution_history(key, limit=20)
    assert [record.status.value for record in records] == ["SUCCEEDED", "FAILED"]


def test_a_table_that_lost_its_rows_fails_the_run_its_check_and_tells_somebody(rig: TagsRig):
    rig.runner.failing = {"t3": "rows_unreadable"}
    run = rig.run_range("00", "04")
    assert run.is_failure
    rows = rig.checked(run, ROWS_KEPT)
    assert not rows.passed
    assert rows.severity is dg.AssetCheckSeverity.ERROR
    assert "t3: it is broken" in (rows.description or "")
    assert rows.metadata["partitions_failing"].value == 1
    assert list(rig.alerts()) == [PLACE]
    rig.runner.failing = {}
    assert rig.run_range("00", "04").is_success
    assert rig.alerts() == {}


def test_a_run_shows_what_lies_beside_the_tables_and_which_are_empty(rig: TagsRig):
    rig.services.objects.put("raw/acme/board/_SUCCESS", b"")
    rig.runner.empty = {"t3"}
    rig.run_range("00", "04")
    plan = read_plan(rig.services.objects, read_tenant_source(PLACE))
    assert plan is not None
    rig.run(**{"dagster/partition": f"{plan.shards['t3']}|{PLACE}"})
    shown = rig.shown(CONVERTED)
    assert shown["ignored_objects"] == ["raw/acme/board/_SUCCESS"]
    assert (shown["objects_ignored"], shown["tables_empty"]) == (1, 1)
    assert shown["empty_tables"] == ["t3"]


def test_a_shard_that_fails_leaves_the_others_alone_and_is_named_with_its_tables(rig: TagsRig):
    rig.run_range("00", "04")
    plan = read_plan(rig.services.objects, read_tenant_source(PLACE))
    assert plan is not None
    shard = plan.shards["t3"]
    rig.runner.failing = {"t3": "timeout"}
    run = rig.run_range("00", "04")
    assert run.is_failure
    failure = rig.failure(run)
    described = failure.user_failure_data.description
    assert f"{shard}|{PLACE}: 1 tables failed: t3 (timeout): it is broken" in described
    assert "1 of 5 shards are not whole" in described
    assert failure.user_failure_data.metadata["failed_tables"].value == [f"{PLACE}/t3"]
    told = [
        entry
        for entry in rig.instance.all_logs(run.run_id)
        if entry.dagster_event and entry.dagster_event.is_step_materialization
    ]
    assert len(told) == 4 * len(SHARD_KEYS)


def test_a_failed_shard_is_shown_as_failed_between_whole_ones(rig: TagsRig):
    rig.runner.silent = {"01"}
    run = rig.run_range("00", "02")
    assert (
        "01|acme:board: its task failed without a result: signal 9"
        in rig.failure(run).user_failure_data.description
    )
    cells = [f"{shard}|{PLACE}" for shard in ("00", "01", "02")]
    status = rig.instance.get_status_by_partition(TAGGED, cells, TAG_SHARDS) or {}
    assert [str(status[cell]).rpartition(".")[2] for cell in cells] == [
        "MATERIALIZED",
        "FAILED",
        "MATERIALIZED",
    ]


def test_shards_that_the_plan_does_not_have_have_nothing_to_do(rig: TagsRig):
    assert rig.run_range("03", "09").is_success
    assert set(rig.runner.jobs[0].shards) == {"03", "04"}
    assert rig.done() == {f"{number:02d}" for number in range(3, 10)}


def test_what_has_ended_is_told_when_the_runner_breaks(rig: TagsRig):
    rig.runner.breaks_after = 2
    run = rig.run_range("00", "04")
    assert run.is_failure
    assert "the service is away" in rig.failure(run).user_failure_data.description
    assert rig.done() == set(rig.runner.jobs[0].shards[:2])


def test_a_new_dictionary_makes_what_was_tagged_with_the_old_one_stale(rig: TagsRig):
    rig.run_range("00", "01")
    assert [rig.stale(key) for key in SHARD_KEYS] == ["FRESH"] * 4
    rig.services.objects.put("dictionary/tags.csv", f"{TERMS}T2,감기\n".encode())
    assert rig.run("tags_dictionary").is_success
    assert [rig.stale(key) for key in (CONVERTED, PREPARED, TAGGED)] == [
        "FRESH",
        "FRESH",
        "STALE",
    ]
    rig.run(**{"dagster/partition": f"00|{PLACE}"})
    assert (rig.stale(TAGGED, "00"), rig.stale(TAGGED, "01")) == ("FRESH", "STALE")


def test_a_run_tells_of_a_dictionary_that_dagster_does_not_know(rig: TagsRig):
    def count() -> int:
        return len(rig.instance.fetch_materializations(DICTIONARY, limit=10).records)

    rig.run(**{"dagster/partition": f"00|{PLACE}"})
    rig.run(**{"dagster/partition": f"01|{PLACE}"})
    assert count() == 1
    rig.services.objects.put("dictionary/tags.csv", f"{TERMS}T2,감기\n".encode())
    rig.run(**{"dagster/partition": f"02|{PLACE}"})
    assert count() == 2


def remove_dictionary(rig: TagsRig) -> None:
    rig.services.objects.delete("dictionary/tags.csv")


def break_dictionary(rig: TagsRig) -> None:
    rig.services.objects.put("dictionary/tags.csv", b"tag_id,term\nT1,\n")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (remove_dictionary, "there is no tag dictionary"),
        (break_dictionary, "line 2"),
    ],
)
def test_what_cannot_be_planned_fails_before_a_job_starts(
    rig: TagsRig, spoil: Callable[[TagsRig], None], said: str
):
    spoil(rig)
    run = rig.run_range("00", "04")
    assert said in rig.failure(run).user_failure_data.description
    assert rig.runner.jobs == []
    assert rig.done() == set()


def test_new_tenant_sources_become_partitions_by_themselves(rig: TagsRig):
    rig.services.objects.put("raw/beta/review/a.jsonl", b"{}")
    rig.services.objects.put("raw/beta/review/_columns.json", b"{}")
    rig.services.objects.put("raw/gamma/Bad Name/a.csv", b"")

    def tick() -> Any:
        context = dg.build_sensor_context(
            instance=rig.instance,
            definitions=rig.definitions,
            resources={"services": rig.services},
            sensor_name="tags_sources",
        )
        with context:
            return rig.definitions.resolve_sensor_def("tags_sources").evaluate_tick(context)

    (request,) = tick().dynamic_partitions_requests
    assert list(request.partition_keys) == ["beta:review"]
    rig.instance.add_dynamic_partitions("tenant_sources", request.partition_keys)
    assert tick().skip_message == "2 tenant-sources, all known"
