"""Publishing a batch: what is written in which order, again, and after a crash at any of the writes."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from platform_assets.core.engine.units import FailedUnit, Report
from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.core.objects import ObjectChangedError
from platform_assets.products.batch_result import BatchResult
from platform_assets.products.batches import Batch
from platform_assets.products.changes import ChangeKind
from platform_assets.products.latest import apply, latest_key, read_latest
from platform_assets.products.product import ProductSnapshot
from platform_assets.products.publishing import (
    Published,
    changes_key,
    find_snapshots,
    publish_batch,
    snapshots_key,
)
from platform_assets.products.quality import FEW_FAILURES, FEW_ODD_FIELDS, NO_MASS_CHANGE, Belief
from platform_assets.products.tables import read_changes, write_snapshots
from tests.fakes.clock import START
from tests.unit.products.shop import (
    DAY,
    NAME,
    PlayedObjects,
    make_gone,
    make_ids,
    make_snapshot,
)

BATCH = Batch(NAME, DAY, 1, 2)
OTHER = Batch(NAME, DAY, 2, 2)
NEXT = Batch(NAME, "2026-11-21", 1, 2)
LATER = START + timedelta(days=1)
FIRST, SECOND, *REST = make_ids(20)
WRITES = [snapshots_key(NEXT), changes_key(NEXT), latest_key(NAME)]


def make_result(batch: Batch, count: int, failed: Sequence[str] = ()) -> BatchResult:
    failures = tuple(FailedUnit(each, "timeout", "no end") for each in failed)
    report = Report(count, count, 0, 0, 0, 0, 1.0, (), None, START)
    return BatchResult(batch, report, count, {}, failures, START)


def publish(
    objects: PlayedObjects,
    snapshots: Sequence[ProductSnapshot],
    batch: Batch = NEXT,
    failed: Sequence[str] = (),
    *,
    mass_accepted: bool = False,
) -> Published:
    result = make_result(batch, len(snapshots) + len(failed), failed)
    etag = find_snapshots(objects, batch)
    return publish_batch(objects, result, snapshots, etag, Belief(0.0, mass_accepted=mass_accepted))


def look(ids: Sequence[str], price: int = 100, days: int = 0) -> list[ProductSnapshot]:
    at = START + timedelta(days=days)
    return [make_snapshot(each, at, original_price=price) for each in ids]


def make_store() -> PlayedObjects:
    """A store with yesterday's batch of 20 products in it."""
    objects = PlayedObjects()
    publish(objects, look([FIRST, SECOND, *REST]), BATCH)
    objects.written.clear()
    return objects


def next_look() -> list[ProductSnapshot]:
    """The next day: one price fell, one product is gone, one is new, the rest is as it was."""
    return [
        make_snapshot(FIRST, LATER, original_price=90),
        make_gone(SECOND, LATER),
        make_snapshot("999", LATER),
        *look(REST, days=1),
    ]


def told(objects: PlayedObjects, batch: Batch = NEXT) -> list[tuple[str, ChangeKind]]:
    found = read_changes(objects.get(changes_key(batch)), "changes")
    return [(each.product_id, each.kind) for each in found]


EXPECTED = [(FIRST, ChangeKind.PRICE), (SECOND, ChangeKind.GONE), ("999", ChangeKind.NEW)]


def test_a_batch_has_its_snapshots_its_changes_and_its_part_of_the_latest_table():
    objects = make_store()
    published = publish(objects, next_look())
    assert published.believed
    assert published.changes == {"price": 1, "gone": 1, "new": 1}
    assert [(each.name, each.passed) for each in published.findings] == [
        (NO_MASS_CHANGE, True),
        (FEW_FAILURES, True),
        (FEW_ODD_FIELDS, True),
    ]
    assert objects.get(snapshots_key(NEXT)) == write_snapshots(next_look())
    assert told(objects) == EXPECTED
    assert read_latest(objects, NAME) == sorted(next_look(), key=lambda each: each.product_id)


def test_snapshots_come_before_changes_and_changes_before_the_latest_table():
    objects = make_store()
    publish(objects, next_look())
    assert objects.written == WRITES


