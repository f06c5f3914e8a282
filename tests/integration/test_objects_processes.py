"""The local store between real processes, some of which are killed."""

import multiprocessing
import random
import signal
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from platform_assets.core.objects import ObjectChangedError
from resources.objects.local import LocalObjectStore

PROCESSES = 4
INCREMENTS = 50
PUTS = 200
KEYS = 10
OBJECT_BYTES = 220_000
SPAWN = multiprocessing.get_context("spawn")


class ClockAhead:
    """The machine's time and two hours."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=2)

    def monotonic(self) -> float:
        return 0.0


def increment(root: Path) -> int:
    """Adds one so many times by compare-and-swap; returns how often another process came first."""
    store = LocalObjectStore(root)
    lost = done = 0
    while done < INCREMENTS:
        info = store.head("counter")
        assert info is not None
        value = int(store.get("counter"))
        try:
            store.put_if("counter", b"%d" % (value + 1), info.etag)
        except ObjectChangedError:
            lost += 1
        else:
            done += 1
    return lost


def fill(number: int) -> bytes:
    """Content that is whole only if its beginning, length and end agree."""
    return b"%06d" % number * (OBJECT_BYTES // 6)


def put_many(root: Path, ready: Connection) -> None:
    store = LocalObjectStore(root)
    ready.send("ready")
    for number in range(PUTS):
        store.put(f"folder-{number % 3}/object-{number % KEYS}", fill(number))
    ready.send("finished")


def test_four_processes_lose_no_increment(tmp_path: Path) -> None:
    LocalObjectStore(tmp_path).put("counter", b"0")

    with ProcessPoolExecutor(PROCESSES, mp_context=SPAWN) as pool:
        lost = list(pool.map(increment, [tmp_path] * PROCESSES))

    assert LocalObjectStore(tmp_path).get("counter") == b"%d" % (PROCESSES * INCREMENTS)
    assert sum(lost) > 0, "the processes never met, so nothing was tested"


@pytest.mark.slow
def test_a_killed_writer_leaves_only_whole_objects(tmp_path: Path) -> None:
    draw = random.Random(20261120)
    interrupted = 0
    for _ in range(8):
        receiver, sender = SPAWN.Pipe(duplex=False)
        process = SPAWN.Process(target=put_many, args=(tmp_path, sender))
        process.start()
        assert receiver.recv() == "ready"
        process.join(draw.uniform(0.0, 0.5))
        process.kill()
        process.join()
        interrupted += process.exitcode == -signal.SIGKILL
        check_whole(LocalObjectStore(tmp_path))
    assert interrupted >= 4

    # Nobody holds a lock any more, and what was left unfinished goes.
    LocalObjectStore(tmp_path, clock=ClockAhead()).put("folder-0/object-0", fill(1))
    assert list((tmp_path / ".sluice" / "tmp").iterdir()) == []


def check_whole(store: LocalObjectStore) -> None:
    for info in store.list(""):
        assert info.key.startswith("folder-")
        data = store.get(info.key)
        assert data == fill(int(data[:6]))
