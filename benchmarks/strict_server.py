"""An upstream that enforces a cap to the letter: a sliding window over accepted requests, and a limit of open ones.

    python -m benchmarks.strict_server --requests 4 --per-seconds 1 --in-flight 8

Prints its port on the first line. Each request to `/x?by=<process>&seconds=<latency>` is answered after that time, or
at once with 429; `/stats` tells what happened. Runs in a process of its own, so that the clients' work does not delay
its clock.
"""

import argparse
import asyncio
from collections import Counter, deque

from aiohttp import web


class StrictUpstream:
    """The cap as a server sees it.

    Args:
        requests: Accepted in any `per_seconds`.
        per_seconds: Length of the sliding window.
        in_flight: Accepted at the same time.
    """

    def __init__(self, requests: int, per_seconds: float, in_flight: int) -> None:
        self._requests = requests
        self._per_seconds = per_seconds
        self._in_flight = in_flight
        self._accepted = deque[float](maxlen=requests)
        self._first = self._last = 0.0
        self._open = self._most_open = 0
        self._by = Counter[str]()
        self._refused = Counter[str]()

    async def answer(self, request: web.Request) -> web.Response:
        """One request."""
        if reason := self._find_violation(asyncio.get_running_loop().time()):
            self._refused[reason] += 1
            return web.Response(status=429, text=reason)
        self._by[request.query["by"]] += 1
        self._open += 1
        self._most_open = max(self._most_open, self._open)
        try:
            await asyncio.sleep(float(request.query["seconds"]))
        finally:
            self._open -= 1
        return web.json_response([])

    async def tell(self, _request: web.Request) -> web.Response:
        """What happened so far."""
        accepted = sum(self._by.values())
        seconds = self._last - self._first
        return web.json_response(
            {
                "accepted": accepted,
                "by": self._by,
                "refused": self._refused,
                "open": self._open,
                "most_open": self._most_open,
                "rate": (accepted - 1) / seconds if seconds else 0.0,
            }
        )

    def _find_violation(self, now: float) -> str | None:
        if len(self._accepted) == self._requests and now - self._accepted[0] < self._per_seconds:
            return "window"
        if self._open >= self._in_flight:
            return "open"
        self._accepted.append(now)
        self._first = self._first or now
        self._last = now
        return None


async def serve(upstream: StrictUpstream) -> None:
    """Serves until the process is ended."""
    app = web.Application()
    app.router.add_get("/x", upstream.answer)
    app.router.add_get("/stats", upstream.tell)
    # A client that is gone is not open any more.
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--per-seconds", type=float, required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(serve(StrictUpstream(options.requests, options.per_seconds, options.in_flight)))


if __name__ == "__main__":
    main()
