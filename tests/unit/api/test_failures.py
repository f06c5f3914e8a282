import httpx
import pytest

from platform_assets.core.engine.units import Attempt, Scope, Unit, UnitOutcome, UnitState
from platform_assets.services import Services
from platform_assets.tenants.tenant import TenantType
from tests.fakes.clock import START
from tests.unit.api.rig import (
    BATCH,
    NO_ANSWER,
    FakeRuns,
    audited,
    fail_until_disabled,
    finish,
    register,
)
from tests.unit.api.test_months import kind_of

FAILURES, REDRIVE = f"{BATCH}/failures", f"{BATCH}/redrive"
ME = Attempt("me", "here")


def fail_units(services: Services, entity: str, kinds: list[str | None]) -> Scope:
    """A plan of games with one unit per entry: done, or failed with that kind."""
    scope = Scope(f"games/raw_{entity}", "", "2026-11-20")
    ids = [f"{number:05}" for number in range(len(kinds))]
    plan = services.ledger.open_plan(scope, [Unit(unit_id, {}) for unit_id in ids], {})
    services.ledger.claim(plan, ids, ME, 60)
    outcomes = [
        UnitOutcome(unit_id, UnitState.DONE)
        if kind is None
        else UnitOutcome(unit_id, UnitState.FAILED, error_kind=kind, error_message="why")
        for unit_id, kind in zip(ids, kinds, strict=True)
    ]
    services.ledger.record(plan, ME, outcomes)
    return scope


def states(services: Services, scope: Scope) -> list[str]:
    plan = services.ledger.find_plan(scope)
    assert plan is not None
    return [record.state.value for record in services.ledger.read_units(plan)]


async def test_failures_are_counted_and_listed(reader: httpx.AsyncClient, services: Services):
    fail_units(services, "games", [None, "server_error", "server_error", "schema"])
    document = (await reader.get(FAILURES)).json()
    assert document["total"] == 3
    assert document["counts"] == [
        {"pipeline": "games/raw_games", "kind": "schema", "units": 1},
        {"pipeline": "games/raw_games", "kind": "server_error", "units": 2},
    ]
    assert document["next"] is None
    assert document["failures"][0] == {
        "pipeline": "games/raw_games",
        "tenant": "",
        "partition": "2026-11-20",
        "unit_id": "00001",
        "kind": "server_error",
        "message": "why",
        "failed_at": START.isoformat().replace("+00:00", "Z"),
    }


async def test_without_any_failure_the_lists_are_empty(reader: httpx.AsyncClient):
    assert (await reader.get(FAILURES)).json() == {
        "total": 0,
        "counts": [],
        "failures": [],
        "next": None,
    }


@pytest.mark.parametrize(
    ("query", "units"),
    [
        ({"pipeline": "games"}, 4),
        ({"pipeline": "games/raw_genres"}, 1),
        ({"kind": "schema"}, 2),
        ({"partition": "2026-11-20"}, 4),
        ({"partition": "2026-11-21"}, 0),
        ({"tenant": "acme"}, 1),
        ({"pipeline": "tenants"}, 1),
        ({"unit_ids": ["00001", "00002"]}, 2),
        ({"pipeline": "games", "kind": "schema", "unit_ids": ["00003"]}, 1),
    ],
)
async def test_failures_are_filtered(
    reader: httpx.AsyncClient, services: Services, query: dict[str, str], units: int
):
    fail_units(services, "games", [None, "server_error", "server_error", "schema"])
    fail_units(services, "genres", ["schema"])
    register(services)
    finish(services, "acme", "2026-10", ok=False)
    document = (await reader.get(FAILURES, params=query)).json()
    assert document["total"] == len(document["failures"]) == units


async def test_pages_follow_each_other(reader: httpx.AsyncClient, services: Services):
    fail_units(services, "games", ["server_error"] * 5)
    seen: list[str] = []
    offset = 0
    while offset is not None:
        page = (await reader.get(FAILURES, params={"limit": 2, "offset": offset})).json()
        assert page["total"] == 5
        seen += [failure["unit_id"] for failure in page["failures"]]
        offset = page["next"]
    assert seen == [f"{number:05}" for number in range(5)]


