"""What the API starts are real runs of Dagster, and of many starts at one moment one becomes a run."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from platform_assets.tenants.tenant import MonthStatus
from tests.integration.api_rig import serving
from tests.integration.tenants.rig import running
from tests.unit.api.rig import finish

BATCH = "/api/v2/batch"
ACME = f"{BATCH}/advertisers/acme"
BODY = {
    "tenant_id": "acme",
    "tenant_type": "EXISTING",
    "source": {"url": "sqlite:////nowhere/shop.db"},
}


@pytest.mark.slow
def test_starts_become_runs_in_dagsters_queue_and_wait_there_for_the_daemon(tmp_path: Path):
    with running(tmp_path / "platform", {}) as platform:
        platform.start_webserver()
        vars(platform)["_client"].close()  # its connection would outlive the webserver
        home = {"DAGSTER_HOME": str(platform.dagster_home), "SLUICE_DAGSTER_URL": platform.url}
        platform.home.mkdir(exist_ok=True)
        with serving(platform.home, **home) as client:
            assert client.post(f"{BATCH}/advertisers", json=BODY).status_code == 201
            assert platform.instance.get_dynamic_partitions("tenants") == ["acme"]

            with ThreadPoolExecutor(8) as pool:
                starts = [pool.submit(client.post, f"{ACME}/trigger") for _ in range(8)]
            answers = [start.result() for start in starts]
            assert sorted(answer.status_code for answer in answers) == [202, *[409] * 7]
            (started,) = [answer.json() for answer in answers if answer.status_code == 202]

            (run,) = platform.instance.get_runs()
            assert run.run_id == started["run_id"]
            assert run.status is DagsterRunStatus.QUEUED
            assert run.job_name == "tenant_cycle"
            assert run.run_config == {
                "ops": {"run_cycle": {"config": {"cells": started["cells"], "force": False}}}
            }
            assert run.tags["sluice/started_by"] == "api"
            assert run.tags["sluice/actor"] == "olga"
            jobs = client.get(f"{BATCH}/running-jobs").json()
            assert [(job["run_id"], job["status"]) for job in jobs["runs"]] == [
                (run.run_id, "queued")
            ]
            assert client.delete(ACME).status_code == 409

            # Somebody takes it out of the queue: the tenant is free again.
            platform.instance.report_run_canceled(run)
            finish(platform.services, "acme", "2026-01", ok=False)
            retried = client.post(f"{ACME}/retry/2026-01")
            assert retried.status_code == 202
            row = platform.services.tenant_months.get("acme", "2026-01")
            assert (row.status, row.retry_count) == (MonthStatus.PENDING, 0)
            run = platform.instance.get_run_by_id(retried.json()["run_id"])
            assert run is not None
            platform.instance.report_run_canceled(run)

            finish(platform.services, "acme", "2026-02", ok=False)
            platform.end()
            for path in ("trigger", "retry/2026-02"):
                answer = client.post(f"{ACME}/{path}")
                assert answer.status_code == 503
                assert answer.json()["type"] == "urn:sluice:problem:dagster_unreachable"
            row = platform.services.tenant_months.get("acme", "2026-02")
            assert (row.status, row.retry_count) == (MonthStatus.FAILED, 1)

            assert client.delete(ACME).json() == {"tenant_id": "acme", "partition_removed": True}
            assert list(platform.instance.get_dynamic_partitions("tenants")) == []
