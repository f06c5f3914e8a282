"""Apicalypse texts, the query language of the IGDB API (api-docs.igdb.com/#apicalypse). Pure."""

from collections.abc import Collection

from platform_assets.games.entities import Entity
from platform_assets.games.ranges import BEFORE_ALL, PAGE_SIZE, IdRange


def page_query(entity: Entity, ids: IdRange, since: int | None, again: Collection[int] = ()) -> str:
    """One page of a range, in id order.

    Args:
        entity: What to read.
        ids: The range.
        since: Only records changed after this second; None for all.
        again: Ids to have as well, changed or not; only those in the range are asked for.
    """
    conditions = ["id >= 0" if ids.after == BEFORE_ALL else f"id > {ids.after}"]
    if ids.upto is not None:
        conditions.append(f"id <= {ids.upto}")
    conditions.extend(_changed(entity, since, [each for each in again if each in ids]))
    return f"fields *; where {' & '.join(conditions)}; sort id asc; limit {PAGE_SIZE};"


def last_id_query(entity: Entity, since: int | None, again: Collection[int] = ()) -> str:
    """The record with the highest id."""
    changed = _changed(entity, since, again)
    where = f" where {changed[0]};" if changed else ""
    return f"fields id;{where} sort id desc; limit 1;"


def count_query() -> str:
    """Body for the `/count` endpoint: all records."""
    return "where id >= 0;"


def _changed(entity: Entity, since: int | None, again: Collection[int]) -> list[str]:
    if since is None:
        return []
    if entity.watermark_field is None:
        raise ValueError(f"{entity.name} has no watermark field: it is read in full only")
    changed = f"{entity.watermark_field} > {since}"
    return [f"({changed} | id = ({','.join(map(str, sorted(again)))}))"] if again else [changed]
