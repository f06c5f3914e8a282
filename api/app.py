"""The REST API, assembled: routes, problem documents, the gate, the audit trail, the OpenAPI document.

No logic of its own. `python -m api` serves it; tests call `build_app` with fakes.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.audit import AuditTrail
from api.auth import parse_tokens
from api.context import ApiContext
from api.gate import Gate
from api.limits import RequestRate
from api.problems import document_problems, install_handlers
from api.routes import (
    advertisers,
    failures,
    months,
    overview,
    product_days,
    product_searches,
    rank_days,
    rank_trackings,
    tag_runners,
)
from api.run_desk import RunDesk
from api.schemas import ProblemOut
from platform_assets.services import Services

VERSION = "2.0.0"
"""Version of the API, not of the platform: it changes with the paths and the documents."""

DESCRIPTION = (
    "Month-by-month processing of tenants: their state, and starting and stopping it; who does their tables; days and "
    "searches of shops; trackings of ranks; what failed in any pipeline, and doing it again. "
    "Errors are problem documents of RFC 9457. Every write needs a token of the role `operate`, reading one of any "
    "role, unless reading is open."
)

_EVERYWHERE = (401, 403, 408, 413, 429, 500, 503)
_EVERY_READ = (401, 429, 500, 503)


def build_app(services: Services, runs: RunDesk) -> FastAPI:
    """The API over the services and Dagster.

    Args:
        services: The adapters, and the settings that say who may do what.
        runs: Dagster; `open_runs` of `platform_assets/tenants/runs.py` makes the real one.

    Raises:
        RefusedError: kind `bad_setting`: the tokens of the settings cannot be read.
    """
    settings = services.settings
    context = ApiContext(services, runs)
    app = assemble_routes()
    app.state.context = context
    # The last one added is the outermost: the audit trail sees what the gate refuses.
    app.add_middleware(
        Gate,
        tokens=parse_tokens(settings.api_tokens.get_secret_value()),
        open_reads=settings.api_open_reads,
        rate=RequestRate(settings.api_requests_per_minute),
    )
    app.add_middleware(
        AuditTrail,
        add=context.add_audit,
        threads=context.threads,
        clock=context.clock,
        changed=context.forget,
        refusals=context.refusals,
    )
    if proxies := [each.strip() for each in settings.api_proxies.split(",") if each.strip()]:
        # Only these may say who asks: rates and the audit trail go by it.
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=proxies)
    return app


def assemble_routes() -> FastAPI:
    """Routes and documents alone: what the OpenAPI document is made from."""
    app = FastAPI(
        title="Sluice batch API",
        version=VERSION,
        description=DESCRIPTION,
        # The pages for browsers load scripts from another host.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name_operation,
        lifespan=_close_services,
    )
    for module in (
        overview,
        advertisers,
        months,
        tag_runners,
        product_days,
        product_searches,
        rank_trackings,
        rank_days,
        failures,
    ):
        app.include_router(module.router)
    install_handlers(app)

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe_api(app)
        return app.openapi_schema

    app.openapi = describe  # the framework's documented way to change the document
    return app


def describe_api(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: what the framework derives, with problems and tokens as they really are."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    components = document["components"]
    schemas = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"].update(schemas.pop("$defs"))
    components["schemas"]["ProblemOut"] = schemas
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    for operations in document["paths"].values():
        for method, operation in operations.items():
            _document_refusals(method, operation)
    return document


def _document_refusals(method: str, operation: dict[str, Any]) -> None:
    """Adds what every operation may answer; a 422 only where there is something to be wrong."""
    responses: dict[str, Any] = operation["responses"]
    validated = "422" in responses
    common = _EVERY_READ if method == "get" else _EVERYWHERE
    added = document_problems(*common, *((422,) if validated else ()))
    if method != "get":
        added.update(document_problems(400))
    for status, response in added.items():
        if str(status) == "422":
            responses["422"] = response
        else:
            responses.setdefault(str(status), response)


def _name_operation(route: APIRoute) -> str:
    return route.name


@asynccontextmanager
async def _close_services(app: FastAPI) -> AsyncGenerator[None]:
    yield
    app.state.context.close()
