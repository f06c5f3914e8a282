"""How tables are dealt to shards, and how the plan is kept."""

import json
from collections import Counter
from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.core.objects import ObjectInfo
from platform_assets.tags.keys import TenantSource
from platform_assets.tags.shards.dealing import ShardPlan, grow, open_plan, plan_shards, read_plan
from tests.fakes.memory_objects import MemoryObjectStore

PLACE = TenantSource("acme", "board")
SIZES = st.dictionaries(st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True), st.integers(0, 10**9))


def loads(plan: ShardPlan, sizes: Mapping[str, int]) -> Counter[str]:
    found = Counter(dict.fromkeys(plan.names, 0))
    for table_id, size in sizes.items():
        found[plan.shards[table_id]] += size
    return found


@given(SIZES, st.integers(1, 100))
def test_every_table_is_in_exactly_one_shard(sizes: dict[str, int], count: int):
    plan = plan_shards(sizes, count)
    assert set(plan.shards) == set(sizes)
    assert set(plan.shards.values()) <= set(plan.names)
    if len(sizes) >= count:
        assert set(plan.shards.values()) == set(plan.names), "no shard is empty"


@given(SIZES.filter(bool), st.integers(1, 100))
def test_no_shard_has_more_than_the_mean_and_one_table(sizes: dict[str, int], count: int):
    heaviest = max(loads(plan_shards(sizes, count), sizes).values())
    longest = max(sizes.values())
    assert heaviest <= sum(sizes.values()) / count + longest * (1 - 1 / count) + 1e-3
    if len(sizes) <= count:
        assert heaviest == longest


@given(st.lists(st.integers(1, 60), min_size=1, max_size=7), st.integers(1, 3))
def test_the_heaviest_shard_is_within_four_thirds_of_the_best_plan(sizes: list[int], count: int):
    named = {f"t{number}": size for number, size in enumerate(sizes)}
    heaviest = max(loads(plan_shards(named, count), named).values())
    assert heaviest <= best_makespan(sizes, count) * (4 / 3 - 1 / (3 * count)) + 1e-9


def best_makespan(sizes: list[int], count: int) -> int:
    """The best of all plans, by trying them."""
    reached = {(0,) * count}
    for size in sizes:
        reached = {
            tuple(sorted((*loads[:n], loads[n] + size, *loads[n + 1 :])))
            for loads in reached
            for n in range(count)
        }
    return min(max(loads) for loads in reached)


@given(SIZES, st.integers(1, 100), st.randoms())
def test_the_order_in_which_tables_are_listed_does_not_matter(
    sizes: dict[str, int], count: int, random: Random
):
    shuffled = list(sizes.items())
    random.shuffle(shuffled)
    assert plan_shards(dict(shuffled), count) == plan_shards(sizes, count)


@given(SIZES, SIZES, st.integers(1, 100))
def test_growth_moves_no_table_and_places_the_new_ones(
    before: dict[str, int], after: dict[str, int], count: int
):
    plan = plan_shards(before, count)
    grown = grow(plan, after)
    assert grown.count == plan.count
    assert set(grown.shards) == set(before) | set(after)
    assert all(grown.shards[table_id] == plan.shards[table_id] for table_id in before)
    assert grow(grown, after) == grown, "once is enough"


def test_new_tables_go_to_the_lightest_shards_by_what_is_there_now():
    plan = plan_shards({"a": 100, "b": 90, "c": 80}, 3)
    now = {"a": 100, "c": 80, "new": 10}
    assert grow(plan, now).shards["new"] == plan.shards["b"], "b vanished: its shard is empty"
    assert grow(plan, now).shards["b"] == plan.shards["b"], "and keeps its place"


def test_tables_of_no_size_are_spread_too():
    plan = plan_shards({f"t{n}": 0 for n in range(10)}, 5)
    assert set(Counter(plan.shards.values()).values()) == {2}


@pytest.mark.parametrize("count", [0, 101])
def test_a_number_of_shards_outside_1_to_100_is_refused(count: int):
    with pytest.raises(ValueError, match="1 to 100"):
        plan_shards({"a": 1}, count)


def test_a_first_plan_has_at_most_as_many_shards_as_tables():
    assert open_plan(MemoryObjectStore(), PLACE, {"a": 1, "b": 2}).count == 2
    many = {f"t{n}": n for n in range(645)}
    assert open_plan(MemoryObjectStore(), PLACE, many).count == 100
    assert open_plan(MemoryObjectStore(), PLACE, many, count=10).count == 10


