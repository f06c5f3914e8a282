"""Adds new events to tenants that were written before, as shops do while time goes on."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy.engine import make_url

from platform_assets.core.errors import RefusedError
from sandbox.igdb.hashing import salt_of
from sandbox.tenants.databases import PASSWORD_NAME, Place, insert, open_database
from sandbox.tenants.events import PURCHASE, Event
from sandbox.tenants.generated import CENT
from sandbox.tenants.listing import ListedTenant, read_list
from sandbox.tenants.months import write_time
from sandbox.tenants.truth import TenantTruth, read_truth


def append_events(folder: Path, count: int, latest: datetime, url: str | None = None) -> int:
    """Adds good events to the month of `latest`, for every tenant that has a table.

    Args:
        folder: Where the list of tenants and the truth are; the truth is brought up to date.
        count: Events for each tenant.
        latest: Time of the newest one, naive; the others are a second apart before it, within the month.
        url: The database, where the list lacks its password.

    Returns:
        How many tenants there were.

    Raises:
        RefusedError: The folder holds no tenants, or a database refuses.
    """
    truth = read_truth(folder)
    good = [tenant for tenant in read_list(folder) if not truth.tenant(tenant.tenant_id).fails]
    for tenant in good:
        place = _find_place(tenant, url)
        known = truth.tenant(tenant.tenant_id)
        random = Random(salt_of(truth.seed, "appended", tenant.tenant_id, known.appended))
        with open_database(place.url) as cursor:
            insert(cursor, place, _draw_events(random, count, latest, known))
        # After each tenant, or a failure in the middle would leave rows that the truth does not know.
        truth.write(folder)
    return len(good)


def _find_place(tenant: ListedTenant, url: str | None) -> Place:
    if url is None and PASSWORD_NAME in tenant.source_url:
        raise RefusedError(
            f"the list has no password for the database of {tenant.tenant_id}: name it again with --url"
        )
    return Place(make_url(url or tenant.source_url), tenant.table)


def _draw_events(
    random: Random, count: int, latest: datetime, known: TenantTruth
) -> Iterator[Event]:
    first = latest.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    month = known.month(latest.strftime("%Y-%m"))
    for n in range(count):
        cents = random.randrange(100, 20_000)
        at = max(first, latest - timedelta(seconds=count - 1 - n))
        number = known.appended
        known.appended += 1
        month.good += 1
        month.revenue_units += cents * CENT
        yield Event(
            event_id=f"A{number}",
            customer_id=f"C{random.randrange(100):05}",
            event_at=write_time(at),
            event_type=PURCHASE,
            order_id=f"AO{number}",
            quantity=1,
            amount=f"{cents // 100}.{cents % 100:02}",
            updated_at=None,
        )
