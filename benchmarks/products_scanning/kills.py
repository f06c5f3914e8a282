"""A day whose scanning process is killed (SIGKILL) again and again: how many products are asked for twice."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.products_scanning.shops import ShopsProcess
from benchmarks.products_scanning.worker import PLATFORM
from platform_assets.core.errors import PermanentError
from platform_assets.settings import child_environment

_ROOT = Path(__file__).resolve().parents[2]
_DAY = "2026-11-20"
_SECONDS = 180.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill.

    Attributes:
        at: Products that the shop had been asked for.
        repeated: Requests after it, up to the next one, for products that had been asked for before.
        resumed_seconds: From the start of the next process to its first request for a product.
    """

    at: int
    repeated: int
    resumed_seconds: float


def measure_kills(products: int, rate: int, points: Sequence[int]) -> list[Kill]:
    """Scans a day; the process is killed when so many products were asked for, and started again.

    Args:
        products: How many there are.
        rate: Requests a second of the cap.
        points: Ascending, below `products`.

    Raises:
        PermanentError: A process ended by itself, took too long, or did not read everything.
    """
    options = ("--products", str(products), "--rate", str(2 * rate))
    with ShopsProcess(options) as shops, tempfile.TemporaryDirectory(prefix="bench-shops-") as home:
        seen, waits = list[tuple[int, int]](), list[float]()
        process = _start(shops, home, rate)
        for point in points:
            _wait_for(shops, process, products=point)
            process.kill()
            process.wait()
            seen.append(_count(shops))
            started = time.monotonic()
            process = _start(shops, home, rate)
            _wait_for(shops, process, requests=seen[-1][0] + 1)
            waits.append(time.monotonic() - started)
        if process.wait(_SECONDS):
            raise PermanentError(f"the last process ended with {process.returncode}")
        seen.append(_count(shops))
    if seen[-1][1] != products:
        raise PermanentError(f"{seen[-1][1]} of {products} products were asked for")
    return [
        Kill(at=distinct, repeated=(later - total) - (more - distinct), resumed_seconds=wait)
        for ((total, distinct), (later, more)), wait in zip(pairwise(seen), waits, strict=True)
    ]


def _start(shops: ShopsProcess, home: str, rate: int) -> subprocess.Popen[bytes]:
    variables = {
        "SLUICE_HOME": home,
        f"SLUICE_SHOP_{PLATFORM.upper()}_URL": f"{shops.url}/{PLATFORM}",
    }
    command = [sys.executable, "-m", "benchmarks.products_scanning.worker", _DAY, str(rate)]
    environment = child_environment({"PYTHONPATH": str(_ROOT), **variables})
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def _count(shops: ShopsProcess) -> tuple[int, int]:
    """Requests for products, and products that were asked for."""
    asked = shops.stats(PLATFORM)["by_product"]
    return sum(asked.values()), len(asked)


def _wait_for(
    shops: ShopsProcess, process: subprocess.Popen[bytes], *, requests: int = 0, products: int = 0
) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        total, distinct = _count(shops)
        if total >= requests and distinct >= products:
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise PermanentError("the process that scans has ended, or does not go on")
        time.sleep(_LOOK_SECONDS)
