from sandbox.igdb.table import Change, row_of
from tests.unit.sandbox.igdb.rows import make_games, make_table


def test_rows_are_in_the_order_of_their_ids_and_of_their_times():
    table = make_games(3)
    assert table.ids.tolist() == [10, 20, 30]
    assert [row_of(key) for key in table.timeline] == [30, 20, 10]


def test_a_deleted_row_is_gone_from_both_orders():
    table = make_games(3)
    changed = table.apply(Change(delete=(20, 99)), now=5000)
    assert changed.deleted == [20]
    assert table.ids.tolist() == [10, 30]
    assert [row_of(key) for key in table.timeline] == [30, 10]


def test_a_changed_row_gets_the_time_of_the_change_and_another_record():
    table = make_games(3)
    before = table.read_record(20)
    table.apply(Change(change=(20,)), now=5000)
    after = table.read_record(20)
    assert (after["updated_at"], table.read_updated_at(20)) == (5000, 5000)
    assert after["checksum"] != before["checksum"]
    assert [row_of(key) for key in table.timeline] == [30, 10, 20]


def test_a_row_changed_twice_differs_each_time():
    table = make_games(1)
    table.apply(Change(change=(10,)), now=5000)
    first = table.encode(10)
    table.apply(Change(change=(10,)), now=5000)
    assert table.encode(10) != first


def test_added_rows_come_after_the_highest_id_with_the_time_of_the_change():
    table = make_games(2)
    changed = table.apply(Change(add=2), now=5000)
    assert changed.added == [21, 22]
    assert table.ids.tolist() == [10, 20, 21, 22]
    assert table.read_record(22).keys() == table.read_record(20).keys()
    assert table.read_record(22)["updated_at"] == 5000


def test_random_changes_touch_as_many_rows_as_asked_and_no_row_twice():
    table = make_games(20)
    changed = table.apply(Change(delete_random=5, change_random=7), now=5000)
    assert (len(changed.deleted), len(changed.changed)) == (5, 7)
    assert not set(changed.deleted) & set(changed.changed)
    assert len(table.ids) == len(table.timeline) == 15


def test_more_deletions_than_rows_empty_the_table():
    table = make_games(4)
    table.apply(Change(delete=(10,), delete_random=50), now=5000)
    assert len(table.ids) == len(table.timeline) == 0
    assert table.apply(Change(delete_random=1, change_random=1, add=1), now=5000).added == [1]


def test_rows_without_a_time_stay_without_one():
    table = make_table([{"id": 1, "type": "Main game", "checksum": "a"}])
    table.apply(Change(change=(1,), add=1), now=5000)
    assert len(table.timeline) == 0
    assert table.read_record(1).keys() == {"id", "type", "checksum"}
    assert table.read_record(1)["checksum"] != "a"
    assert table.read_updated_at(2) is None
