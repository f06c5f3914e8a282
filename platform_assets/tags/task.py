"""`python -m platform_assets.tags.task`: does the tables of one shard, on this machine as in the cloud.

    --manifest KEY   one task: CLOUD_RUN_TASK_INDEX, _COUNT and _ATTEMPT say which (SLUICE_TAGS_MANIFEST is KEY too)
    --host           tasks as they are asked for on stdin, each a fork of this process: see `shards/task_host.py`

Exit code 0: all tables of the shard are done. 1: some failed; the result file says which and why. 2: the task could not
run. 143: it was told to end (SIGTERM); it has written its result file.
"""

import argparse
import asyncio
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from platform_assets.core.engine.units import JsonObject
from platform_assets.core.errors import PermanentError, PlatformError, TransientError
from platform_assets.core.objects import ObjectStore
from platform_assets.core.processes.fork_server import ForkServer, call_once
from platform_assets.core.processes.signals import restore_signals
from platform_assets.settings import Settings, load_settings, task_environment
from platform_assets.tags.convert.markup_masking import mask_markup
from platform_assets.tags.keys import result_key
from platform_assets.tags.shards.manifest import (
    Manifest,
    decode_manifest,
    encode_manifest,
    read_manifest,
)
from platform_assets.tags.shards.result import ShardResult, encode_result
from platform_assets.tags.shards.task_host import RunTask, TaskCall, TaskHost, end_with_parent
from platform_assets.tags.shards.work import ShardTask, WorkEnd, answer, work_on_shard
from platform_assets.tags.table.scratch import open_scratch
from platform_assets.tags.table.steps import StepInputs, load_steps, read_inputs
from platform_assets.tags.table.work import TableSteps, TableWork
from resources.logs import open_log
from resources.objects.s3_client import S3Access
from resources.objects.store import open_store

log = structlog.get_logger(__name__)

COULD_NOT_RUN = 2
EXIT_CODES = {
    WorkEnd.DONE: 0,
    WorkEnd.FAILED: 1,
    WorkEnd.REFUSED: COULD_NOT_RUN,
    WorkEnd.STOPPED: 128 + signal.SIGTERM,
}

LoadSteps = Callable[[Manifest, StepInputs], TableSteps]


@dataclass(frozen=True, slots=True)
class LoadedJob:
    """What all tasks of a job share."""

    manifest: Manifest
    steps: TableSteps


class TaskProgram:
    """Runs tasks as the settings say.

    The store is read in a process of its own until the fork server has been started: clients of clouds start threads,
    and connections must not be shared.

    Args:
        settings: Where the object store is.
        load_steps: Loads the steps of a job.
    """

    def __init__(self, settings: Settings, load_steps: LoadSteps) -> None:
        self._settings = settings
        self._load_steps = load_steps

    def run(self, call: TaskCall, lifeline: int | None = None) -> int:
        """One task, to its exit code."""
        return self._run(None, call, lifeline)

    def load(self, manifest_key: str) -> RunTask:
        """For a host: loads what the tasks of a job share, and returns what runs one of them.

        What cannot be loaded is tried again by each task, which then says why it cannot run.
        """
        loaded: LoadedJob | None = None
        with suppress(Exception):
            manifest = self._read_manifest(manifest_key)
            loaded = LoadedJob(manifest, self._load(manifest))
        return partial(self._run, loaded)

    def _run(self, loaded: LoadedJob | None, call: TaskCall, lifeline: int | None) -> int:
        try:
            manifest = loaded.manifest if loaded else self._read_manifest(call.manifest)
            task = ShardTask(manifest, manifest.find_shard(call.index, call.count), call.attempt)
            steps = loaded.steps if loaded else self._load_or_tell(task)
            with open_scratch() as scratch:
                return EXIT_CODES[self._work(task, steps, scratch, lifeline)]
        except PlatformError as error:
            return _refuse(error, call)
        except Exception:
            # By itself Python would leave with 1, which says that tables failed.
            log.exception("task_broke", index=call.index)
            traceback.print_exc()
            return COULD_NOT_RUN

    def _work(
        self,
        task: ShardTask,
        steps: TableSteps,
        scratch: Path,
        lifeline: int | None,
    ) -> WorkEnd:
        # Nobody uses this store before the processes of the tables do: they share no connection.
        tables = TableWork(self._open_store(), task.manifest.place, steps)
        server = ForkServer.start(partial(answer, tables, task))
        objects = self._open_store()
        return asyncio.run(_work_with(server, task, steps, objects, scratch, lifeline))

    def _load_or_tell(self, task: ShardTask) -> TableSteps:
        """The steps; what is wrong with them is in the result file too."""
        try:
            return self._load(task.manifest)
        except PlatformError as error:
            result = ShardResult(
                task.shard,
                task.attempt,
                ended=True,
                waiting=len(task.manifest.select(task.shard)),
                error_kind=error.kind,
                error_message=mask_markup(error.message),
                transient=isinstance(error, TransientError),
            )
            key = result_key(task.manifest.job_id, task.shard)
            self._open_store().put(key, encode_result(result))
            raise

    def _load(self, manifest: Manifest) -> TableSteps:
        def read(_: JsonObject) -> JsonObject:
            return read_inputs(self._open_store(), manifest).to_json()

        return self._load_steps(manifest, StepInputs.of_json(call_once(read, {}) or {}))

    def _read_manifest(self, key: str) -> Manifest:
        def read(_: JsonObject) -> JsonObject:
            return {"manifest": encode_manifest(read_manifest(self._open_store(), key)).decode()}

        said = call_once(read, {}) or {}
        return decode_manifest(said["manifest"].encode())

    def _open_store(self) -> ObjectStore:
        s3 = S3Access(endpoint_url=self._settings.s3_endpoint_url)
        return open_store(self._settings.object_store_url, s3_client_factory=s3.connect)


