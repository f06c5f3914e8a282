# pyright: standard
"""The games assets when something is wrong: what fails, what it says, what stays as it was, what a rerun does."""

import json
import re
from collections.abc import Callable
from typing import Any

import dagster as dg
import httpx
import pytest
from pydantic import SecretStr

from platform_assets.games.entities import find_entity
from platform_assets.games.merge import ACCEPT_TAG, current_key
from platform_assets.services import Services
from platform_assets.settings import Settings
from sandbox.process import SandboxProcess
from tests.glue.conftest import GAMES, Respond
from tests.glue.runs import (
    CURRENT,
    key_of,
    read_failure,
    read_metadata,
    run_assets,
    run_table,
)
from tests.integration.games.rig import opened

DAY, NEXT_DAY = "2026-03-01", "2026-03-02"
WRONG_SECRET = "not-the-secret-of-the-sandbox"
TOO_LARGE = [{"title": "Payload Too Large", "status": 413, "cause": "Response exceeds 10MB limit."}]


def read_table(services: Services, entity: str) -> bytes:
    return services.objects.get(current_key(find_entity(entity)))


def answer_rows(rows: list[dict[str, Any]]) -> httpx.Response:
    """A reply of IGDB: rows, and how many there are."""
    return httpx.Response(200, json=rows, headers={"x-count": str(len(rows))})


def test_wrong_credentials_fail_the_step_with_our_text_and_kind(
    settings: Settings, instance: dg.DagsterInstance
):
    wrong = settings.model_copy(update={"igdb_client_secret": SecretStr(WRONG_SECRET)})
    with opened(wrong) as services:
        result = run_assets(services, instance, "genres", day=DAY)
    assert not result.success
    text, metadata = read_failure(result)
    for part in ("SLUICE_IGDB_CLIENT_ID", "SLUICE_IGDB_CLIENT_SECRET", "invalid client secret"):
        assert part in text
    assert (metadata["kind"], metadata["transient"]) == ("bad_credentials", False)
    assert WRONG_SECRET not in text
    assert instance.get_materialized_partitions(key_of("raw_genres")) == set()


def test_a_collection_that_fails_is_an_alert_once_until_it_succeeds_again(
    settings: Settings, instance: dg.DagsterInstance
):
    wrong = settings.model_copy(update={"igdb_client_secret": SecretStr(WRONG_SECRET)})
    told: list[dict[str, str]] = []
    for configured in (wrong, wrong, settings, wrong):
        with opened(configured) as services:
            run_assets(services, instance, "genres", day=DAY, only_raw=True)
            note = services.notes.get("alerts/games_failed")
        assert note is not None
        assert WRONG_SECRET not in str(note)
        told.append(dict(note[0]["told"]))
    first, again, healthy, later = told
    assert first.keys() == later.keys() == {"genres"}
    assert (again, healthy) == (first, {})
    assert later != first


def test_the_secret_is_in_no_event_of_a_failed_run(
    settings: Settings, instance: dg.DagsterInstance
):
    wrong = settings.model_copy(update={"igdb_client_secret": SecretStr(WRONG_SECRET)})
    with opened(wrong) as services:
        result = run_assets(services, instance, "genres", day=DAY)
    events = instance.all_logs(result.run_id)
    assert events
    assert not [event for event in events if WRONG_SECRET in str(event)]


def test_a_page_that_fails_fails_the_run_by_name_and_a_rerun_does_only_the_rest(
    services: Services,
    instance: dg.DagsterInstance,
    sandbox: SandboxProcess,
    interpose: Callable[[Respond], None],
):
    run_assets(services, instance, "games", day=DAY, only_raw=True)
    healthy = services.igdb
    refused: list[str] = []

    def refuse_one(endpoint: str, query: str) -> httpx.Response | None:
        lower = re.search(r"id >=? (-?\d+)", query)
        if endpoint != "games" or "id <= " not in query or not lower or int(lower[1]) < 2:
            return None
        refused.append(query)
        return httpx.Response(413, json=TOO_LARGE)

    interpose(refuse_one)
    failed = run_assets(services, instance, "games", day=NEXT_DAY)
    text, metadata = read_failure(failed)
    assert len(refused) == 1, "the second page"
    assert "games 2026-03-02: 1 of 3 units failed" in text
    assert "00001 (too_large): igdb games: POST" in text
    assert "run it again and only the rest is done" in text
    assert (metadata["units_done"], metadata["failed_units"]) == (2, ["00001"])
    assert failed.get_asset_materialization_events() == [], "no table from half a day"
    assert NEXT_DAY not in instance.get_materialized_partitions(key_of("raw_games"))
    services.igdb = healthy
    sandbox.reset()
    done = run_assets(services, instance, "games", day=NEXT_DAY)
    assert done.success
    metadata = read_metadata(done, "raw_games")
    assert (metadata["units_skipped"], metadata["units_done"]) == (2, 1)
    assert metadata["records"] == GAMES
    assert sandbox.stats()["by_endpoint"]["games"] == 1
    assert NEXT_DAY in instance.get_materialized_partitions(key_of("raw_games"))


