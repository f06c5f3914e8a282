from datetime import UTC, datetime, timedelta

from platform_assets.core.engine.units import UnitState
from platform_assets.products.batches import Batch, PlannedBatch
from platform_assets.products.progress import measure_day

BEGAN = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def planned(*states: UnitState, size: int = 50) -> list[PlannedBatch]:
    total = len(states)
    return [
        PlannedBatch(
            Batch("musinsa", "2026-11-21", index, total),
            tuple(f"{index}-{number}" for number in range(size)),
            state,
        )
        for index, state in enumerate(states, 1)
    ]


def test_a_day_that_was_not_split_has_no_progress():
    assert measure_day([], {}, None, BEGAN) is None


def test_batches_and_products_are_counted_and_the_end_is_estimated():
    batches = planned(UnitState.DONE, UnitState.FAILED, UnitState.PENDING, UnitState.PENDING)
    states = {UnitState.DONE: 70, UnitState.FAILED: 10, UnitState.RUNNING: 5}
    progress = measure_day(batches, states, BEGAN, BEGAN + timedelta(minutes=8))
    assert progress is not None
    assert (progress.batches, progress.completed, progress.failed) == (4, 1, 1)
    assert (progress.products, progress.products_done, progress.products_failed) == (200, 70, 10)
    assert progress.percent == 40.0
    assert progress.ends_at == BEGAN + timedelta(minutes=20)


def test_nothing_is_estimated_before_the_first_product_and_after_the_last():
    (batch,) = planned(UnitState.PENDING)
    for states in ({}, {UnitState.DONE: 49, UnitState.FAILED: 1}):
        progress = measure_day([batch], states, BEGAN, BEGAN + timedelta(minutes=1))
        assert progress is not None
        assert progress.ends_at is None
    unknown = measure_day([batch], {UnitState.DONE: 1}, None, BEGAN)
    assert unknown is not None
    assert unknown.ends_at is None


def test_a_day_whose_batches_have_all_ended_has_no_estimate_and_nothing_left():
    batches = planned(UnitState.DONE, UnitState.FAILED)
    states = {UnitState.DONE: 80, UnitState.FAILED: 4, UnitState.PENDING: 16}
    progress = measure_day(batches, states, BEGAN, BEGAN + timedelta(minutes=8))
    assert progress is not None
    assert (progress.products_done, progress.products_failed) == (80, 20)
    assert (progress.percent, progress.ends_at) == (100.0, None)