def test_keys_name_the_batch():
    assert snapshots_key(BATCH) == f"products/{NAME}/{DAY}/1-of-2/snapshots.parquet"
    assert changes_key(BATCH) == f"products/{NAME}/{DAY}/1-of-2/changes.parquet"


def test_publishing_again_leaves_the_same_bytes_and_tells_the_same_changes():
    objects = make_store()
    first, content = publish(objects, next_look()), objects.content()
    again = publish(objects, next_look())
    assert (again.believed, again.changes) == (True, first.changes)
    assert objects.content() == content
    assert objects.written.count(latest_key(NAME)) == 1


def test_a_batch_that_read_nothing_is_not_believed_and_writes_nothing():
    objects = PlayedObjects()
    published = publish(objects, [], BATCH, failed=[FIRST])
    assert not published.believed
    assert objects.content() == {}


def test_changes_of_an_earlier_run_stay_when_products_that_failed_are_added():
    objects = make_store()
    publish(objects, next_look()[:2], failed=["999", *REST])
    assert told(objects) == EXPECTED[:2]
    published = publish(objects, next_look())
    assert told(objects) == EXPECTED
    assert published.changes == {"price": 1, "gone": 1, "new": 1}


def test_changes_of_an_earlier_run_stay_when_a_product_was_looked_at_again():
    objects = make_store()
    publish(objects, next_look())
    again = [make_gone(SECOND, LATER + timedelta(hours=1)), *look([FIRST], price=80, days=2)]
    publish(objects, again)
    assert told(objects) == [
        (FIRST, ChangeKind.PRICE),
        (FIRST, ChangeKind.PRICE),
        (SECOND, ChangeKind.GONE),
        ("999", ChangeKind.NEW),
    ]


def test_another_batch_of_the_day_leaves_the_tables_of_the_first_alone():
    objects = PlayedObjects()
    publish(objects, look([FIRST]), BATCH)
    before = objects.content()
    publish(objects, look([SECOND]), OTHER)
    after = objects.content()
    assert {key: after[key] for key in before if key != latest_key(NAME)} == {
        key: data for key, data in before.items() if key != latest_key(NAME)
    }
    assert told(objects, OTHER) == [(SECOND, ChangeKind.NEW)]


def test_a_batch_that_comes_between_is_kept_and_no_change_is_told_twice():
    objects = make_store()
    objects.meddlers.append(lambda: publish(objects, look(["555"], days=1), OTHER))
    published = publish(objects, next_look())
    assert told(objects) == EXPECTED
    assert sum(published.changes.values()) == 3
    assert told(objects, OTHER) == [("555", ChangeKind.NEW)]
    latest = {each.product_id for each in read_latest(objects, NAME)}
    assert latest == {FIRST, SECOND, *REST, "555", "999"}


def test_a_second_run_of_the_batch_that_comes_between_tells_no_change_twice():
    objects = make_store()
    objects.meddlers.append(lambda: publish(objects, next_look()))
    published = publish(objects, next_look())
    assert told(objects) == EXPECTED
    assert sum(published.changes.values()) == 3


def test_a_second_run_that_read_more_and_comes_between_loses_no_change():
    objects = make_store()
    objects.meddled = changes_key(NEXT)
    objects.meddlers.append(lambda: publish(objects, next_look()))
    published = publish(objects, next_look()[:2], failed=["999", *REST])
    assert told(objects) == EXPECTED
    assert sum(published.changes.values()) == 3


def test_a_second_run_that_read_more_and_ends_between_two_writes_loses_no_change():
    objects = make_store()
    objects.break_at = 3
    with pytest.raises(TransientError):
        publish(objects, next_look())
    objects.break_at = None
    objects.meddlers.append(lambda: apply(objects, NAME, next_look(), lambda _: True))
    publish(objects, next_look()[:2], failed=["999", *REST])
    assert told(objects) == EXPECTED


