"""What the tasks of a job are to do: which shard belongs to which index, and everything else that a task must know.

A manifest is written once, before the job starts, and never changed. `select_shards` makes one from a plan: for all
shards, for some (those that failed), or for some tables of them (a redrive).
"""

import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.errors import PermanentError
from platform_assets.core.objects import ObjectMissingError, ObjectStore
from platform_assets.tags.keys import (
    TenantSource,
    check_shard,
    check_table_id,
    dictionary_key,
    manifest_key,
)
from platform_assets.tags.shards.dealing import ShardPlan
from platform_assets.tags.tables import RawTable

TOKENIZERS = ("plain", "kiwi")
_OPTIONAL = ("options_key", "options_etag", "problem")


@dataclass(frozen=True, slots=True)
class WorkSettings:
    """How tables are worked on.

    Attributes:
        dictionary_version: Which dictionary; it is stored under `keys.dictionary_key`.
        table_timeout_seconds: Time that one try of a table may take.
        attempts: Tries of a table, the first included.
        tokenizer: `plain` or `kiwi`.
        dead_letter_share: Share of a table's rows that may be unreadable; with more it fails.
    """

    dictionary_version: str
    table_timeout_seconds: float = 900.0
    attempts: int = 2
    tokenizer: str = "plain"
    dead_letter_share: float = 0.5

    @property
    def dictionary(self) -> str:
        """Object key of the dictionary."""
        return dictionary_key(self.dictionary_version)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the tasks of a job are to do.

    Attributes:
        job_id: The job.
        place: Whose tables.
        shards: Index of a task -> its shard; the heaviest first, so that they end together.
        tables: Shard -> all its tables, the largest first.
        work: How tables are worked on.
        only: The tables that are worked on; None for all. The others are looked at: a shard is whole when all its
            tables are done.
    """

    job_id: str
    place: TenantSource
    shards: tuple[str, ...]
    tables: Mapping[str, tuple[RawTable, ...]]
    work: WorkSettings
    only: frozenset[str] | None = None

    @property
    def key(self) -> str:
        """Object key of the manifest."""
        return manifest_key(self.job_id)

    def find_shard(self, index: int, count: int) -> str:
        """The shard of a task.

        Args:
            index: The task's index.
            count: How many tasks the job has, as the runner says.

        Raises:
            PermanentError: kind `bad_task_index`.
        """
        if count != len(self.shards) or not 0 <= index < count:
            raise PermanentError(
                f"job {self.job_id}: task {index} of {count}, and its manifest has {len(self.shards)} shards: start "
                f"the job with {len(self.shards)} tasks, index 0 to {len(self.shards) - 1}",
                kind="bad_task_index",
            )
        return self.shards[index]

    def select(self, shard: str) -> list[RawTable]:
        """The tables of a shard that are worked on."""
        return [
            table
            for table in self.tables[shard]
            if self.only is None or table.table_id in self.only
        ]


def select_shards(
    job_id: str,
    place: TenantSource,
    plan: ShardPlan,
    tables: Iterable[RawTable],
    work: WorkSettings,
    *,
    shards: Collection[str] | None = None,
    only: Collection[str] | None = None,
) -> Manifest:
    """The manifest of a job over shards of a plan.

    Args:
        job_id: The job; unique.
        place: Whose tables.
        plan: Their shards, grown by all the tables.
        tables: The tables that there are now.
        work: How they are worked on.
        shards: Which shards; all of the plan if omitted, or those that `only` names tables of.
        only: Which tables; all if omitted.

    Raises:
        PermanentError: kind `unknown_shard`, `unknown_table`: there is none of that name; kind `no_tables`: nothing
            was selected.
    """
    by_shard: dict[str, list[RawTable]] = defaultdict(list)
    for table in tables:
        by_shard[plan.shards[table.table_id]].append(table)
    if only is not None:
        _check_known(
            "table", only, (table.table_id for each in by_shard.values() for table in each)
        )
    if shards is None:
        shards = plan.names if only is None else {plan.shards[table_id] for table_id in only}
    _check_known("shard", shards, plan.names)
    if not shards:
        raise PermanentError(f"job {job_id}: nothing was selected of {place.key}", kind="no_tables")
    sizes = {shard: sum(table.size_bytes for table in by_shard[shard]) for shard in shards}
    order = sorted(sizes, key=lambda shard: (-sizes[shard], shard))
    return Manifest(
        job_id=job_id,
        place=place,
        shards=tuple(order),
        tables={
            shard: tuple(
                sorted(by_shard[shard], key=lambda each: (-each.size_bytes, each.table_id))
            )
            for shard in order
        },
        work=work,
        only=None if only is None else frozenset(only),
    )


def write_manifest(objects: ObjectStore, manifest: Manifest) -> str:
    """Stores the manifest under its key, and returns that.

    Raises:
        ObjectExistsError: The job has one already.
        TransientError: The store does not answer.
    """
    objects.put_new(manifest.key, encode_manifest(manifest))
    return manifest.key


def read_manifest(objects: ObjectStore, key: str) -> Manifest:
    """The manifest at a key.

    Raises:
        PermanentError: kind `manifest_missing`; kind `bad_manifest`: it cannot be read, or is another job's.
        TransientError: The store does not answer.
    """
    try:
        data = objects.get(key)
    except ObjectMissingError as error:
        raise PermanentError(
            f"there is no manifest at {objects.url(key)}: write it before the job starts, and look whether the tasks "
            "and who started them use the same object store",
            kind="manifest_missing",
        ) from error
    try:
        manifest = decode_manifest(data)
        if manifest.key != key:
            raise ValueError(f"it is of job {manifest.job_id!r}")
    except (*UNREADABLE, TypeError, KeyError, AttributeError, PermanentError) as error:
        raise PermanentError(
            f"{objects.url(key)} is no manifest of its job ({type(error).__name__}: {error}): start the job again",
            kind="bad_manifest",
        ) from error
    return manifest


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as JSON."""
    stored = {
        "job_id": manifest.job_id,
        "tenant": manifest.place.tenant_id,
        "source": manifest.place.source,
        "shards": manifest.shards,
        "tables": {
            shard: [_write_table(table) for table in tables]
            for shard, tables in manifest.tables.items()
        },
        "only": None if manifest.only is None else sorted(manifest.only),
        "dictionary": manifest.work.dictionary,
        **asdict(manifest.work),
    }
    return json.dumps(stored, indent=1, ensure_ascii=False).encode()


