"""Which shard each table of a tenant-source belongs to: dealt by size once, stored, and only ever added to.

The number of shards is fixed by the first plan. Tables that come later go to the lightest shards, and none ever moves,
so what is finished stays where it is. A table that vanished keeps its place in the plan; manifests leave it out.
"""

import heapq
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.core.objects import ObjectChangedError, ObjectMissingError, ObjectStore
from platform_assets.tags.keys import MOST_SHARDS, TenantSource, check_shard, name_shard

_STORE_TRIES = 10


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """Where tables belong.

    Attributes:
        count: Number of shards, `00` to `count` - 1.
        shards: Table id -> shard.
    """

    count: int
    shards: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The shards by number."""
        return tuple(name_shard(number) for number in range(self.count))


def plan_shards(sizes: Mapping[str, int], count: int) -> ShardPlan:
    """Deals tables to shards: the longest first, each to the lightest shard.

    The heaviest shard is at most 4/3 - 1/(3 count) of what the best plan has (Graham 1969, "Bounds on multiprocessing
    timing anomalies"). The same tables give the same plan: ties go by table id and by shard.

    Args:
        sizes: Table id -> size in bytes.
        count: Number of shards.

    Raises:
        ValueError: The count is not within 1 to 100.
    """
    if not 1 <= count <= MOST_SHARDS:
        raise ValueError(f"{count} shards: use 1 to {MOST_SHARDS}")
    return grow(ShardPlan(count, {}), sizes)


def grow(plan: ShardPlan, sizes: Mapping[str, int]) -> ShardPlan:
    """The plan with the tables that it did not have; the others stay where they are.

    Args:
        plan: A plan.
        sizes: Table id -> size in bytes, of all tables that there are now.
    """
    loads = _weigh(plan, sizes)
    heapq.heapify(loads)
    shards = dict(plan.shards)
    new = [table_id for table_id in sizes if table_id not in shards]
    for table_id in sorted(new, key=lambda each: (-sizes[each], each)):
        load, tables, number = loads[0]
        heapq.heapreplace(loads, (load + sizes[table_id], tables + 1, number))
        shards[table_id] = name_shard(number)
    return ShardPlan(plan.count, shards)


def _weigh(plan: ShardPlan, sizes: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """Bytes, tables and number of each shard; of two with the same bytes the one with fewer tables is lighter."""
    loads, tables = [0] * plan.count, [0] * plan.count
    for table_id, shard in plan.shards.items():
        if table_id in sizes:
            loads[int(shard)] += sizes[table_id]
            tables[int(shard)] += 1
    return list(zip(loads, tables, range(plan.count), strict=True))


def open_plan(
    objects: ObjectStore, place: TenantSource, sizes: Mapping[str, int], *, count: int = MOST_SHARDS
) -> ShardPlan:
    """The stored plan, with the tables that it did not have; the first call makes it.

    Two callers at once get the same plan, or one that has grown from the other's.

    Args:
        objects: Where it is stored.
        place: The tenant-source.
        sizes: Table id -> size in bytes, of all tables that there are now.
        count: Number of shards of a first plan, if there are so many tables; later ignored.

    Raises:
        PermanentError: kind `no_tables`: there is no plan and no table; kind `bad_plan`: it cannot be read.
        TransientError: The store does not answer, or others go on changing the plan.
    """
    for _ in range(_STORE_TRIES):
        stored, etag = _read(objects, place)
        if stored is None:
            if not sizes:
                raise PermanentError(
                    f"{place.key} has no tables: put them below {place.raw_prefix}",
                    kind="no_tables",
                )
            plan = plan_shards(sizes, min(count, MOST_SHARDS, len(sizes)))
        else:
            plan = grow(stored, sizes)
        if plan == stored:
            return plan
        try:
            objects.put_if(place.plan_key, _encode(plan), etag)
        except ObjectChangedError:
            continue  # somebody else's plan is stored by now: theirs counts
        return plan
    raise TransientError(
        f"{objects.url(place.plan_key)} was changed by others {_STORE_TRIES} times in a row: run it again",
        kind="plan_contested",
    )


def read_plan(objects: ObjectStore, place: TenantSource) -> ShardPlan | None:
    """The stored plan; None when there is none yet.

    Raises:
        PermanentError: kind `bad_plan`: it cannot be read.
        TransientError: The store does not answer.
    """
    return _read(objects, place)[0]


def _read(objects: ObjectStore, place: TenantSource) -> tuple[ShardPlan | None, str | None]:
    """The plan and its etag. The etag is read first: a plan that is newer than its etag is refused by the store."""
    info = objects.head(place.plan_key)
    if info is None:
        return None, None
    try:
        data = objects.get(place.plan_key)
    except ObjectMissingError:
        return None, None
    try:
        return _decode(json.loads(data)), info.etag
    except (*UNREADABLE, TypeError, KeyError, PermanentError) as error:
        raise PermanentError(
            f"{objects.url(place.plan_key)} is no shard plan ({error}): restore it from a backup, or delete it to have "
            "all tables dealt anew",
            kind="bad_plan",
        ) from error


def _encode(plan: ShardPlan) -> bytes:
    shards = dict(sorted(plan.shards.items()))
    return json.dumps({"count": plan.count, "tables": shards}, indent=1).encode()


def _decode(stored: Mapping[str, Any]) -> ShardPlan:
    count, tables = stored["count"], stored["tables"]
    if type(count) is not int or not 1 <= count <= MOST_SHARDS:
        raise ValueError(f"count is {count!r}")
    for table_id, shard in dict[str, str](tables).items():
        if int(check_shard(shard)) >= count:
            raise ValueError(f"table {table_id!r} is in shard {shard} of {count}")
    return ShardPlan(count, tables)
