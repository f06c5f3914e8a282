"""Routes about trackings of ranks: registering, listing, pausing and ending them; their history, as a picture too."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api import rank_tracking
from api.auth import Actor
from api.context import Api, answer, note_audit
from api.problems import document_problems
from api.rank_schemas import (
    HistoryOut,
    HistoryQuery,
    PeriodQuery,
    RegisteredOut,
    TrackingIn,
    TrackingOut,
    TrackingPageOut,
    TrackingQuery,
)
from api.schemas import MOST_NUMBER
from platform_assets.ranks.history import write_csv
from platform_assets.ranks.tracking import TrackingStatus

router = APIRouter(prefix="/api/v2/batch/rank-trackings", tags=["ranks"])

TrackingPath = Annotated[int, Path(ge=1, le=MOST_NUMBER, examples=[12])]

CSV = "text/csv"
SVG = "image/svg+xml"
PICTURE_HEADERS = {
    # A picture opened by itself is a document: whatever a keyword holds, nothing in it runs or loads.
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}


@router.post(
    "",
    status_code=201,
    response_model=RegisteredOut,
    responses=document_problems(409),
    summary="Track a target, and capture its first rank now",
)
async def register_tracking(wanted: TrackingIn, request: Request, api: Api) -> Response:
    """Starts a run of `daily_ranks` for the new tracking alone; without Dagster the next run of the day captures it."""
    actor = request.state.actor
    assert isinstance(actor, Actor), "the gate lets no write pass without one"
    registered = await api.threads.write(
        rank_tracking.register_tracking, api.services, api.runs, wanted, actor
    )
    note_audit(request, tracking_id=registered.tracking_id, run_id=registered.run_id)
    response = answer(registered, 201)
    response.headers["location"] = f"{request.url.path}/{registered.tracking_id}"
    return response


@router.get("", response_model=TrackingPageOut, summary="List trackings; filtered, paged")
async def list_trackings(wanted: Annotated[TrackingQuery, Query()], api: Api) -> Response:
    """Trackings by number, each with its newest record."""
    return answer(await api.threads.read(rank_tracking.list_trackings, api.services, wanted))


@router.get(
    "/{tracking_id}",
    response_model=TrackingOut,
    responses=document_problems(404),
    summary="One tracking with its newest record",
)
async def get_tracking(tracking_id: TrackingPath, api: Api) -> Response:
    """One tracking."""
    return answer(await api.threads.read(rank_tracking.get_tracking, api.services, tracking_id))


@router.post(
    "/{tracking_id}/pause",
    response_model=TrackingOut,
    responses=document_problems(404, 409),
    summary="Capture a tracking no more until it is resumed",
)
async def pause_tracking(tracking_id: TrackingPath, api: Api) -> Response:
    """One that is paused already stays so."""
    return await _change(api, tracking_id, TrackingStatus.PAUSED)


@router.post(
    "/{tracking_id}/resume",
    response_model=TrackingOut,
    responses=document_problems(404, 409),
    summary="Capture a paused tracking again, from the next run of the day on",
)
async def resume_tracking(tracking_id: TrackingPath, api: Api) -> Response:
    """One that is active already stays so."""
    return await _change(api, tracking_id, TrackingStatus.ACTIVE)


@router.post(
    "/{tracking_id}/end",
    response_model=TrackingOut,
    responses=document_problems(404),
    summary="End a tracking for good; its history stays",
)
async def end_tracking(tracking_id: TrackingPath, api: Api) -> Response:
    """One that has ended already stays so. What was ended is registered anew to go on."""
    return await _change(api, tracking_id, TrackingStatus.ENDED)


@router.get(
    "/{tracking_id}/history",
    response_model=HistoryOut,
    responses={200: {"content": {CSV: {"schema": {"type": "string"}}}}, **document_problems(404)},
    summary="Records of a tracking, oldest first, as JSON or CSV",
)
async def get_history(
    tracking_id: TrackingPath, wanted: Annotated[HistoryQuery, Query()], api: Api
) -> Response:
    """A record a day; a rank that is null is an empty field of the CSV."""
    records = await api.threads.read(rank_tracking.read_history, api.services, tracking_id, wanted)
    if wanted.format == "json":
        described = [rank_tracking.describe_record(record) for record in records]
        return answer(HistoryOut(tracking_id=tracking_id, records=described))
    name = f'attachment; filename="rank-history-{tracking_id}.csv"'
    return Response(write_csv(records), media_type=CSV, headers={"content-disposition": name})


@router.get(
    "/{tracking_id}/chart.svg",
    response_class=Response,
    responses={200: {"content": {SVG: {"schema": {"type": "string"}}}}, **document_problems(404)},
    summary="Rank over time as a picture; the last 90 days unless asked otherwise",
)
async def get_chart(
    tracking_id: TrackingPath, wanted: Annotated[PeriodQuery, Query()], api: Api
) -> Response:
    """SVG. Days without a record, and those that were not exposed, are gaps."""
    picture = await api.threads.read(rank_tracking.draw_chart, api.services, tracking_id, wanted)
    return Response(picture, media_type=SVG, headers=PICTURE_HEADERS)


async def _change(api: Api, tracking_id: int, status: TrackingStatus) -> Response:
    changed = await api.threads.write(
        rank_tracking.change_tracking, api.services, tracking_id, status
    )
    return answer(changed)
