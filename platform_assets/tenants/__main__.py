"""`python -m platform_assets.tenants`: registers, lists, shows, removes and imports tenants from a terminal.

The REST API does the same for programs. What processes their months is Dagster: `dagster job execute -j tenant_cycle`.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

from pydantic import TypeAdapter, ValidationError

from platform_assets.command_line import run_command
from platform_assets.core.errors import PermanentError
from platform_assets.services import Services
from platform_assets.tenants.importing import describe, refuse_problems
from platform_assets.tenants.registration import plan_tenant
from platform_assets.tenants.state.tenants import TenantFilter
from platform_assets.tenants.tenant import SourceSettings, TenantType

PAGE = 500
"""Tenants that are read at a time."""


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns 0, or 1 with the reason on standard error."""
    asked = _parser().parse_args(arguments)
    command: Callable[[Services, argparse.Namespace], Iterator[str]] = asked.run
    return run_command(lambda services: command(services, asked))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m platform_assets.tenants", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    register = commands.add_parser("register", help="add a tenant")
    register.add_argument("tenant_id")
    register.add_argument("source_url", help="SQLAlchemy URL of its events' database")
    register.add_argument("--name", help="name for people; the id if omitted")
    register.add_argument("--table", default="events")
    register.add_argument(
        "--columns", default="{}", help="JSON: our column -> the table's own name"
    )
    register.add_argument("--existing", action="store_true", help="no backfill")
    register.add_argument("--last-completed-month", metavar="YYYY-MM")
    register.add_argument("--backfill-start", metavar="YYYY-MM", help="default: 24 months ago")
    register.set_defaults(run=_register)
    listing = commands.add_parser("list", help="print all tenants")
    listing.set_defaults(run=_list)
    months = commands.add_parser("months", help="print the months of a tenant")
    months.add_argument("tenant_id")
    months.set_defaults(run=_months)
    remove = commands.add_parser("remove", help="remove a tenant; its tables stay in the store")
    remove.add_argument("tenant_id")
    remove.set_defaults(run=_remove)
    imported = commands.add_parser("import", help="import a legacy table; a dry run by default")
    imported.add_argument("path", help="CSV file, or SQLAlchemy URL of a database")
    imported.add_argument("--table", default="advertisers", help="table of that database")
    imported.add_argument("--apply", action="store_true", help="store what was read")
    imported.set_defaults(run=_import)
    return parser


def _register(services: Services, asked: argparse.Namespace) -> Iterator[str]:
    tenant, months = plan_tenant(
        asked.tenant_id,
        asked.name or asked.tenant_id,
        TenantType.EXISTING if asked.existing else TenantType.NEW,
        SourceSettings(asked.source_url, asked.table, _read_columns(asked.columns)),
        now=services.clock.now(),
        first_month=services.settings.tenants_first_month,
        backfill_start=asked.backfill_start,
        last_completed_month=asked.last_completed_month,
    )
    services.sources.check(tenant.source.url)
    services.tenants.register(tenant, months)
    span = f", {len(months)} months from {months[0]}" if months else ""
    yield f"{tenant.tenant_id} is registered as {tenant.tenant_type}{span}"


def _read_columns(text: str) -> dict[str, str]:
    """A JSON object of texts."""
    try:
        return TypeAdapter(dict[str, str]).validate_json(text, strict=True)
    except ValidationError:
        raise PermanentError(
            f"--columns {text[:80]!r} is no JSON object of texts; write it as "
            """'{"event_at": "bought_at"}'""",
            kind="bad_source",
        ) from None


def _list(services: Services, _: argparse.Namespace) -> Iterator[str]:
    yield f"{'tenant':<30}{'type':<10}{'active':<8}{'last month':<12}name"
    last = ""
    while page := services.tenants.find(TenantFilter(), PAGE, after=last):
        for tenant in page:
            active = "yes" if tenant.active else "no"
            month = tenant.last_completed_month or "-"
            yield f"{tenant.tenant_id:<30}{tenant.tenant_type:<10}{active:<8}{month:<12}{tenant.name}"
            if tenant.disabled_reason:
                yield f"  disabled: {tenant.disabled_reason}"
        last = page[-1].tenant_id


def _months(services: Services, asked: argparse.Namespace) -> Iterator[str]:
    months = services.tenants.months(asked.tenant_id)
    yield f"{'month':<10}{'status':<11}{'events':>9}{'bad':>7}{'failures':>10}  {'completed at':<20}"
    for month in months:
        ended = f"{month.completed_at:%Y-%m-%d %H:%M:%S}" if month.completed_at else "-"
        yield (
            f"{month.month:<10}{month.status:<11}{month.processed_records:>9}{month.failed_records:>7}"
            f"{month.retry_count:>10}  {ended:<20}"
        )
        if month.error_message:
            yield f"  {month.error_message}"


def _remove(services: Services, asked: argparse.Namespace) -> Iterator[str]:
    services.tenants.delete(asked.tenant_id)
    yield f"{asked.tenant_id} is removed; tenants/{asked.tenant_id}/ in the object store stays"


def _import(services: Services, asked: argparse.Namespace) -> Iterator[str]:
    plan = services.plan_import(asked.path, asked.table)
    yield from describe(plan, services.tenants.ids())
    if asked.apply:
        yield f"{len(services.tenants.import_tenants(plan.tenants))} imported"
    else:
        yield "nothing was stored: add --apply"
    refuse_problems(plan)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
