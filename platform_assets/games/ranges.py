"""How an id space is cut into ranges that can be read at the same time. Pure.

Pages cut by id cannot shift when rows are deleted while they are read, as offsets do (179 to 276 of 344,000 records
were missed that way, measured). The cheapest cut is the page boundaries of the previous snapshot: as few requests as
offsets. Without one, the id space is cut by density into stretches that get shorter towards the end, so that the last
workers end together.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

PAGE_SIZE = 500
"""Records a reply holds at most (api-docs.igdb.com)."""

SHORTEST_STRETCH_PAGES = 4
"""A stretch ends in a page that is half empty on average: below this length that waste is over an eighth."""


BEFORE_ALL = -1
"""Where the first range starts: there is an id 0 (in `game_types`)."""


@dataclass(frozen=True, slots=True)
class IdRange:
    """Ids greater than `after` (-1 or more), up to and including `upto` (None: without end)."""

    after: int
    upto: int | None

    def __contains__(self, record_id: int) -> bool:
        return self.after < record_id and (self.upto is None or record_id <= self.upto)


def cut_at(boundaries: Iterable[int]) -> list[IdRange]:
    """Ranges between ascending boundaries, with an open tail: `[10, 20]` -> (-1,10], (10,20], (20,-)."""
    ranges: list[IdRange] = []
    after = BEFORE_ALL
    for boundary in boundaries:
        ranges.append(IdRange(after, boundary))
        after = boundary
    return [*ranges, IdRange(after, None)]


def cut_by_density(count: int, after: int, last_id: int, lanes: int) -> list[IdRange]:
    """Ranges over (after, last_id] plus the open tail, for ids of which only number and end are known.

    Args:
        count: Records expected in (after, last_id].
        after: Where to start.
        last_id: Highest id known.
        lanes: Ranges read at the same time. Each stretch takes 1/(2 x lanes) of what is left, so that early ones are
            long (few half-empty last pages) and late ones short (no worker ends long after the others).
    """
    pages = max(1, -(-count // PAGE_SIZE))
    boundaries: list[int] = []
    taken = 0
    for stretch in _stretches(pages, lanes):
        taken += stretch
        boundaries.append(after + (last_id - after) * taken // pages)
    return [IdRange(max(r.after, after), r.upto) for r in cut_at(boundaries)]


def _stretches(pages: int, lanes: int) -> Iterator[int]:
    while pages > 0:
        stretch = min(pages, max(SHORTEST_STRETCH_PAGES, -(-pages // (2 * lanes))))
        yield stretch
        pages -= stretch


def cut_full_pages(ids: Iterable[Sequence[int]]) -> list[int]:
    """Boundaries for the next snapshot: every 500th id of this one.

    Args:
        ids: Ascending ids, in stretches of any length (one per part).

    Returns:
        Last ids of full pages. The last page, full or not, is left to the open tail: an upstream that tells the total
        needs no request beyond it.
    """
    boundaries: list[int] = []
    missing = PAGE_SIZE
    for stretch in ids:
        boundaries.extend(stretch[missing - 1 :: PAGE_SIZE])
        missing = (missing - len(stretch) - 1) % PAGE_SIZE + 1
    return boundaries[:-1] if missing == PAGE_SIZE else boundaries
