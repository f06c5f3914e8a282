# pyright: standard
"""Dagster as the API sees it, over an instance in memory and a webserver that a test plays."""

import json
from collections.abc import Callable, Iterator
from uuid import UUID

import dagster as dg
import httpx
import pytest
from dagster import AssetKey, DagsterRunStatus
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.execution.asset_backfill import AssetBackfillData
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.types import DaemonHeartbeat
from sqlalchemy.exc import OperationalError

from platform_assets.core.errors import RefusedError, TransientError
from platform_assets.tenants.runs import (
    CELLS_TAG,
    TAG_LENGTH,
    PartitionChanges,
    TenantRuns,
    tag_cells,
)
from resources.dagster.orchestration import LAUNCH_TAG
from resources.dagster.webserver import DagsterWebserver, LaunchUnknownError

URL = "http://dagster:3000"
CELLS = ["2026-10|acme", "2026-11|acme", "2026-11|beta"]
JOBS = {
    "data": {
        "repositoriesOrError": {
            "__typename": "RepositoryConnection",
            "nodes": [
                {"name": "__repository__", "location": {"name": "sluice"}, "jobs": [{"name": "x"}]},
                {
                    "name": "__repository__",
                    "location": {"name": "sluice"},
                    "jobs": [{"name": "tenant_cycle"}],
                },
            ],
        }
    }
}
LAUNCHED = {"data": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "r1"}}}}
FOUND = str(UUID(int=7))
Respond = Callable[[dict], httpx.Response]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


class Webserver(httpx.AsyncBaseTransport):
    """Answers launches as told, and remembers them."""

    def __init__(self, launch: Respond | None = None, jobs: object = JOBS) -> None:
        self.launch = launch or (lambda _: httpx.Response(200, json=LAUNCHED))
        self.jobs = jobs
        self.params: list[dict] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url) == f"{URL}/graphql"
        asked = json.loads(await request.aread())
        if "repositoriesOrError" in asked["query"]:
            if isinstance(self.jobs, Exception):
                raise self.jobs
            return httpx.Response(200, json=self.jobs)
        self.params.append(asked["variables"]["params"])
        return self.launch(asked["variables"]["params"])


def orchestrate(instance: dg.DagsterInstance, webserver: Webserver | None = None) -> TenantRuns:
    return TenantRuns(instance, DagsterWebserver(URL, webserver or Webserver()))


def test_a_launch_names_the_job_the_cells_and_the_tags(instance: dg.DagsterInstance):
    webserver = Webserver()
    run_id = orchestrate(instance, webserver).launch_cycle(CELLS, {"sluice/started_by": "api"})
    assert run_id == "r1"
    (params,) = webserver.params
    assert params["selector"] == {
        "repositoryName": "__repository__",
        "repositoryLocationName": "sluice",
        "jobName": "tenant_cycle",
    }
    assert params["runConfigData"] == {
        "ops": {"run_cycle": {"config": {"cells": CELLS, "force": False}}}
    }
    tags = {tag["key"]: tag["value"] for tag in params["executionMetadata"]["tags"]}
    assert tags.pop(LAUNCH_TAG)
    assert tags == {
        ".dagster/sluice_cells": "2026-10|acme,2026-11|acme,2026-11|beta",
        "sluice/tenants": "acme,beta",
        "sluice/started_by": "api",
    }


def test_a_launch_of_any_job_names_its_partition_and_its_assets(instance: dg.DagsterInstance):
    webserver = Webserver()
    tags = {"dagster/partition": "2026-11-20"}
    assets = [("games", "raw_games"), ("games", "games")]
    assert orchestrate(instance, webserver).launch_job("x", tags, assets) == "r1"
    (params,) = webserver.params
    assert params["selector"] == {
        "repositoryName": "__repository__",
        "repositoryLocationName": "sluice",
        "jobName": "x",
        "assetSelection": [{"path": ["games", "raw_games"]}, {"path": ["games", "games"]}],
    }
    sent = {tag["key"]: tag["value"] for tag in params["executionMetadata"]["tags"]}
    assert sent.pop(LAUNCH_TAG)
    assert sent == tags


def test_without_assets_a_launch_is_over_the_whole_job(instance: dg.DagsterInstance):
    webserver = Webserver()
    orchestrate(instance, webserver).launch_job("x", {})
    assert "assetSelection" not in webserver.params[0]["selector"]


def test_a_run_that_goes_on_is_found_by_its_tags(instance: dg.DagsterInstance):
    runs = orchestrate(instance)
    ended = create_run_for_test(instance, tags={"place": "a"}, status=DagsterRunStatus.SUCCESS)
    assert ended.run_id
    assert runs.find_unfinished({"place": "a"}) is None
    going = create_run_for_test(instance, tags={"place": "a"}, status=DagsterRunStatus.STARTED)
    assert runs.find_unfinished({"place": "a"}) == going.run_id
    assert runs.find_unfinished({"place": "b"}) is None


def raise_error(error: Exception) -> Respond:
    def respond(_params: dict) -> httpx.Response:
        raise error

    return respond


