"""The result file of a task: what it says, how often it is written, and that its last word is the last."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.core.objects import ObjectInfo
from platform_assets.tags.shards.result import (
    ResultFile,
    ShardResult,
    TableResult,
    TableState,
    decode_result,
    encode_result,
    read_result,
)
from tests.fakes.memory_objects import MemoryObjectStore
from tests.fakes.virtual_time import run_virtual

FIRST = ShardResult("07", 1, waiting=3)
DONE = TableResult("a", TableState.DONE, seconds=1.5, rows=10, dead_letters=1, mentions=4)


class CountingStore(MemoryObjectStore):
    """Counts writes, and fails the first ones when it is told to."""

    writes = 0
    failing = 0

    def put(self, key: str, data: bytes) -> ObjectInfo:
        self.writes += 1
        if self.failing > 0:
            self.failing -= 1
            raise TransientError("the store is away", kind="object_store_unavailable")
        return super().put(key, data)


def run(
    scenario: Callable[[ResultFile, CountingStore], Awaitable[None]], store: CountingStore
) -> None:
    async def play() -> None:
        file = ResultFile(store, "j1", FIRST, lambda text: text.replace("010-1234-5678", "***"))
        file.open()
        await scenario(file, store)

    run_virtual(play())


def read(store: CountingStore) -> ShardResult:
    found = read_result(store, "j1", "07")
    assert found is not None
    return found


def test_the_end_is_written_with_all_tables():
    async def scenario(file: ResultFile, store: CountingStore) -> None:
        file.begin("a")
        file.add(DONE)
        file.pause()
        await file.close(whole=False, left_out=2, error=None)

    store = CountingStore()
    run(scenario, store)
    assert read(store) == ShardResult(
        "07", 1, ended=True, tables=(DONE,), waiting=2, left_out=2, whole=False
    )
    assert store.writes == 1, "what ends within a second is written once"


def test_it_is_written_at_most_once_a_second_and_only_when_something_changed():
    async def scenario(file: ResultFile, store: CountingStore) -> None:
        for number in range(50):
            file.add(replace(DONE, table_id=f"t{number}"))
            await asyncio.sleep(0.1)
        assert 4 <= store.writes <= 5
        await asyncio.sleep(60)
        assert 5 <= store.writes <= 6
        await file.close(whole=True, left_out=0, error=None)

    run(scenario, CountingStore())


def test_the_table_in_progress_is_seen_while_it_runs():
    async def scenario(file: ResultFile, store: CountingStore) -> None:
        file.begin("slow")
        await asyncio.sleep(1.5)
        found = read(store)
        assert (found.running, found.waiting, found.ended) == ("slow", 3, False)
        await file.close(whole=False, left_out=0, error=None)
        assert read(store).running is None

    run(scenario, CountingStore())


def test_messages_are_masked():
    async def scenario(file: ResultFile, store: CountingStore) -> None:
        error = RefusedError("call 010-1234-5678", kind="denied")
        file.add(replace(DONE, state=TableState.FAILED, error_message="row 010-1234-5678"))
        await file.close(whole=False, left_out=0, error=error)

    store = CountingStore()
    run(scenario, store)
    assert b"1234" not in store.get("jobs/j1/results/07.json")
    assert read(store).error_kind == "denied"
    assert [table.error_message for table in read(store).failed] == ["row ***"]


def test_a_store_that_is_away_for_a_while_loses_nothing():
    async def scenario(file: ResultFile, store: CountingStore) -> None:
        store.failing = 3
        file.add(DONE)
        await asyncio.sleep(10)
        assert read(store).tables == (DONE,)
        store.failing = 2
        await file.close(whole=True, left_out=0, error=None)

    store = CountingStore()
    run(scenario, store)
    assert read(store).ended


def test_an_end_that_cannot_be_written_is_an_error():
    async def scenario(file: ResultFile, store: CountingStore) -> None:
        store.failing = 3
        with pytest.raises(TransientError):
            await file.close(whole=True, left_out=0, error=None)

    run(scenario, CountingStore())


@pytest.mark.parametrize(
    "result",
    [
        FIRST,
        replace(FIRST, tables=(DONE,), ended=True, whole=True),
        replace(FIRST, running="a", error_kind="stopped", error_message="한글"),
    ],
)
def test_a_result_is_read_as_it_was_written(result: ShardResult):
    assert decode_result(encode_result(result)) == result


def test_no_result_is_none_and_a_broken_one_an_error():
    objects = MemoryObjectStore()
    assert read_result(objects, "j1", "07") is None
    broken = [b"", b"[]", b"{}", b"3"]
    stored = json.loads(encode_result(replace(FIRST, tables=(DONE,))))
    stored["tables"][0]["state"] = "unknown"
    for data in (*broken, json.dumps(stored).encode()):
        objects.put("jobs/j1/results/07.json", data)
        with pytest.raises(PermanentError) as raised:
            read_result(objects, "j1", "07")
        assert raised.value.kind == "bad_result"
