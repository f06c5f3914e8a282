"""The raw tables of a tenant-source, as they are in the object store now. What they become is `keys.py`'s to name."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from platform_assets.core.errors import PermanentError
from platform_assets.core.objects import ObjectInfo, ObjectStore
from platform_assets.tags.keys import EXTENSIONS, TenantSource, check_table_id

_SHOWN = 20
_NAMED_ENDINGS = tuple(f".{extension}" for extension in EXTENSIONS)


@dataclass(frozen=True, slots=True)
class RawTable:
    """One raw table.

    Attributes:
        table_id: The file's name without its extension; unique in the tenant-source.
        key: Object key.
        size_bytes: Size of the object, compressed as it is.
        etag: Of the object; a table that was replaced has another one.
    """

    table_id: str
    key: str
    size_bytes: int
    etag: str


def list_tables(objects: ObjectStore, place: TenantSource) -> list[RawTable]:
    """The raw tables by id.

    Raises:
        PermanentError: kind `bad_tables`: objects that cannot be tables, or two of one table id; all are named.
        TransientError: The store does not answer.
    """
    prefix = place.raw_prefix
    return read_tables(objects.list(prefix), place)


def read_tables(infos: Iterable[ObjectInfo], place: TenantSource) -> list[RawTable]:
    """The tables that objects below the tenant-source's prefix are; see `list_tables`."""
    found: dict[str, list[RawTable]] = defaultdict(list)
    faults: list[str] = []
    for info in infos:
        if info.key == place.options_key or info.key.endswith("/"):
            continue  # how to read the tables; a folder that a console of S3 made
        try:
            table_id = _read_id(info.key.removeprefix(place.raw_prefix))
        except PermanentError as error:
            faults.append(f"{info.key}: {error.message}")
        else:
            found[table_id].append(RawTable(table_id, info.key, info.size_bytes, info.etag))
    faults += [
        f"{' and '.join(table.key for table in tables)}: the same table id {table_id!r}"
        for table_id, tables in found.items()
        if len(tables) > 1
    ]
    if faults:
        raise PermanentError(_describe(place, faults), kind="bad_tables")
    return [found[table_id][0] for table_id in sorted(found)]


def _read_id(name: str) -> str:
    if "/" in name:
        raise PermanentError("tables are not in folders of their own")
    ending = max((each for each in _NAMED_ENDINGS if name.endswith(each)), key=len, default=None)
    if ending is None:
        raise PermanentError(f"no extension of a table ({', '.join(EXTENSIONS)})")
    return check_table_id(name.removesuffix(ending))


def _describe(place: TenantSource, faults: list[str]) -> str:
    shown = "; ".join(faults[:_SHOWN])
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return (
        f"{place.key}: {len(faults)} objects below {place.raw_prefix} are no tables: {shown}{more}. "
        "Rename them or move them away, then run it again"
    )