@given(SIZES.filter(bool), SIZES.filter(bool))
def test_a_restart_gets_the_stored_plan(first: dict[str, int], later: dict[str, int]):
    objects = MemoryObjectStore()
    plan = open_plan(objects, PLACE, first)
    assert open_plan(objects, PLACE, first) == plan == read_plan(objects, PLACE)
    grown = open_plan(objects, PLACE, later, count=1)
    assert grown == grow(plan, later) == read_plan(objects, PLACE)


def test_a_plan_that_did_not_grow_is_not_written_again():
    objects = MemoryObjectStore()
    open_plan(objects, PLACE, {"a": 1})
    before = objects.head(PLACE.plan_key)
    open_plan(objects, PLACE, {"a": 5})
    assert objects.head(PLACE.plan_key) == before


def test_no_plan_is_made_of_no_tables():
    objects = MemoryObjectStore()
    with pytest.raises(PermanentError) as raised:
        open_plan(objects, PLACE, {})
    assert raised.value.kind == "no_tables"
    assert read_plan(objects, PLACE) is None


def test_a_stored_plan_serves_when_all_tables_have_vanished():
    objects = MemoryObjectStore()
    plan = open_plan(objects, PLACE, {"a": 1})
    assert open_plan(objects, PLACE, {}) == plan


class BusyStore(MemoryObjectStore):
    """Somebody else plans whenever the plan is looked at."""

    others: list[dict[str, int]]

    def other_plans(self, *others: dict[str, int]) -> None:
        self.others = list(others)

    def plan_meanwhile(self) -> None:
        others, self.others = getattr(self, "others", []), []
        if others:
            open_plan(self, PLACE, others[0])
        self.others = others[1:]

    def head(self, key: str) -> ObjectInfo | None:
        found = super().head(key)
        if not self._lock.locked():  # a look, and not a part of a write
            self.plan_meanwhile()
        return found


def test_of_two_runs_that_plan_at_once_the_second_takes_the_stored_plan():
    objects = BusyStore()
    objects.other_plans({"a": 1, "b": 5, "theirs": 7})
    plan = open_plan(objects, PLACE, {"a": 1, "b": 5, "ours": 9})
    theirs = plan_shards({"a": 1, "b": 5, "theirs": 7}, 3)
    assert plan == grow(theirs, {"a": 1, "b": 5, "ours": 9}) == read_plan(objects, PLACE)


def test_two_runs_that_grow_at_once_lose_no_table():
    objects = BusyStore()
    first = open_plan(objects, PLACE, {"a": 1, "b": 2})
    objects.other_plans({"a": 1, "b": 2, "theirs": 3})
    plan = open_plan(objects, PLACE, {"a": 1, "b": 2, "ours": 4})
    assert set(plan.shards) == {"a", "b", "theirs", "ours"}
    assert plan.count == first.count
    assert read_plan(objects, PLACE) == plan


def test_a_plan_that_changes_all_the_time_is_given_up():
    objects = BusyStore()
    open_plan(objects, PLACE, {"a": 1})
    objects.other_plans(*({"a": 1, f"t{n}": 1} for n in range(99)))
    with pytest.raises(TransientError) as raised:
        open_plan(objects, PLACE, {"a": 1, "ours": 1})
    assert raised.value.kind == "plan_contested"


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\xff",
        b"[]",
        b"3",
        b"{}",
        json.dumps({"count": 0, "tables": {}}).encode(),
        json.dumps({"count": "3", "tables": {}}).encode(),
        json.dumps({"count": 3, "tables": {"a": "03"}}).encode(),
        json.dumps({"count": 3, "tables": {"a": 1}}).encode(),
        json.dumps({"count": 3, "tables": ["a"]}).encode(),
    ],
)
def test_a_stored_plan_that_cannot_be_read_is_never_replaced(stored: bytes):
    objects = MemoryObjectStore()
    objects.put(PLACE.plan_key, stored)
    with pytest.raises(PermanentError) as raised:
        open_plan(objects, PLACE, {"a": 1})
    assert raised.value.kind == "bad_plan"
    assert PLACE.plan_key in raised.value.message
    assert objects.get(PLACE.plan_key) == stored
