"""Processes that capture a day, started by one that has imported everything already: that costs seconds.

It reads orders as lines of JSON (`Order`) and writes the number of the process that it forked for each. What such a
process did is in the order's file when it has ended; no file: it did not get so far.
"""

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypedDict

from platform_assets.services import Services
from platform_assets.settings import load_settings
from tests.integration.ranks.rig import ShiftedClock


class Order(TypedDict):
    """What a process shall do.

    Attributes:
        seconds: How far its clock is from the machine's, the same for all processes of a test.
        trackings: Of these only; of all if empty.
        told: Where it writes what it did.
    """

    seconds: float
    trackings: list[int]
    told: str


async def capture(services: Services, ids: Collection[int]) -> dict[str, Any]:
    """Fetches and reads today."""
    day = services.ranks.today
    crawl = await services.ranks.crawl(day, ids)
    result = await services.ranks.read_day(day, ids)
    return {
        "stopped": crawl.report.stop and crawl.report.stop.message,
        "total": result.total,
        "records": [record.capture.tracking_id for record in result.records],
        "failures": {failure.unit_id: failure.kind for failure in result.failures},
        "left": list(result.left),
    }


def obey(order: Order) -> None:
    """The life of a forked process."""
    services = Services(load_settings(), ShiftedClock(order["seconds"]))
    told = asyncio.run(capture(services, order["trackings"]))
    services.state.close()
    Path(order["told"]).write_text(json.dumps(told))


def main() -> None:
    """Forks until there are no more orders."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them, and none stays a zombie
    for line in sys.stdin:
        pid = os.fork()
        if pid:
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        try:
            obey(json.loads(line))
        except BaseException:  # noqa: BLE001 - a forked process must not go on with its parent's loop
            traceback.print_exc()
        os._exit(0)


if __name__ == "__main__":
    main()
