"""The latest table: only newer looks count, a batch counts once, and batches that end at once all get in."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.core.objects import ObjectChangedError
from platform_assets.products.changes import ChangeKind
from platform_assets.products.latest import News, apply, find_news, latest_key, read_latest
from platform_assets.products.product import ProductSnapshot
from tests.unit.products.shop import (
    NAME,
    START,
    PlayedObjects,
    make_gone,
    make_ids,
    make_snapshot,
)

LATER = START + timedelta(days=1)


def look(*product_ids: str, at: datetime = START, price: int = 100) -> list[ProductSnapshot]:
    return [make_snapshot(each, at, original_price=price) for each in product_ids]


class Telling:
    """Notes the news and believes them, or not."""

    def __init__(self, *, believed: bool = True) -> None:
        self.believed = believed
        self.news: list[News] = []

    def __call__(self, news: News) -> bool:
        self.news.append(news)
        return self.believed

    @property
    def changes(self) -> list[tuple[str, ChangeKind]]:
        """Of the last time."""
        return [(each.product_id, each.kind) for each in self.news[-1].changes]


def bring(
    objects: PlayedObjects, snapshots: Sequence[ProductSnapshot], *, believed: bool = True
) -> Telling:
    telling = Telling(believed=believed)
    apply(objects, NAME, snapshots, telling)
    return telling


def between(objects: PlayedObjects, *meddlers: Callable[[], object]) -> None:
    objects.meddlers.extend(meddlers)


def prices(objects: PlayedObjects) -> dict[str, int | None]:
    return {each.product_id: each.original_price for each in read_latest(objects, NAME)}


def test_a_platform_without_a_table_has_no_products():
    assert read_latest(PlayedObjects(), NAME) == []


def test_the_first_batch_makes_the_table_and_all_of_it_is_new():
    objects = PlayedObjects()
    telling = bring(objects, look("2", "1"))
    assert prices(objects) == {"1": 100, "2": 100}
    assert [each.product_id for each in read_latest(objects, NAME)] == ["1", "2"]
    assert telling.changes == [("2", ChangeKind.NEW), ("1", ChangeKind.NEW)]


def test_a_newer_look_replaces_an_older_one_and_other_products_stay():
    objects = PlayedObjects()
    bring(objects, look("1", "2"))
    telling = bring(objects, look("2", "3", at=LATER, price=90))
    assert prices(objects) == {"1": 100, "2": 90, "3": 90}
    assert telling.changes == [("2", ChangeKind.PRICE), ("3", ChangeKind.NEW)]


def test_an_older_look_changes_nothing():
    objects = PlayedObjects()
    bring(objects, look("1", at=LATER))
    telling = bring(objects, look("1", price=5))
    assert prices(objects) == {"1": 100}
    assert telling.changes == []


def test_of_an_old_and_a_new_look_only_the_new_one_counts():
    objects = PlayedObjects()
    bring(objects, look("1", at=LATER))
    telling = bring(objects, look("1", "2", at=START + timedelta(hours=1), price=90))
    assert prices(objects) == {"1": 100, "2": 90}
    assert telling.changes == [("2", ChangeKind.NEW)]


def test_another_look_at_the_same_moment_is_not_newer():
    news = find_news({"1": make_snapshot("1")}, look("1", price=5))
    assert (news.fresh, news.changes) == ((), ())


def test_a_batch_that_is_brought_again_writes_nothing():
    objects = PlayedObjects()
    bring(objects, look("1", "2"))
    before = objects.content(), list(objects.written)
    telling = bring(objects, look("1", "2"))
    assert (objects.content(), objects.written) == before
    assert telling.news[-1].fresh == ()


def test_a_newer_look_without_a_difference_moves_the_time_on():
    objects = PlayedObjects()
    bring(objects, look("1"))
    assert bring(objects, look("1", at=LATER)).changes == []
    assert [each.scanned_at for each in read_latest(objects, NAME)] == [LATER]


def test_a_product_that_is_not_found_stays_in_the_table_as_not_found():
    objects = PlayedObjects()
    bring(objects, look("1"))
    telling = bring(objects, [make_gone("1", LATER)])
    assert read_latest(objects, NAME) == [make_gone("1", LATER)]
    assert telling.changes == [("1", ChangeKind.GONE)]


def test_news_that_are_not_believed_leave_the_table_as_it_is():
    objects = PlayedObjects()
    bring(objects, look("1"))
    before = objects.content()
    bring(objects, look("1", "2", at=LATER, price=5), believed=False)
    assert objects.content() == before


def test_platforms_have_tables_of_their_own():
    objects = PlayedObjects()
    bring(objects, look("1"))
    apply(objects, "othershop", look("2"), Telling())
    assert prices(objects) == {"1": 100}
    assert [each.product_id for each in read_latest(objects, "othershop")] == ["2"]


@pytest.mark.parametrize("known", [(), ("9",)])
def test_a_batch_that_comes_between_is_not_undone(known: tuple[str, ...]):
    objects = PlayedObjects()
    if known:
        bring(objects, look(*known))
    between(objects, lambda: bring(objects, look("2", price=200)))
    telling = bring(objects, look("1"))
    assert prices(objects) == {**dict.fromkeys(known, 100), "1": 100, "2": 200}
    assert len(telling.news) == 2, "what depends on the news is told again"
    assert telling.changes == [("1", ChangeKind.NEW)]


def test_a_newer_look_that_comes_between_stays_and_is_not_told_again():
    objects = PlayedObjects()
    bring(objects, look("1"))
    between(objects, lambda: bring(objects, look("1", at=LATER, price=300)))
    telling = bring(objects, look("1", "2", at=START + timedelta(hours=1), price=200))
    assert prices(objects) == {"1": 300, "2": 200}
    assert telling.changes == [("2", ChangeKind.NEW)]


def test_a_table_that_vanishes_meanwhile_is_made_anew():
    objects = PlayedObjects()
    bring(objects, look("1"))
    between(objects, lambda: objects.delete(latest_key(NAME)))
    bring(objects, look("2"))
    assert prices(objects) == {"2": 100}


def test_nineteen_other_batches_may_come_between():
    objects = PlayedObjects()
    ids = make_ids(19)
    between(objects, *(lambda each=each: write_past(objects, each) for each in ids))
    bring(objects, look("1"))
    assert sorted(prices(objects)) == ["1", *ids]


def test_batches_that_come_between_without_end_are_an_error_that_passes():
    objects = PlayedObjects()
    between(objects, *(lambda each=each: write_past(objects, each) for each in make_ids(50)))
    with pytest.raises(ObjectChangedError):
        bring(objects, look("1"))
    assert "1" not in prices(objects)


def write_past(objects: PlayedObjects, product_id: str) -> None:
    """Another process brings a product: its write is not meddled with."""
    waiting, objects.meddlers = objects.meddlers, []
    bring(objects, look(product_id))
    objects.meddlers = waiting


def test_batches_that_end_at_once_in_threads_all_get_in():
    objects, start = PlayedObjects(), threading.Barrier(8)
    batches = [make_ids(20, first=1_000 * number) for number in range(1, 9)]
    told: list[Telling] = []

    def bring_one(ids: list[str]) -> None:
        start.wait()
        told.append(bring(objects, look(*ids)))

    threads = [threading.Thread(target=bring_one, args=(ids,)) for ids in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(prices(objects)) == sorted(each for ids in batches for each in ids)
    changes = [change for telling in told for change in telling.changes]
    assert len(changes) == 160
    assert {kind for _, kind in changes} == {ChangeKind.NEW}


def test_a_damaged_table_is_named_and_left_as_it_is():
    objects = PlayedObjects()
    objects.put(latest_key(NAME), b"not a table")
    for read in (lambda: read_latest(objects, NAME), lambda: bring(objects, look("1"))):
        with pytest.raises(PermanentError, match=latest_key(NAME)) as caught:
            read()
        assert caught.value.kind == "bad_table"
    assert objects.get(latest_key(NAME)) == b"not a table"
