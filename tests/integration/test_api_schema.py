"""The API keeps to its own OpenAPI document, whatever it is sent, and nothing it is sent makes it fail."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy
from pydantic import SecretStr
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)

from api.app import build_app
from platform_assets.services import Services
from platform_assets.settings import Settings
from platform_assets.tenants.runs import RunInHand
from platform_assets.tenants.tenant import TenantType
from tests.conftest import find_seed
from tests.fakes.clock import FakeClock
from tests.integration.api_rig import OPERATE, READ, TOKENS, free_port
from tests.unit.api.rig import FakeRuns, finish, register

AS_OPERATOR = {"authorization": f"Bearer {OPERATE}"}
STRANGERS = "sluice_api_refused_writes"
EXAMPLES, SOAKED = 40, 100
"""For each operation that takes something; without arguments there are only a few cases."""

CASES = 50
"""For each example, over all operations."""


UNCHECKED = [
    # It would send each case twice more; what is refused without a right is tested below.
    ignored_auth,
    # No schema can say which source or month makes sense.
    positive_data_acceptance,
]


UNHURRIED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


class QuickRuns(FakeRuns):
    """A Dagster whose runs are over at once."""

    def runs_in_hand(self) -> list[RunInHand]:
        return []


class ThreadedServer(uvicorn.Server):
    """A server in a thread, with a moment at which it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server over a real state database with tenants in every condition, and a Dagster that remembers."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SLUICE_")]:
            patch.delenv(name)
        configured = Settings(
            home=tmp_path_factory.mktemp("home"),
            api_tokens=SecretStr(TOKENS),
            api_requests_per_minute=10_000_000,
        )
    services, port = Services(configured, FakeClock()), free_port()
    for tenant_id in ("acme", "beta", "gamma", "other"):
        register(services, tenant_id, TenantType.NEW)
    services.ranks.register("place", "bread", "10001", "c")
    finish(services, "beta", "2026-09")
    finish(services, "gamma", "2026-09", ok=False)
    server = ThreadedServer(
        uvicorn.Config(
            build_app(services, QuickRuns()), port=port, access_log=False, log_level="critical"
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    assert server.listens.wait(600)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)


@pytest.mark.slow
def test_nothing_that_is_sent_makes_it_fail_or_leave_its_document(base_url: str, *, soak: bool):
    statuses: Counter[int] = Counter()
    examples = SOAKED if soak else EXAMPLES
    with requests.Session() as session:
        session.headers.update(AS_OPERATOR)
        session.trust_env = False
        for operation in list_operations(base_url):
            for strategy, share in list_strategies(operation):
                send_cases(strategy, int(share * examples), session, base_url, statuses)
    assert sum(statuses.values()) >= CASES * examples, statuses
    # The cases reach behind the validation.
    assert {200, 202, 404, 409, 422} <= statuses.keys(), statuses


def list_operations(base_url: str) -> Iterator[APIOperation[Any, Any, Any, Any]]:
    for found in schemathesis.openapi.from_url(f"{base_url}/openapi.json").get_all_operations():
        assert isinstance(found, Ok)
        yield found.ok()


def list_strategies(
    operation: APIOperation[Any, Any, Any, Any],
) -> Iterator[tuple[SearchStrategy[Case[Any]], float]]:
    """What is sent to an operation, and how much of the examples: good and bad arguments, for a known tenant too."""
    if not (operation.path_parameters or operation.query or operation.body):
        yield operation.as_strategy(), 0.2
        return
    yield operation.as_strategy(GenerationMode.POSITIVE), 1
    yield operation.as_strategy(GenerationMode.NEGATIVE), 1
    if "{tracking_id}" in operation.path:
        yield operation.as_strategy(path_parameters={"tracking_id": 1}), 0.2
    if "{tenant_id}" in operation.path and operation.method != "delete":
        off = operation.path.endswith("/deactivate")
        for tenant_id in ("other",) if off else ("acme", "beta", "gamma"):
            known = {"tenant_id": tenant_id, "month": "2026-09"}
            path = {name: known[name] for name in known if f"{{{name}}}" in operation.path}
            yield operation.as_strategy(path_parameters=path), 0.2


def send_cases(
    strategy: SearchStrategy[Case[Any]],
    examples: int,
    session: requests.Session,
    base_url: str,
    statuses: Counter[int],
) -> None:
    @seed(find_seed())
    @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=UNHURRIED)
    @given(case=strategy)
    def send(case: Case[Any]) -> None:
        response = case.call(base_url=base_url, session=session)
        statuses[response.status_code] += 1
        # A query has no types: a list is the parameter several times, of which the last counts, and an object
        # is its keys and values in a row. Both may well be a good text.
        untyped = any(isinstance(value, list | dict) for value in case.query.values())
        unchecked = [*UNCHECKED, negative_data_rejection] if untyped else UNCHECKED
        case.validate_response(response, excluded_checks=unchecked)

    send()


@pytest.mark.slow
@pytest.mark.parametrize("token", [None, "wrong-token", READ])
def test_no_write_passes_without_a_token_that_may_operate(base_url: str, token: str | None):
    refused: Counter[int] = Counter()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    with requests.Session() as session:
        session.trust_env = False
        before, counted = read_metrics(session, base_url)
        for operation in list_operations(base_url):
            if operation.method != "get":
                send_refused(operation.as_strategy(), session, base_url, headers, refused)
        after, count = read_metrics(session, base_url)
    assert after == before
    assert count - counted == (0 if token == READ else refused.total())
    assert refused.keys() == {403 if token == READ else 401}
    assert refused.total() >= 100


def read_metrics(session: requests.Session, base_url: str) -> tuple[list[str], float]:
    """The metrics without the count of writes that strangers were refused, and that count."""
    text = session.get(f"{base_url}/metrics", headers=AS_OPERATOR).text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    counts = [line for line in lines if line.startswith(STRANGERS)]
    others = [line for line in lines if line not in counts]
    return others, sum(float(line.split()[-1]) for line in counts if "_total" in line)


def send_refused(
    strategy: SearchStrategy[Case[Any]],
    session: requests.Session,
    base_url: str,
    headers: dict[str, str],
    refused: Counter[int],
) -> None:
    @settings(max_examples=30, deadline=None, suppress_health_check=UNHURRIED)
    @given(case=strategy)
    def send(case: Case[Any]) -> None:
        case.headers.pop("Authorization", None)
        response = case.call(base_url=base_url, session=session, headers=headers)
        assert response.headers["content-type"] == ["application/problem+json"]
        refused[response.status_code] += 1

    send()
