"""Tenants whose source always fails, each in its own way."""

from enum import StrEnum

from sqlalchemy.engine import make_url

from sandbox.tenants.databases import Place, Placement, open_database

_NOBODY_LISTENS = "postgresql+psycopg2://sandbox@127.0.0.1:1/events?connect_timeout=2"


class BadKind(StrEnum):
    """What is wrong with the source."""

    MISSING_TABLE = "missing-table"
    OTHER_COLUMNS = "other-columns"
    UNREACHABLE = "unreachable"


def make_failing(kind: BadKind, placement: Placement) -> tuple[str, Place]:
    """Writes what there is of it.

    Returns:
        Tenant id, and where its source is said to be.
    """
    tenant_id = f"bad-{kind}"
    if kind is BadKind.UNREACHABLE:
        return tenant_id, Place(make_url(_NOBODY_LISTENS), "events")
    place = placement.place(tenant_id)
    with open_database(place.url) as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {place.table}")
        if kind is BadKind.OTHER_COLUMNS:
            cursor.execute(f"CREATE TABLE {place.table} (id INTEGER, payload TEXT, happened TEXT)")
    return tenant_id, place
