"""Routes about the platform as a whole: its totals, what runs, its health, its metrics."""

from fastapi import APIRouter, Response

from api.context import Api, answer
from api.metrics import CONTENT_TYPE, write_metrics
from api.schemas import HealthOut, RunningJobsOut, StatusOut

router = APIRouter()


@router.get(
    "/api/v2/batch/status",
    response_model=StatusOut,
    tags=["platform"],
    summary="Totals by status, tenants, runs, caps in use, the last tick",
)
async def get_status(api: Api) -> Response:
    """The platform at a glance; at most a second old."""
    return answer(await api.status.get())


@router.get(
    "/api/v2/batch/running-jobs",
    response_model=RunningJobsOut,
    tags=["platform"],
    summary="Running work with its run, since when, and how far",
)
async def list_running_jobs(api: Api) -> Response:
    """Tenant-months that are processed now, and queued and running runs; at most a second old."""
    return answer(await api.running.get())


@router.get(
    "/api/v2/batch/health",
    response_model=HealthOut,
    responses={503: {"model": HealthOut, "description": "Not ready"}},
    tags=["platform"],
    summary="Liveness and readiness; needs no token",
    openapi_extra={"security": []},
)
async def get_health(api: Api) -> Response:
    """200 while everything that is needed answers, 503 otherwise; any answer at all shows that the process lives."""
    health = await api.health.get()
    return answer(health, 200 if health.ready else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    tags=["platform"],
    summary="Gauges for Prometheus",
)
async def get_metrics(api: Api) -> Response:
    """Tenants, tenant-months, runs and the last tick, in Prometheus' text format."""
    return Response(
        write_metrics(await api.status.get(), api.refusals), headers={"content-type": CONTENT_TYPE}
    )
