# pyright: standard
"""The job `redrive` in process: what it re-queues, what it says, and that a rerun does exactly that."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from platform_assets.core.engine.units import (
    Attempt,
    Scope,
    Unit,
    UnitOutcome,
    UnitRecord,
    UnitState,
)
from platform_assets.definitions import build_definitions
from platform_assets.services import Services
from platform_assets.settings import Settings
from sandbox.process import SandboxProcess
from tests.fakes.clock import FakeClock
from tests.glue.conftest import GAMES, Respond
from tests.glue.runs import read_failure, read_metadata, run_assets

DAY, NEXT_DAY = "2026-03-01", "2026-03-02"
ME = Attempt("me", "here")
NOWHERE = "http://127.0.0.1:9"
"""Where no webserver listens."""


def run_redrive(
    services: Services, tags: Mapping[str, str] | None = None, **config: object
) -> dg.ExecuteInProcessResult:
    definitions = build_definitions(services.settings, {"services": services})
    return definitions.resolve_job_def("redrive").execute_in_process(
        run_config={"ops": {"redrive_units": {"config": config}}},
        tags=dict(tags or {}),
        raise_on_error=False,
    )


def read_output(result: dg.ExecuteInProcessResult) -> Mapping[str, Any]:
    assert result.success
    (event,) = [event for event in result.all_events if event.is_successful_output]
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def fail_units(services: Services, scope: Scope, *kinds: str) -> None:
    ids = [f"{number:05}" for number in range(len(kinds))]
    plan = services.ledger.open_plan(scope, [Unit(unit_id, {}) for unit_id in ids], {})
    services.ledger.claim(plan, ids, ME, 60)
    services.ledger.record(
        plan,
        ME,
        [
            UnitOutcome(unit_id, UnitState.FAILED, error_kind=kind, error_message="why")
            for unit_id, kind in zip(ids, kinds, strict=True)
        ],
    )


def read_units(services: Services, scope: Scope) -> list[UnitRecord]:
    plan = services.ledger.find_plan(scope)
    assert plan is not None
    return services.ledger.read_units(plan)


@pytest.fixture
def offline(tmp_path: Path) -> Services:
    """Services that need no sandbox, and no Dagster of this machine."""
    return Services(Settings(home=tmp_path, dagster_url=NOWHERE), FakeClock())


def test_a_games_rerun_after_a_redrive_does_exactly_the_failed_units(
    services: Services,
    instance: dg.DagsterInstance,
    sandbox: SandboxProcess,
    interpose: Callable[[Respond], None],
):
    run_assets(services, instance, "games", day=DAY, only_raw=True)
    healthy = services.igdb

    def refuse_all_but_the_first(endpoint: str, query: str) -> httpx.Response | None:
        lower = re.search(r"id >=? (-?\d+)", query)
        if endpoint != "games" or not lower or int(lower[1]) < 2:
            return None
        return httpx.Response(413, json=[{"title": "Payload Too Large", "status": 413}])

    interpose(refuse_all_but_the_first)
    _, failure = read_failure(run_assets(services, instance, "games", day=NEXT_DAY, only_raw=True))
    assert failure["failed_units"] == ["00001", "00002"]
    services.igdb = healthy
    sandbox.reset()

    elsewhere = services.settings.model_copy(update={"dagster_url": NOWHERE})
    services.settings, sandboxed = elsewhere, services.settings
    told = read_output(run_redrive(services, pipeline="games", error_kind="too_large"))
    services.settings = sandboxed
    assert (told["units"], told["partitions"]) == (2, {f"games/raw_games {NEXT_DAY}": 2})
    assert "run games_full or games_incremental" in told["told"]
    scope = Scope("games/raw_games", "", NEXT_DAY)
    assert [(unit.state, unit.attempts) for unit in read_units(services, scope)] == [
        (UnitState.DONE, 1),
        (UnitState.PENDING, 0),
        (UnitState.PENDING, 0),
    ]

    done = run_assets(services, instance, "games", day=NEXT_DAY, only_raw=True)
    metadata = read_metadata(done, "raw_games")
    assert (metadata["units_skipped"], metadata["units_done"]) == (1, 2)
    assert metadata["records"] == GAMES
    assert sandbox.stats()["by_endpoint"]["games"] == 2
    assert [unit.attempts for unit in read_units(services, scope)] == [1, 1, 1]


def test_a_dry_run_says_the_same_and_changes_nothing(offline: Services):
    scope = Scope("games/raw_games", "", DAY)
    fail_units(offline, scope, "timeout", "schema")
    dry = read_output(run_redrive(offline, error_kind="timeout", dry_run=True))
    assert [unit.state for unit in read_units(offline, scope)] == [UnitState.FAILED] * 2
    real = read_output(run_redrive(offline, error_kind="timeout"))
    assert dry["dry_run"]
    assert not real["dry_run"]
    assert dry["partitions"] == real["partitions"] == {f"games/raw_games {DAY}": 1}
    assert [unit.state for unit in read_units(offline, scope)] == [
        UnitState.PENDING,
        UnitState.FAILED,
    ]


def test_filters_can_be_run_tags(offline: Services):
    fail_units(offline, Scope("games/raw_games", "", DAY), "timeout")
    fail_units(offline, Scope("games/raw_genres", "", DAY), "timeout")
    tags = {"sluice/redrive/pipeline": "games/raw_genres", "sluice/redrive/error_kind": "timeout"}
    dry = read_output(run_redrive(offline, {**tags, "sluice/redrive/dry_run": "true"}))
    told = read_output(run_redrive(offline, tags))
    assert dry["partitions"] == told["partitions"] == {f"games/raw_genres {DAY}": 1}
    assert (dry["dry_run"], told["dry_run"]) == (True, False)


def test_chosen_units_are_taken_alone(offline: Services):
    scope = Scope("games/raw_games", "", DAY)
    fail_units(offline, scope, "timeout", "timeout", "timeout")
    run_redrive(offline, pipeline="games", partition=DAY, unit_ids=["00001"])
    assert [unit.state.value for unit in read_units(offline, scope)] == [
        "failed",
        "pending",
        "failed",
    ]


def test_every_pipeline_is_asked(offline: Services):
    batch = "musinsa/2026-03-01/07-of-28"
    fail_units(offline, Scope("games/raw_games", "", DAY), "timeout")
    fail_units(offline, Scope("products/scan", "musinsa", batch), "timeout", "throttled")
    assert offline.redrive.pipelines == ["games", "tenants", "tags", "products", "ranks"]
    told = read_output(run_redrive(offline, error_kind="timeout"))
    assert told["partitions"] == {f"games/raw_games {DAY}": 1, f"products/scan {batch}": 1}
    assert "products: the sensor product_batches starts these batches" in told["told"]


def test_nothing_that_matches_is_a_success_with_a_sentence(offline: Services):
    told = read_output(run_redrive(offline, pipeline="games", error_kind="http_500"))
    assert told["units"] == 0
    assert told["told"].startswith("nothing to redrive: no failed unit matches (pipeline games")


def test_a_pipeline_that_is_not_there_fails_the_run_with_our_text(offline: Services):
    text, metadata = read_failure(run_redrive(offline, pipeline="gams"))
    assert "there is no pipeline 'gams': use one of games" in text
    assert metadata["kind"] == "unknown_pipeline"
