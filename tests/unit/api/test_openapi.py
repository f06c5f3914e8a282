import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from api.app import assemble_routes, describe_api
from api.problems import KINDS
from api.schemas import Month, TenantId
from platform_assets.core.errors import PermanentError
from platform_assets.core.months import check_month
from platform_assets.tenants.tenant import check_tenant_id
from tests.architecture.source_tree import ROOT

DOCUMENT = describe_api(assemble_routes())
OPERATIONS = [
    (path, method, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


def test_the_document_in_the_docs_is_the_apis():
    stored = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))
    assert stored == DOCUMENT, "run `python -m api openapi > docs/openapi.json`"


async def test_the_api_serves_its_document_to_anybody(stranger: httpx.AsyncClient):
    assert (await stranger.get("/openapi.json")).json() == DOCUMENT


def test_the_stable_paths_are_there():
    batch = "/api/v2/batch"
    one = f"{batch}/advertisers/{{tenant_id}}"
    tracking = f"{batch}/rank-trackings/{{tracking_id}}"
    assert {(method, path) for path, method, _ in OPERATIONS} == {
        ("get", f"{batch}/status"),
        ("get", f"{batch}/running-jobs"),
        ("get", f"{batch}/health"),
        ("get", f"{batch}/advertisers"),
        ("post", f"{batch}/advertisers"),
        ("delete", one),
        ("get", f"{one}/backfill-progress"),
        ("get", f"{one}/processing-states"),
        ("post", f"{one}/trigger"),
        ("post", f"{one}/retry/{{month}}"),
        ("post", f"{one}/activate"),
        ("post", f"{one}/deactivate"),
        ("get", f"{batch}/product-days"),
        ("get", f"{batch}/product-searches"),
        ("post", f"{batch}/product-searches"),
        ("get", f"{batch}/product-searches/{{request_id}}"),
        ("get", f"{batch}/tag-runners"),
        ("put", f"{batch}/tag-runners/{{tenant_id}}"),
        ("delete", f"{batch}/tag-runners/{{tenant_id}}"),
        ("get", f"{batch}/rank-trackings"),
        ("post", f"{batch}/rank-trackings"),
        ("get", tracking),
        ("post", f"{tracking}/pause"),
        ("post", f"{tracking}/resume"),
        ("post", f"{tracking}/end"),
        ("get", f"{tracking}/history"),
        ("get", f"{tracking}/chart.svg"),
        ("get", f"{batch}/rank-days/{{day}}"),
        ("get", f"{batch}/failures"),
        ("post", f"{batch}/redrive"),
        ("get", "/metrics"),
    }


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_error_of_an_operation_is_a_problem_document(
    path: str, method: str, operation: dict[str, dict[str, dict[str, object]]]
):
    errors = {status: r for status, r in operation["responses"].items() if status >= "400"}
    assert {"429", "500", "503"} <= errors.keys()
    for status, response in errors.items():
        expected = "application/problem+json"
        if path.endswith("/health") and status == "503":
            expected = "application/json"
        assert response["content"].keys() == {expected}, status  # pyright: ignore[reportAttributeAccessIssue]


def test_the_guide_names_every_kind_of_problem_and_every_path():
    guide = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"`{kind}`" not in guide] == []
    assert [path for path, _, _ in OPERATIONS if path.replace("tenant_id", "id") not in guide] == []


def accepts(kind: Any, text: str) -> bool:
    try:
        TypeAdapter[str](kind).validate_python(text)
    except ValidationError:
        return False
    return True


def passes(check: Callable[[str], str], text: str) -> bool:
    try:
        check(text)
    except PermanentError:
        return False
    return True


@given(st.text(st.sampled_from("aZ0._-\n é"), max_size=52) | st.text(max_size=10))
def test_the_pattern_of_ids_takes_what_the_platform_takes(text: str):
    assert accepts(TenantId, text) == passes(check_tenant_id, text)


@given(st.from_regex(r"[0-3][0-9]{3}-[01][0-9]\n?", fullmatch=True) | st.text(max_size=8))
def test_the_pattern_of_months_takes_what_the_platform_takes(text: str):
    assert accepts(Month, text) == passes(check_month, text)
