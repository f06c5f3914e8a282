"""Which units one collection consists of: the ranges to read, and what to remember with the plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from platform_assets.core.engine.units import JsonObject, Unit
from platform_assets.games.entities import Entity
from platform_assets.games.pages import read_page
from platform_assets.games.query import page_query
from platform_assets.games.ranges import BEFORE_ALL, PAGE_SIZE, IdRange, cut_at, cut_by_density
from platform_assets.games.source import Reply, Source, fetch_last_id


class Mode(StrEnum):
    """What is collected: everything, or what changed since the watermark."""

    FULL = "full"
    INCREMENTAL = "incremental"


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan before it is stored.

    Attributes:
        ranges: What to read; one unit each.
        since: Only records changed after this second; None for all.
        first_reply: The reply to the first range's first page, where planning had to fetch it anyway.
        again: Ids that are asked for as well, changed or not.
    """

    ranges: list[IdRange]
    since: int | None
    first_reply: Reply | None = None
    again: Sequence[int] = ()

    def units(self) -> list[Unit]:
        """One unit per range; ids follow the order, so they are the same on every restart."""
        return [
            Unit(f"{index:05d}", {"index": index, "after": ids.after, "upto": ids.upto})
            for index, ids in enumerate(self.ranges)
        ]


async def draft_plan(
    source: Source,
    entity: Entity,
    since: int | None,
    boundaries: list[int],
    lanes: int,
    again: Sequence[int] = (),
) -> Draft:
    """Decides how the entity is read, with as few requests as can be.

    With boundaries of a previous snapshot no request is needed. Without, the first page is fetched: when it is all
    there is, that was the only request; else one more finds the last id, and the rest is cut by density.

    Args:
        source: The upstream.
        entity: What to read.
        since: Only records changed after this second; None for all.
        boundaries: Page boundaries of the previous full snapshot; empty when there is none or they do not apply.
        lanes: Ranges that will be read at the same time.
        again: Ids to have as well, changed or not; with `since` only.
    """
    if boundaries:
        return Draft(cut_at(boundaries), since)
    everything = IdRange(BEFORE_ALL, None)
    if lanes == 1:
        return Draft([everything], since, again=again)
    reply = await source.fetch(entity.name, page_query(entity, everything, since, again))
    page = read_page(reply.body, everything, f"{entity.name}, first page")
    if page.last_id is None or _is_all(page.received, reply.total):
        return Draft([everything], since, reply, again)
    last_id = max(await fetch_last_id(source, entity, since, again), page.last_id)
    left = (reply.total if reply.total is not None else last_id) - page.received
    rest = cut_by_density(left, page.last_id, last_id, lanes)
    return Draft([IdRange(BEFORE_ALL, page.last_id), *rest], since, reply, again)


def _is_all(received: int, total: int | None) -> bool:
    """Whether the first page is all there is; a short page is not, if the upstream says that there is more."""
    return received >= total if total is not None else received < PAGE_SIZE


def range_of(payload: JsonObject) -> IdRange:
    """The range of a stored unit."""
    return IdRange(payload["after"], payload["upto"])
