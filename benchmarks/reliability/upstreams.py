"""What do the clients make of an upstream that misbehaves in every way that HTTP knows?

    python -m benchmarks.reliability.upstreams [--clients "IGDB, pages" ...] [--kinds "gzip bomb" ...] [--json FILE]

Each client does a small work, in which one piece's requests are answered badly, every time; then the upstream is well
again, and the same open client does what is left. Counted per kind: pieces whose value is another one than without the
misbehaviour although they count as done (`wrong`), pieces missing although the work said that it is whole (`silent`),
what is still missing in the end (`stuck`), and whether time and memory stayed in their bounds. Exit status 1: any is
not as it should be.
"""

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.reliability.clients import BODY_BYTES, CLIENTS, Attempt, Client, Try
from benchmarks.reliability.misbehaving import KINDS, Kind, MisbehavingUpstream, make_bomb
from benchmarks.tables import format_table, write_json
from platform_assets.core.errors import PlatformError

Open = Callable[[str], AbstractAsyncContextManager[Try]]

MOST_SECONDS = 30.0
"""Of an attempt: two tries of a request, of two seconds each, tried again by the engine, and a busy machine."""

MOST_GROWTH_BYTES = 12 * BODY_BYTES
"""Of the memory, at its peak: some bodies of the largest size at once, and what is made of them."""

ANSWERS = frozenset({("products", "404"), ("products", "410")})
"""Client and kind where the answer is one: the product is gone."""

RAW = "raw"
"""Before the class of an error that is none of ours."""

