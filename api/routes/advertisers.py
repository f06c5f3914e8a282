"""Routes about tenants: listing, registering, switching on and off, removing."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.context import Api, answer, note_audit
from api.problems import document_problems
from api.routes.months import TenantPath
from api.schemas import (
    DeactivationIn,
    DeletedOut,
    RegistrationIn,
    TenantOut,
    TenantPageOut,
    TenantQuery,
)
from api.tenancy import Tenancy, list_tenants
from platform_assets.tenants.state.tenants import TenantFilter

router = APIRouter(prefix="/api/v2/batch/advertisers", tags=["advertisers"])


@router.get("", response_model=TenantPageOut, summary="List tenants; filtered, paged")
async def list_advertisers(wanted: Annotated[TenantQuery, Query()], api: Api) -> Response:
    """Tenants by id."""
    matching = TenantFilter(wanted.type, wanted.active, wanted.status)
    page = await api.threads.read(
        list_tenants, api.services, matching, wanted.limit, wanted.after or ""
    )
    return answer(page)


@router.post(
    "",
    status_code=201,
    response_model=TenantOut,
    responses=document_problems(409),
    summary="Register a tenant",
)
async def register(wanted: RegistrationIn, request: Request, api: Api) -> Response:
    """NEW: the orchestrator backfills it by itself. EXISTING: its current months are kept up to date."""
    note_audit(request, tenant=wanted.tenant_id)
    tenant = await api.threads.write(Tenancy(api.services, api.runs).register, wanted)
    response = answer(tenant, 201)
    response.headers["location"] = f"{request.url.path}/{tenant.tenant_id}/processing-states"
    return response


@router.post(
    "/{tenant_id}/activate",
    response_model=TenantOut,
    responses=document_problems(404),
    summary="Switch a tenant on",
)
async def activate(tenant_id: TenantPath, api: Api) -> Response:
    """Its months that failed too often may be tried again."""
    return answer(await api.threads.write(Tenancy(api.services, api.runs).activate, tenant_id))


@router.post(
    "/{tenant_id}/deactivate",
    response_model=TenantOut,
    responses=document_problems(404),
    summary="Switch a tenant off",
)
async def deactivate(
    tenant_id: TenantPath, request: Request, api: Api, wanted: DeactivationIn | None = None
) -> Response:
    """Nothing of it is started any more; what is running comes to its end."""
    reason = wanted.reason if wanted else f"switched off over the API by {request.state.actor.name}"
    tenancy = Tenancy(api.services, api.runs)
    return answer(await api.threads.write(tenancy.deactivate, tenant_id, reason))


@router.delete(
    "/{tenant_id}",
    response_model=DeletedOut,
    responses=document_problems(404, 409),
    summary="Remove a tenant; its data stays",
)
async def delete(tenant_id: TenantPath, api: Api) -> Response:
    """Removes the tenant, the states of its months and its partition. Objects that were written stay in the store."""
    return answer(await api.threads.write(Tenancy(api.services, api.runs).delete, tenant_id))
