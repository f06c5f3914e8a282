"""The second gear of the IGDB client: up to ten queries in one request, which counts once towards the limit.

Callers see the same `fetch` as on the plain client. Queries that wait are sent together as soon as a place is free; a
server that refuses this form of request is told to the caller and asked one query at a time from then on.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec
import structlog

from platform_assets.core.decoding import UnreadableError, decode_json
from platform_assets.core.errors import PermanentError, PlatformError, RefusedError, TransientError
from resources.http.client import HttpStats
from resources.igdb.client import IgdbClient, IgdbReply

log = structlog.get_logger(__name__)

MOST_QUERIES = 10
"""Queries that one multiquery may carry (api-docs.igdb.com/#multi-query)."""

LINGER_SECONDS = 0.05
"""How long a batch that is not full waits for company: a fifth of the time between two requests at 4 a second."""

TOO_LARGE = "too_large"
"""Error kind of a reply over the API's 10 MB: the same queries fit into smaller batches."""


@dataclass(frozen=True, slots=True)
class _Query:
    endpoint: str
    text: str
    reply: asyncio.Future[IgdbReply]

    def outcome(self) -> Exception | None:
        """What the caller got: its error, or None for a result; a caller that went away got None too."""
        error = None if self.reply.cancelled() else self.reply.exception()
        return error if isinstance(error, Exception) else None

    @property
    def answered(self) -> bool:
        """Whether the caller got a result."""
        return not self.reply.cancelled() and self.outcome() is None

    def settle(self, result: IgdbReply | Exception) -> None:
        """Answers the caller, unless it went away."""
        if self.reply.done():
            return
        if isinstance(result, Exception):
            self.reply.set_exception(result)
        else:
            self.reply.set_result(result)


class _Answer(msgspec.Struct):
    name: str
    result: msgspec.Raw


_read_answers = msgspec.json.Decoder(list[_Answer])


class MultiqueryClient:
    """Packs concurrent queries into multiqueries. Satisfies the games' `Source`; an async context manager.

    Args:
        plain: The client for single queries, counts, and everything once the gear is refused.
        in_flight: Most requests on the way at the same time.
        on_refused: Awaited once when the server refuses multiqueries, so that later runs know.
    """

    def __init__(
        self,
        plain: IgdbClient,
        in_flight: int,
        on_refused: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._plain = plain
        self._in_flight = in_flight
        self._on_refused = on_refused
        self._waiting: deque[_Query] = deque()
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._batch_size = MOST_QUERIES
        self._refused = False
        self._senders: list[asyncio.Task[None]] = []
        self._forming = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._senders = [asyncio.create_task(self._send_forever()) for _ in range(self._in_flight)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)

    async def fetch(self, endpoint: str, query: str) -> IgdbReply:
        """Answers one query, packed with others that wait. Raises as the plain client does."""
        if self._refused:
            return await self._plain.fetch(endpoint, query)
        waiting = _Query(endpoint, query, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        if len(self._waiting) >= self._batch_size:
            self._full.set()
        return await waiting.reply

    async def count(self, endpoint: str, query: str) -> int:
        """Rows that a query has; a request of its own."""
        return await self._plain.count(endpoint, query)

    queries_per_request = MOST_QUERIES

    @property
    def traffic(self) -> HttpStats:
        """What was sent so far."""
        return self._plain.traffic

    async def _send_forever(self) -> None:
        while True:
            batch = await self._next_batch()
            try:
                await self._answer(batch)
            except Exception as error:  # noqa: BLE001 - handed to the callers, who wait for an answer
                for query in batch:
                    query.settle(error)

    async def _next_batch(self) -> list[_Query]:
        """The next queries; a free sender waits a moment for a full batch, one at a time."""
        async with self._forming:
            await self._arrived.wait()
            try:
                async with asyncio.timeout(LINGER_SECONDS):
                    await self._full.wait()
            except TimeoutError:
                pass
            batch: list[_Query] = []
            while self._waiting and len(batch) < self._batch_size:
                query = self._waiting.popleft()
                if not query.reply.done():  # its caller may have gone away
                    batch.append(query)
            if not self._waiting:
                self._arrived.clear()
            if len(self._waiting) < self._batch_size:
                self._full.clear()
            return batch

    async def _answer(self, batch: Sequence[_Query]) -> None:
        if len(batch) == 1 or self._refused:
            await self._answer_singly(batch)
            return
        try:
            reply = await self._plain.post("multiquery", write_multiquery(batch_texts(batch)))
        except (RefusedError, PermanentError) as error:
            await self._shift_down(batch, error)
            return
        answers = await asyncio.to_thread(read_multiquery, reply.content)
        for number, query in enumerate(batch):
            body = answers.get(_name(number))
            query.settle(
                IgdbReply(body, None)
                if body is not None
                else TransientError(f"multiquery left out {query.endpoint}", kind="bad_page")
            )

    async def _answer_singly(self, batch: Sequence[_Query]) -> None:
        """One request a query; each gets its own answer or error."""
        for query in batch:
            try:
                query.settle(await self._plain.fetch(query.endpoint, query.text))
            except PlatformError as error:
                query.settle(error)

    async def _shift_down(self, batch: Sequence[_Query], error: PlatformError) -> None:
        """Halves what was too large; takes anything else for a refusal if the queries work one by one.

        A query that is refused by itself too explains why the batch was.
        """
        if error.kind == TOO_LARGE and self._batch_size > 1:
            self._batch_size = max(1, len(batch) // 2)
            log.warning("multiquery_too_large", batch_size=self._batch_size)
            for half in (batch[: self._batch_size], batch[self._batch_size :]):
                await self._answer(half)
            return
        await self._answer_singly(batch)
        explained = any(isinstance(query.outcome(), RefusedError) for query in batch)
        if not self._refused and not explained and any(query.answered for query in batch):
            self._refused = True
            log.warning("multiquery_refused", reason=str(error))
            if self._on_refused is not None:
                await self._on_refused(str(error))


def batch_texts(batch: Sequence[_Query]) -> list[tuple[str, str]]:
    """(endpoint, query) pairs of a batch."""
    return [(query.endpoint, query.text) for query in batch]


def write_multiquery(queries: Sequence[tuple[str, str]]) -> str:
    """Body of a multiquery; the queries are named by their number."""
    return "\n".join(
        f'query {endpoint} "{_name(number)}" {{ {text} }};'
        for number, (endpoint, text) in enumerate(queries)
    )


def read_multiquery(content: bytes) -> dict[str, bytes]:
    """Result lists by name, as received.

    Raises:
        TransientError: kind `bad_page`: the reply is not a list of named results.
    """
    try:
        answers = decode_json(content, _read_answers)
    except UnreadableError as error:
        raise TransientError(
            f"the multiquery's reply is no list of results ({error})", kind="bad_page"
        ) from error
    return {answer.name: bytes(answer.result) for answer in answers}


def _name(number: int) -> str:
    return f"q{number}"
