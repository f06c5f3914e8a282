"""Records that could not be taken as they came: which of them are asked for again, and until when.

Kept beside an entity's raw days, so that a process on a new machine knows them too. The watermark has passed these
records: an incremental collection asks for their ids as well, until they read well or a person gives them up.
"""

from collections.abc import Callable, Collection, Sequence

import msgspec

from platform_assets.core.decoding import UnreadableError, decode_json
from platform_assets.core.objects import ObjectChangedError, ObjectStore
from platform_assets.games.pages import OddRecord

MOST_ASKED_AGAIN = 500
"""Ids that one query asks for again; the newest are kept. More at once stop a collection."""

NAMED = 5
"""Odd records that a text names."""


class SetAside(msgspec.Struct, frozen=True):
    """What is known of an entity's odd records.

    Attributes:
        odd: Those that are asked for again.
        given_up: Ids that a person has given up: they are not asked for.
    """

    odd: list[OddRecord] = []
    given_up: list[int] = []


_read = msgspec.json.Decoder(SetAside)


def set_aside_key(entity: str) -> str:
    """Object key of an entity's odd records."""
    return f"games/raw/{entity}/set_aside.json"


def read_set_aside(objects: ObjectStore, entity: str) -> SetAside:
    """What is known; nothing if it cannot be read: the next full collection finds them all again."""
    key = set_aside_key(entity)
    try:
        return decode_json(objects.get(key), _read) if objects.head(key) else SetAside()
    except UnreadableError:
        return SetAside()


def read_again(objects: ObjectStore, entity: str) -> list[int]:
    """Ids to ask for again."""
    return sorted({each.id for each in read_set_aside(objects, entity).odd if each.id is not None})


def remember_odd(
    objects: ObjectStore, entity: str, found: Sequence[OddRecord], asked: Collection[int] | None
) -> None:
    """Notes what a finished collection found.

    Args:
        objects: The store.
        entity: What was collected.
        found: Its odd records.
        asked: The ids that were asked for again: those that were not found read well now, or are gone. None: all.
    """

    def change(before: SetAside) -> SetAside:
        kept = [each for each in before.odd if asked is not None and each.id not in asked]
        known = {each.id: each for each in [*kept, *found] if each.id is not None}
        odd = [each for key, each in known.items() if key not in before.given_up]
        return SetAside(odd[-MOST_ASKED_AGAIN:], before.given_up)

    _change(objects, entity, change)


def give_up(objects: ObjectStore, entity: str, ids: Collection[int]) -> SetAside:
    """Ids that are not asked for again any more; what is known then."""

    def change(before: SetAside) -> SetAside:
        odd = [each for each in before.odd if each.id not in ids]
        return SetAside(odd, sorted({*before.given_up, *ids}))

    return _change(objects, entity, change)


def describe_odd(odd: Sequence[OddRecord]) -> str:
    """The first few, for a person."""
    named = [f"{each.id or 'no id'} ({each.kind}: {each.message})" for each in odd[:NAMED]]
    return "; ".join(named) + (f" and {len(odd) - NAMED} more" if len(odd) > NAMED else "")


def _change(objects: ObjectStore, entity: str, change: Callable[[SetAside], SetAside]) -> SetAside:
    """Two that change it at once cannot lose each other's ids: the loser reads again."""
    key = set_aside_key(entity)
    while True:
        head = objects.head(key)
        before = read_set_aside(objects, entity)
        after = change(before)
        if after == before:
            return after
        try:
            objects.put_if(key, msgspec.json.encode(after), head.etag if head else None)
        except ObjectChangedError:
            continue
        return after
