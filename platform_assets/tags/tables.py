"""The raw tables of a tenant-source, as they are in the object store now. What they become is `keys.py`'s to name.

Whatever lies beside them never stops them: markers of other programs are counted and left alone, and what could be
meant as a table but cannot be read as one is a table with a problem, which fails by itself.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from platform_assets.core.errors import PermanentError
from platform_assets.core.objects import ObjectInfo, ObjectStore
from platform_assets.tags.keys import EXTENSIONS, TenantSource, check_table_id

_NAMED_ENDINGS = tuple(f".{extension}" for extension in EXTENSIONS)
_NAMED = 5
_STRAY_CHARACTERS = 40

_MARKER_ENDINGS = (
    ".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".swp", ".bak", ".lock", ".crc",
    ".md5", ".sha1", ".sha256", "~",
)  # fmt: skip
_MARKER_NAMES = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "readme", "license"}
)
_MARKER_STARTS = (".", "~$", "readme.", "license.")
# As browsers and file managers name the second download or copy of a file.
_COPY = re.compile(r".+(?: \([1-9]\d?\)| - (?:copy|복사본)(?: \(\d+\))?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RawTable:
    """One raw table.

    Attributes:
        table_id: The file's name without its extension, in Unicode NFC; unique in the tenant-source.
        key: Object key.
        size_bytes: Size of the object, compressed as it is.
        etag: Of the object; a table that was replaced has another one.
        options_key: Object key of how to read this table; None when there is nothing of its own.
        options_etag: Of that object.
        problem: Why it cannot be read as a table, for people; None when it can.
    """

    table_id: str
    key: str
    size_bytes: int
    etag: str
    options_key: str | None = None
    options_etag: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class FoundTables:
    """What is below the prefix of a tenant-source.

    Attributes:
        tables: By id; those with a problem fail when they are worked on.
        ignored: Keys of what is no table and not meant as one, such as markers of other programs.
    """

    tables: Sequence[RawTable]
    ignored: Sequence[str]


def list_tables(objects: ObjectStore, place: TenantSource) -> FoundTables:
    """The raw tables of a tenant-source.

    Raises:
        TransientError: The store does not answer.
    """
    return read_tables(objects.list(place.raw_prefix), place)


def read_tables(infos: Iterable[ObjectInfo], place: TenantSource) -> FoundTables:
    """The tables that objects below the tenant-source's prefix are; see `list_tables`."""
    found: dict[str, list[RawTable]] = defaultdict(list)
    options: dict[str, ObjectInfo] = {}
    folders: list[ObjectInfo] = []
    ignored: list[str] = []
    for info in infos:
        name = info.key.removeprefix(place.raw_prefix)
        if info.key == place.options_key or not name or name.endswith("/"):
            continue  # how to read the tables; a folder that a console of S3 made
        if (owner := place.find_options_table(info.key)) is not None:
            options[owner] = info
        elif is_marker(name):
            ignored.append(info.key)
        elif "/" in name:
            folders.append(info)
        else:
            table = _read_table(name, info)
            found[_fold(table.table_id)].append(table)
    tables = [table for same in found.values() for table in _name_clashes(same)]
    if folders:
        tables.append(_refuse_folders(folders))
    ignored += [info.key for owner, info in options.items() if owner not in _list_ids(tables)]
    tables = [_add_options(table, options) for table in tables]
    return FoundTables(sorted(tables, key=lambda table: table.table_id), sorted(ignored))


def is_marker(name: str) -> bool:
    """Whether an object is what programs leave beside data: `_SUCCESS`, `x.csv.tmp`, `README.txt`, `Thumbs.db`.

    Args:
        name: Its key below the tenant-source's prefix.
    """
    *folders, last = name.lower().split("/")
    if any(each in _MARKER_NAMES or each.startswith(("_", ".")) for each in folders):
        return True
    if last in _MARKER_NAMES or last.startswith(_MARKER_STARTS) or last.endswith(_MARKER_ENDINGS):
        return True
    # With the extension of a table it may be one, and must not be left out without a word.
    return last.startswith("_") and not last.endswith(_NAMED_ENDINGS)


def _list_ids(tables: Iterable[RawTable]) -> set[str]:
    return {table.table_id for table in tables}


def _fold(table_id: str) -> str:
    """Ids that differ by case alone are one folder in some stores of files."""
    return table_id.casefold()


def _read_table(name: str, info: ObjectInfo) -> RawTable:
    """The table of an object; one that cannot be read as a table has an id of its own and a problem."""
    composed = unicodedata.normalize("NFC", name)
    low = composed.lower()
    ending = max((each for each in _NAMED_ENDINGS if low.endswith(each)), key=len, default=None)
    if ending is None:
        problem = f"no extension of a table ({', '.join(EXTENSIONS)}): export it as one of these, or move it away"
        return _refuse(info, composed, problem)
    table_id = composed[: -len(ending)]
    if _COPY.fullmatch(table_id):
        problem = "it looks like a second copy of a table: remove it, or rename it if it is a table of its own"
        return _refuse(info, composed, problem)
    try:
        check_table_id(table_id)
    except PermanentError as error:
        return _refuse(info, composed, f"{error.message}: rename it")
    return RawTable(table_id, info.key, info.size_bytes, info.etag)


def _refuse(info: ObjectInfo, name: str, problem: str) -> RawTable:
    # Unique by the digest, and told apart from a table of nearly the same name.
    digest = hashlib.blake2b(info.key.encode(), digest_size=4).hexdigest()
    shown = re.sub(r"[^\w.-]", "_", name)[:_STRAY_CHARACTERS].lstrip("_.") or "object"
    table_id = unicodedata.normalize("NFC", f"{shown}-{digest}")
    return RawTable(table_id, info.key, 0, info.etag, problem=f"{info.key} is no table: {problem}")


def _refuse_folders(infos: Sequence[ObjectInfo]) -> RawTable:
    """One failure for all objects in folders, of which there may be thousands."""
    shown = ", ".join(info.key for info in infos[:_NAMED])
    more = f" and {len(infos) - _NAMED} more" if len(infos) > _NAMED else ""
    refused = _refuse(infos[0], "objects-in-folders", "")
    problem = (
        f"{len(infos)} objects are in folders, which tables cannot be ({shown}{more}): put each table beside the "
        "others as one file, or move the folders away"
    )
    return replace(refused, problem=problem)


def _name_clashes(same: list[RawTable]) -> list[RawTable]:
    """Tables whose ids are the same, or differ by case alone: none of them is read, each id is named once."""
    if len(same) == 1:
        return same
    keys = " and ".join(sorted(table.key for table in same))
    problem = (
        f"{keys} have the same table id but for upper and lower case: rename or remove all but one"
    )
    return [
        replace(table, problem=problem)
        for table in {table.table_id: table for table in same}.values()
    ]


def _add_options(table: RawTable, options: Mapping[str, ObjectInfo]) -> RawTable:
    info = options.get(table.table_id)
    if info is None:
        return table
    return replace(table, options_key=info.key, options_etag=info.etag)
