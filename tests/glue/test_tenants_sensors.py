# pyright: standard
"""The tenants' sensors, evaluated once or a few times: what they ask for, say, change and leave alone."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Self

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.launcher.base import LaunchRunContext, RunLauncher
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from structlog.testing import capture_logs

from platform_assets.core.engine.units import Attempt, UnitOutcome, UnitState
from platform_assets.core.processes.owner import MOST_DEATHS, describe_owner
from platform_assets.tenants.glue import MONTH_NUMBERS, SUMMARY
from platform_assets.tenants.runs import CELLS_TAG, TENANTS_TAG
from platform_assets.tenants.tenant import MonthStatus
from resources.dagster.orchestration import STARTED_BY_TAG
from resources.dagster.runs import OWNER_TAG
from tests.glue.tenants_rig import Rig, cells_of, cycle_config, range_tags
from tests.glue.tenants_shops import MONTHS, write_shops

ONE, TWO, THREE = "tenant-0001", "tenant-0002", "tenant-0003"
NOW = MONTHS[-1]
LOSSES = MOST_DEATHS + 4
"""Of its run, after which a month has failed four times: the first ones are not its fault."""
ORCHESTRATOR, STALE, PARTITIONS = "tenants_orchestrator", "tenants_stale", "tenants_partitions"

OpenRig = Callable[..., AbstractContextManager[Rig]]


@pytest.fixture
def open_rig(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> OpenRig:
    return partial(Rig.opened, tmp_path, write_shops(tmp_path_factory.getbasetemp()))


@pytest.fixture
def rig(open_rig: OpenRig) -> Iterator[Rig]:
    with open_rig() as rig:
        yield rig


def cells_asked(request: dg.RunRequest) -> list[str]:
    return request.run_config["ops"]["run_cycle"]["config"]["cells"]


def customers_asked(request: dg.RunRequest) -> list[str]:
    return request.run_config["ops"]["run_cycle"]["config"]["customers"]


# The sensors as they are defined.


@pytest.mark.parametrize(("name", "seconds"), [(ORCHESTRATOR, 301), (STALE, 601), (PARTITIONS, 30)])
def test_sensors_run_by_themselves_at_the_intervals_of_the_settings(
    open_rig: OpenRig, name: str, seconds: int
):
    with open_rig(tenants_orchestrator_seconds=301, tenants_stale_check_seconds=601) as rig:
        sensor = rig.definitions.resolve_sensor_def(name)
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
        assert sensor.minimum_interval_seconds == seconds
        assert sensor.description


# The orchestrator.


def test_due_tenants_are_handed_out_in_slices_with_the_reason_for_each(open_rig: OpenRig):
    with open_rig(tenants_slice=2) as rig:
        rig.add_existing(ONE, TWO)
        rig.add_new("newcomer", shop=ONE)
        tick = rig.tick(ORCHESTRATOR)
        asked = [cells_asked(request) for request in tick.requests]
        assert [len({c.split("|")[1] for c in cells}) for cells in asked] == [2, 1]
        assert sorted(chain.from_iterable(asked)) == sorted(
            [f"{NOW}|{ONE}", f"{NOW}|{TWO}", *cells_of("newcomer")]
        )
        of_newcomer = [c for cells in asked for c in cells if c.endswith("newcomer")]
        assert of_newcomer == cells_of("newcomer"), "oldest first, in one run"
        assert "3 of 3 tenants start, 6 months; 0 wait" in tick.log
        for tenant_id in (ONE, TWO):
            assert f"yes {tenant_id} {NOW}: not processed yet" in tick.log
        assert f"yes newcomer {MONTHS[0]} to {NOW}: backfill, 4 of 4 months left" in tick.log


def test_a_request_names_its_cells_and_who_asked(rig: Rig):
    rig.add_existing(ONE)
    (request,) = rig.tick(ORCHESTRATOR).requests
    assert request.tags[STARTED_BY_TAG] == "sensor"
    assert request.tags[CELLS_TAG] == f"{NOW}|{ONE}"
    assert request.tags[TENANTS_TAG] == ONE


def test_what_the_sensor_asks_for_is_a_run_that_the_job_takes(rig: Rig):
    rig.add_existing(ONE)
    (request,) = rig.tick(ORCHESTRATOR).requests
    run = rig.run_job("tenant_cycle", request.tags, request.run_config)
    assert run.success
    assert rig.states() == {f"{NOW}|{ONE}": MonthStatus.COMPLETED}


def test_a_tick_with_nothing_due_is_skipped_with_the_reason(rig: Rig):
    rig.add_existing(ONE)
    rig.run_cycle()
    tick = rig.tick(ORCHESTRATOR)
    assert list(tick.requests) == []
    assert tick.skipped == "0 of 1 tenants start, 0 months; 0 wait"
    assert f"no {ONE} {NOW}: no new events since" in tick.log


def test_without_tenants_a_tick_is_skipped(rig: Rig):
    tick = rig.tick(ORCHESTRATOR)
    assert (list(tick.requests), bool(tick.skipped)) == ([], True)


@pytest.mark.parametrize("status", [DagsterRunStatus.QUEUED, DagsterRunStatus.STARTED])
def test_a_tenant_that_a_run_has_in_hand_is_not_handed_out_again(
    rig: Rig, status: DagsterRunStatus
):
    rig.add_existing(ONE, TWO, THREE)
    rig.queue_run("tenant_cycle", status, config=cycle_config([f"{NOW}|{ONE}"]))
    rig.queue_run("tenant_months", status, tags=range_tags(f"{NOW}|{TWO}", f"{NOW}|{TWO}"))
    tick = rig.tick(ORCHESTRATOR)
    assert [cells_asked(request) for request in tick.requests] == [[f"{NOW}|{THREE}"]]
    for tenant_id in (ONE, TWO):
        assert f"no {tenant_id}: a run that is queued or running has it in hand" in tick.log


def test_a_tenant_is_handed_out_again_when_its_run_has_ended(rig: Rig):
    rig.add_existing(ONE)
    rig.queue_run("tenant_cycle", DagsterRunStatus.CANCELED, config=cycle_config([f"{NOW}|{ONE}"]))
    assert len(rig.tick(ORCHESTRATOR).requests) == 1


def test_at_most_twenty_and_a_hundred_tenants_are_handed_out(rig: Rig):
    tenants = [f"shop-{number:03}" for number in range(150)]
    rig.add_existing(*tenants, shop=ONE)
    tick = rig.tick(ORCHESTRATOR)
    assert [len(cells_asked(request)) for request in tick.requests] == [20] * 6
    assert "120 of 150 tenants start, 120 months; 30 wait" in tick.log
    assert "waits: 20 running and 100 queued are the most" in tick.log
    handed = {cell.split("|")[1] for request in tick.requests for cell in cells_asked(request)}
    for request in tick.requests:
        rig.queue_run("tenant_cycle", config=request.run_config)
    again = rig.tick(ORCHESTRATOR)
    assert list(again.requests) == []
    assert "0 of 150 tenants start, 0 months; 30 wait" in (again.skipped or "")
    assert handed == set(tenants[:120])


def test_a_tick_is_written_down_for_the_api(rig: Rig):
    rig.add_existing(ONE)
    rig.tick(ORCHESTRATOR)
    found = rig.services.notes.get("tenants/orchestrator")
    assert found is not None
    note, _ = found
    assert (note["due"], note["handed"], note["waiting"]) == (1, 1, 0)
    assert note["at"] == rig.clock.now().isoformat()


def test_customers_that_are_older_than_their_months_are_asked_for(rig: Rig):
    rig.add_existing(ONE)
    rig.run_range(f"{NOW}|{ONE}", f"{NOW}|{ONE}")
    (request,) = rig.tick(ORCHESTRATOR).requests
    assert (cells_asked(request), customers_asked(request)) == ([], [ONE])
    rig.queue_run("tenant_cycle", config=request.run_config)
    assert list(rig.tick(ORCHESTRATOR).requests) == [], "a run is at them"
    assert rig.run_job("tenant_cycle", config=request.run_config).success
    assert rig.services.tenants.get(ONE).customers_at == rig.clock.now()
    assert rig.watch.reads[ONE, NOW] == 1, "no month is processed for them"


# Stale months.


class AskedLauncher(RunLauncher, ConfigurableClass):
    """A launcher that notes which runs it was to end; its folder says where, and which of them it cannot reach."""

    def __init__(self, folder: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__()
        self._inst_data = inst_data
        self._folder = Path(folder)

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, type]:
        return {"folder": str}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        raise AssertionError("nothing is launched here")

    def terminate(self, run_id: str) -> bool:
        (self._folder / run_id).touch()
        return True


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[dg.DagsterInstance, Path]]:
    """A persistent instance, and the folder in which it notes the runs that were asked to end."""
    with tempfile.TemporaryDirectory() as folder:
        launcher = {"module": __name__, "class": "AskedLauncher", "config": {"folder": folder}}
        with dg.instance_for_test(overrides={"run_launcher": launcher}) as instance:
            yield instance, Path(folder)


def take(rig: Rig, cell: str, run_id: str, owner: str | None = None) -> None:
    """A run begins to work on a cell."""
    ledger = rig.services.month_ledger([cell], run_id, skip=(), in_order=False)
    attempt = Attempt(f"attempt of {run_id}", owner or describe_owner())
    (record,) = ledger.claim(ledger.plan, [cell], attempt, 60)
    assert record.state is UnitState.RUNNING


def test_a_month_without_heartbeat_for_half_an_hour_is_given_back_and_its_run_asked_to_end(
    open_rig: OpenRig, asked: tuple[dg.DagsterInstance, Path]
):
    instance, folder = asked
    with open_rig(instance) as rig:
        rig.add_existing(ONE, TWO)
        run_id = rig.queue_run("tenant_cycle", DagsterRunStatus.STARTED)
        take(rig, f"{NOW}|{ONE}", run_id)
        rig.clock.advance(29 * 60)
        other = rig.queue_run("tenant_cycle", DagsterRunStatus.STARTED)
        take(rig, f"{NOW}|{TWO}", other)
        assert (rig.tick(STALE).skipped or "").startswith("0 stale tenant-months given back")
        rig.clock.advance(60)
        tick = rig.tick(STALE)
        assert (tick.skipped or "").startswith(
            "1 stale tenant-months given back, 1 runs asked to end"
        )
        assert f"{ONE} {NOW}: stale: no heartbeat for 1800 s" in tick.log
        month = rig.services.tenant_months.get(ONE, NOW)
        assert (month.status, month.retry_count, month.deaths) == (MonthStatus.PENDING, 0, 1)
        assert rig.services.tenant_months.get(TWO, NOW).status is MonthStatus.RUNNING
        assert [path.name for path in folder.iterdir()] == [run_id]


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "unknown"])
def test_a_month_whose_run_is_gone_is_given_back_at_once(rig: Rig, ended: bool):
    rig.add_existing(ONE)
    run_id = rig.queue_run("tenant_cycle", DagsterRunStatus.FAILURE) if ended else "never-was"
    take(rig, f"{NOW}|{ONE}", run_id)
    tick = rig.tick(STALE)
    month = rig.services.tenant_months.get(ONE, NOW)
    assert (month.status, month.retry_count, month.deaths) == (MonthStatus.PENDING, 0, 1)
    assert f"gone: run {run_id} has ended without a word" in (month.error_message or "")
    assert month.error_message is not None
    assert month.error_message in tick.log


def test_a_month_of_a_living_run_is_left_alone(rig: Rig):
    rig.add_existing(ONE)
    take(rig, f"{NOW}|{ONE}", rig.queue_run("tenant_cycle", DagsterRunStatus.STARTED))
    rig.tick(STALE)
    assert rig.services.tenant_months.get(ONE, NOW).status is MonthStatus.RUNNING


def test_a_run_whose_process_is_gone_is_failed_and_its_month_given_back(rig: Rig):
    rig.add_existing(ONE)
    owner = (
        f"{describe_owner().rpartition('|')[0]}|1"  # this process's number, started at another time
    )
    run_id = rig.queue_run("tenant_cycle", DagsterRunStatus.STARTED)
    rig.instance.add_run_tags(run_id, {OWNER_TAG: f"{run_id} {owner}"})
    take(rig, f"{NOW}|{ONE}", run_id, owner)
    rig.tick(STALE)
    month = rig.services.tenant_months.get(ONE, NOW)
    assert (month.status, (month.error_message or "")[:5]) == (MonthStatus.PENDING, "dead:")
    run = rig.instance.get_run_by_id(run_id)
    assert run is not None
    assert run.is_failure


def test_a_month_that_loses_every_run_fails_after_some_and_at_last_disables_its_tenant(rig: Rig):
    rig.add_existing(ONE)
    counts = list[int]()
    for number in range(LOSSES):
        take(rig, f"{NOW}|{ONE}", f"never-was-{number}")
        rig.tick(STALE)
        counts.append(rig.services.tenant_months.get(ONE, NOW).retry_count)
    assert counts == [0, 0, 0, 1, 2, 3, 4]
    tenant = rig.services.tenants.get(ONE)
    assert not tenant.active
    reason = tenant.disabled_reason or ""
    assert "failed 4 times, last: worker_died" in reason
    assert "gone: run never-was-6" in reason


def test_a_tenant_that_is_disabled_is_told_as_an_alert_once(rig: Rig):
    rig.add_existing(ONE, TWO)
    for number in range(LOSSES):
        take(rig, f"{NOW}|{ONE}", f"never-was-{number}")
        rig.tick(STALE)
    rig.services.tenants.deactivate(TWO, "on holiday")
    rig.tick(ORCHESTRATOR)
    assert rig.services.notes.get("alerts/tenant_disabled") is not None
    with capture_logs() as lines:
        rig.tick(ORCHESTRATOR)
        rig.services.tenants.activate(ONE)
        rig.tick(ORCHESTRATOR)
        for number in range(LOSSES):
            take(rig, f"{NOW}|{ONE}", f"never-was-{number}")
            rig.tick(STALE)
        rig.tick(ORCHESTRATOR)
    alerts = [line for line in lines if line["event"] == "alert"]
    assert [(line["kind"], line["subject"]) for line in alerts] == [("tenant_disabled", ONE)]
    assert "failed 4 times" in alerts[0]["message"]


def test_what_no_run_works_on_is_failed_before_the_limit_is_counted(open_rig: OpenRig):
    with open_rig(tenants_in_flight=1, tenants_queued=0) as rig:
        rig.add_existing(ONE, TWO)
        take(rig, f"{NOW}|{ONE}", "never-was")
        (request,) = rig.tick(ORCHESTRATOR).requests
    assert request.tags[CELLS_TAG] == f"{NOW}|{TWO}"


def test_dagster_is_told_of_cells_that_only_the_state_table_knows_as_complete(rig: Rig):
    rig.add_existing(ONE, TWO)
    rig.run_cycle([f"{NOW}|{TWO}"])
    cell = f"{NOW}|{ONE}"
    ledger = rig.services.month_ledger([cell], "killed", skip=(), in_order=False)
    attempt = Attempt("attempt", describe_owner())
    ledger.claim(ledger.plan, [cell], attempt, 60)
    ledger.record(ledger.plan, attempt, [UnitOutcome(cell, UnitState.DONE, detail={})])
    assert rig.shown([cell]) == {cell: None}
    assert (rig.tick(STALE).skipped or "").endswith("1 completed tenant-months told to Dagster")
    assert rig.shown([cell]) == {cell: "MATERIALIZED"}
    assert (rig.tick(STALE).skipped or "").endswith("0 completed tenant-months told to Dagster")
    for key in MONTH_NUMBERS:
        assert rig.instance.get_materialized_partitions(key) == {cell, f"{NOW}|{TWO}"}


def test_a_run_that_goes_on_tells_of_its_cells_by_itself(rig: Rig):
    rig.add_existing(ONE)
    cell = f"{NOW}|{ONE}"
    run_id = rig.queue_run("tenant_cycle", DagsterRunStatus.STARTED)
    ledger = rig.services.month_ledger([cell], run_id, skip=(), in_order=False)
    attempt = Attempt("attempt", describe_owner())
    ledger.claim(ledger.plan, [cell], attempt, 60)
    numbers = {"processed_records": 7, "failed_records": 1}
    ledger.record(ledger.plan, attempt, [UnitOutcome(cell, UnitState.DONE, detail=numbers)])
    rig.tick(STALE)
    assert rig.instance.get_materialized_partitions(SUMMARY) == set()
    run = rig.instance.get_run_by_id(run_id)
    assert run is not None
    rig.instance.report_run_failed(run)
    rig.tick(STALE)
    assert rig.shown([cell]) == {cell: "MATERIALIZED"}
    told = rig.instance.get_latest_materialization_event(SUMMARY)
    assert told is not None
    assert told.asset_materialization is not None
    assert told.asset_materialization.metadata["processed_records"].value == 7


# Partitions.


def test_partitions_follow_the_tenants(rig: Rig):
    rig.add_existing(ONE, TWO)
    rig.services.tenants.delete(ONE)
    rig.instance.delete_dynamic_partition("tenants", TWO)
    tick = rig.tick(PARTITIONS)
    assert tick.skipped == "added 1, removed 1, kept for a running backfill: 0"
    assert list(rig.instance.get_dynamic_partitions("tenants")) == [TWO]
    assert rig.tick(PARTITIONS).skipped == "added 0, removed 0, kept for a running backfill: 0"