@pytest.mark.parametrize(
    ("answer", "kind", "error"),
    [
        (
            {"__typename": "PythonError", "message": "code server down"},
            "launch_failed",
            TransientError,
        ),
        (
            {"__typename": "PipelineNotFoundError", "message": "gone"},
            "launch_failed",
            TransientError,
        ),
        (
            {
                "__typename": "RunConfigValidationInvalid",
                "errors": [{"message": "bad"}, {"message": "worse"}],
            },
            "launch_refused",
            RefusedError,
        ),
        ({"__typename": "InvalidStepError"}, "launch_refused", RefusedError),
    ],
)
def test_an_answer_that_is_no_run_is_an_error_in_dagsters_words(
    instance: dg.DagsterInstance, answer: dict, kind: str, error: type[Exception]
):
    webserver = Webserver(lambda _: httpx.Response(200, json={"data": {"launchRun": answer}}))
    with pytest.raises(error) as caught:
        orchestrate(instance, webserver).launch_cycle(CELLS, {})
    assert caught.value.kind == kind  # pyright: ignore[reportAttributeAccessIssue]
    assert answer.get("message", "") in str(caught.value)


@pytest.mark.parametrize(
    "jobs",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
    ],
)
def test_a_webserver_that_is_away_started_nothing(instance: dg.DagsterInstance, jobs: Exception):
    webserver = Webserver(jobs=jobs)
    runs = orchestrate(instance, webserver)
    for ask in (runs.check_ready, lambda: runs.launch_cycle(CELLS, {})):
        with pytest.raises(TransientError, match="no run was started") as caught:
            ask()
        assert caught.value.kind == "dagster_unreachable"
    assert webserver.params == []


def test_a_job_that_is_not_loaded_is_told_with_the_reason(instance: dg.DagsterInstance):
    error = {"__typename": "PythonError", "message": "ImportError: no module"}
    webserver = Webserver(jobs={"data": {"repositoriesOrError": error}})
    with pytest.raises(TransientError, match="ImportError: no module") as caught:
        orchestrate(instance, webserver).check_ready()
    assert caught.value.kind == "dagster_job_missing"


def test_a_launch_without_an_answer_is_looked_for_by_its_tag(instance: dg.DagsterInstance):
    def start_and_hang(params: dict) -> httpx.Response:
        tags = {tag["key"]: tag["value"] for tag in params["executionMetadata"]["tags"]}
        create_run_for_test(instance, "tenant_cycle", run_id=FOUND, tags=tags)
        raise httpx.ReadTimeout("slow")

    assert orchestrate(instance, Webserver(start_and_hang)).launch_cycle(CELLS, {}) == FOUND


def test_a_launch_that_left_no_trace_is_unknown(instance: dg.DagsterInstance):
    webserver = Webserver(raise_error(httpx.ReadTimeout("slow")))
    with pytest.raises(LaunchUnknownError, match="may have been started"):
        orchestrate(instance, webserver).launch_cycle(CELLS, {})


@pytest.mark.parametrize("status", [400, 500, 502])
def test_an_http_error_is_a_webserver_that_does_not_answer(
    instance: dg.DagsterInstance, status: int
):
    webserver = Webserver(lambda _: httpx.Response(status, text="no"))
    with pytest.raises(TransientError, match=f"HTTP {status}"):
        orchestrate(instance, webserver).launch_cycle(CELLS, {})


def test_an_answer_of_another_form_is_told(instance: dg.DagsterInstance):
    webserver = Webserver(
        lambda _: httpx.Response(200, json={"errors": [{"message": "unknown field"}]})
    )
    with pytest.raises(TransientError, match="unknown field"):
        orchestrate(instance, webserver).launch_cycle(CELLS, {})


def test_runs_in_hand_are_those_of_tenants_that_have_not_ended(instance: dg.DagsterInstance):
    config = {"ops": {"run_cycle": {"config": {"cells": CELLS}}}}
    runs = (
        ("configured", "tenant_cycle", DagsterRunStatus.QUEUED, {CELLS_TAG: "cut"}, config),
        ("tagged", "tenant_cycle", DagsterRunStatus.STARTED, {CELLS_TAG: ",".join(CELLS)}, {}),
        ("deciding", "tenant_cycle", DagsterRunStatus.STARTING, {}, {}),
        ("one", "tenant_months", DagsterRunStatus.STARTED, {"dagster/partition": CELLS[0]}, {}),
        ("other", "games_full", DagsterRunStatus.STARTED, {}, {}),
        ("over", "tenant_cycle", DagsterRunStatus.SUCCESS, {}, config),
        ("failed", "tenant_cycle", DagsterRunStatus.FAILURE, {}, config),
        ("refused", "tenant_cycle", DagsterRunStatus.NOT_STARTED, {}, config),
    )
    names: dict[str, str] = {}
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("sluice"), "__repository__")
    for name, job, status, tags, run_config in runs:
        origin = RemoteJobOrigin(repository, job)
        run = create_run_for_test(
            instance, job, status=status, tags=tags, run_config=run_config, remote_job_origin=origin
        )
        names[run.run_id] = name
    found = {names[run.run_id]: run for run in orchestrate(instance).runs_in_hand()}
    assert {run_id: (run.status, list(run.cells)) for run_id, run in found.items()} == {
        "configured": ("queued", CELLS),
        "tagged": ("running", CELLS),
        "deciding": ("running", []),
        "one": ("running", CELLS[:1]),
    }
    assert found["configured"].tenants == {"acme", "beta"}
    assert found["configured"].created_at.tzinfo is not None


