"""Routes about the days of ranks."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.context import Api, answer
from api.rank_days import measure_day
from api.rank_schemas import Day, RankDayOut

router = APIRouter(prefix="/api/v2/batch/rank-days", tags=["ranks"])

DayPath = Annotated[Day, Path()]


@router.get(
    "/{day}",
    response_model=RankDayOut,
    summary="Totals of a day: tracked, recorded, exposed, failed by kind, left",
)
async def get_rank_day(day: DayPath, api: Api) -> Response:
    """A day in Asia/Seoul, not in the future."""
    # Not among the reads: a day of ten thousand trackings takes half a second, and others would wait.
    return answer(await api.threads.share(measure_day, api.services, day))
