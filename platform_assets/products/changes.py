"""What has changed about products since they were last seen. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from platform_assets.products.product import ProductSnapshot, SaleStatus


class ChangeKind(StrEnum):
    """What is different. GONE and BACK leave nothing else to compare."""

    NEW = "new"
    GONE = "gone"
    BACK = "back"
    PRICE = "price"
    SALE_STATUS = "sale_status"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two looks at a product.

    Attributes:
        platform: Its shop.
        product_id: Its id there.
        kind: What is different.
        field: Field of the snapshot; empty for NEW, GONE and BACK.
        before: Its value before as text; None when there was none.
        after: Its value now as text; None when there is none.
        scanned_at: Of the new look.
        previous_at: Of the look before; None for NEW.
    """

    platform: str
    product_id: str
    kind: ChangeKind
    field: str
    before: str | None
    after: str | None
    scanned_at: datetime
    previous_at: datetime | None


_COMPARED = (
    ("original_price", ChangeKind.PRICE),
    ("discounted_price", ChangeKind.PRICE),
    ("sale_status", ChangeKind.SALE_STATUS),
    ("name", ChangeKind.NAME),
)


def compare(before: ProductSnapshot | None, now: ProductSnapshot) -> list[Change]:
    """What is different now.

    A product that was never seen and is not found is no news: nothing is known of it that could be gone.

    Args:
        before: The newest earlier look; None if there was none.
        now: The look to compare.
    """
    is_found = now.sale_status is not SaleStatus.NOT_FOUND
    if before is None:
        return [_change(ChangeKind.NEW, "", None, now)] if is_found else []
    was_found = before.sale_status is not SaleStatus.NOT_FOUND
    if was_found != is_found:
        return [_change(ChangeKind.BACK if is_found else ChangeKind.GONE, "", before, now)]
    if not is_found:
        return []
    return [
        _change(kind, field, before, now)
        for field, kind in _COMPARED
        if getattr(before, field) != getattr(now, field) and not _is_unknown(kind, before, now)
    ]


def _is_unknown(kind: ChangeKind, before: ProductSnapshot, now: ProductSnapshot) -> bool:
    """A name that one of the pages did not tell has not changed."""
    return kind is ChangeKind.NAME and None in (before.name, now.name)


def _change(
    kind: ChangeKind, field: str, before: ProductSnapshot | None, now: ProductSnapshot
) -> Change:
    return Change(
        platform=now.platform,
        product_id=now.product_id,
        kind=kind,
        field=field,
        before=_text(before, field),
        after=_text(now, field),
        scanned_at=now.scanned_at,
        previous_at=before.scanned_at if before else None,
    )


def _text(snapshot: ProductSnapshot | None, field: str) -> str | None:
    value = getattr(snapshot, field) if snapshot is not None and field else None
    return None if value is None else str(value)