def test_a_backfill_of_assets_has_the_rectangle_of_its_range_in_hand(instance: dg.DagsterInstance):
    instance.add_dynamic_partitions("tenants", ["acme", "beta", "gamma", "zeta"])
    tags = {
        "dagster/asset_partition_range_start": "2026-10|beta",
        "dagster/asset_partition_range_end": "2026-11|gamma",
    }
    create_run_for_test(
        instance,
        "__ASSET_JOB",
        status=DagsterRunStatus.STARTED,
        tags=tags,
        asset_selection=frozenset({AssetKey(["tenants", "events"])}),
    )
    (run,) = orchestrate(instance).runs_in_hand()
    assert run.cells == ("2026-10|beta", "2026-11|beta", "2026-10|gamma", "2026-11|gamma")


def test_a_run_is_gone_when_it_has_ended_or_never_was(instance: dg.DagsterInstance):
    runs = orchestrate(instance)
    up = create_run_for_test(instance, "tenant_cycle", status=DagsterRunStatus.STARTED).run_id
    down = create_run_for_test(instance, "tenant_cycle", status=DagsterRunStatus.CANCELED).run_id
    assert [runs.is_gone(run_id) for run_id in (up, "")] == [False, False]
    assert [runs.is_gone(run_id) for run_id in (down, FOUND)] == [True, True]
    assert [runs.terminate(run_id) for run_id in (down, FOUND)] == [False, False]


def test_partitions_follow_the_tenants(instance: dg.DagsterInstance):
    runs = orchestrate(instance)
    assert runs.sync_partitions(["b", "a"]) == PartitionChanges(("a", "b"))
    assert runs.sync_partitions(["b", "a"]) == PartitionChanges()
    assert runs.sync_partitions(["b", "c"]) == PartitionChanges(("c",), ("a",))
    assert set(instance.get_dynamic_partitions("tenants")) == {"b", "c"}


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        (BulkActionStatus.REQUESTED, ("a",)),
        (BulkActionStatus.CANCELING, ("a",)),
        (BulkActionStatus.COMPLETED_SUCCESS, ()),
        (BulkActionStatus.CANCELED, ()),
    ],
)
def test_nothing_is_removed_while_an_asset_backfill_is_in_progress(
    instance: dg.DagsterInstance, status: BulkActionStatus, kept: tuple[str, ...]
):
    runs = orchestrate(instance)
    runs.sync_partitions(["a"])
    instance.add_backfill(
        PartitionBackfill(
            backfill_id="b",
            status=status,
            from_failure=False,
            tags={},
            backfill_timestamp=1.0,
            asset_selection=[AssetKey(["tenants", "events"])],
            asset_backfill_data=AssetBackfillData.empty(
                AssetGraphSubset.create_empty_subset(), 1.0, instance
            ),
        )
    )
    changes = runs.sync_partitions(["b"])
    assert (changes.added, changes.kept) == (("b",), kept)
    assert ("a" in instance.get_dynamic_partitions("tenants")) == bool(kept)


def test_heartbeats_name_every_daemon_that_the_instance_needs():
    with dg.instance_for_test() as instance:
        needed = set(instance.get_required_daemon_types())
        assert needed
        runs = orchestrate(instance)
        assert runs.daemon_heartbeats() == dict.fromkeys(needed)
        instance.add_daemon_heartbeat(DaemonHeartbeat(1_700_000_000.0, "SENSOR", None))
        at = runs.daemon_heartbeats()["SENSOR"]
        assert at is not None
        assert at.isoformat() == "2023-11-14T22:13:20+00:00"


def test_an_instance_that_cannot_be_opened_is_tried_again(instance: dg.DagsterInstance):
    failures = [OperationalError("select", {}, Exception("connection refused"))]

    def open_instance() -> dg.DagsterInstance:
        if failures:
            raise failures.pop()
        return instance

    runs = TenantRuns(open_instance, DagsterWebserver(URL, Webserver()))
    with pytest.raises(TransientError, match="connection refused") as caught:
        runs.runs_in_hand()
    assert caught.value.kind == "dagster_storage"
    assert runs.runs_in_hand() == []


def test_tags_that_no_index_could_hold_are_left_out():
    cells = [f"2026-{month:02}|tenant-{number}" for month in (1, 2) for number in range(100)]
    tags = tag_cells(cells)
    assert tags.keys() == {"sluice/tenants"}
    assert len(tags["sluice/tenants"]) <= TAG_LENGTH
    assert tag_cells([]) == {}
