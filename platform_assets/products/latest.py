"""The latest table of a platform: the newest look at each product. Batches that end at once do not undo each other.

    products/latest/<platform>.parquet

A batch is applied once: what is as new in the table already has been applied before, and its changes are told already.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from platform_assets.core.object_keys import join_key
from platform_assets.core.objects import ObjectChangedError, ObjectMissingError, ObjectStore
from platform_assets.products.changes import Change, compare
from platform_assets.products.product import ProductSnapshot
from platform_assets.products.tables import read_snapshots, write_snapshots

_TRIES = 20
"""Each other batch of the platform can come between once per batch that ends, a few milliseconds apart."""


@dataclass(frozen=True, slots=True)
class News:
    """What a batch brings to the table.

    Attributes:
        before: The table by product id.
        fresh: Snapshots that are newer than what the table has.
        changes: Their changes.
    """

    before: dict[str, ProductSnapshot]
    fresh: tuple[ProductSnapshot, ...]
    changes: tuple[Change, ...]

    @property
    def after(self) -> dict[str, ProductSnapshot]:
        """The table with the news in it."""
        return {**self.before, **{each.product_id: each for each in self.fresh}}


def latest_key(platform: str) -> str:
    """Object key of the platform's table."""
    return join_key("products", "latest", f"{platform}.parquet")


def read_latest(objects: ObjectStore, platform: str) -> list[ProductSnapshot]:
    """The table, by product id; empty when there is none yet.

    Raises:
        PermanentError: kind `bad_table`.
        TransientError: The store does not answer.
    """
    return list(_read(objects, platform)[0].values())


def find_news(before: dict[str, ProductSnapshot], snapshots: Sequence[ProductSnapshot]) -> News:
    """What of a batch is newer than the table."""
    fresh = tuple(
        each
        for each in snapshots
        if (known := before.get(each.product_id)) is None or known.scanned_at < each.scanned_at
    )
    changes = [change for each in fresh for change in compare(before.get(each.product_id), each)]
    return News(before, fresh, tuple(changes))


def apply(
    objects: ObjectStore,
    platform: str,
    snapshots: Sequence[ProductSnapshot],
    publish: Callable[[News], bool],
) -> None:
    """Brings a batch into the table, whole or not at all.

    Args:
        objects: Where the table is.
        platform: Whose table.
        snapshots: The batch's.
        publish: Writes what else depends on the news, before the table changes; False: the table is left as it is.
            Called again when another batch came between, or when it says so itself with an `ObjectChangedError`.

    Raises:
        ObjectChangedError: Other batches came between again and again.
        PermanentError: kind `bad_table`.
        TransientError: The store does not answer.
    """
    for tries_left in reversed(range(_TRIES)):
        before, etag = _read(objects, platform)
        news = find_news(before, snapshots)
        try:
            if not publish(news) or not news.fresh:
                return
            objects.put_if(latest_key(platform), write_snapshots(news.after.values()), etag)
        except ObjectChangedError:
            if not tries_left:
                raise
        else:
            return


def _read(objects: ObjectStore, platform: str) -> tuple[dict[str, ProductSnapshot], str | None]:
    """The table by product id, and the etag of what was read."""
    key = latest_key(platform)
    info = objects.head(key)
    if info is None:
        return {}, None
    try:
        data = objects.get(key)
    except ObjectMissingError:
        return {}, None
    # Written anew since `head`: then `put_if` refuses, and it is read again.
    rows = read_snapshots(data, objects.url(key))
    return {row.product_id: row for row in rows}, info.etag
