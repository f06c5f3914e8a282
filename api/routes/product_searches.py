"""Routes about searching shops: asking for a keyword, and what came of it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.context import Api, answer, note_audit
from api.problems import document_problems
from api.schemas import MOST_NUMBER, SearchesOut, SearchIn, SearchOut, SearchQuery
from platform_assets.products.state.search_requests import SearchFilter
from platform_assets.services import Services

router = APIRouter(prefix="/api/v2/batch/product-searches", tags=["products"])

RequestPath = Annotated[int, Path(ge=1, le=MOST_NUMBER)]


@router.post(
    "",
    status_code=201,
    response_model=SearchOut,
    responses={200: {"model": SearchOut, "description": "The same is open already: that one."}},
    summary="Ask for a search of a shop",
)
async def request_search(wanted: SearchIn, request: Request, api: Api) -> Response:
    """What is found joins the known products, which are looked at from the next day on."""
    note_audit(request, platform=wanted.platform, keyword=wanted.keyword[:100])
    made, is_new = await api.threads.write(_request, api.services, wanted)
    note_audit(request, request_id=made.request_id)
    response = answer(made, 201 if is_new else 200)
    response.headers["location"] = f"{request.url.path}/{made.request_id}"
    return response


@router.get("", response_model=SearchesOut, summary="List search requests; filtered, paged")
async def list_searches(wanted: Annotated[SearchQuery, Query()], api: Api) -> Response:
    """The newest first."""
    return answer(await api.threads.read(_read_page, api.services, wanted))


@router.get(
    "/{request_id}",
    response_model=SearchOut,
    responses=document_problems(404),
    summary="One search request",
)
async def show_search(request_id: RequestPath, api: Api) -> Response:
    """What came of it; kept for SLUICE_RETENTION_DAYS after its end."""
    return answer(await api.threads.read(_read_one, api.services, request_id))


def _request(services: Services, wanted: SearchIn) -> tuple[SearchOut, bool]:
    made, is_new = services.shops.request_search(wanted.platform, wanted.keyword)
    return SearchOut.model_validate(made), is_new


def _read_page(services: Services, wanted: SearchQuery) -> SearchesOut:
    matching = SearchFilter(wanted.platform, wanted.state, wanted.before)
    # One more than the page: whether there is a next one.
    found = services.shops.searches.find(matching, wanted.limit + 1)
    page = [SearchOut.model_validate(each) for each in found[: wanted.limit]]
    return SearchesOut(items=page, next=page[-1].request_id if len(found) > len(page) else None)


def _read_one(services: Services, request_id: int) -> SearchOut:
    return SearchOut.model_validate(services.shops.searches.get(request_id))