def test_a_changed_type_fails_the_table_alone_and_leaves_it_untouched(
    services: Services, instance: dg.DagsterInstance, interpose: Callable[[Respond], None]
):
    run_assets(services, instance, "genres", day=DAY)
    before = read_table(services, "genres")

    def drift(endpoint: str, query: str) -> httpx.Response | None:
        rows = [{"id": 1, "name": {"en": "Puzzle"}, "updated_at": 1_790_000_000}]
        if endpoint == "count":
            return httpx.Response(200, json={"count": 1})
        return answer_rows(rows) if endpoint == "genres" else None

    interpose(drift)
    result = run_assets(services, instance, "genres", day=NEXT_DAY)
    assert not result.success
    text, metadata = read_failure(result)
    assert "changed the type of a field (name: expected text" in text
    assert "platform_assets/games/entities.py" in text
    assert (metadata["kind"], metadata["transient"]) == ("schema_drift", False)
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [
        key_of("raw_genres")
    ], "what was received is kept"
    assert read_table(services, "genres") == before


def test_new_and_missing_fields_are_reported_and_stop_nothing(
    services: Services, instance: dg.DagsterInstance, interpose: Callable[[Respond], None]
):
    def drift(endpoint: str, query: str) -> httpx.Response | None:
        rows = [{"id": n, "category": 1, "updated_at": 1_790_000_000} for n in range(1, 24)]
        return answer_rows(rows) if endpoint == "genres" else None

    interpose(drift)
    result = run_assets(services, instance, "genres", day=DAY)
    assert result.success
    (check,) = [
        of for of in result.get_asset_check_evaluations() if of.check_name == "schema_drift"
    ]
    assert check.metadata["new_fields"].value == {"category": 23}
    assert json.loads(json.dumps(check.metadata["missing_fields"].value))["name"] == 23


def test_a_count_that_does_not_match_stops_the_table(
    services: Services, instance: dg.DagsterInstance, interpose: Callable[[Respond], None]
):
    def miscount(endpoint: str, query: str) -> httpx.Response | None:
        return httpx.Response(200, json={"count": 99}) if endpoint == "count" else None

    interpose(miscount)
    result = run_assets(services, instance, "genres", day=DAY)
    assert not result.success
    (check,) = [of for of in result.get_asset_check_evaluations() if not of.passed]
    assert check.check_name == "count_matches_api"
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.description == "23 records collected, the API counts 99."


def test_an_upstream_that_lost_everything_is_not_believed_until_a_person_accepts_it(
    services: Services, instance: dg.DagsterInstance, interpose: Callable[[Respond], None]
):
    run_assets(services, instance, "genres", day=DAY)
    before = read_table(services, "genres")

    def lose(endpoint: str, query: str) -> httpx.Response | None:
        return httpx.Response(200, json={"count": 0}) if endpoint == "count" else answer_rows([])

    interpose(lose)
    result = run_assets(services, instance, "genres", day=NEXT_DAY)
    (check,) = [of for of in result.get_asset_check_evaluations() if not of.passed]
    assert (check.check_name, check.severity) == (
        "no_mass_deletion",
        dg.AssetCheckSeverity.ERROR,
    )
    assert read_table(services, "genres") == before
    note = services.notes.get("alerts/games_unmerged")
    assert note is not None
    assert note[0]["told"].keys() == {"genres"}
    accepted = dg.materialize(
        [CURRENT["genres"]],
        instance=instance,
        resources={"services": services},
        tags={ACCEPT_TAG: "true"},
    )
    assert read_metadata(accepted, "genres")["deleted_rows"] == 23
    note = services.notes.get("alerts/games_unmerged")
    assert note is not None
    assert note[0]["told"] == {}


@pytest.mark.parametrize("status", [403, 404, 413])
def test_a_count_that_the_api_refuses_is_a_warning_and_the_day_stays_published(
    services: Services,
    instance: dg.DagsterInstance,
    interpose: Callable[[Respond], None],
    status: int,
):
    def refuse(endpoint: str, query: str) -> httpx.Response | None:
        return httpx.Response(status, json=TOO_LARGE) if endpoint == "count" else None

    interpose(refuse)
    result = run_assets(services, instance, "genres", day=DAY)
    assert result.success
    (check,) = [of for of in result.get_asset_check_evaluations() if not of.passed]
    assert check.check_name == "count_matches_api"
    assert f"HTTP {status}" in (check.description or "")


def test_a_table_without_any_collected_day_says_what_to_do_first(
    services: Services, instance: dg.DagsterInstance
):
    text, metadata = read_failure(run_table(services, instance, "themes"))
    assert "materialize games/raw_themes first" in text
    assert metadata["kind"] == "not_collected"
