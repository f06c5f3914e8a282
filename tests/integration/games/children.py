"""Work that tests do in processes of their own, so that it can be killed, limited, or run side by side.

Children come from a fork server that has everything imported: one takes 20 ms to start and not two seconds.
"""

import asyncio
import multiprocessing
import resource
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import Barrier
from typing import Any

from platform_assets.core.errors import PlatformError
from platform_assets.settings import Settings
from tests.integration.games.rig import collect_day, merge, opened

ANSWER_SECONDS = 600


@dataclass(frozen=True)
class Ended:
    """How a child's work ended: numbers, or an error."""

    numbers: dict[str, Any] | None = None
    kind: str = ""
    message: str = ""


@dataclass(frozen=True)
class Child:
    """A running child."""

    process: ForkServerProcess
    answers: Connection

    def wait_until_started(self) -> None:
        assert self.answers.poll(ANSWER_SECONDS), "the child did not start"
        assert self.answers.recv() == "started"

    def wait(self) -> Ended:
        """Its answer; the child ends by itself after it."""
        assert self.answers.poll(ANSWER_SECONDS), "the child did not answer"
        answer = self.answers.recv()
        self.process.join(ANSWER_SECONDS)
        return answer

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


def context() -> ForkServerContext:
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.integration.games.children"])
    return server


@contextmanager
def started(work: Callable[..., dict[str, Any]], *args: object) -> Generator[Child]:
    """A child that does `work(*args)`; killed at the end of the block if it still runs."""
    mine, its = context().Pipe(duplex=False)
    process = context().Process(target=_do, args=(work, its, *args), daemon=True)
    process.start()
    its.close()
    child = Child(process, mine)
    try:
        child.wait_until_started()
        yield child
    finally:
        child.kill()
        mine.close()
        process.close()


def _do(work: Callable[..., dict[str, Any]], answers: Connection, *args: object) -> None:
    answers.send("started")
    try:
        answers.send(Ended(numbers=work(*args)))
    except PlatformError as error:
        answers.send(Ended(kind=error.kind, message=str(error)))
    except Exception as error:  # noqa: BLE001 - the parent shows what went wrong
        answers.send(Ended(kind=type(error).__name__, message=str(error)))


def collect_games(settings: Settings, day: str, barrier: Barrier | None = None) -> dict[str, Any]:
    """Collects the games of a day in full."""
    with opened(settings) as services:
        services.state.ensure_schema()
        if barrier is not None:
            barrier.wait(ANSWER_SECONDS)
        done = asyncio.run(collect_day(services, day))
    report = done.report
    return {"complete": report.complete, "done": report.done, "skipped": report.skipped}


def merge_games(settings: Settings) -> dict[str, Any]:
    """Merges the games' table."""
    return {"rows": merge(settings).rows}


def collect_on_a_full_disk(settings: Settings, day: str, largest_bytes: int) -> dict[str, Any]:
    """Collects where no file may grow over `largest_bytes`, as on a disk that is full from there on."""
    limit_files(largest_bytes)
    return collect_games(settings, day)


def merge_on_a_full_disk(settings: Settings, largest_bytes: int) -> dict[str, Any]:
    limit_files(largest_bytes)
    return merge_games(settings)


def limit_files(largest_bytes: int) -> None:
    """Writes beyond this size fail (Python ignores the signal that comes with it)."""
    _, highest = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, highest))
