import json

import httpx
import pytest

from platform_assets.services import Services
from platform_assets.tenants.tenant import MonthStatus, TenantType
from tests.unit.api.rig import (
    BATCH,
    NO_STORAGE,
    FakeRuns,
    claim,
    fail_until_disabled,
    finish,
    register,
    run_of,
)
from tests.unit.api.test_months import kind_of

ADVERTISERS = f"{BATCH}/advertisers"
SOURCE = {"url": "postgresql://reader:${SHOP}@db:5432/shop", "table": "shop.events"}
BODY = {"tenant_id": "acme", "name": "Acme", "source": SOURCE}


async def test_a_new_tenant_gets_a_pending_row_for_each_month_of_its_backfill(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    response = await client.post(ADVERTISERS, json=BODY)
    assert response.status_code == 201
    tenant = response.json()
    assert (tenant["tenant_type"], tenant["active"]) == ("NEW", True)
    assert tenant["backfill_start_month"] == "2024-11"
    assert tenant["source"] == {**SOURCE, "columns": {}}
    months = services.tenants.months("acme")
    assert [month.month for month in months][::24] == ["2024-11", "2026-11"]
    assert {month.status for month in months} == {MonthStatus.PENDING}
    assert runs.partitions == {"acme"}
    states = await client.get(response.headers["location"])
    assert len(states.json()["states"]) == 25


async def test_an_existing_tenant_comes_with_its_last_completed_month(
    client: httpx.AsyncClient, services: Services
):
    body = {**BODY, "tenant_type": "EXISTING", "last_completed_month": "2026-10"}
    tenant = (await client.post(ADVERTISERS, json=body)).json()
    assert tenant["last_completed_month"] == "2026-10"
    assert tenant["backfill_completed"] is True


async def test_a_second_registration_is_409_and_changes_nothing(
    client: httpx.AsyncClient, services: Services
):
    await client.post(ADVERTISERS, json=BODY)
    response = await client.post(ADVERTISERS, json={**BODY, "name": "Other"})
    assert kind_of(response) == (409, "tenant_exists")
    assert services.tenants.get("acme").name == "Acme"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"tenant_id": "a b"}, "bad_request"),
        ({"tenant_id": "a..b"}, "bad_request"),
        ({"tenant_id": "a" * 51}, "bad_request"),
        ({"tenant_type": "OLD"}, "bad_request"),
        ({"backfill_start_month": "2026-00"}, "bad_request"),
        ({"backfill_start_month": "2026-12"}, "bad_month"),
        ({"last_completed_month": "2026-10"}, "bad_month"),
        ({"source": {**SOURCE, "url": "postgresql://u:open@db/shop"}}, "bad_source"),
        ({"source": {**SOURCE, "table": "a;b"}}, "bad_source"),
        ({"source": {**SOURCE, "columns": {"nothing": "x"}}}, "bad_source"),
        ({"name": "a\0b"}, "bad_name"),
        ({"name": "\ud800"}, "bad_request"),
        ({"nmae": "x"}, "bad_request"),
        ({"\ud800": "x"}, "bad_request"),
        ({"source": None}, "bad_request"),
    ],
)
async def test_what_cannot_be_registered_is_422_and_secrets_are_not_repeated(
    client: httpx.AsyncClient, services: Services, change: dict[str, object], kind: str
):
    # Not `json=`, which cannot send half of a surrogate pair; others can.
    content = json.dumps({**BODY, **change})
    headers = {"content-type": "application/json"}
    response = await client.post(ADVERTISERS, content=content, headers=headers)
    assert kind_of(response) == (422, kind)
    assert "open@" not in response.text
    assert services.tenants.ids() == []


