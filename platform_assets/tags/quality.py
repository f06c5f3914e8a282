"""What is checked about the tables of a run. Pure: values in, findings out."""

from collections.abc import Sequence

from platform_assets.core.findings import Finding
from platform_assets.tags.shards.result import TableResult

ROWS_KEPT = "rows_kept"
NO_PERSONAL_DATA = "no_personal_data"
TAG_RATE = "tag_rate"
DATES_READ = "dates_read"

DATE_SHARE = 0.1
"""Of the rows of a table at most this share may have a date that is not understood."""

TAG_RATE_BOUNDS = (0.0005, 0.95)
"""Share of rows with a tag. Wide on purpose: beyond it is a dictionary of something else, or one with a term that is in
every text."""

RATE_ROWS = 1000
"""With fewer rows a share says nothing."""

UNREADABLE = "rows_unreadable"
"""Kind of the error of a table that lost too many rows."""

_NAMED = 5


def check_rows(tables: Sequence[TableResult]) -> Finding:
    """Every row that was converted reached the last step, and no table lost more rows to dead letters than it may."""
    rows = sum(table.rows for table in tables)
    letters = sum(table.dead_letters for table in tables)
    lost = [table for table in tables if table.rows != table.rows_read and not table.error_kind]
    unreadable = [table for table in tables if table.error_kind == UNREADABLE]
    text = f"{rows} rows and {letters} dead letters in {len(tables)} tables. "
    steps = ", ".join(
        f"{table.table_id} {table.rows} -> {table.rows_read}" for table in lost[:_NAMED]
    )
    reasons = "; ".join(f"{table.table_id}: {table.error_message}" for table in unreadable[:_NAMED])
    text += f"Not all rows were tagged: {steps}. " if lost else ""
    text += f"Too many rows cannot be read: {reasons}." if unreadable else ""
    return Finding(
        ROWS_KEPT,
        not lost and not unreadable,
        text.strip() if lost or unreadable else text + "All rows were tagged.",
        grave=True,
        numbers={
            "rows": rows,
            "dead_letters": letters,
            "tables_with_losses": len(lost),
            "tables_unreadable": len(unreadable),
        },
    )


def check_dates(tables: Sequence[TableResult]) -> Finding:
    """Dates are understood: a row without one counts in no month."""
    unread = sum(table.unread_dates for table in tables)
    poor = [table for table in tables if table.unread_dates > DATE_SHARE * table.rows]
    named = ", ".join(
        f"{table.table_id} {table.unread_dates}/{table.rows}" for table in poor[:_NAMED]
    )
    return Finding(
        DATES_READ,
        not poor,
        f"{unread} dates were not understood. "
        + (f"Many of them in {named}: their rows are in no month." if poor else "Nowhere many."),
        numbers={"dates_not_read": unread, "tables_with_many": len(poor)},
    )


def check_personal(tables: Sequence[TableResult]) -> Finding:
    """No phone number, e-mail address or resident registration number is left in a prepared text."""
    texts = sum(table.personal for table in tables)
    named = ", ".join(table.table_id for table in tables if table.personal)
    return Finding(
        NO_PERSONAL_DATA,
        texts == 0,
        f"Not masked in {texts} texts of {named}: a defect of masking." if texts else "All masked.",
        grave=True,
        numbers={"texts": texts},
    )


def check_tag_rate(tables: Sequence[TableResult]) -> Finding:
    """The share of rows with a tag is one that a dictionary for these texts can have."""
    rows = sum(table.rows_read for table in tables)
    tagged = sum(table.rows_tagged for table in tables)
    low, high = TAG_RATE_BOUNDS
    rate = tagged / rows if rows else 0.0
    return Finding(
        TAG_RATE,
        rows < RATE_ROWS or low <= rate <= high,
        f"{tagged} of {rows} rows have a tag; expected are {low:.2%} to {high:.0%} of {RATE_ROWS} rows or more.",
        numbers={"rows": rows, "rows_tagged": tagged, "rate": round(rate, 4)},
    )
