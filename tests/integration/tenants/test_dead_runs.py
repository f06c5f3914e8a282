"""Runs whose process was killed without anybody to notice are failed; all others are left alone."""

import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from platform_assets.core.owner import describe_owner
from platform_assets.tenants.glue import OWNER_TAG, fail_dead_runs

DESCRIBE = "from platform_assets.core.owner import describe_owner; print(describe_owner())"


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


@pytest.mark.parametrize("status", [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
def test_a_run_whose_process_is_gone_is_failed(
    instance: dg.DagsterInstance, dead_owner: str, status: DagsterRunStatus
):
    run_id = start(instance, dead_owner, status)
    assert fail_dead_runs(instance) == [run_id]
    assert read_status(instance, run_id) is DagsterRunStatus.FAILURE
    assert fail_dead_runs(instance) == []


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