async def test_a_registration_stands_when_dagster_does_not_answer(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    runs.storage_error = NO_STORAGE
    assert (await client.post(ADVERTISERS, json=BODY)).status_code == 201
    assert services.tenants.ids() == ["acme"]


async def test_tenants_are_listed_in_pages(reader: httpx.AsyncClient, services: Services):
    for number in range(5):
        register(services, f"t{number}")
    page = (await reader.get(ADVERTISERS, params={"limit": 2})).json()
    assert [item["tenant_id"] for item in page["items"]] == ["t0", "t1"]
    assert (page["total"], page["next"]) == (5, "t1")
    page = (await reader.get(ADVERTISERS, params={"limit": 2, "after": "t1"})).json()
    assert [item["tenant_id"] for item in page["items"]] == ["t2", "t3"]
    page = (await reader.get(ADVERTISERS, params={"limit": 2, "after": page["next"]})).json()
    assert ([item["tenant_id"] for item in page["items"]], page["next"]) == (["t4"], None)


async def test_tenants_are_filtered_by_type_activity_and_status(
    reader: httpx.AsyncClient, services: Services
):
    register(services, "acme")
    register(services, "beta", TenantType.NEW)
    register(services, "gone")
    services.tenants.deactivate("gone", "left")
    finish(services, "beta", "2026-09", ok=False)

    async def list_ids(**query: str) -> list[str]:
        page = (await reader.get(ADVERTISERS, params=query)).json()
        assert page["total"] == len(page["items"])
        return [item["tenant_id"] for item in page["items"]]

    assert await list_ids() == ["acme", "beta", "gone"]
    assert await list_ids(type="NEW") == ["beta"]
    assert await list_ids(active="false") == ["gone"]
    assert await list_ids(type="EXISTING", active="true") == ["acme"]
    assert await list_ids(status="FAILED") == ["beta"]
    assert await list_ids(status="RUNNING") == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "type=OLD",
        "status=x",
        "active=x",
        "after=a%20b",
        "activ=true",
    ],
)
async def test_a_malformed_query_is_422(reader: httpx.AsyncClient, query: str):
    assert kind_of(await reader.get(f"{ADVERTISERS}?{query}")) == (422, "bad_request")


async def test_activation_makes_an_exhausted_month_startable_again(
    client: httpx.AsyncClient, services: Services
):
    register(services)
    fail_until_disabled(services, "acme", "2026-10")
    response = await client.post(f"{ADVERTISERS}/acme/activate")
    assert response.status_code == 200
    assert response.json()["active"] is True
    assert services.tenant_months.get("acme", "2026-10").status is MonthStatus.PENDING


async def test_deactivation_keeps_the_reason(client: httpx.AsyncClient, services: Services):
    register(services)
    response = await client.post(f"{ADVERTISERS}/acme/deactivate", json={"reason": "unpaid"})
    assert (response.json()["active"], response.json()["disabled_reason"]) == (False, "unpaid")
    response = await client.post(f"{ADVERTISERS}/acme/deactivate")
    assert response.json()["disabled_reason"] == "switched off over the API by olga"


async def test_a_removed_tenant_leaves_the_partitions(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    runs.partitions = {"acme", "beta"}
    register(services, "beta")
    response = await client.delete(f"{ADVERTISERS}/acme")
    assert response.status_code == 200
    assert response.json() == {"tenant_id": "acme", "partition_removed": True}
    assert services.tenants.ids() == ["beta"]
    assert runs.partitions == {"beta"}
    assert kind_of(await client.delete(f"{ADVERTISERS}/acme")) == (404, "unknown_tenant")


async def test_a_partition_that_a_backfill_needs_is_told_to_go_later(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    runs.partitions, runs.backfilling = {"acme"}, True
    assert (await client.delete(f"{ADVERTISERS}/acme")).json()["partition_removed"] is False


async def test_a_tenant_in_hand_is_not_removed(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    register(services)
    runs.in_hand = [run_of("2026-11|acme")]
    assert kind_of(await client.delete(f"{ADVERTISERS}/acme")) == (409, "tenant_busy")
    runs.in_hand = []
    claim(services, "acme", "2026-11")
    assert kind_of(await client.delete(f"{ADVERTISERS}/acme")) == (409, "tenant_busy")
    assert services.tenants.ids() == ["acme"]
