"""The tables of a batch whose products were all tried: snapshots first, then, if they can be believed, the changes.

    products/<platform>/<day>/<batch>/snapshots.parquet
    products/<platform>/<day>/<batch>/changes.parquet
    products/latest/<platform>.parquet

Publishing a batch again changes nothing; with products that failed before, it adds theirs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from platform_assets.core.findings import Finding
from platform_assets.core.object_keys import join_key
from platform_assets.core.objects import ObjectStore
from platform_assets.products.batch_result import BatchResult
from platform_assets.products.batches import Batch
from platform_assets.products.changes import Change
from platform_assets.products.latest import News, apply
from platform_assets.products.product import ProductSnapshot
from platform_assets.products.quality import check_failures, check_mass_change
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
    *,
    mass_accepted: bool = False,
) -> Published:
    """Writes the tables of a batch.

    Args:
        objects: Where they go.
        result: The batch, and what failed in it.
        snapshots: Of all products that were read.
        etag: What `find_snapshots` said before the snapshots were collected.
        mass_accepted: Whether a person says that a mass change is real.

    Raises:
        ObjectChangedError: Another run of the batch has written its snapshots since: collect them anew. Or other
            batches came between again and again.
        PermanentError: kind `bad_table`: a table that is there is damaged.
        TransientError: The store does not answer.
    """
    batch = result.batch
    objects.put_if(snapshots_key(batch), write_snapshots(snapshots), etag)
    published = Published(believed=False, findings=())

    def publish(news: News) -> bool:
        nonlocal published
        published = _publish_changes(objects, result, news, mass_accepted=mass_accepted)
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


def _publish_changes(
    objects: ObjectStore, result: BatchResult, news: News, *, mass_accepted: bool
) -> Published:
    mass = check_mass_change(news.before, news.fresh, result.products, accepted=mass_accepted)
    findings = (mass, check_failures(result.failures, result.products))
    if not mass.passed:
        return Published(believed=False, findings=findings)
    key = changes_key(result.batch)
    info = objects.head(key)
    changes = [*_read_told(objects, key, news), *news.changes] if info else news.changes
    objects.put_if(key, write_changes(changes), info.etag if info else None)
    counts = Counter(change.kind.value for change in changes)
    return Published(believed=True, findings=findings, changes=dict(counts))


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
