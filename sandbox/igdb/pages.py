"""From a query's text to the body of the answer: what each endpoint of IGDB sends back. No network, no time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from sandbox.igdb.apicalypse import parse_query
from sandbox.igdb.errors import (
    endpoint_not_found,
    invalid_field,
    limit_too_high,
    response_too_large,
    syntax_error,
    too_many_queries,
)
from sandbox.igdb.queries import NamedQuery, Query, list_conditions
from sandbox.igdb.selection import Selector
from sandbox.igdb.table import Table

MAX_LIMIT = 500
"""Rows of a page at most (api-docs.igdb.com)."""
MAX_QUERIES = 10
"""Queries in one multiquery at most (api-docs.igdb.com)."""
MAX_RESPONSE_BYTES = 10 * 1024 * 1024
"""Size of an answer at most; the error says 10 MB."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A body to send with status 200.

    Attributes:
        body: JSON.
        count: Value of the `x-count` header: rows without limit and offset; None where the header is not sent.
    """

    body: bytes
    count: int | None = None


class Pages:
    """The API over a catalogue of tables.

    Args:
        tables: Entity name -> table.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self._selectors = {name: Selector(table) for name, table in tables.items()}

    def answer_rows(self, entity: str, text: str) -> Answer:
        """Answers `POST /v4/<entity>`.

        Raises:
            WireError: As the upstream refuses: 400, 403, 404 or 413.
        """
        self._find(entity)
        query = parse_query(text)
        rows, total = self._read_rows(entity, query)
        return Answer(_join(rows), total)

    def answer_count(self, entity: str, text: str) -> Answer:
        """Answers `POST /v4/<entity>/count`.

        Raises:
            WireError: As the upstream refuses: 400, 403 or 404.
        """
        self._find(entity)
        query = parse_query(text)
        self._check(entity, query)
        count = self._selectors[entity].count(query.where)
        return Answer(msgspec.json.encode({"count": count}), count)

    def answer_multiquery(self, parts: Sequence[NamedQuery]) -> Answer:
        """Answers `POST /v4/multiquery`: one object per part, in their order.

        Raises:
            WireError: As the upstream refuses, if one of the parts is refused.
        """
        if len(parts) > MAX_QUERIES:
            raise too_many_queries(len(parts), MAX_QUERIES)
        return Answer(_join([self._answer_part(part) for part in parts]))

    def _answer_part(self, part: NamedQuery) -> bytes:
        if part.endpoint not in self._tables:
            raise syntax_error(f"Unknown endpoint '{part.endpoint}'")
        name = msgspec.json.encode(part.name)
        if part.counting:
            self._check(part.endpoint, part.query)
            count = self._selectors[part.endpoint].count(part.query.where)
            return b'{"name":%b,"count":%d}' % (name, count)
        rows, _ = self._read_rows(part.endpoint, part.query)
        return b'{"name":%b,"result":%b}' % (name, _join(rows))

    def _read_rows(self, entity: str, query: Query) -> tuple[list[bytes], int]:
        self._check(entity, query)
        table = self._tables[entity]
        found = self._selectors[entity].select(query)
        if query.fields == ("*",) and not query.exclude:
            return [table.encode(row_id) for row_id in found.ids], found.total
        return [_trim(table.read_record(row_id), query) for row_id in found.ids], found.total

    def _check(self, entity: str, query: Query) -> None:
        if query.limit > MAX_LIMIT:
            raise limit_too_high(query.limit, MAX_LIMIT)
        known = self._find(entity).fields
        asked = [name for name in query.fields if name != "*"]
        filtered = [condition.field for condition in list_conditions(query.where)]
        for name in (*asked, *query.exclude, *filtered, query.sort):
            if name not in known:
                raise invalid_field(name)

    def _find(self, entity: str) -> Table:
        if entity not in self._tables:
            raise endpoint_not_found("POST", entity)
        return self._tables[entity]


def _trim(record: dict[str, Any], query: Query) -> bytes:
    """The record with the fields asked for; the id always stays."""
    everything = "*" in query.fields
    kept = {
        name: value
        for name, value in record.items()
        if name == "id" or ((everything or name in query.fields) and name not in query.exclude)
    }
    return msgspec.json.encode(kept)


def _join(parts: Sequence[bytes]) -> bytes:
    body = b"[%b]" % b",".join(parts)
    if len(body) > MAX_RESPONSE_BYTES:
        raise response_too_large()
    return body