async def _work_with(
    server: ForkServer,
    task: ShardTask,
    steps: TableSteps,
    objects: ObjectStore,
    scratch: Path,
    lifeline: int | None,
) -> WorkEnd:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if lifeline is not None:
        loop.add_reader(lifeline, end_with_parent, lifeline)
    try:
        return await work_on_shard(
            task,
            objects=objects,
            versions=steps.versions,
            call=server.call,
            scratch=scratch,
            stop=stop,
            mask=mask_markup,
        )
    finally:
        await server.close()


def read_call(manifest: str | None, environment: dict[str, str]) -> TaskCall:
    """Who a task is, from the command line and the environment.

    Args:
        manifest: As the command line has it.
        environment: As `settings.task_environment` tells it.

    Raises:
        PermanentError: kind `manifest_missing`, `bad_task_index`: they do not say.
    """
    manifest = manifest or environment.get("manifest")
    if not manifest:
        raise PermanentError(
            "which manifest? Use --manifest KEY or SLUICE_TAGS_MANIFEST", kind="manifest_missing"
        )
    try:
        return TaskCall(
            manifest,
            int(environment["index"]),
            int(environment["count"]),
            int(environment.get("attempt", "0")),
        )
    except (KeyError, ValueError) as error:
        raise PermanentError(
            f"which task? Set CLOUD_RUN_TASK_INDEX, CLOUD_RUN_TASK_COUNT and CLOUD_RUN_TASK_ATTEMPT to whole numbers "
            f"({error})",
            kind="bad_task_index",
        ) from None


def _refuse(error: PlatformError, call: TaskCall | None) -> int:
    index = call.index if call else None
    log.error(
        "task_could_not_run", index=index, kind=error.kind, message=mask_markup(error.message)
    )
    sys.stderr.write(
        f"task {'' if index is None else index}: {error.kind}: {mask_markup(error.message)}\n"
    )
    return COULD_NOT_RUN


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m platform_assets.tags.task",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--manifest", metavar="KEY", help="object key of the job's manifest")
    parser.add_argument("--host", action="store_true", help="tasks as stdin asks for them")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str], load_steps: LoadSteps = load_steps) -> int:
    """The command line, to the exit code.

    Args:
        arguments: Without the program's name.
        load_steps: Loads the steps of a job.
    """
    restore_signals()
    options = read_arguments(arguments)
    try:
        settings = load_settings()
        open_log(settings.log_path)
        program = TaskProgram(settings, load_steps)
        if not options.host:
            return program.run(read_call(options.manifest, task_environment()))
        TaskHost(program.load).serve()
    except PlatformError as error:
        return _refuse(error, None)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
