"""Routes about the months of one tenant: their states, the progress, starting and retrying them."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.auth import Actor
from api.context import Api, answer, note_audit
from api.problems import document_problems
from api.progress import measure_progress
from api.schemas import (
    MONTH_PATTERN,
    TENANT_ID_PATTERN,
    BackfillProgressOut,
    MonthStateOut,
    ProcessingStatesOut,
    StartedOut,
    TriggerIn,
)
from api.starting import Starter
from platform_assets.services import Services

router = APIRouter(prefix="/api/v2/batch/advertisers", tags=["months"])

TenantPath = Annotated[str, Path(pattern=TENANT_ID_PATTERN, max_length=50, examples=["acme"])]
MonthPath = Annotated[str, Path(pattern=MONTH_PATTERN, examples=["2026-01"])]


@router.get(
    "/{tenant_id}/backfill-progress",
    response_model=BackfillProgressOut,
    responses=document_problems(404),
    summary="Months total, completed, failed; percent; estimate of the end",
)
async def get_progress(tenant_id: TenantPath, api: Api) -> Response:
    """How far the tenant's months are."""
    return answer(await api.threads.read(_read_progress, api.services, tenant_id))


@router.get(
    "/{tenant_id}/processing-states",
    response_model=ProcessingStatesOut,
    responses=document_problems(404),
    summary="The state of every month",
)
async def list_states(tenant_id: TenantPath, api: Api) -> Response:
    """Every month of the tenant that has a state, oldest first."""
    return answer(await api.threads.read(_read_states, api.services, tenant_id))


@router.post(
    "/{tenant_id}/trigger",
    status_code=202,
    response_model=StartedOut,
    responses=document_problems(404, 409),
    summary="Start a month, or what is due",
)
async def trigger(
    tenant_id: TenantPath, request: Request, api: Api, wanted: TriggerIn | None = None
) -> Response:
    """Starts a run of Dagster. The state table decides what it may work on, as for every run."""
    month = wanted.month if wanted else None
    run_id, cells = await api.threads.write(
        Starter(api.services, api.runs).trigger, tenant_id, month, _read_actor(request)
    )
    return _tell_started(request, run_id, cells)


@router.post(
    "/{tenant_id}/retry/{month}",
    status_code=202,
    response_model=StartedOut,
    responses=document_problems(404, 409),
    summary="Reset a failed month and start it",
)
async def retry(tenant_id: TenantPath, month: MonthPath, request: Request, api: Api) -> Response:
    """Forgets the month's failures and starts a run for it."""
    run_id, cells = await api.threads.write(
        Starter(api.services, api.runs).retry, tenant_id, month, _read_actor(request)
    )
    return _tell_started(request, run_id, cells)


def _read_actor(request: Request) -> Actor:
    actor = request.state.actor
    assert isinstance(actor, Actor), "the gate lets no write pass without one"
    return actor


def _tell_started(request: Request, run_id: str, cells: list[str]) -> Response:
    note_audit(request, run_id=run_id, cells=cells)
    return answer(StartedOut(run_id=run_id, cells=cells), 202)


def _read_progress(services: Services, tenant_id: str) -> BackfillProgressOut:
    tenant, months = services.tenants.get_with_months(tenant_id)
    return measure_progress(tenant, months, services.clock.now())


def _read_states(services: Services, tenant_id: str) -> ProcessingStatesOut:
    months = services.tenants.months(tenant_id)
    return ProcessingStatesOut(
        tenant_id=tenant_id, states=[MonthStateOut.model_validate(month) for month in months]
    )
