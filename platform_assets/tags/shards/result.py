"""What the task of a shard has done so far, for those who watch and for the run that started it.

    jobs/<job_id>/results/<shard>.json: written while the task goes on, at most once a second, and at its end

Another attempt at the same task writes it anew. Messages are masked: a library's error may quote a customer's text.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import structlog

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.errors import PermanentError, PlatformError, TransientError
from platform_assets.core.objects import ObjectMissingError, ObjectStore
from platform_assets.tags.keys import result_key

log = structlog.get_logger(__name__)

WRITE_SECONDS = 1.0
"""Between two writes."""

_LAST_TRIES = 3


class TableState(StrEnum):
    """How a table ended. SKIPPED was done before."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TableResult:
    """One table that ended.

    Attributes:
        table_id: The table.
        state: How it ended.
        seconds: Time worked on it by this attempt.
        rows: Rows of `converted`.
        dead_letters: Rows that could not be read.
        rows_read: Rows of `prepared`, as the last step counted them.
        rows_tagged: Those with at least one mention.
        mentions: Tags found in it.
        personal: Prepared texts that still hold something personal.
        unread_dates: Rows whose date was not understood; they have none.
        unsure_syllables: See `lines.ReadNotes`.
        error_kind: Why it failed.
        error_message: Likewise, for people.
        transient: Whether another try may help.
    """

    table_id: str
    state: TableState
    seconds: float = 0.0
    rows: int = 0
    dead_letters: int = 0
    rows_read: int = 0
    rows_tagged: int = 0
    mentions: int = 0
    personal: int = 0
    unread_dates: int = 0
    unsure_syllables: int = 0
    error_kind: str | None = None
    error_message: str | None = None
    transient: bool = False


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What one attempt at a shard has done.

    Attributes:
        shard: The shard.
        attempt: Attempts before this one.
        ended: Whether this attempt writes no more.
        tables: Those that ended, in that order; those that were done before come first.
        waiting: Tables that have not ended, the running one included.
        running: The one in progress.
        left_out: Tables of the shard that the job does not work on, and that are not done.
        whole: Whether all tables of the shard are done and its summary is written.
        error_kind: Why the attempt ended early, or wrote no summary.
        error_message: Likewise, for people.
        transient: Whether another attempt may help.
    """

    shard: str
    attempt: int
    ended: bool = False
    tables: tuple[TableResult, ...] = ()
    waiting: int = 0
    running: str | None = None
    left_out: int = 0
    whole: bool = False
    error_kind: str | None = None
    error_message: str | None = None
    transient: bool = False

    @property
    def failed(self) -> list[TableResult]:
        """The tables that failed."""
        return [table for table in self.tables if table.state is TableState.FAILED]


def read_result(objects: ObjectStore, job_id: str, shard: str) -> ShardResult | None:
    """What the task of a shard has done; None when it has written nothing yet.

    Raises:
        PermanentError: kind `bad_result`: it cannot be read.
        TransientError: The store does not answer.
    """
    key = result_key(job_id, shard)
    try:
        data = objects.get(key)
    except ObjectMissingError:
        return None
    try:
        return decode_result(data)
    except (*UNREADABLE, TypeError, KeyError, AttributeError) as error:
        raise PermanentError(
            f"{objects.url(key)} is no result of a task ({error}): run the shard again",
            kind="bad_result",
        ) from error


def encode_result(result: ShardResult) -> bytes:
    """The result as JSON."""
    return json.dumps(asdict(result), indent=1, ensure_ascii=False).encode()


def decode_result(data: bytes) -> ShardResult:
    """The result that JSON describes.

    Raises:
        ValueError: It describes none; TypeError, KeyError or AttributeError likewise.
    """
    stored: dict[str, Any] = json.loads(data)
    tables = tuple(map(_read_table, stored.pop("tables")))
    return ShardResult(tables=tables, **stored)


def _read_table(stored: Mapping[str, Any]) -> TableResult:
    return replace(TableResult(**stored), state=TableState(stored["state"]))


class ResultFile:
    """The result of an attempt while it goes on. Used in one event loop.

    Args:
        objects: Where it is written.
        job_id: The job.
        first: What is known before the work begins.
        mask: Hides personal data in messages.
    """

    def __init__(
        self, objects: ObjectStore, job_id: str, first: ShardResult, mask: Callable[[str], str]
    ) -> None:
        self.result = first
        self._objects = objects
        self._key = result_key(job_id, first.shard)
        self._mask = mask
        self._changed = asyncio.Event()
        self._closing = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begins to write; the first time after a second, as most attempts have ended by then."""
        self._writing = asyncio.create_task(self._write_while_open())

    def begin(self, table_id: str) -> None:
        """A table is being worked on."""
        self._update(replace(self.result, running=table_id))

    def pause(self) -> None:
        """No table is."""
        self._update(replace(self.result, running=None))

    def add(self, table: TableResult) -> None:
        """A table has ended."""
        masked = replace(table, error_message=self._hide(table.error_message))
        tables = (*self.result.tables, masked)
        self._update(replace(self.result, tables=tables, waiting=self.result.waiting - 1))

    async def close(self, *, whole: bool, left_out: int, error: PlatformError | None) -> None:
        """Writes the end of the attempt.

        Args:
            whole: Whether all tables of the shard are done, and its summary is written.
            left_out: Tables that the job does not work on, and that are not done.
            error: Why the attempt ended early, or wrote no summary.

        Raises:
            PlatformError: It cannot be written.
        """
        self._closing.set()
        self._changed.set()
        if self._writing is not None:
            await self._writing  # a write that was begun must not end later than the last one
        self.result = replace(
            self.result,
            ended=True,
            running=None,
            whole=whole,
            left_out=left_out,
            error_kind=error.kind if error else None,
            error_message=self._hide(error.message) if error else None,
            transient=isinstance(error, TransientError),
        )
        for _ in range(_LAST_TRIES - 1):
            with suppress(TransientError):
                await self._write()
                return
            await asyncio.sleep(WRITE_SECONDS)
        await self._write()

    def _hide(self, message: str | None) -> str | None:
        return None if message is None else self._mask(message)

    def _update(self, result: ShardResult) -> None:
        self.result = result
        self._changed.set()

    async def _write_while_open(self) -> None:
        while not self._closing.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._closing.wait()
            await self._changed.wait()
            self._changed.clear()
            if self._closing.is_set():
                return
            try:
                await self._write()
            except PlatformError as error:
                # Those who watch see an older one; the last write must succeed.
                log.warning("result_not_written", key=self._key, kind=error.kind)
                self._changed.set()

    async def _write(self) -> None:
        data = encode_result(self.result)
        await asyncio.to_thread(self._objects.put, self._key, data)
