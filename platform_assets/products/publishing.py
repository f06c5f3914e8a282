"""The tables of a batch whose products were all tried, if it can be believed: snapshots, changes, the latest table.

    products/<platform>/<day>/<batch>/snapshots.parquet
    products/<platform>/<day>/<batch>/changes.parquet
    products/latest/<platform>.parquet

Publishing a batch again changes nothing; with products that failed before, it adds theirs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from platform_assets.core.findings import Finding
from platform_assets.core.object_keys import join_key
from platform_assets.core.objects import ObjectStore
from platform_assets.products.batch_result import BatchResult
from platform_assets.products.batches import Batch
from platform_assets.products.changes import Change
from platform_assets.products.latest import News, apply, find_news, read_latest
from platform_assets.products.product import ProductSnapshot
from platform_assets.products.quality import (
    Belief,
    check_failures,
    check_mass_change,
    check_odd_fields,
)
from platform_assets.products.tables import read_changes, write_changes, write_snapshots


@dataclass(frozen=True, slots=True)
class Published:
    """What came of it.

    Attributes:
        believed: Whether changes and latest table were written.
        findings: What was checked.
        changes: Changes by kind, those that were told before included.
    """

    believed: bool
    findings: tuple[Finding, ...]
    changes: Mapping[str, int] = field(default_factory=dict[str, int])


def publish_batch(
    objects: ObjectStore,
    result: BatchResult,
    snapshots: Sequence[ProductSnapshot],
    etag: str | None,
    belief: Belief | None = None,
) -> Published:
    """Writes the tables of a batch, if it can be believed: of one that cannot, nobody reads a row.

    Args:
        objects: Where they go.
        result: The batch, and what failed in it.
        snapshots: Of all products that were read.
        etag: What `find_snapshots` said before the snapshots were collected.
        belief: When it is.

    Raises:
        ObjectChangedError: Another run of the batch has written its snapshots since: collect them anew. Or other
            batches came between again and again.
        PermanentError: kind `bad_table`: a table that is there is damaged.
        TransientError: The store does not answer.
    """
    batch = result.batch
    belief = belief or Belief()
    known = {each.product_id: each for each in read_latest(objects, batch.platform)}
    published = _judge(result, snapshots, find_news(known, snapshots), belief)
    if not published.believed:
        return published
    objects.put_if(snapshots_key(batch), write_snapshots(snapshots), etag)

    def publish(news: News) -> bool:
        nonlocal published
        published = _judge(result, snapshots, news, belief)
        if published.believed:
            published = replace(published, changes=_publish_changes(objects, result, news))
        return published.believed

    apply(objects, batch.platform, snapshots, publish)
    return published


def find_snapshots(objects: ObjectStore, batch: Batch) -> str | None:
    """The etag of the batch's snapshots; None if there are none yet."""
    info = objects.head(snapshots_key(batch))
    return None if info is None else info.etag


def snapshots_key(batch: Batch) -> str:
    """Object key of the batch's snapshots."""
    return join_key("products", batch.key, "snapshots.parquet")


def changes_key(batch: Batch) -> str:
    """Object key of the batch's changes."""
    return join_key("products", batch.key, "changes.parquet")


def _judge(
    result: BatchResult, snapshots: Sequence[ProductSnapshot], news: News, belief: Belief
) -> Published:
    """Whether a batch is believed, by its checks."""
    read = result.products - len(result.failures)
    findings = (
        check_mass_change(news.before, news.fresh, read, accepted=belief.mass_accepted),
        check_failures(result.failures, result.products, belief.read_share),
        check_odd_fields(snapshots),
    )
    return Published(all(each.passed or not each.grave for each in findings), findings)


def _publish_changes(objects: ObjectStore, result: BatchResult, news: News) -> dict[str, int]:
    """Writes the changes; how many there are by kind."""
    key = changes_key(result.batch)
    info = objects.head(key)
    changes = [*_read_told(objects, key, news), *news.changes] if info else news.changes
    objects.put_if(key, write_changes(changes), info.etag if info else None)
    return dict(Counter(change.kind.value for change in changes))


def _read_told(objects: ObjectStore, key: str, news: News) -> list[Change]:
    """The changes that earlier runs of the batch have told, those that the news tell anew left out.

    Told anew is what a run wrote that ended before the latest table had it. A product that was looked at again keeps
    what was told of the look before.
    """
    fresh = {each.product_id for each in news.fresh}
    told = read_changes(objects.get(key), objects.url(key))
    return [each for each in told if each.product_id not in fresh or _is_applied(each, news.before)]


def _is_applied(change: Change, before: Mapping[str, ProductSnapshot]) -> bool:
    known = before.get(change.product_id)
    return known is not None and change.scanned_at <= known.scanned_at
