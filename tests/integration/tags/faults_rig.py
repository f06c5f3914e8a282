# pyright: standard, reportAttributeAccessIssue=false
"""A dirty tenant-source of the sandbox, the processes of its runs, and a search for personal data in what they leave.

What is right is told by the sandbox's truth and by a run that nobody disturbs. Tasks that fail on purpose are those of
`faulty_task.py`.
"""

import asyncio
import html
import io
import json
import multiprocessing
import os
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from platform_assets.services import Services
from platform_assets.settings import Settings, child_environment
from platform_assets.tags.keys import TableOutput, TenantSource, name_shard
from platform_assets.tags.shards.result import ShardResult, TableState
from platform_assets.tags.shards.run import IgnoredObjects, JobProgress, ShardOutcome
from platform_assets.tags.table.receipts import read_receipt
from resources.runners.local import LocalPolicy, LocalRunner
from sandbox.tags.command import main as write_sandbox
from sandbox.tags.truth import SourceTruth, read_truth
from tests.integration.processes import wait_until
from tests.integration.tenants.processes import Found, list_processes

PLACE = TenantSource("acme", "board")
SHARDS = tuple(name_shard(number) for number in range(8))
FAULTY_COMMAND = (sys.executable, "-m", "tests.integration.tags.faulty_task")

_TAG = re.compile(r"<[^>]*>")
_UNSEEN = str.maketrans("", "", "\u200b\u2060\ufeff\xad")
_NO_DIGIT = re.compile(r"\D+")
_SPACE = re.compile(r"\s+")


class DirtySource:
    """`acme:board` of a sandbox in a store of files, and the runs over it.

    Args:
        home: An empty folder.
        options: Of `python -m sandbox tags`.
        timeout_seconds: Of a table.
    """

    def __init__(self, home: Path, *options: str, timeout_seconds: float = 900.0) -> None:
        self.home = home
        folder = ["--out", str(home / "objects"), "--quiet"]
        assert write_sandbox([*folder, "--dirt", "0.03", "--pii", "0.05", *options]) == 0
        self.services = Services(make_settings(home, timeout_seconds))
        self.objects = self.services.objects
        self.truth: SourceTruth = read_truth(home / "objects").sources[PLACE.key]
        self.planted = {
            spelling
            for table in self.truth.tables.values()
            for one in table.personal
            for spelling in (one.raw, one.shown, one.plain)
        }
        self.personal = {
            one.plain for table in self.truth.tables.values() for one in table.personal
        }

    async def run(self, job_id: str) -> dict[str, ShardOutcome]:
        """Runs all shards as one job, in this process; how each of them ended."""
        return await run_source(self.services, job_id)

    def outputs(self) -> dict[str, bytes]:
        """All objects below `tags/`."""
        return {info.key: self.objects.get(info.key) for info in self.objects.list("tags/")}

    def finished(self) -> dict[str, str]:
        """The files of tables that have a receipt, and what tells one writing of a file from another."""
        ending = "/receipt.json"
        tables = {
            info.key.removesuffix(ending)
            for info in self.objects.list("tags/acme/")
            if info.key.endswith(ending)
        }
        # Looked at again: a receipt is written after the files that it speaks of.
        return {
            info.key: info.etag
            for info in self.objects.list("tags/acme/")
            if info.key.rpartition("/")[0] in tables
        }

    def count(self) -> int:
        """Tables that have a receipt."""
        folder = self.home / "objects" / PLACE.plan_key
        return sum(1 for _ in folder.parent.glob("*/receipt.json"))

    def forget(self) -> None:
        """Removes all that runs have made."""
        for prefix in ("tags/acme/", "jobs/"):
            for info in list(self.objects.list(prefix)):
                self.objects.delete(info.key)

    def read(self, table_id: str, output: TableOutput) -> list[dict[str, Any]]:
        """The rows of an output."""
        receipt = read_receipt(self.objects, PLACE, table_id)
        assert receipt is not None
        return pq.read_table(io.BytesIO(self.objects.get(receipt.files[output]))).to_pylist()

    def list_lies(self) -> list[str]:
        """Tables that do not hold what the truth tells of them: each row once, each mention, each bad row."""
        good = {name: table for name, table in self.truth.tables.items() if not table.broken}
        return [name for name, table in good.items() if not self._is_true(name)]

    def list_leaks(self, *logs: str) -> list[str]:
        """What of the planted personal data is found below `tags/` and `jobs/`, in the log of the tasks, or in `logs`.

        Looked for in every spelling, and in what is left of a text when markup, width and breaks are taken away.
        """
        kept = {
            info.key: self.objects.get(info.key)
            for prefix in ("tags/", "jobs/")
            for info in self.objects.list(prefix)
        }
        log = self.services.settings.log_path
        lines = log.read_text() if log.exists() else ""
        return find_leaks(
            self.planted, self.personal, (*kept.items(), ("log.jsonl", lines.encode())), logs
        )

    def _is_true(self, table_id: str) -> bool:
        truth = self.truth.tables[table_id]
        letters = [letter["line"] for letter in self.read(table_id, TableOutput.DEAD_LETTERS)]
        bad = sorted(line for lines in truth.bad.values() for line in lines)
        rows = [row["row_id"] for row in self.read(table_id, TableOutput.CONVERTED)]
        prepared = [row["row_id"] for row in self.read(table_id, TableOutput.PREPARED)]
        mentions = Counter(row["tag_id"] for row in self.read(table_id, TableOutput.TAGGED))
        return (
            sorted(letters) == bad
            and len(set(rows)) == len(rows) == truth.good
            and prepared == rows
            and mentions == truth.mentions
        )


