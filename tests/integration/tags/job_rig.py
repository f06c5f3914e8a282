"""A tenant-source in a store of files, and jobs over it by real processes with fake steps."""

import os
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from platform_assets.core.jobs import Job, OnEnd, TaskEnd
from platform_assets.core.objects import ObjectStore
from platform_assets.settings import child_environment
from platform_assets.tags.keys import TenantSource, dictionary_key
from platform_assets.tags.shards.dealing import open_plan
from platform_assets.tags.shards.manifest import (
    Manifest,
    WorkSettings,
    select_shards,
    write_manifest,
)
from platform_assets.tags.shards.result import ShardResult, TableState, read_result
from platform_assets.tags.tables import list_tables
from resources.objects.local import LocalObjectStore
from resources.runners.local import LocalPolicy, LocalRunner
from tests.architecture.source_tree import ROOT
from tests.integration.processes import list_children

PLACE = TenantSource("acme", "board")
COMMAND = (sys.executable, "-m", "tests.fakes.tag_steps")


class JobRig:
    """A store of files below `folder`, unless another one is given with the variables that lead there."""

    def __init__(
        self,
        folder: Path,
        objects: ObjectStore | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.objects = objects or LocalObjectStore(folder / "objects")
        self._variables = environment or {"SLUICE_OBJECTS_URL": (folder / "objects").as_uri()}
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.ends: list[TaskEnd] = []
        self._strangers = frozenset(list_children(os.getpid()))
        self.objects.put(dictionary_key("v1"), b"a dictionary")

    @property
    def environment(self) -> dict[str, str]:
        return child_environment(
            {
                "PYTHONPATH": str(ROOT),
                "SLUICE_HOME": str(self.folder / "home"),
                "TMPDIR": str(self.temporary),
                **self._variables,
            }
        )

    def hosts(self) -> list[int]:
        """The processes that runners of this rig have started and that live."""
        return [child for child in list_children(os.getpid()) if child not in self._strangers]

    def put(self, table_id: str, *lines: str) -> None:
        self.objects.put(f"{PLACE.raw_prefix}{table_id}.csv", "\n".join(lines).encode())

    def plan(
        self,
        *,
        shards: int = 100,
        only: Sequence[str] | None = None,
        timeout: float = 30.0,
        attempts: int = 1,
    ) -> Manifest:
        """A new job; its manifest is stored."""
        tables = list_tables(self.objects, PLACE).tables
        sizes = {table.table_id: table.size_bytes for table in tables}
        plan = open_plan(self.objects, PLACE, sizes, count=shards)
        work = WorkSettings("v1", table_timeout_seconds=timeout, attempts=attempts)
        manifest = select_shards(f"j-{uuid4().hex}", PLACE, plan, tables, work, only=only)
        write_manifest(self.objects, manifest)
        return manifest

    def make_runner(
        self,
        processes: int = 2,
        *,
        command: Sequence[str] = COMMAND,
        attempts: int = 2,
        host_deaths: int = 3,
        start_seconds: float = 60.0,
    ) -> LocalRunner:
        policy = LocalPolicy(processes, attempts, host_deaths, start_seconds)
        return LocalRunner(command, self.environment, policy)

    async def run(
        self, manifest: Manifest, runner: LocalRunner | None = None, on_end: OnEnd | None = None
    ) -> Sequence[TaskEnd]:
        job = Job(manifest.job_id, manifest.key, len(manifest.shards))
        self.ends.clear()
        return await (runner or self.make_runner()).run(job, on_end or self.ends.append)

    @contextmanager
    def start_task(
        self, manifest_key: str | None, index: object = 0, count: object = 1
    ) -> Generator[subprocess.Popen[str]]:
        """One task by itself, as Cloud Run starts it."""
        environment = self.environment | {
            "CLOUD_RUN_TASK_INDEX": str(index),
            "CLOUD_RUN_TASK_COUNT": str(count),
            "CLOUD_RUN_TASK_ATTEMPT": "0",
        }
        named = [] if manifest_key is None else ["--manifest", manifest_key]
        with subprocess.Popen(
            [*COMMAND, *named], env=environment, stderr=subprocess.PIPE, text=True
        ) as task:
            try:
                yield task
            finally:
                task.kill()

    def run_task(self, key: str | None, index: object = 0, count: object = 1) -> tuple[int, str]:
        """Exit code and what it wrote to stderr."""
        with self.start_task(key, index, count) as task:
            _, err = task.communicate(timeout=600)
            return task.returncode, err

    def result(self, manifest: Manifest, shard: str) -> ShardResult | None:
        return read_result(self.objects, manifest.job_id, shard)

    def results(self, manifest: Manifest) -> list[ShardResult]:
        found = [self.result(manifest, shard) for shard in manifest.shards]
        return [each for each in found if each is not None]

    def states(self, manifest: Manifest) -> dict[str, TableState | str]:
        """Table id -> how it ended, or the kind of its error."""
        return {
            table.table_id: table.error_kind or table.state
            for result in self.results(manifest)
            for table in result.tables
        }

    def outputs(self) -> dict[str, bytes]:
        return {info.key: self.objects.get(info.key) for info in self.objects.list("tags/acme/")}

    def etags(self, ending: str) -> dict[str, str]:
        """Of what was written; a file that was written again has another one."""
        return {
            info.key: info.etag
            for info in self.objects.list("tags/acme/")
            if info.key.endswith(ending)
        }

    def is_tidy(self) -> bool:
        """Whether no temporary file is left."""
        return not any(self.temporary.iterdir())