@pytest.mark.parametrize("write", [1, 2, 3], ids=WRITES)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_write_is_made_good_by_publishing_again(write: int, after: bool):
    undisturbed = make_store()
    expected = publish(undisturbed, next_look())
    objects = make_store()
    objects.break_at, objects.break_after = write, after
    with pytest.raises(TransientError):
        publish(objects, next_look())
    objects.break_at = None
    published = publish(objects, next_look())
    assert objects.content() == undisturbed.content()
    assert told(objects) == EXPECTED
    assert published.believed
    assert published.changes == expected.changes


@pytest.mark.parametrize("write", [1, 2, 3], ids=WRITES)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_while_failed_products_are_added_is_made_good_too(write: int, after: bool):
    undisturbed = make_store()
    publish(undisturbed, next_look())
    objects = make_store()
    publish(objects, next_look()[1:], failed=[FIRST])
    objects.break_at, objects.break_after = len(objects.written) + write, after
    with pytest.raises(TransientError):
        publish(objects, next_look())
    objects.break_at = None
    publish(objects, next_look())
    assert objects.content() == undisturbed.content()


def vanish(count: int) -> list[ProductSnapshot]:
    ids = [FIRST, SECOND, *REST]
    return [*(make_gone(each, LATER) for each in ids[:count]), *look(ids[count:], days=1)]


def test_a_mass_change_leaves_the_latest_table_and_tells_no_change():
    objects = make_store()
    latest = objects.get(latest_key(NAME))
    published = publish(objects, vanish(10))
    assert not published.believed
    assert published.changes == {}
    assert [each.name for each in published.findings if not each.passed] == [NO_MASS_CHANGE]
    assert objects.get(latest_key(NAME)) == latest
    assert objects.written == [], "a reader of snapshots sees no product that is falsely gone"


def test_a_mass_change_keeps_the_changes_that_were_told_before():
    objects = make_store()
    publish(objects, next_look()[:1], failed=[SECOND, *REST])
    before = objects.get(changes_key(NEXT))
    assert not publish(objects, [*next_look()[:1], *vanish(12)[1:]]).believed
    assert objects.get(changes_key(NEXT)) == before


def test_a_mass_change_that_a_person_has_accepted_is_published():
    objects = make_store()
    published = publish(objects, vanish(10), mass_accepted=True)
    assert (published.believed, published.changes) == (True, {"gone": 10})
    assert all(each.passed for each in published.findings)
    assert len([each for each in read_latest(objects, NAME) if each.name is None]) == 10


def test_a_run_that_collected_before_another_one_wrote_is_refused_and_changes_nothing():
    objects = make_store()
    etag = find_snapshots(objects, NEXT)
    publish(objects, next_look())
    content = objects.content()
    with pytest.raises(ObjectChangedError):
        publish_batch(objects, make_result(NEXT, 2), next_look()[:2], etag)
    assert objects.content() == content


def test_a_batch_of_which_too_little_was_read_is_not_published():
    objects = make_store()
    result = make_result(NEXT, 20, failed=REST[:11])
    snapshots = look([FIRST, SECOND, *REST[11:]], price=90, days=1)
    before = objects.content()
    published = publish_batch(objects, result, snapshots, None, Belief(0.5))
    assert not published.believed
    assert [each.text for each in published.findings if not each.passed] == [
        "11 of 20 products could not be read: timeout 11."
    ]
    assert objects.content() == before
    assert publish_batch(objects, result, snapshots, None, Belief(0.4)).believed


def test_many_failures_alone_do_not_keep_a_batch_from_being_published():
    objects = make_store()
    published = publish(objects, look([FIRST], price=90, days=1), failed=[SECOND, *REST])
    assert published.believed
    assert [each.name for each in published.findings if not each.passed] == [FEW_FAILURES]
    assert told(objects) == [(FIRST, ChangeKind.PRICE)]


@pytest.mark.parametrize("damaged", [latest_key(NAME), changes_key(NEXT)])
def test_a_damaged_table_is_named_and_not_written_over(damaged: str):
    objects = make_store()
    objects.put(damaged, b"not a table")
    with pytest.raises(PermanentError, match=damaged) as caught:
        publish(objects, next_look())
    assert caught.value.kind == "bad_table"
    assert objects.get(damaged) == b"not a table"
