"""One entity's rows: which ids there are now, when each was updated, and its record as JSON.

Rows are pure functions of (id, revision), asked from a `Source` when they are served; kept here are only the ids, the
order by `updated_at` and what was changed since the start.
"""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import msgspec

from sandbox.igdb.sorted_keys import contains, splice

_ID_BITS = 32
_ID_MASK = (1 << _ID_BITS) - 1


@dataclass(frozen=True, slots=True)
class Revision:
    """A row after a change: how often it was changed, and its new `updated_at` in seconds since 1970."""

    number: int
    updated_at: int


class Source(Protocol):
    """Where the rows of an entity come from."""

    @property
    def fields(self) -> frozenset[str]:
        """Every field that a record may have."""
        ...

    def list_ids(self) -> "array[int]":
        """The ids at the start, ascending, in an array of type `q`."""
        ...

    def read_updated_at(self, row_id: int) -> int | None:
        """`updated_at` of the unchanged row; None when the row has none."""
        ...

    def encode(self, row_id: int, revision: Revision | None) -> bytes:
        """The row as compact JSON; also for an id that was added later."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """What is to happen to a table at once; counts pick rows at random, ids that are not there are left out."""

    delete: tuple[int, ...] = ()
    delete_random: int = 0
    change: tuple[int, ...] = ()
    change_random: int = 0
    add: int = 0


@dataclass(frozen=True, slots=True)
class Changed:
    """Ids that a change touched, ascending."""

    deleted: list[int]
    changed: list[int]
    added: list[int]


class Table:
    """The rows of one entity, now.

    Args:
        source: Where its rows come from.
        seed: For the rows that a change picks.
    """

    def __init__(self, source: Source, seed: int) -> None:
        self._source = source
        self._random = Random(seed)
        self._revisions: dict[int, Revision] = {}
        self.ids = source.list_ids()
        self.timeline = self._order_by_time()
        self.version = 0

    @property
    def fields(self) -> frozenset[str]:
        """Every field that a record may have."""
        return self._source.fields

    def encode(self, row_id: int) -> bytes:
        """The row as compact JSON."""
        return self._source.encode(row_id, self._revisions.get(row_id))

    def read_record(self, row_id: int) -> dict[str, Any]:
        """The row as a dict."""
        return msgspec.json.decode(self.encode(row_id), type=dict[str, Any])

    def read_updated_at(self, row_id: int) -> int | None:
        """The row's `updated_at` in seconds; None when it has none."""
        revision = self._revisions.get(row_id)
        original = self._source.read_updated_at(row_id)
        return revision.updated_at if revision and original is not None else original

    def apply(self, change: Change, now: int) -> Changed:
        """Deletes, changes and adds rows; `now` in seconds becomes `updated_at` of changed and added ones."""
        deleted = self._pick(change.delete, change.delete_random, without=frozenset())
        changed = self._pick(change.change, change.change_random, without=deleted)
        highest = self.ids[-1] if self.ids else 0
        added = range(highest + 1, highest + 1 + change.add)
        stale = self._keys(deleted | changed)
        for row_id in deleted:
            self._revisions.pop(row_id, None)
        for row_id in (*changed, *added):
            self._revisions[row_id] = self._revise(row_id, now)
        self.ids = splice(self.ids, removed=deleted, added=added)
        self.timeline = splice(self.timeline, removed=stale, added=self._keys((*changed, *added)))
        self.version += 1
        return Changed(sorted(deleted), sorted(changed), list(added))

    def _pick(self, named: Iterable[int], count: int, *, without: frozenset[int]) -> frozenset[int]:
        picked = {row_id for row_id in named if contains(self.ids, row_id)} - without
        wanted = len(picked) + min(count, len(self.ids) - len(picked) - len(without))
        while len(picked) < wanted:
            picked.add(self._random.choice(self.ids))
            picked -= without
        return frozenset(picked)

    def _revise(self, row_id: int, now: int) -> Revision:
        last = self._revisions.get(row_id)
        return Revision(last.number + 1 if last else 1, now)

    def _keys(self, row_ids: Iterable[int]) -> list[int]:
        """Keys of the timeline: `updated_at` above the id. Rows without a time have none."""
        times = ((self.read_updated_at(row_id), row_id) for row_id in row_ids)
        return [time << _ID_BITS | row_id for time, row_id in times if time is not None]

    def _order_by_time(self) -> "array[int]":
        return array("q", sorted(self._keys(self.ids)))


def first_key(updated_at: int) -> int:
    """The lowest key of the timeline with this time or a later one."""
    return updated_at << _ID_BITS


def row_of(key: int) -> int:
    """The id in a key of the timeline."""
    return key & _ID_MASK


def as_mapping(changed: Changed) -> Mapping[str, list[int]]:
    """The ids as JSON sends them."""
    return {"deleted": changed.deleted, "changed": changed.changed, "added": changed.added}
