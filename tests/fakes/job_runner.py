"""A `JobRunner` without processes: a test's script says what its tasks write and how they end."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from platform_assets.core.jobs import Job, OnEnd, TaskEnd, TaskState
from platform_assets.core.objects import ObjectStore
from platform_assets.tags.keys import result_key
from platform_assets.tags.shards.manifest import Manifest, read_manifest
from platform_assets.tags.shards.result import (
    ShardResult,
    TableResult,
    TableState,
    encode_result,
)


@dataclass
class Stage:
    """What a script acts on: one job."""

    job: Job
    manifest: Manifest
    objects: ObjectStore
    on_end: OnEnd
    ends: dict[int, TaskEnd] = field(default_factory=dict[int, TaskEnd])

    def write(self, result: ShardResult) -> None:
        """A task writes its result file."""
        key = result_key(self.job.job_id, result.shard)
        self.objects.put(key, encode_result(result))

    def end(
        self, shard: str, state: TaskState = TaskState.SUCCEEDED, reason: str | None = None
    ) -> None:
        """A task is over."""
        index = self.manifest.shards.index(shard)
        self.ends[index] = TaskEnd(index, state, 1, reason)
        self.on_end(self.ends[index])

    def finish(self, shard: str) -> None:
        """A task does all its tables, and is over."""
        tables = tuple(
            TableResult(table.table_id, TableState.DONE) for table in self.manifest.tables[shard]
        )
        self.write(ShardResult(shard, 0, ended=True, tables=tables, whole=True))
        self.end(shard)


Script = Callable[[Stage], Awaitable[None]]


async def finish_all(stage: Stage) -> None:
    """The script of a job in which all goes well."""
    for shard in stage.manifest.shards:
        stage.finish(shard)


@dataclass
class ScriptedRunner:
    """The runner; it keeps the jobs that it was asked for."""

    objects: ObjectStore
    script: Script = finish_all
    stages: list[Stage] = field(default_factory=list[Stage])

    async def run(self, job: Job, on_end: OnEnd) -> Sequence[TaskEnd]:
        manifest = read_manifest(self.objects, job.manifest)
        stage = Stage(job, manifest, self.objects, on_end)
        self.stages.append(stage)
        await self.script(stage)
        return [stage.ends[index] for index in range(job.tasks)]