async def test_a_redrive_makes_what_matches_pending_and_starts_its_run(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    scope = fail_units(services, "games", [None, "server_error", "schema"])
    document = (await client.post(REDRIVE, json={"pipeline": "games", "kind": "schema"})).json()
    assert (document["units"], document["dry_run"], document["next_steps"]) == (1, False, {})
    assert document["started"] == [
        "games/2026-11-20: run run-of-games_incremental-1 of games_incremental"
    ]
    assert document["partitions"] == [
        {"pipeline": "games/raw_games", "tenant": "", "partition": "2026-11-20", "units": 1}
    ]
    assert states(services, scope) == ["done", "failed", "pending"]
    ((job, tags, assets),) = runs.jobs
    assert (job, assets) == ("games_incremental", [["games", "raw_games"], ["games", "games"]])
    assert tags == {
        "dagster/partition": "2026-11-20",
        "sluice/redrive/place": "games/2026-11-20",
        "sluice/started_by": "api",
        "sluice/actor": "olga",
    }
    assert audited(services)[0].detail["started"] == document["started"]


async def test_without_dagsters_webserver_a_redrive_says_what_to_run(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    scope = fail_units(services, "games", ["schema"])
    runs.webserver_error = NO_ANSWER
    response = await client.post(REDRIVE, json={"pipeline": "games"})
    assert (response.status_code, response.json()["started"]) == (200, [])
    step = response.json()["next_steps"]["games"]
    assert step.startswith("run games_full or games_incremental")
    assert step.endswith("not started: Dagster's webserver does not answer")
    assert states(services, scope) == ["pending"]


async def test_a_dry_run_changes_nothing(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    scope = fail_units(services, "games", ["schema"])
    register(services)
    finish(services, "acme", "2026-10", ok=False)
    document = (await client.post(REDRIVE, json={"dry_run": True})).json()
    assert (document["units"], document["dry_run"], runs.jobs) == (2, True, [])
    assert states(services, scope) == ["failed"]
    assert services.tenant_months.get("acme", "2026-10").retry_count == 1


async def test_nothing_that_matches_is_said_and_no_error(client: httpx.AsyncClient):
    response = await client.post(REDRIVE, json={"pipeline": "games"})
    assert (response.status_code, response.json()["units"]) == (200, 0)
    assert "no failed unit matches" in response.json()["told"][0]


async def test_a_failed_month_becomes_pending_with_its_failures_forgotten(
    client: httpx.AsyncClient, services: Services
):
    register(services)
    finish(services, "acme", "2026-10", ok=False)
    finish(services, "acme", "2026-11")
    body = {"pipeline": "tenants", "kind": "source_unreachable"}
    document = (await client.post(REDRIVE, json=body)).json()
    assert [cell["partition"] for cell in document["partitions"]] == ["2026-10|acme"]
    month = services.tenant_months.get("acme", "2026-10")
    assert (month.status, month.retry_count) == ("PENDING", 0)
    assert services.tenant_months.get("acme", "2026-11").status == "COMPLETED"


async def test_a_month_of_a_disabled_tenant_is_listed_and_left_alone(
    client: httpx.AsyncClient, services: Services
):
    register(services, tenant_type=TenantType.EXISTING)
    fail_until_disabled(services, "acme", "2026-10")
    assert (await client.get(FAILURES)).json()["failures"][0]["unit_id"] == "2026-10"
    assert (await client.post(REDRIVE, json={"tenant": "acme"})).json()["units"] == 0
    assert services.tenant_months.get("acme", "2026-10").status == "FAILED"


async def test_a_redrive_is_in_the_audit_trail(client: httpx.AsyncClient, services: Services):
    fail_units(services, "games", ["schema"])
    await client.post(REDRIVE, json={"pipeline": "games", "kind": "schema"})
    await client.post(REDRIVE, json={"tenant": "acme", "dry_run": True})
    dry, real = audited(services)
    assert (real.actor, real.tenant, real.status) == ("olga", None, 200)
    assert real.detail["wanted"] == "pipeline games; error kind schema"
    assert (real.detail["units"], real.detail["dry_run"]) == (1, False)
    assert (dry.tenant, dry.detail["dry_run"]) == ("acme", True)


async def test_a_token_that_may_only_read_redrives_nothing(
    reader: httpx.AsyncClient, services: Services
):
    scope = fail_units(services, "games", ["schema"])
    assert kind_of(await reader.post(REDRIVE, json={})) == (403, "role_too_small")
    assert states(services, scope) == ["failed"]


@pytest.mark.parametrize(
    "body",
    [
        {"pipelines": "games"},
        {"pipeline": ""},
        {"kind": "a\x00b"},
        {"tenant": "x" * 301},
        {"unit_ids": "00001"},
        {"unit_ids": ["u"] * 501},
        {"dry_run": "perhaps"},
    ],
)
async def test_filters_that_make_no_sense_are_422(
    client: httpx.AsyncClient, body: dict[str, object]
):
    assert kind_of(await client.post(REDRIVE, json=body)) == (422, "bad_request")


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "offset=-1", "size=1", "kind=%00"])
async def test_pages_that_make_no_sense_are_422(reader: httpx.AsyncClient, query: str):
    assert kind_of(await reader.get(f"{FAILURES}?{query}")) == (422, "bad_request")


async def test_a_pipeline_that_is_not_there_is_422(client: httpx.AsyncClient):
    expected = (422, "unknown_pipeline")
    assert kind_of(await client.get(FAILURES, params={"pipeline": "gams"})) == expected
    assert kind_of(await client.post(REDRIVE, json={"pipeline": "gams"})) == expected
