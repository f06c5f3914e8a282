"""Which tenants a legacy table of advertisers becomes: EXISTING ones, each with its last completed month. Pure.

Every problem is listed with its line, and the good rows are planned all the same. What the table looks like is in
`advertiser_rows.py`. Storing the plan leaves tenants alone that are there already, so it may be done again.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from platform_assets.core.errors import PermanentError
from platform_assets.core.months import month_of
from platform_assets.tenants.advertiser_rows import (
    AdvertiserRows,
    ImportRow,
    Problem,
    number_rows,
    parse_csv,
)
from platform_assets.tenants.event_tables import check_columns, check_table, check_url
from platform_assets.tenants.registration import check_last_completed, check_name, plan_tenant
from platform_assets.tenants.tenant import SourceSettings, Tenant, TenantType, check_tenant_id

T = TypeVar("T")

MOST_NAMED = 20
"""Problems that the reason of a failed import names; `describe` has all of them."""

DEFAULT_TABLE = "events"
"""Table of events where a row names none."""


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would add.

    Attributes:
        tenants: To be added if they are missing, in the order of their rows.
        problems: Rows that cannot be imported, and why; by line.
        ignored: Columns of the table that are not read.
    """

    tenants: tuple[Tenant, ...]
    problems: tuple[Problem, ...]
    ignored: tuple[str, ...] = ()


def read_advertisers(
    rows: Iterable[Mapping[str, object]],
    *,
    now: datetime,
    first_month: str,
    check: Callable[[str], None] | None = None,
) -> ImportPlan:
    """The plan for rows of a SQL table: column -> value, with the columns of `advertiser_rows.COLUMNS`.

    Args:
        rows: In an order that stays the same, as problems name rows by number.
        now: Aware UTC.
        first_month: First month that any tenant can be processed for.
        check: Refuses the URL of a source that may not be used, with a PermanentError.
    """
    return _plan(number_rows(rows), now, first_month, check)


def read_advertisers_csv(
    text: str, *, now: datetime, first_month: str, check: Callable[[str], None] | None = None
) -> ImportPlan:
    """The plan for a CSV file; see `read_advertisers`, and `advertiser_rows.py` for the header."""
    return _plan(parse_csv(text), now, first_month, check)


def describe(plan: ImportPlan, known: Collection[str]) -> list[str]:
    """Lines for the terminal: what is new, what is there already, and every problem.

    Args:
        plan: The plan.
        known: Ids of the tenants that are stored.
    """
    missing = [tenant for tenant in plan.tenants if tenant.tenant_id not in known]
    there = len(plan.tenants) - len(missing)
    lines = [f"{len(missing)} to import, {there} already there, problems: {len(plan.problems)}"]
    if plan.ignored:
        lines.append(f"columns that are not read: {', '.join(plan.ignored)}")
    lines += [f"import {_describe_tenant(tenant)}" for tenant in missing]
    lines += [f"problem in {problem}" for problem in plan.problems]
    return lines


def refuse_problems(plan: ImportPlan) -> None:
    """Ends an import of which some rows are no tenants, once the good ones are done with.

    Raises:
        PermanentError: kind `bad_import`: names the rows.
    """
    if plan.problems:
        rows = [f"problem in {problem}" for problem in plan.problems[:MOST_NAMED]]
        more = len(plan.problems) - len(rows)
        raise PermanentError(
            f"{len({problem.line for problem in plan.problems})} rows could not be read; correct them and import "
            "again: what is there stays as it is\n"
            + "\n".join([*rows, *([f"... and {more} more, see the log"] if more else [])]),
            kind="bad_import",
        )


def _plan(
    table: AdvertiserRows,
    now: datetime,
    first_month: str,
    check: Callable[[str], None] | None,
) -> ImportPlan:
    planned, problems = dict[str, tuple[int, Tenant]](), list(table.problems)
    for row in table.rows:
        reader = _RowReader(row)
        tenant = _read_tenant(reader, now, first_month, check)
        if tenant is not None and tenant.tenant_id in planned:
            line, _ = planned[tenant.tenant_id]
            reader.refuse("advertiser_id", f"{tenant.tenant_id!r} is on line {line} already")
        elif tenant is not None:
            planned[tenant.tenant_id] = row.line, tenant
        problems += reader.problems
    problems.sort(key=lambda problem: problem.line)
    tenants = tuple(tenant for _, tenant in planned.values())
    return ImportPlan(tenants, tuple(problems), table.ignored)


class _RowReader:
    """Reads the values of one row and keeps what is wrong with them, all of it."""

    def __init__(self, row: ImportRow) -> None:
        self._row = row
        self.problems = list[Problem]()

    def refuse(self, column: str, message: str) -> None:
        """Keeps a problem."""
        self.problems.append(Problem(self._row.line, column, message))

    def read(self, column: str, check: Callable[[str], T], blank: T) -> T:
        """The value in its checked form; `blank` if it is not good, which is kept."""
        try:
            return check(_text_of(self._row.values.get(column)))
        except PermanentError as error:  # here it is the result: the other rows are planned
            self.refuse(column, error.message)
            return blank


def _read_tenant(
    reader: _RowReader,
    now: datetime,
    first_month: str,
    check: Callable[[str], None] | None,
) -> Tenant | None:
    """The tenant of a row, or None when anything is wrong with it, which the reader has kept."""

    def check_last(text: str) -> str | None:
        return check_last_completed(text, first_month, month_of(now)) if text else None

    def check_place(text: str) -> str:
        url = check_url(text)
        if check is not None:
            check(url)
        return url

    tenant_id = reader.read("advertiser_id", check_tenant_id, "")
    name = reader.read("name", check_name, "")
    last = reader.read("last_completed_month", check_last, None)
    source = SourceSettings(
        url=reader.read("source_url", check_place, ""),
        table=reader.read("source_table", lambda text: check_table(text or DEFAULT_TABLE), ""),
        columns=reader.read("source_columns", _parse_columns, {}),
    )
    if reader.problems:
        return None
    tenant, _ = plan_tenant(
        tenant_id,
        name,
        TenantType.EXISTING,
        source,
        now=now,
        first_month=first_month,
        last_completed_month=last,
    )
    return tenant


def _parse_columns(text: str) -> dict[str, str]:
    """`event_id=id;event_at=occurred_at` as a mapping."""
    pairs = [pair.partition("=") for pair in text.split(";") if pair.strip()]
    if any(not equals for _, equals, _ in pairs):
        raise PermanentError(
            f"{text[:80]!r} is not written canonical=own;canonical=own, such as event_id=id",
            kind="bad_source",
        )
    return check_columns({canonical: own for canonical, _, own in pairs})


def _text_of(value: object) -> str:
    """A value of a CSV file or a SQL table as text; the day of a date type does not matter for a month."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.strftime("%Y-%m")
    return str(value).strip()


def _describe_tenant(tenant: Tenant) -> str:
    last = tenant.last_completed_month
    since = f"completed up to {last}" if last else "without a completed month"
    return f"{tenant.tenant_id} ({tenant.name}), {since}, table {tenant.source.table}"
