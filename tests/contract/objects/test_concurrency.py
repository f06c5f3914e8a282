from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import TypeVar

from platform_assets.core.objects import ObjectChangedError, ObjectExistsError, ObjectStore

KEY = "jobs/7/manifest.json"
WRITERS = 8
Result = TypeVar("Result")


def test_readers_see_whole_objects_while_they_are_replaced(store: ObjectStore) -> None:
    old, new = b"o" * 200_000, b"n" * 300_000
    store.put(KEY, old)
    written = Event()

    def read_all() -> set[bytes]:
        seen: set[bytes] = set()
        while not written.is_set():
            seen.add(store.get(KEY))
            seen |= {store.get(info.key) for info in store.list("jobs/")}
        return seen

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read_all) for _ in range(2)]
        for number in range(30):
            store.put(KEY, old if number % 2 else new)
        written.set()
        seen = set[bytes]().union(*(reader.result() for reader in readers))

    assert seen <= {old, new}
    assert seen


def test_of_many_creators_exactly_one_succeeds(store: ObjectStore) -> None:
    for number in range(5):
        key = f"leases/{number}"

        def create(word: bytes, key: str = key) -> bytes | None:
            try:
                store.put_new(key, word)
            except ObjectExistsError:
                return None
            return word

        won = [word for word in run_together(create) if word is not None]

        assert won == [store.get(key)]


def test_no_increment_by_swap_is_lost(store: ObjectStore) -> None:
    rounds = 5
    store.put(KEY, b"0")

    def increment(_: bytes) -> int:
        done = 0
        while done < rounds:
            info = store.head(KEY)
            assert info is not None
            value = int(store.get(KEY))
            try:
                # The value may be newer than the etag; then the swap is refused.
                store.put_if(KEY, b"%d" % (value + 1), info.etag)
            except ObjectChangedError:
                continue
            done += 1
        return done

    assert sum(run_together(increment)) == WRITERS * rounds
    assert store.get(KEY) == b"%d" % (WRITERS * rounds)


def run_together(act: Callable[[bytes], Result]) -> list[Result]:
    """What `act` returns in each of the writers, which start at the same moment."""
    start = Barrier(WRITERS)

    def run(number: int) -> Result:
        start.wait()
        return act(b"writer %d" % number)

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(run, range(WRITERS)))
