from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from sandbox.tenants.events import Event
from sandbox.tenants.generated import GeneratedTenants, Shape
from sandbox.tenants.oddities import OddKind
from sandbox.tenants.truth import Truth

SHAPE = Shape(
    count=4, months=["2024-11", "2024-12", "2025-01"], events_per_month=300, dirt=0.3, seed=7
)


def draw(shape: Shape = SHAPE) -> tuple[dict[str, list[Event]], Truth]:
    truth = Truth("generated", shape.seed)
    return {name: list(rows) for name, rows in GeneratedTenants(shape).read(truth)}, truth


def select(rows: dict[str, list[Event]], month: str) -> dict[str, list[Event]]:
    letters = month.replace("-", "")
    return {name: [e for e in found if letters in e.order_id] for name, found in rows.items()}


def test_the_same_seed_gives_the_same_rows_and_the_same_truth():
    assert draw() == draw()


def test_another_seed_gives_other_rows():
    assert draw()[0] != draw(replace(SHAPE, seed=8))[0]


def test_a_month_does_not_depend_on_how_many_months_there_are():
    longer, _ = draw(replace(SHAPE, months=["2024-10", *SHAPE.months]))
    assert select(longer, "2025-01") == select(draw()[0], "2025-01")


def test_without_dirt_every_row_is_good_and_comes_once_in_the_order_of_time():
    rows, truth = draw(replace(SHAPE, dirt=0.0))
    for name, found in rows.items():
        known = truth.tenant(name).months.values()
        assert sum(month.good for month in known) == len(found)
        assert len({event.event_id for event in found}) == len(found)
        assert all(early.event_at <= late.event_at for early, late in pairwise(found))
        assert None not in {event.customer_id for event in found}
        assert all(month.rows > 0 for month in known)


def test_sizes_follow_zipf_and_have_the_mean_that_was_asked_for():
    rows, _ = draw(replace(SHAPE, count=10, events_per_month=2000, dirt=0.0))
    sizes = [len(found) for found in rows.values()]
    assert sum(sizes) / 30 == pytest.approx(2000, rel=0.2)
    for rank, size in enumerate(sizes, start=1):
        assert size * rank == pytest.approx(sizes[0], rel=0.6)


def test_every_kind_of_oddity_is_there_about_equally_often():
    _, truth = draw(replace(SHAPE, events_per_month=4000))
    odd = Counter[str]()
    for tenant in truth.tenants.values():
        for month in tenant.months.values():
            odd += month.odd
    assert odd.keys() == {*OddKind}
    assert max(odd.values()) < 1.3 * min(odd.values())
    good = sum(m.good for tenant in truth.tenants.values() for m in tenant.months.values())
    bad = sum(m.bad for tenant in truth.tenants.values() for m in tenant.months.values())
    assert odd.total() / (good + bad) == pytest.approx(0.3, rel=0.1)


def test_dirt_leaves_months_empty_and_the_last_one_full():
    months = [f"2024-{n:02}" for n in range(1, 13)]
    rows, truth = draw(replace(SHAPE, count=10, months=months, events_per_month=20))
    empty = [
        (name, month)
        for month in months
        for name, found in select(rows, month).items()
        if not found
    ]
    assert 10 < len(empty) < 60
    assert "2024-12" not in {month for _, month in empty}
    assert all(month in truth.tenant(name).months for name, month in empty)


def test_events_of_the_last_month_end_with_the_day_that_was_asked_for():
    rows, _ = draw(replace(SHAPE, last_days=9, dirt=0.0))
    for month, last in (("2025-01", "2025-01-09"), ("2024-12", "2024-12-31")):
        found = select(rows, month)["tenant-0001"]
        assert max(event.event_at for event in found)[:10] == last


def test_an_order_has_one_customer_and_at_most_two_lines():
    rows, _ = draw(replace(SHAPE, dirt=0.0))
    lines = Counter(event.order_id for event in rows["tenant-0001"])
    owners = {(event.order_id, event.customer_id) for event in rows["tenant-0001"]}
    assert {*lines.values()} <= {1, 2}
    assert len(owners) == len(lines)
