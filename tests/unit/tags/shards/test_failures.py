import pytest
from structlog.testing import capture_logs

from platform_assets.core.engine.units import Scope
from platform_assets.core.redrive import FailureFilter, Requeued
from platform_assets.tags.keys import TenantSource, result_key
from platform_assets.tags.shards.failures import TagRedriver
from platform_assets.tags.shards.manifest import Manifest, WorkSettings, write_manifest
from platform_assets.tags.shards.result import (
    ShardResult,
    TableResult,
    TableState,
    encode_result,
)
from tests.fakes.clock import START, FakeClock
from tests.fakes.memory_objects import MemoryObjectStore

ACME, BETA = TenantSource("acme", "review"), TenantSource("beta", "qna")
ANY = FailureFilter()


class Jobs:
    """Jobs as tasks leave them, a minute apart."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.objects = MemoryObjectStore(self.clock)
        self.redriver = TagRedriver(self.objects)

    def add(self, job_id: str, place: TenantSource, *results: ShardResult) -> None:
        shards = tuple(result.shard for result in results)
        tables = dict.fromkeys(shards, ())
        write_manifest(self.objects, Manifest(job_id, place, shards, tables, WorkSettings("v1")))
        for result in results:
            self.clock.advance(60)
            self.objects.put(result_key(job_id, result.shard), encode_result(result))


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


def failed(table_id: str, kind: str = "bad_table") -> TableResult:
    return TableResult(
        table_id, TableState.FAILED, error_kind=kind, error_message=f"{table_id} is bad"
    )


def done(table_id: str) -> TableResult:
    return TableResult(table_id, TableState.DONE)


def shard(name: str, *tables: TableResult) -> ShardResult:
    return ShardResult(name, 0, ended=True, tables=tables)


def test_failed_tables_are_told_with_the_partition_that_does_them_again(jobs: Jobs):
    jobs.add("j1", ACME, shard("07", done("a"), failed("b")), shard("08", done("c")))
    (failure,) = jobs.redriver.find(ANY, 10)
    assert failure.scope == Scope("tags", "acme", "07|acme:review")
    assert (failure.unit_id, failure.error_kind, failure.message) == ("b", "bad_table", "b is bad")
    assert (failure.failed_at - START).total_seconds() == 60


def test_only_the_newest_job_of_a_shard_counts(jobs: Jobs):
    jobs.add("j1", ACME, shard("00", failed("a"), failed("b")), shard("01", failed("c")))
    jobs.add("j2", ACME, shard("00", done("a"), failed("b")))
    jobs.add("j3", BETA, shard("00", failed("z")))
    found = [(failure.scope.partition, failure.unit_id) for failure in jobs.redriver.find(ANY, 10)]
    assert found == [("00|beta:qna", "z"), ("00|acme:review", "b"), ("01|acme:review", "c")]
    assert len(jobs.redriver.find(ANY, 2)) == 2


def test_a_redrive_names_the_shards_to_run_and_changes_nothing(jobs: Jobs):
    jobs.add("j1", ACME, shard("00", failed("a"), failed("b", "timeout")), shard("01", failed("c")))
    before = {info.key: info.etag for info in jobs.objects.list("")}
    wanted = FailureFilter(pipeline="tags", tenant="acme")
    cells = [
        Requeued(Scope("tags", "acme", "01|acme:review"), 1),
        Requeued(Scope("tags", "acme", "00|acme:review"), 2),
    ]
    assert jobs.redriver.redrive(wanted, dry_run=True) == cells
    assert jobs.redriver.redrive(wanted, dry_run=False) == cells
    assert {info.key: info.etag for info in jobs.objects.list("")} == before


@pytest.mark.parametrize(
    ("wanted", "units"),
    [
        (FailureFilter(error_kind="timeout"), ["b"]),
        (FailureFilter(unit_ids=frozenset({"a"})), ["a"]),
        (FailureFilter(partition="00|acme:review"), ["a", "b"]),
        (FailureFilter(tenant="beta"), []),
    ],
)
def test_tables_are_chosen_by_the_filter(jobs: Jobs, wanted: FailureFilter, units: list[str]):
    jobs.add("j1", ACME, shard("00", failed("a"), failed("b", "timeout")))
    assert [failure.unit_id for failure in jobs.redriver.find(wanted, 10)] == units


def test_an_attempt_that_ended_early_is_a_failure_of_the_shard(jobs: Jobs):
    early = ShardResult("03", 1, ended=True, error_kind="stopped", error_message="told to stop")
    jobs.add("j1", ACME, early)
    (failure,) = jobs.redriver.find(ANY, 10)
    assert (failure.unit_id, failure.error_kind) == ("03", "stopped")


def test_a_damaged_file_hides_no_other_failure(jobs: Jobs):
    jobs.add("j1", ACME, shard("00", failed("a")))
    jobs.add("j2", BETA, shard("00", failed("z")))
    jobs.add("j3", ACME, shard("01", failed("c")))
    jobs.objects.put(result_key("j2", "00"), b"{")
    jobs.objects.put("jobs/j3/manifest.json", b"{}")
    jobs.objects.put("jobs/j4/results/00.json", b"{}")
    jobs.objects.put("jobs/j1/results/other.json", b"{}")
    with capture_logs() as lines:
        assert [failure.unit_id for failure in jobs.redriver.find(ANY, 10)] == ["a"]
    assert {line["event"] for line in lines} == {"job_not_read", "result_not_read"}


def test_without_any_job_nothing_failed(jobs: Jobs):
    assert jobs.redriver.count(ANY) == jobs.redriver.redrive(ANY, dry_run=False) == []
