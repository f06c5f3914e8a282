from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from platform_assets.products.batch_result import FailedItem
from platform_assets.products.batches import SCAN_PIPELINE, Batch
from platform_assets.products.product import ListedProduct
from platform_assets.products.state.failed_items import SqlFailedItems
from platform_assets.products.state.known_products import SqlKnownProducts
from resources.state.database import StateDatabase
from resources.state.dead_letters import DeadLetterFilter, SqlDeadLetters
from tests.fakes.clock import FakeClock


def listed(*ids: str, name: str = "슬리퍼") -> Sequence[ListedProduct]:
    return [ListedProduct(product_id, name, f"https://shop/{product_id}") for product_id in ids]


def test_products_become_known_once_per_platform(database: StateDatabase):
    known = SqlKnownProducts(database)
    assert known.add("musinsa", listed("2", "1"), "list") == 2
    assert known.add("musinsa", listed("2", "3"), "search") == 1
    assert known.add("zigzag", listed("1"), "list") == 1
    assert known.list_ids("musinsa") == ["1", "2", "3"]
    assert known.count() == {"musinsa": 3, "zigzag": 1}


def test_a_list_without_products_changes_nothing(database: StateDatabase):
    known = SqlKnownProducts(database)
    assert known.add("musinsa", [], "list") == 0
    assert known.count() == {}
    assert known.list_ids("musinsa") == []


def test_many_products_are_added_and_removed(database: StateDatabase):
    known, ids = SqlKnownProducts(database), [f"{number:05}" for number in range(3000)]
    assert known.add("musinsa", listed(*ids), "import") == 3000
    assert known.remove("musinsa", [*ids[10:], "unknown"]) == 2990
    assert known.list_ids("musinsa") == ids[:10]


def test_writers_of_the_same_products_do_not_block_each_other(database: StateDatabase):
    known, ids = SqlKnownProducts(database), [str(number) for number in range(200)]

    def add(backwards: bool) -> int:
        return known.add("musinsa", listed(*(reversed(ids) if backwards else ids)), "list")

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, [False, True] * 4)) >= 200
    assert len(known.list_ids("musinsa")) == 200


def test_text_that_a_database_refuses_is_kept_as_well_as_it_can_be(database: StateDatabase):
    known = SqlKnownProducts(database)
    assert known.add("musinsa", listed("1", name="a\x00b\ud800"), "list") == 1


BATCH = Batch("musinsa", "2026-11-20", 7, 28)
ITEMS = [FailedItem("1", "http_500", "no answer", 3), FailedItem("2", "no_price", "no price", 1)]


def test_failed_products_of_a_batch_take_the_place_of_those_before(
    database: StateDatabase, clock: FakeClock
):
    items, letters = SqlFailedItems(database, 7), SqlDeadLetters(database)
    items.replace(BATCH, ITEMS)
    items.replace(Batch("musinsa", "2026-11-20", 8, 28), ITEMS[:1])
    items.replace(BATCH, ITEMS[1:])
    wanted = DeadLetterFilter(pipeline=SCAN_PIPELINE, tenant="musinsa", partition=BATCH.key)
    (stored,) = letters.find(wanted)
    assert (stored.letter.unit_id, stored.letter.kind) == ("2", "no_price")
    assert stored.letter.record == '{"attempts": 1}'
    assert stored.expires_at - stored.created_at == timedelta(days=7)
    items.replace(BATCH, [])
    assert letters.count(wanted) == 0
    assert letters.count(DeadLetterFilter(pipeline=SCAN_PIPELINE)) == 1


def test_failed_products_are_purged_after_their_time(database: StateDatabase, clock: FakeClock):
    SqlFailedItems(database, 7).replace(BATCH, ITEMS)
    clock.advance(7 * 86_400 - 1)
    assert SqlDeadLetters(database).purge() == 0
    clock.advance(1)
    assert SqlDeadLetters(database).purge() == 2
