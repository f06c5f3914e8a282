"""The reference is measured fairly only if it does what its description says."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from benchmarks.collecting.reference import (
    AnyRecord,
    ReferenceClient,
    read_in_batches,
    read_one_by_one,
)
from tests.fakes.virtual_time import virtual_time

Answer = Callable[[int, int], httpx.Response]


class Upstream:
    """`pages` pages of one record each; remembers when which page was asked for."""

    def __init__(self, pages: int, seconds: float = 1.0, answer: Answer | None = None) -> None:
        self._pages = pages
        self._seconds = seconds
        self._answer = answer
        self.asked: list[tuple[int, float]] = []
        self.open = self.most_open = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        number = int(request.content.decode().split("offset ")[1].rstrip(";")) // 500
        self.asked.append((number, asyncio.get_running_loop().time()))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(self._seconds)
        self.open -= 1
        if self._answer is not None:
            tries = sum(asked == number for asked, _ in self.asked)
            return self._answer(number, tries)
        return page(number, self._pages)

    def client(self, time_scale: float = 1.0) -> ReferenceClient:
        transport = httpx.MockTransport(self)
        http = httpx.AsyncClient(transport=transport, base_url="http://upstream")
        return ReferenceClient(http, time_scale)


def page(number: int, pages: int) -> httpx.Response:
    return httpx.Response(200, json=[{"id": number + 1}] if number < pages else [])


def ids_of(pages: list[list[AnyRecord]]) -> list[object]:
    return [record["id"] for records in pages for record in records]


@virtual_time
async def test_batches_end_at_the_first_empty_page_and_keep_the_order() -> None:
    upstream = Upstream(pages=10)
    found = [records async for records in read_in_batches(upstream.client())]
    assert ids_of(found) == list(range(1, 11))
    assert len(upstream.asked) == 16


@virtual_time
async def test_a_batch_waits_for_the_last_page_of_the_one_before() -> None:
    upstream = Upstream(pages=10, seconds=1.0)
    async for _ in read_in_batches(upstream.client()):
        pass
    ends = max(at for number, at in upstream.asked if number < 8) + 1.0
    assert min(at for number, at in upstream.asked if number >= 8) >= ends


@virtual_time
async def test_four_requests_are_in_flight_at_most() -> None:
    upstream = Upstream(pages=20, seconds=10.0)
    async for _ in read_in_batches(upstream.client()):
        pass
    assert upstream.most_open == 4


@virtual_time
async def test_one_by_one_never_has_two_requests_open() -> None:
    upstream = Upstream(pages=5)
    found = [records async for records in read_one_by_one(upstream.client())]
    assert (ids_of(found), upstream.most_open) == ([1, 2, 3, 4, 5], 1)


@pytest.mark.parametrize("status", [429, 500, 503])
@virtual_time
async def test_a_failed_page_is_asked_for_again_after_two_seconds(status: int) -> None:
    upstream = Upstream(1, 0.0, lambda n, tries: page(n, 1) if tries == 3 else failed(status))
    assert await upstream.client().fetch_page(0) == [{"id": 1}]
    assert [at for _, at in upstream.asked] == pytest.approx([0.0, 2.0, 4.0], abs=0.5)


@virtual_time
async def test_waits_shrink_with_the_time_scale() -> None:
    upstream = Upstream(1, 0.0, lambda n, tries: page(n, 1) if tries == 2 else failed(429))
    await upstream.client(time_scale=4.0).fetch_page(0)
    assert [at for _, at in upstream.asked] == pytest.approx([0.0, 0.5], abs=0.1)


@virtual_time
async def test_the_third_failure_ends_it() -> None:
    upstream = Upstream(1, 0.0, lambda _number, _tries: failed(429))
    with pytest.raises(httpx.HTTPStatusError):
        await upstream.client().fetch_page(0)
    assert len(upstream.asked) == 3


@virtual_time
async def test_a_wrong_query_is_not_repeated() -> None:
    upstream = Upstream(1, 0.0, lambda _number, _tries: failed(400))
    with pytest.raises(httpx.HTTPStatusError):
        await upstream.client().fetch_page(0)
    assert len(upstream.asked) == 1


def failed(status: int) -> httpx.Response:
    return httpx.Response(status)
