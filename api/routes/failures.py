"""Routes about what failed in any pipeline, and making it work again."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.context import Api, answer, note_audit
from api.schemas import (
    FailureCountOut,
    FailureFields,
    FailureOut,
    FailureQuery,
    FailuresOut,
    RedriveIn,
    RedriveOut,
    RequeuedOut,
)
from api.starting import ACTOR_TAG
from platform_assets.core.redrive import Failure, FailureFilter, RedriveReport
from platform_assets.redrive.starting import make_starters
from platform_assets.services import Services
from resources.dagster.orchestration import STARTED_BY_TAG

router = APIRouter(prefix="/api/v2/batch", tags=["failures"])


@router.get(
    "/failures",
    response_model=FailuresOut,
    summary="Failed units of all pipelines; filtered, counted, paged",
)
async def list_failures(wanted: Annotated[FailureQuery, Query()], api: Api) -> Response:
    """Pipeline after pipeline, the newest of each first."""
    # Not among the reads: results of tags are many objects of a store, and others would wait.
    return answer(await api.threads.share(_read_failures, api.services, wanted))


@router.post("/redrive", response_model=RedriveOut, summary="Make failed units work again")
async def redrive(wanted: RedriveIn, request: Request, api: Api) -> Response:
    """Starts the runs that work on them, where no sensor does. Nothing that matches is no error."""
    matching = _translate(wanted)
    note_audit(request, tenant=wanted.tenant, wanted=matching.describe(), dry_run=wanted.dry_run)
    tags = {STARTED_BY_TAG: "api", ACTOR_TAG: request.state.actor.name}
    starters = make_starters(api.runs, tags, api.services.ranks.today)
    report = await api.threads.write(
        lambda: api.services.redrive.starting(starters).redrive(matching, dry_run=wanted.dry_run)
    )
    note_audit(request, units=report.units, started=list(report.started))
    return answer(_describe_report(report))


def _translate(wanted: FailureFields) -> FailureFilter:
    return FailureFilter(
        wanted.pipeline, wanted.tenant, wanted.partition, wanted.kind, frozenset(wanted.unit_ids)
    )


def _read_failures(services: Services, wanted: FailureQuery) -> FailuresOut:
    matching = _translate(wanted)
    counts = Counter[tuple[str, str | None]]()
    for row in services.redrive.count(matching):
        counts[row.scope.pipeline, row.error_kind] += row.count
    # One more than the page: whether there is a next one.
    found = services.redrive.find(matching, wanted.limit + 1, wanted.offset)
    return FailuresOut(
        total=counts.total(),
        counts=[
            FailureCountOut(pipeline=pipeline, kind=kind, units=units)
            for (pipeline, kind), units in counts.items()
        ],
        failures=[_describe(failure) for failure in found[: wanted.limit]],
        next=wanted.offset + wanted.limit if len(found) > wanted.limit else None,
    )


def _describe(failure: Failure) -> FailureOut:
    return FailureOut(
        pipeline=failure.scope.pipeline,
        tenant=failure.scope.tenant,
        partition=failure.scope.partition,
        unit_id=failure.unit_id,
        kind=failure.error_kind,
        message=failure.message,
        failed_at=failure.failed_at,
    )


def _describe_report(report: RedriveReport) -> RedriveOut:
    return RedriveOut(
        dry_run=report.dry_run,
        units=report.units,
        partitions=[
            RequeuedOut(
                pipeline=cell.scope.pipeline,
                tenant=cell.scope.tenant,
                partition=cell.scope.partition,
                units=cell.count,
            )
            for cell in report.cells
        ],
        next_steps=dict(report.next_steps),
        started=report.started,
        told=report.describe(),
    )