HEADERS = ("kind", "what came of it", "seconds", "MB", "wrong", "silent", "stuck")
SUMS = (
    *("client", "kinds", "whole", "stopped", RAW, "wrong", "silent", "stuck"),
    *("most seconds", "most MB"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A client and a kind.

    Attributes:
        client: Its name.
        kind: Its name.
        outcome: What the attempt came to, in words.
        seconds: Of the attempt.
        growth_bytes: Of the process's memory at its peak.
        wrong: Pieces that count as done and have another value.
        silent: Pieces that are missing although nothing said so.
        stuck: Pieces that were still missing when the upstream was well again.
        asked: Requests that were answered badly.
        texts: What people are told.
    """

    client: str
    kind: str
    outcome: str
    seconds: float
    growth_bytes: int
    wrong: int
    silent: int
    stuck: int
    asked: int
    texts: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is as it should not be."""
        bounded = self.seconds < MOST_SECONDS and self.growth_bytes < MOST_GROWTH_BYTES
        return bounded and self.asked > 0 and not (self.wrong or self.silent or self.stuck)

    def cells(self) -> tuple[str, ...]:
        """As the table shows it."""
        counts = (self.wrong, self.silent, self.stuck)
        growth = f"{self.growth_bytes / 2**20:.0f}"
        mark = "" if self.good else "  <--"
        return (
            self.kind,
            self.outcome,
            f"{self.seconds:.1f}",
            growth,
            *map(str, counts[:2]),
            f"{self.stuck}{mark}",
        )


class _Control:
    """Tells the upstream's process how to behave. A kind without a listener counts as asked."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.port: int = pipe.recv()

    def behave(self, kind: Kind | None) -> None:
        self._pipe.send(None if kind is None else kind.name)
        self._pipe.recv()

    def count(self) -> int:
        self._pipe.send("")
        return self._pipe.recv()


@contextmanager
def _upstream(client: Client, port: int) -> Generator[_Control]:
    """The misbehaving upstream in a process of its own: its memory and its work are not the client's."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=_serve, args=(client.name, port, its), daemon=True)
    process.start()
    try:
        yield _Control(ours)
    finally:
        process.terminate()
        process.join()


def _serve(name: str, port: int, pipe: Connection) -> None:
    client = next(client for client in CLIENTS if client.name == name)
    asyncio.run(_serve_client(client, port, pipe))


async def _serve_client(client: Client, port: int, pipe: Connection) -> None:
    make_bomb()  # takes a second, in which nobody else would be answered
    async with MisbehavingUpstream(client.find_good(port), client.marker) as upstream:
        kinds: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
        pipe.send(upstream.port)
        while True:
            name = await asyncio.to_thread(pipe.recv)
            if name != "":
                await upstream.behave(kinds[name] if name is not None else None)
            pipe.send(upstream.answered)


class _Peak:
    """The highest memory of this process, from its making on."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self._before = self._read("VmRSS")

    def growth(self) -> int:
        return max(0, self._read("VmHWM") - self._before)

    def _read(self, name: str) -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def try_client(client: Client, kinds: Sequence[Kind]) -> Generator[Row]:
    """A row per kind."""
    with client.start_upstream() as port, _upstream(client, port) as control:
        calm = asyncio.run(_work_calmly(client, control))
        for kind in kinds:
            yield asyncio.run(_work_twice(client, control, kind, calm))


async def _work_calmly(client: Client, control: _Control) -> Mapping[str, str]:
    """The values of the work without misbehaviour.

    Raises:
        RuntimeError: It is not whole then, either.
    """
    with tempfile.TemporaryDirectory(prefix="bench-upstreams-") as home:
        async with client.open(Path(home), f"http://127.0.0.1:{control.port}") as work:
            calm = await work()
    if not calm.whole or not calm.values:
        raise RuntimeError(f"{client.name}: {calm}")
    return calm.values


async def _work_twice(
    client: Client, control: _Control, kind: Kind, calm: Mapping[str, str]
) -> Row:
    """The work while the upstream misbehaves, then with the same client what is left of it."""
    with tempfile.TemporaryDirectory(prefix="bench-upstreams-") as home:
        bad, well, seconds, growth, asked = await _measure(client, control, kind, Path(home))
    believed = bad.values.keys() | well.values.keys()
    answered = (client.name, kind.name) in ANSWERS
    wrong = sum(
        calm.get(piece) not in (bad.values.get(piece, calm.get(piece)), well.values.get(piece))
        for piece in believed
    )
    missing = len(calm.keys() - bad.values.keys())
    return Row(
        client.name,
        kind.name,
        describe(bad, len(calm)),
        seconds,
        growth,
        wrong=0 if answered else wrong,
        silent=missing if bad.whole else 0,
        stuck=len(calm.keys() - well.values.keys()),
        asked=asked if kind.listens else 1,
        texts=bad.texts + (() if well.whole else well.texts),
    )


async def _measure(
    client: Client, control: _Control, kind: Kind, home: Path
) -> tuple[Attempt, Attempt, float, int, int]:
    """Both attempts; seconds and memory of the first, and how many of its requests were answered badly."""
    async with AsyncExitStack() as stack:
        open_client = partial(client.open, home)
        url = f"http://127.0.0.1:{control.port}"
        # Who is told to speak TLS with a plain port is told better before the second attempt.
        secure = partial(_open_and_work, open_client, f"https{url.removeprefix('http')}")
        work = secure if kind.secure else await stack.enter_async_context(open_client(url))
        await asyncio.to_thread(control.behave, kind)
        peak, started = _Peak(), time.perf_counter()
        bad = await _try(work)
        seconds, growth = time.perf_counter() - started, peak.growth()
        asked = await asyncio.to_thread(control.count)
        await asyncio.to_thread(control.behave, None)
        if kind.secure:
            work = await stack.enter_async_context(open_client(url))
        return bad, await _try(work), seconds, growth, asked


async def _open_and_work(open_client: Open, url: str) -> Attempt:
    try:
        async with open_client(url) as work:
            return await work()
    except PlatformError as error:
        return Attempt({}, (), error.kind, whole=False, texts=(error.message,))


async def _try(work: Try) -> Attempt:
    """An attempt; what no part of the platform made an error of ours is told by its class."""
    try:
        return await work()
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        raw = f"{RAW} {type(error).__name__}"
        return Attempt({}, (), raw, whole=False, texts=(str(error),))


def describe(attempt: Attempt, pieces: int) -> str:
    """What came of an attempt, in words."""
    if attempt.stopped:
        return f"stopped: {attempt.stopped}"
    failed = Counter(attempt.failed)
    if failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in failed.items())
        return f"{kinds} failed, {len(attempt.values)} of {pieces} there"
    return "whole" if attempt.whole else f"{len(attempt.values)} of {pieces} there"


def main() -> int:
    """The command line."""
    options = read_options()
    clients = [client for client in CLIENTS if client.name in options.clients]
    kinds = [kind for kind in KINDS if kind.name in options.kinds]
    rows = list[Row]()
    for client in clients:
        print(f"{client.name}", flush=True)
        for row in try_client(client, kinds):
            rows.append(row)
            print(f"  {'  '.join(row.cells())}", flush=True)
            for text in row.texts if options.texts else ():
                print(f"        {text}", flush=True)
    for client in clients:
        cells = [row.cells() for row in rows if row.client == client.name]
        print(f"\n{client.name}\n{format_table(HEADERS, cells)}")
    print(f"\n{format_table(SUMS, [sum_up(client.name, rows) for client in clients])}")
    write_json(options.json, [asdict(row) for row in rows])
    return 0 if all(row.good for row in rows) else 1


def sum_up(client: str, rows: Sequence[Row]) -> tuple[str, ...]:
    """A client over all kinds."""
    own = [row for row in rows if row.client == client]
    return (
        client,
        str(len(own)),
        str(sum(row.outcome == "whole" for row in own)),
        str(sum(row.outcome.startswith("stopped") for row in own)),
        str(sum(RAW in row.outcome for row in own)),
        *(str(sum(getattr(row, name) for row in own)) for name in ("wrong", "silent", "stuck")),
        f"{max(row.seconds for row in own):.1f}",
        f"{max(row.growth_bytes for row in own) / 2**20:.0f}",
    )


def read_options() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability.upstreams", description=__doc__
    )
    add = parser.add_argument
    names, kinds = [client.name for client in CLIENTS], [kind.name for kind in KINDS]
    add("--clients", nargs="+", choices=names, default=names, metavar="CLIENT")
    add("--kinds", nargs="+", choices=kinds, default=kinds, metavar="KIND")
    add("--texts", action="store_true", help="also show what people are told")
    add("--json", type=Path, help="also write the rows to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
