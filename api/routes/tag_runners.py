"""Routes about who does the tables of a tenant: rolled out tenant by tenant, see docs/tags.md."""

from fastapi import APIRouter, Request, Response

from api.context import Api, answer, note_audit
from api.routes.months import TenantPath
from api.schemas import TagRunnerIn, TagRunnerOut, TagRunnersOut
from platform_assets.services import Services

router = APIRouter(prefix="/api/v2/batch/tag-runners", tags=["tags"])


@router.get("", response_model=TagRunnersOut, summary="The default runner, and the tenants moved")
async def list_tag_runners(api: Api) -> Response:
    """Tenants that are not listed have the default."""
    return answer(await api.threads.read(_list_runners, api.services))


@router.put(
    "/{tenant_id}",
    response_model=TagRunnerOut,
    summary="Move a tenant to a runner, from its next run on",
)
async def move_tag_runner(
    tenant_id: TenantPath, wanted: TagRunnerIn, request: Request, api: Api
) -> Response:
    """A tenant need not be registered: its raw tables are what makes it one."""
    note_audit(request, runner=wanted.runner)
    return answer(await api.threads.write(_move, api.services, tenant_id, wanted.runner))


@router.delete("/{tenant_id}", response_model=TagRunnerOut, summary="Back to the default runner")
async def reset_tag_runner(tenant_id: TenantPath, api: Api) -> Response:
    """From its next run on."""
    return answer(await api.threads.write(_move, api.services, tenant_id, None))


def _list_runners(services: Services) -> TagRunnersOut:
    choices = services.runner_choices
    return TagRunnersOut(default=choices.default, moved=choices.list_moved())


def _move(services: Services, tenant_id: str, runner: str | None) -> TagRunnerOut:
    return TagRunnerOut(tenant_id=tenant_id, runner=services.runner_choices.move(tenant_id, runner))
