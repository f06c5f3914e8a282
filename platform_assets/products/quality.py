"""What is checked about a batch before anybody believes it. Pure: values in, findings out."""

from collections.abc import Sequence

from platform_assets.core.findings import Finding
from platform_assets.core.units import FailedUnit
from platform_assets.products.product import ProductSnapshot, SaleStatus

NO_MASS_CHANGE = "no_mass_change"
FEW_FAILURES = "few_failures"

MASS_SHARE = 0.3
"""Share of a batch that can vanish, or fail, in one day (spec/products.md): more is a parser that broke, or a block."""

MASS_PRODUCTS = 5
"""So few products can vanish whatever their share is: the last batch of a day may be small."""

ACCEPT_TAG = "sluice/accept_mass_change"
"""Run tag by which a person says, with `true`, that the products are really gone."""

_NAMED = 10


def check_mass_change(
    before: dict[str, ProductSnapshot],
    fresh: Sequence[ProductSnapshot],
    total: int,
    *,
    accepted: bool = False,
) -> Finding:
    """Not too many products have vanished at once.

    Args:
        before: What was known, by product id.
        fresh: The new looks.
        total: Products of the batch.
        accepted: Whether a person says that they are really gone: then it passes, with a note.
    """
    gone = [
        each.product_id
        for each in fresh
        if each.sale_status is SaleStatus.NOT_FOUND and not _was_gone(before.get(each.product_id))
    ]
    share = len(gone) / total if total else 0.0
    few = len(gone) <= MASS_PRODUCTS or share <= MASS_SHARE
    text = f"{len(gone)} of {total} products are not found any more"
    return Finding(
        NO_MASS_CHANGE,
        few or accepted,
        f"{text}." if few else f"{text}, {_describe_mass(gone, accepted=accepted)}",
        grave=True,
        numbers={"gone": len(gone), "products": total, "share": round(share, 4)},
    )


def _describe_mass(gone: Sequence[str], *, accepted: bool) -> str:
    more = ", ..." if len(gone) > _NAMED else ""
    named = f"above {MASS_SHARE:.0%}: {', '.join(gone[:_NAMED])}{more}."
    if accepted:
        return f"{named} A person has accepted it ({ACCEPT_TAG})."
    return (
        f"{named} Put the parser right and run the batch again; if the shop has really taken them off, run it "
        f"with the tag {ACCEPT_TAG}=true."
    )


def check_failures(failures: Sequence[FailedUnit], total: int) -> Finding:
    """Not too many products could not be read."""
    share = len(failures) / total if total else 0.0
    kinds = sorted({failure.kind for failure in failures})
    return Finding(
        FEW_FAILURES,
        len(failures) <= MASS_PRODUCTS or share <= MASS_SHARE,
        f"{len(failures)} of {total} products could not be read{': ' if kinds else ''}{', '.join(kinds)}.",
        numbers={"failed": len(failures), "products": total, "share": round(share, 4)},
    )


def _was_gone(known: ProductSnapshot | None) -> bool:
    return known is not None and known.sale_status is SaleStatus.NOT_FOUND
