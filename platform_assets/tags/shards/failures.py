"""`TagRedriver`: which tables of which shards failed, as the result files of the newest jobs have it.

Nothing is stored that could be made pending: a run of a shard does whatever has no up-to-date receipt. So redrive
names the shards to run.
"""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

import structlog

from platform_assets.core.engine.units import Scope
from platform_assets.core.errors import PermanentError
from platform_assets.core.objects import ObjectInfo, ObjectStore
from platform_assets.core.redrive import (
    Failure,
    FailureCount,
    FailureFilter,
    Requeued,
    count_failures,
    sum_by_cell,
)
from platform_assets.tags.keys import TenantSource, manifest_key
from platform_assets.tags.shards.manifest import read_manifest
from platform_assets.tags.shards.result import ShardResult, read_result

log = structlog.get_logger(__name__)

PIPELINE = "tags"


class TagRedriver:
    """Satisfies `platform_assets.core.redrive.Redriver`. A unit is a table; reading costs a few objects per shard.

    Args:
        objects: Where the results are.
    """

    pipeline = PIPELINE
    next_step = (
        "run the job tags for these partitions; a run does only the tables that are not done"
    )

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def count(self, wanted: FailureFilter) -> list[FailureCount]:
        """See `Redriver.count`."""
        return count_failures(self._find(wanted))

    def find(self, wanted: FailureFilter, limit: int) -> list[Failure]:
        """See `Redriver.find`."""
        return self._find(wanted)[:limit]

    def redrive(self, wanted: FailureFilter, *, dry_run: bool) -> list[Requeued]:
        """See `Redriver.redrive`: changes nothing, names the shards."""
        del dry_run
        return sum_by_cell(self.count(wanted))

    def _find(self, wanted: FailureFilter) -> list[Failure]:
        return [
            failure
            for place, result, info in self._read_newest()
            for failure in _list_failures(place, result, info)
            if wanted.matches(failure.scope, failure.unit_id, failure.error_kind)
        ]

    def _read_newest(self) -> Iterator[tuple[TenantSource, ShardResult, ObjectInfo]]:
        """The newest result of each shard of each tenant-source, the newest first."""
        places: dict[str, TenantSource | None] = {}
        seen: set[tuple[TenantSource, str]] = set()
        for info in _sort_results(self._objects.list("jobs/")):
            _, job_id, _, name = info.key.split("/")
            if job_id not in places:
                places[job_id] = self._read_place(job_id)
            place, shard = places[job_id], name.removesuffix(".json")
            if place is None or (place, shard) in seen:
                continue
            seen.add((place, shard))
            result = self._read_result(job_id, shard)
            if result is not None:
                yield place, result, info

    # One damaged file of an old job must not hide the failures of all others.

    def _read_place(self, job_id: str) -> TenantSource | None:
        try:
            return read_manifest(self._objects, manifest_key(job_id)).place
        except PermanentError as error:
            log.warning("job_not_read", job=job_id, kind=error.kind)
            return None

    def _read_result(self, job_id: str, shard: str) -> ShardResult | None:
        try:
            return read_result(self._objects, job_id, shard)
        except PermanentError as error:
            log.warning("result_not_read", job=job_id, shard=shard, kind=error.kind)
            return None


def _sort_results(infos: Iterable[ObjectInfo]) -> list[ObjectInfo]:
    """The result files among the objects of jobs, the newest first."""
    results = [info for info in infos if fnmatchcase(info.key, "jobs/*/results/*.json")]
    return sorted(results, key=lambda info: info.modified_at, reverse=True)


def _list_failures(place: TenantSource, result: ShardResult, info: ObjectInfo) -> list[Failure]:
    """The tables that failed; the shard itself when its attempt ended early without naming one."""
    scope = Scope(PIPELINE, place.tenant_id, f"{result.shard}|{place.key}")
    failed = [(table.table_id, table.error_kind, table.error_message) for table in result.failed]
    if not failed and result.error_kind is not None:
        failed = [(result.shard, result.error_kind, result.error_message)]
    return [
        Failure(scope, unit_id, kind, message, info.modified_at)
        for unit_id, kind, message in failed
    ]