def decode_manifest(data: bytes) -> Manifest:
    """The manifest that JSON describes.

    Raises:
        ValueError: It does not describe one; TypeError, KeyError, AttributeError or PermanentError likewise.
    """
    stored: dict[str, Any] = json.loads(data)
    work = WorkSettings(
        dictionary_version=stored["dictionary_version"],
        table_timeout_seconds=_check_seconds(stored["table_timeout_seconds"]),
        attempts=_check_attempts(stored["attempts"]),
        tokenizer=stored["tokenizer"],
        dead_letter_share=_check_share(stored.get("dead_letter_share", 0.5)),
    )
    if work.tokenizer not in TOKENIZERS:
        raise ValueError(f"tokenizer {work.tokenizer!r}: use {' or '.join(TOKENIZERS)}")
    if stored["dictionary"] != work.dictionary:
        raise ValueError(f"dictionary {stored['dictionary']!r} is not {work.dictionary!r}")
    shards = tuple(check_shard(shard) for shard in stored["shards"])
    if len(set(shards)) != len(shards) or set(shards) != set(stored["tables"]):
        raise ValueError("`shards` and `tables` are not about the same shards")
    tables = {shard: tuple(map(_read_table, stored["tables"][shard])) for shard in shards}
    known = {table.table_id for each in tables.values() for table in each}
    only = None if stored["only"] is None else frozenset(stored["only"])
    if only is not None and not only <= known:
        raise ValueError("`only` names tables that are not in `tables`")
    return Manifest(
        job_id=stored["job_id"],
        place=TenantSource(stored["tenant"], stored["source"]),
        shards=shards,
        tables=tables,
        work=work,
        only=only,
    )


def _write_table(table: RawTable) -> dict[str, Any]:
    return {
        name: value
        for name, value in asdict(table).items()
        if name not in _OPTIONAL or value is not None
    }


def _read_table(stored: Mapping[str, Any]) -> RawTable:
    size_bytes = stored["size_bytes"]
    if type(size_bytes) is not int or size_bytes < 0:
        raise ValueError(f"size_bytes is {size_bytes!r}")
    more = {name: str(stored[name]) for name in _OPTIONAL if stored.get(name) is not None}
    return RawTable(
        check_table_id(stored["table_id"]),
        str(stored["key"]),
        size_bytes,
        str(stored["etag"]),
        **more,
    )


def _check_seconds(value: object) -> float:
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"table_timeout_seconds is {value!r}")
    return float(value)


def _check_share(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"dead_letter_share is {value!r}")
    return float(value)


def _check_attempts(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"attempts is {value!r}")
    return value


def _check_known(what: str, named: Collection[str], known: Iterable[str]) -> None:
    unknown = sorted(set(named) - set(known))
    if unknown:
        raise PermanentError(
            f"there is no {what} {', '.join(unknown[:10])}{' ...' if len(unknown) > 10 else ''}",
            kind=f"unknown_{what}",
        )
