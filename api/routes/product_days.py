"""Routes about the days of shops."""

from fastapi import APIRouter, Response

from api.context import Api, answer
from api.schemas import ProductDayOut, ProductDaysOut
from platform_assets.services import Services

router = APIRouter(prefix="/api/v2/batch/product-days", tags=["products"])


@router.get(
    "",
    response_model=ProductDaysOut,
    summary="Yesterday and today of each shop: batches, products, percent, estimate of the end",
)
async def list_product_days(api: Api) -> Response:
    """Days that were split; by platform and day."""
    return answer(await api.threads.read(_read_days, api.services))


def _read_days(services: Services) -> ProductDaysOut:
    measured = services.shops.measure_recent()
    return ProductDaysOut(days=[ProductDayOut.model_validate(day) for day in measured])
