"""Runs whose process was killed without anybody to notice are failed; all others are left alone."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.events import EngineEventData
from dagster._core.test_utils import create_run_for_test

from platform_assets.core.processes.owner import describe_owner, is_pid_dead
from resources.dagster.runs import OWNER_TAG, fail_dead_runs

DESCRIBE = (
    "from platform_assets.core.processes.owner import describe_owner; print(describe_owner())"
)


@pytest.fixture(scope="module")
def dead_owner() -> str:
    """A process of this host that has ended."""
    return subprocess.check_output([sys.executable, "-c", DESCRIBE], text=True).strip()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def start(
    instance: dg.DagsterInstance,
    owner: str,
    status: DagsterRunStatus = DagsterRunStatus.STARTED,
    signed_by: str | None = None,
) -> str:
    run_id = str(uuid4())
    tags = {OWNER_TAG: f"{signed_by or run_id} {owner}"}
    create_run_for_test(instance, run_id=run_id, status=status, tags=tags)
    return run_id


def read_status(instance: dg.DagsterInstance, run_id: str) -> DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (DagsterRunStatus.STARTING, DagsterRunStatus.FAILURE),
        (DagsterRunStatus.STARTED, DagsterRunStatus.FAILURE),
        (DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED),
    ],
)
def test_a_run_whose_process_is_gone_is_ended(
    instance: dg.DagsterInstance, dead_owner: str, status: DagsterRunStatus, end: DagsterRunStatus
):
    run_id = start(instance, dead_owner, status)
    assert fail_dead_runs(instance) == [run_id]
    assert read_status(instance, run_id) is end
    assert fail_dead_runs(instance) == []


def start_unsigned(instance: dg.DagsterInstance, socket: Path, pid: int) -> str:
    """A run as Dagster's code server leaves it between its start and its first step."""
    run_id = str(uuid4())
    tags = {".dagster/grpc_info": json.dumps({"host": "localhost", "socket": str(socket)})}
    run = create_run_for_test(instance, run_id=run_id, status=DagsterRunStatus.STARTING, tags=tags)
    instance.report_engine_event("Started process", run, EngineEventData.in_process(pid))
    return run_id


def test_a_run_that_died_while_it_was_starting_is_failed(
    instance: dg.DagsterInstance, dead_owner: str, tmp_path: Path
):
    socket = tmp_path / "code_server"
    socket.touch()
    run_id = start_unsigned(instance, socket, int(dead_owner.split("|")[-2]))
    assert fail_dead_runs(instance) == [run_id]
    assert read_status(instance, run_id) is DagsterRunStatus.FAILURE


def test_a_run_that_is_starting_is_left_alone(instance: dg.DagsterInstance, tmp_path: Path):
    socket = tmp_path / "code_server"
    socket.touch()
    start_unsigned(instance, socket, os.getpid())
    assert fail_dead_runs(instance) == []


def test_a_run_that_is_starting_on_another_host_is_left_alone(
    instance: dg.DagsterInstance, dead_owner: str, tmp_path: Path
):
    start_unsigned(instance, tmp_path / "not_here", int(dead_owner.split("|")[-2]))
    assert fail_dead_runs(instance) == []


def test_a_pid_that_another_process_has_by_now_is_dead():
    assert is_pid_dead(os.getpid(), alive_at=0.0)
    assert not is_pid_dead(os.getpid(), alive_at=time.time())


def test_pool_slots_of_dead_runs_are_free(instance: dg.DagsterInstance, dead_owner: str):
    storage = instance.event_log_storage
    storage.set_concurrency_slots("igdb", 1)
    run_id = start(instance, dead_owner)
    assert storage.claim_concurrency_slot("igdb", run_id, "step").slot_status.value == "CLAIMED"
    fail_dead_runs(instance)
    assert storage.get_concurrency_info("igdb").active_slot_count == 0


def test_a_run_whose_process_lives_goes_on(instance: dg.DagsterInstance):
    run_id = start(instance, describe_owner())
    assert fail_dead_runs(instance) == []
    assert read_status(instance, run_id) is DagsterRunStatus.STARTED


def test_a_run_that_has_only_the_tags_of_the_one_it_repeats_goes_on(
    instance: dg.DagsterInstance, dead_owner: str
):
    run_id = start(instance, dead_owner, signed_by=str(uuid4()))
    assert fail_dead_runs(instance) == []
    assert read_status(instance, run_id) is DagsterRunStatus.STARTED


def test_a_run_that_has_ended_stays_as_it_ended(instance: dg.DagsterInstance, dead_owner: str):
    run_id = start(instance, dead_owner, DagsterRunStatus.SUCCESS)
    assert fail_dead_runs(instance) == []
    assert read_status(instance, run_id) is DagsterRunStatus.SUCCESS
