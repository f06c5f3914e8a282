"""What is checked about a batch before anybody believes it. Pure: values in, findings out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from platform_assets.core.engine.units import FailedUnit
from platform_assets.core.findings import Finding
from platform_assets.products.listing import ListReport
from platform_assets.products.product import ProductSnapshot, SaleStatus, odd_field
from platform_assets.products.progress import DayProgress

NO_MASS_CHANGE = "no_mass_change"
FEW_FAILURES = "few_failures"
FEW_ODD_FIELDS = "few_odd_fields"
DAY_READ = "day_read"
LIST_READ = "list_read"

MASS_SHARE = 0.3
"""Share of a batch that can vanish, or fail, in one day (spec/products.md): more is a parser that broke, or a block."""

MASS_PRODUCTS = 5
"""So few products can vanish whatever their share is: the last batch of a day may be small."""

ACCEPT_TAG = "sluice/accept_mass_change"
"""Run tag by which a person says, with `true`, that the products are really gone."""

READ_SHARE = 0.5
"""Share of a batch, or of a day, that must have been read at least for it to be believed, unless a setting says so."""

_NAMED = 10


@dataclass(frozen=True, slots=True)
class Belief:
    """What makes a batch one that is believed.

    Attributes:
        read_share: Share of its products that must have been read; of one with products at least one must, whatever
            the share.
        mass_accepted: Whether a person says that a mass change is real.
    """

    read_share: float = READ_SHARE
    mass_accepted: bool = False


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


def check_failures(
    failures: Sequence[FailedUnit], total: int, read_share: float = READ_SHARE
) -> Finding:
    """Not too many products could not be read; grave when too little of the batch is left to be believed."""
    share = len(failures) / total if total else 0.0
    few = len(failures) <= MASS_PRODUCTS
    grave = total > 0 and (len(failures) == total or (not few and 1 - share < read_share))
    return Finding(
        FEW_FAILURES,
        not grave and (few or share <= MASS_SHARE),
        _tell_failures(failures, total),
        grave=grave,
        numbers={"failed": len(failures), "products": total, "share": round(share, 4)},
    )


def tell_unread(failures: Sequence[FailedUnit], total: int, reason: str) -> Finding:
    """What is told of a batch that has ended before all its products were tried."""
    return Finding(
        FEW_FAILURES,
        passed=False,
        text=f"{reason}. {_tell_failures(failures, total)}",
        grave=True,
        numbers={"failed": len(failures), "products": total},
    )


def check_odd_fields(snapshots: Sequence[ProductSnapshot]) -> Finding:
    """No field is in an odd form on many pages: one page may have what it likes, many are a shop that has changed."""
    read = sum(each.sale_status is not SaleStatus.NOT_FOUND for each in snapshots)
    counts = count_notes(snapshots)
    odd = {name: count for note, count in counts.items() if (name := odd_field(note))}
    most = max(odd.values(), default=0)
    named = ", ".join(f"{name} of {count}" for name, count in odd.items())
    return Finding(
        FEW_ODD_FIELDS,
        most <= MASS_PRODUCTS or most <= MASS_SHARE * read,
        f"Of {read} products these fields could not be understood, and are empty: {named}."
        if named
        else f"All fields of {read} products were understood.",
        numbers={"products": read, **{f"odd_{name}": count for name, count in odd.items()}},
    )


def count_notes(snapshots: Iterable[ProductSnapshot]) -> dict[str, int]:
    """Products by what is noted of them, sorted by note."""
    return dict(sorted(Counter(note for each in snapshots for note in each.notes).items()))


def check_list(report: ListReport) -> Finding:
    """The shop's list was read to its end, and nearly all of its rows are products."""
    odd, rows = len(report.odd), report.listed + len(report.odd)
    few = odd <= MASS_PRODUCTS or odd <= MASS_SHARE * rows
    text = f"{report.listed} products on the list, {report.added} of them new, {odd} odd rows."
    if report.odd:
        text += f" The first: {report.odd[0]}"
    if report.error is not None:
        text = (
            f"The list could not be read ({report.error.kind}): {report.error} Until then: {text}"
        )
    return Finding(
        LIST_READ,
        report.error is None and few,
        text,
        numbers={"listed": report.listed, "added": report.added, "odd_rows": odd},
    )


def check_day_read(progress: DayProgress, read_share: float = READ_SHARE) -> Finding:
    """Enough of a shop's day could be read, now that all its batches have ended."""
    total = progress.products
    share = progress.products_done / total if total else 1.0
    return Finding(
        DAY_READ,
        share >= read_share and (progress.products_done > 0 or not total),
        f"{progress.platform} {progress.day}: {progress.products_done} of {total} products were read, "
        f"{progress.products_failed} were not; {progress.failed} of {progress.batches} batches failed.",
        numbers={
            "products": total,
            "read": progress.products_done,
            "failed": progress.products_failed,
            "share": round(share, 4),
        },
    )


def _tell_failures(failures: Sequence[FailedUnit], total: int) -> str:
    kinds = Counter(failure.kind for failure in failures)
    named = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    return f"{len(failures)} of {total} products could not be read{': ' if named else ''}{named}."


def _was_gone(known: ProductSnapshot | None) -> bool:
    return known is not None and known.sale_status is SaleStatus.NOT_FOUND
