"""Which tenant-sources have raw tables."""

from collections.abc import Iterable
from dataclasses import dataclass

from platform_assets.core.errors import PermanentError
from platform_assets.core.objects import ObjectInfo, ObjectStore
from platform_assets.tags.keys import OPTIONS_NAME, TenantSource
from platform_assets.tags.tables import is_marker


@dataclass(frozen=True, slots=True)
class FoundSources:
    """Tenant-sources, and what looks like one but cannot be.

    Attributes:
        tables: Tenant-source -> objects that are tables or want to be, by key.
        problems: Folders whose names are no tenant or no source, a line each.
    """

    tables: dict[TenantSource, int]
    problems: tuple[str, ...]


def find_sources(objects: ObjectStore) -> FoundSources:
    """All tenant-sources in the store.

    Raises:
        TransientError: The store does not answer.
    """
    return group_sources(objects.list("raw/"))


def group_sources(infos: Iterable[ObjectInfo]) -> FoundSources:
    """The tenant-sources of objects below `raw/`; see `find_sources`."""
    counts: dict[tuple[str, str], int] = {}
    for info in infos:
        _, tenant_id, source, *name = (
            info.key.split("/", 3) if info.key.count("/") >= 3 else [""] * 3
        )
        if name and name[0] and not name[0].endswith(OPTIONS_NAME) and not is_marker(name[0]):
            counts[tenant_id, source] = counts.get((tenant_id, source), 0) + 1
    tables: dict[TenantSource, int] = {}
    problems: list[str] = []
    for (tenant_id, source), count in sorted(counts.items()):
        try:
            tables[TenantSource(tenant_id, source)] = count
        except PermanentError as error:
            problems.append(f"raw/{tenant_id}/{source}/: {error.message}")
    return FoundSources(tables, tuple(problems))
