import httpx
import pytest

from platform_assets.services import Services
from resources.state.audit import SqlAudit
from tests.unit.api.rig import BATCH
from tests.unit.api.test_months import kind_of

RUNNERS = f"{BATCH}/tag-runners"


async def test_without_a_move_every_tenant_has_the_default(reader: httpx.AsyncClient):
    assert (await reader.get(RUNNERS)).json() == {"default": "local", "moved": {}}


async def test_a_tenant_is_moved_and_the_others_stay(client: httpx.AsyncClient, services: Services):
    response = await client.put(f"{RUNNERS}/acme", json={"runner": "cloud_run_job"})
    assert response.json() == {"tenant_id": "acme", "runner": "cloud_run_job"}
    assert (await client.get(RUNNERS)).json()["moved"] == {"acme": "cloud_run_job"}
    assert services.runner_choices.find("acme") == "cloud_run_job"
    assert services.runner_choices.find("beta") == "local"


async def test_a_tenant_goes_back_to_the_default(client: httpx.AsyncClient):
    await client.put(f"{RUNNERS}/acme", json={"runner": "http_service"})
    assert (await client.delete(f"{RUNNERS}/acme")).json()["runner"] == "local"
    assert (await client.get(RUNNERS)).json()["moved"] == {}


async def test_a_move_is_in_the_audit_trail(client: httpx.AsyncClient, services: Services):
    await client.put(f"{RUNNERS}/acme", json={"runner": "http_service"})
    (entry,) = SqlAudit(services.state).find(limit=5)
    assert (entry.actor, entry.tenant, entry.status) == ("olga", "acme", 200)
    assert entry.detail["runner"] == "http_service"


@pytest.mark.parametrize(
    ("tenant", "body"),
    [
        ("acme", {"runner": "kubernetes"}),
        ("acme", {}),
        ("acme", {"runner": "local", "size": 1}),
        ("a..b", {"runner": "local"}),
        ("a" * 51, {"runner": "local"}),
    ],
)
async def test_a_move_that_makes_no_sense_is_422(
    client: httpx.AsyncClient, tenant: str, body: dict[str, object]
):
    assert kind_of(await client.put(f"{RUNNERS}/{tenant}", json=body)) == (422, "bad_request")


async def test_a_token_that_may_only_read_moves_nobody(
    reader: httpx.AsyncClient, services: Services
):
    response = await reader.put(f"{RUNNERS}/acme", json={"runner": "http_service"})
    assert kind_of(response) == (403, "role_too_small")
    assert services.runner_choices.list_moved() == {}
