"""Writes the tables of all tenants of a source, and lists the tenants; what and where to is given."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, TypeVar

from sandbox.tenants.databases import (
    Place,
    Placement,
    create_index,
    create_table,
    insert,
    open_database,
)
from sandbox.tenants.events import Source
from sandbox.tenants.failing import BadKind, make_failing
from sandbox.tenants.listing import EXISTING, ListedTenant
from sandbox.tenants.truth import Truth

NEW = "NEW"
_Rows = TypeVar("_Rows")


def write_tenants(
    source: Source, truth: Truth, placement: Placement, *, existing: int = 0, completed: str = ""
) -> list[ListedTenant]:
    """Replaces the tables of all tenants of the source.

    Args:
        source: The rows.
        truth: Is told what was written.
        placement: Where to.
        existing: How many of the tenants, from the first, are listed as EXISTING; the others are NEW.
        completed: The last completed month of those.

    Raises:
        RefusedError: A database does not answer, or refuses.
    """
    names = source.names()
    places = {tenant_id: placement.place(tenant_id) for tenant_id in names}
    _work(
        ((place, None) for place in places.values()), lambda at, place, _: create_table(at, place)
    )
    _work(((places[tenant_id], rows) for tenant_id, rows in source.read(truth)), insert)
    _work(
        ((place, None) for place in places.values()), lambda at, place, _: create_index(at, place)
    )
    return [
        _list_tenant(tenant_id, name, places[tenant_id], completed if n < existing else "")
        for n, (tenant_id, name) in enumerate(names.items())
    ]


def write_failing(
    kinds: Sequence[BadKind], truth: Truth, placement: Placement
) -> list[ListedTenant]:
    """Makes a tenant that always fails for each kind."""
    listed: list[ListedTenant] = []
    for kind in kinds:
        tenant_id, place = make_failing(kind, placement)
        truth.tenant(tenant_id).fails = kind
        listed.append(_list_tenant(tenant_id, f"Always fails: {kind}", place, ""))
    return listed


def _work(parts: Iterable[tuple[Place, _Rows]], do: Callable[[Any, Place, _Rows], None]) -> None:
    """Does something at one place after the other; neighbours in one database share a transaction."""
    for url, group in groupby(parts, key=lambda part: part[0].url):
        with open_database(url) as cursor:
            for place, rows in group:
                do(cursor, place, rows)


def _list_tenant(tenant_id: str, name: str, place: Place, completed: str) -> ListedTenant:
    kind = EXISTING if completed else NEW
    return ListedTenant(tenant_id, name, kind, completed, place.show_url(), place.table)
