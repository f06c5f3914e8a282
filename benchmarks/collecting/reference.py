"""The algorithm that the collector replaces, as a measured process: pages by offset, in batches with a barrier.

    python -m benchmarks.collecting.reference '<Job as JSON>'

As its published description has it: batches of 8 pages in a task group, 4 requests in flight, a leaky bucket of 3.2
requests a second, three tries with 2 to 10 s between them, the end at the first empty page; or one page after another.
In its favour it keeps the ids only (no landing, no ledger, no compression) and repeats dropped connections, too.
"""

import asyncio
from array import array
from collections.abc import AsyncIterator

import httpx
import msgspec
from aiolimiter import AsyncLimiter

from benchmarks.collecting.job import GAMES, Job, Measured, Stopwatch, serve

PAGE_SIZE = 500
BATCH_PAGES = 8
IN_FLIGHT = 4
REQUESTS_PER_SECOND = 3.2
TRIES = 3
SHORTEST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 10.0

AnyRecord = dict[str, object]


class ReferenceClient:
    """Fetches one page by its offset.

    Args:
        http: Client with the API's address and headers.
        time_scale: By how much time runs faster.
    """

    def __init__(self, http: httpx.AsyncClient, time_scale: float = 1.0) -> None:
        self._http = http
        self._time_scale = time_scale
        self._in_flight = asyncio.Semaphore(IN_FLIGHT)
        self._limiter = AsyncLimiter(REQUESTS_PER_SECOND, 1.0 / time_scale)

    async def fetch_page(self, number: int) -> list[AnyRecord]:
        """Page `number` from 0; empty behind the last one.

        Raises:
            httpx.HTTPError: It failed three times, or in a way that no repetition helps.
        """
        for attempt in range(1, TRIES):
            try:
                return await self._fetch_once(number)
            except httpx.HTTPError as error:
                if not _may_pass(error):
                    raise
            await asyncio.sleep(_wait_after(attempt) / self._time_scale)
        return await self._fetch_once(number)

    async def _fetch_once(self, number: int) -> list[AnyRecord]:
        query = f"fields *; sort id asc; limit {PAGE_SIZE}; offset {number * PAGE_SIZE};"
        async with self._in_flight, self._limiter:
            reply = await self._http.post(f"/v4/{GAMES}", content=query)
        reply.raise_for_status()
        return reply.json()


def _may_pass(error: httpx.HTTPError) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)


def _wait_after(attempt: int) -> float:
    """Exponential, as tenacity's `wait_exponential(min=2, max=10)`: 2, 2, 4, 8, 10 s."""
    return min(max(2.0 ** (attempt - 1), SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)


async def read_in_batches(client: ReferenceClient) -> AsyncIterator[list[AnyRecord]]:
    """Pages in order; the next batch starts when the last page of this one has arrived."""
    first = 0
    while True:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(client.fetch_page(number))
                for number in range(first, first + BATCH_PAGES)
            ]
        for task in tasks:
            if not task.result():
                return
            yield task.result()
        first += BATCH_PAGES


async def read_one_by_one(client: ReferenceClient) -> AsyncIterator[list[AnyRecord]]:
    """Pages in order; the next is asked for when this one has arrived."""
    number = 0
    while page := await client.fetch_page(number):
        yield page
        number += 1


async def collect_all(job: Job) -> Measured:
    """Reads all games once and leaves their ids in `job.ids_path`."""
    watch = Stopwatch.start()
    async with httpx.AsyncClient(base_url=job.url, timeout=30.0, trust_env=False) as http:
        http.headers.update(await _fetch_token(http, job))
        client = ReferenceClient(http, job.time_scale)
        ids = array("q")
        async for page in (read_in_batches if job.concurrent else read_one_by_one)(client):
            ids.extend(msgspec.convert(record["id"], int) for record in page)
    measured = watch.stop()
    job.ids_path.write_bytes(ids.tobytes())
    return measured


async def _fetch_token(http: httpx.AsyncClient, job: Job) -> dict[str, str]:
    form = {
        "client_id": job.client_id,
        "client_secret": job.client_secret,
        "grant_type": "client_credentials",
    }
    reply = await http.post("/oauth2/token", data=form)
    token: str = reply.raise_for_status().json()["access_token"]
    return {"Client-ID": job.client_id, "Authorization": f"Bearer {token}"}


if __name__ == "__main__":
    serve(collect_all)
