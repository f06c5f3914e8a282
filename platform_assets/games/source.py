"""What collecting asks of the upstream, and reading one id range page by page on top of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from typing import Protocol, TypeVar, cast

from platform_assets.core.errors import TransientError
from platform_assets.games.entities import Entity
from platform_assets.games.pages import Page, read_page
from platform_assets.games.query import last_id_query, page_query
from platform_assets.games.ranges import BEFORE_ALL, IdRange

Taken = TypeVar("Taken")


class Reply(Protocol):
    """Answer to one query."""

    @property
    def body(self) -> bytes:
        """The JSON list as received."""
        ...

    @property
    def total(self) -> int | None:
        """Rows of the whole query, the limit aside (header `x-count`); None when the upstream did not say."""
        ...


class Traffic(Protocol):
    """Counters of a client."""

    @property
    def requests(self) -> int:
        """Requests sent, retries included."""
        ...

    @property
    def retries(self) -> int:
        """Requests sent again after a failure."""
        ...

    @property
    def throttled(self) -> int:
        """Replies 429."""
        ...


class Source(Protocol):
    """The upstream. `resources/igdb/client.py` satisfies it, one request a query or many queries a request."""

    async def fetch(self, endpoint: str, query: str) -> Reply:
        """Answers one query.

        Raises:
            TransientError: It did not work after several tries.
            RefusedError: The query or the credentials are wrong; the text holds the API's own message.
        """
        ...

    async def count(self, endpoint: str, query: str) -> int:
        """Rows that a query has. Raises as `fetch` does."""
        ...

    @property
    def traffic(self) -> Traffic:
        """What was sent so far."""
        ...


async def read_range(
    source: Source,
    entity: Entity,
    ids: IdRange,
    since: int | None,
    take: Callable[[Page], Taken],
    *,
    again: Collection[int] = (),
    latest: int | None = None,
) -> AsyncIterator[Taken]:
    """Pages of a range in id order; a range with more than one page continues after its last id.

    Rows that are deleted meanwhile shift nothing: each page starts after an id, not at an offset. A page that is
    shorter than it could be is not the end: that is where the upstream says that there is no more, or the range ends.

    Args:
        source: The upstream.
        entity: What to read.
        ids: The range.
        since: Only records changed after this second; None for all.
        take: What is made of each page that is not empty. Called in the thread that splits the page, off the event
            loop.
        again: Ids to have as well, changed or not.
        latest: See `read_page`.

    Raises:
        TransientError, PermanentError, RefusedError: From the source, or for a page that is not what was asked for.
    """

    def receive(body: bytes, rest: IdRange, what: str) -> tuple[Page, Taken | None]:
        page = read_page(body, rest, what, latest)
        return page, take(page) if page.received else None

    after = ids.after
    while True:
        rest = IdRange(after, ids.upto)
        what = f"{entity.name}, ids {rest.after} to {rest.upto}"
        reply = await source.fetch(entity.name, page_query(entity, rest, since, again))
        page, taken = await asyncio.to_thread(receive, reply.body, rest, what)
        if taken is not None:
            yield taken
        if page.last_id == rest.upto is not None or _is_end(page, reply.total, what):
            return
        after = cast("int", page.last_id)


def _is_end(page: Page, total: int | None, what: str) -> bool:
    """Whether nothing comes behind the page. An upstream that does not say how much there is must send an empty one.

    Raises:
        TransientError: kind `short_page`: there is more, and nothing to go on from.
    """
    if total is None:
        return page.last_id is None
    if page.received < total and page.last_id is None:
        raise TransientError(
            f"{what}: the reply has {page.received} of {total} records: the upstream contradicts itself",
            kind="short_page",
        )
    return page.received >= total


async def fetch_last_id(
    source: Source, entity: Entity, since: int | None, again: Collection[int] = ()
) -> int:
    """The highest id there is; -1 when there is none."""
    reply = await source.fetch(entity.name, last_id_query(entity, since, again))
    page = read_page(reply.body, IdRange(BEFORE_ALL, None), f"{entity.name}, last id")
    return page.last_id if page.last_id is not None else BEFORE_ALL


class Prefetched:
    """A source whose answer to the first query is already here; that query is the first page of everything."""

    def __init__(self, source: Source, reply: Reply) -> None:
        self._source = source
        self._reply: Reply | None = reply

    async def fetch(self, endpoint: str, query: str) -> Reply:
        """Answers one query."""
        reply, self._reply = self._reply, None
        return reply if reply is not None else await self._source.fetch(endpoint, query)

    async def count(self, endpoint: str, query: str) -> int:
        """Rows that a query has."""
        return await self._source.count(endpoint, query)

    @property
    def traffic(self) -> Traffic:
        """What was sent so far."""
        return self._source.traffic