def make_settings(home: Path, timeout_seconds: float = 900.0) -> Settings:
    return Settings(
        tags_dead_letter_share=1.0,
        home=home,
        tags_parallelism=2,
        tags_shards=len(SHARDS),
        tags_table_timeout_seconds=timeout_seconds,
    )


async def run_source(services: Services, job_id: str) -> dict[str, ShardOutcome]:
    """As the asset does it: the dictionary, then all shards as one job."""
    ends: dict[str, ShardOutcome] = {}

    def tell(told: ShardOutcome | JobProgress | IgnoredObjects) -> None:
        if isinstance(told, ShardOutcome):
            ends[told.shard] = told

    version = services.publish_dictionary().version
    await services.run_shards(job_id, PLACE, SHARDS, version, tell)
    return ends


def list_reasons(ends: Mapping[str, ShardOutcome]) -> dict[str, str]:
    """Shards that are not whole, and why."""
    return {shard: end.reason for shard, end in ends.items() if end.reason is not None}


def list_states(results: Iterable[ShardResult | None]) -> dict[str, TableState | str]:
    """Table id -> how it ended, or the kind of its error."""
    return {
        table.table_id: table.error_kind or table.state
        for result in results
        if result is not None
        for table in result.tables
    }


def find_leaks(
    spellings: Iterable[str],
    plain: Iterable[str],
    objects: Iterable[tuple[str, bytes]],
    logs: Iterable[str],
) -> list[str]:
    """Personal texts that are in objects or logs; `plain` ones are looked for in squeezed text too."""
    blobs = b"".join(data for _, data in objects)
    texts = {text for key, data in objects for text in read_texts(key, data)} | set(logs)
    everything = "\n".join(texts)
    squeezed = "\n".join(squeeze(text) for text in texts)
    digits = "|".join(_NO_DIGIT.sub("", line) for line in squeezed.split("\n"))
    return [
        *(one for one in spellings if one in everything),
        *(one for one in spellings if one.encode() in blobs),
        *(one for one in plain if one.casefold() in (digits if one.isdigit() else squeezed)),
    ]


def squeeze(text: str) -> str:
    """A text as a reader who looks very hard sees it: no markup, entities, spaces or wide characters; a line."""
    bare = _TAG.sub("", html.unescape(html.unescape(text))).translate(_UNSEEN)
    return _SPACE.sub("", unicodedata.normalize("NFKC", bare)).casefold()


def read_texts(key: str, data: bytes) -> Iterator[str]:
    """The words of an object: those of a row of Parquet together, those of JSON each."""
    if key.endswith(".parquet"):
        for row in pq.read_table(io.BytesIO(data)).to_pylist():
            yield " ".join(list_words(row))
        return
    for line in data.decode().splitlines() if key.endswith(".jsonl") else [data.decode()]:
        yield from list_words(json.loads(line))


def list_words(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from list_words([*value.keys(), *value.values()])
    elif isinstance(value, Sequence):
        for each in value:
            yield from list_words(each)


def list_hosts(run: int) -> list[int]:
    """Hosts that a run of the local runner has started: each leads a session, which all of its tasks are in."""
    return [found.pid for found in list_processes() if found.parent == run and _leads(found)]


def _leads(found: Found) -> bool:
    return found.pid == found.session


def list_generations(hosts: Iterable[int]) -> list[list[int]]:
    """The processes of a job: hosts, tasks, fork servers of tasks, tables."""
    known = set(hosts)
    family = [found for found in list_processes() if found.session in known]
    generations = [[found.pid for found in family if _leads(found)]]
    while len(generations) < 4:
        parents = set(generations[-1])
        generations.append([found.pid for found in family if found.parent in parents])
    return generations


def wait_for_the_end_of(hosts: Iterable[int]) -> None:
    """Until no process of their sessions lives, whoever started it."""
    known = set(hosts)
    wait_until(
        lambda: not any(found.session in known for found in list_processes()),
        f"the end of all tasks of {sorted(known)}",
    )


@contextmanager
def started_run(home: Path, job_id: str, log: Path) -> Generator[ForkServerProcess]:
    """A process that runs the source, with faults; killed at the end of the block if it still runs.

    It comes from a fork server that has everything imported, which saves each run two seconds.
    """
    process = _context().Process(target=_run, args=(home, job_id, log))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
        process.close()


def _context() -> ForkServerContext:
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload([__name__])
    return server


def _run(home: Path, job_id: str, log: Path) -> None:
    with log.open("ab") as output:
        os.dup2(output.fileno(), 2)
    services = Services(make_settings(home))
    with faulty_steps(services):
        asyncio.run(run_source(services, job_id))


@contextmanager
def faulty_steps(services: Services) -> Generator[None]:
    """Tasks of these services have faults until the end of the block."""
    settings = services.settings
    variables = {
        "SLUICE_HOME": str(settings.home),
        "SLUICE_OBJECTS_URL": settings.object_store_url,
        "SLUICE_LOG_FILE": str(settings.log_path),
    }
    runner = LocalRunner(FAULTY_COMMAND, child_environment(variables), LocalPolicy(processes=2))
    services.tags_runner = lambda tenant_id: runner  # type: ignore[method-assign]
    try:
        yield
    finally:
        del services.tags_runner
