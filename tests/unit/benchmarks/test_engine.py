import pytest

from benchmarks.bare_ledger import BareLedger
from benchmarks.engine import (
    BARE,
    PLAIN,
    SQLITE,
    Cost,
    format_costs,
    list_goals,
    measure_engine,
    measure_plain,
    take_median,
)
from benchmarks.ledgers import is_reachable, open_sqlite
from benchmarks.parsing import make_pages, measure, pack_decoded, pack_ours
from platform_assets.core.engine.units import Scope, Unit

UNITS = [Unit(f"{n:03d}", {}) for n in range(50)]


async def test_every_unit_is_done_once_over_the_bare_ledger() -> None:
    ledger = BareLedger()
    cost = await measure_engine(BARE, ledger, UNITS)
    plan = ledger.find_plan(Scope("any", "", ""))
    assert plan is not None
    assert ledger.close_plan(plan)
    assert cost.resume_seconds is not None
    assert cost.unit_ms > 0


async def test_every_unit_is_done_once_over_sqlite() -> None:
    with open_sqlite() as ledger:
        cost = await measure_engine(SQLITE, ledger, UNITS)
    assert cost.unit_ms > 0


async def test_a_plan_with_units_left_over_is_an_error() -> None:
    ledger = BareLedger()
    ledger.open_plan(Scope("benchmarks/engine", "", "2026-01-01"), UNITS[:1], {})
    with pytest.raises(RuntimeError, match="not every unit"):
        await measure_engine(BARE, ledger, UNITS)


async def test_the_peer_has_no_plan_to_resume() -> None:
    cost = await measure_plain(UNITS)
    assert (cost.name, cost.plan_seconds, cost.resume_seconds) == (PLAIN, None, None)


def test_an_unreachable_server_is_left_out() -> None:
    assert not is_reachable("postgresql://nobody@127.0.0.1:9/none")


def test_medians_are_taken_per_measure() -> None:
    costs = [Cost("x", 1.0, 0.5, 1.0, 9.0), Cost("x", 3.0, 0.1, 2.0, 8.0)]
    assert take_median([*costs, Cost("x", 2.0, 0.2, 3.0, 7.0)]) == Cost("x", 2.0, 0.2, 2.0, 8.0)
    assert take_median([Cost("x", 1.0, 0.5)]) == Cost("x", 1.0, 0.5)


def test_costs_are_compared_with_the_peer_and_the_goals() -> None:
    costs = [Cost(PLAIN, 0.01, 0.01), Cost(BARE, 0.05, 0.05, 0.1, 0.0), Cost(SQLITE, 4, 1, 1, 2)]
    assert [line.split()[-1] for line in format_costs(costs, 3).splitlines()[1:]] == [
        "1",
        "5",
        "400",
    ]
    assert [goal.verdict for goal in list_goals(costs, 10_000)] == ["yes", "NO", "NO"]


def test_both_ways_of_packing_a_page_are_measured() -> None:
    pages = make_pages(1)
    ours = measure("ours", pack_ours, pages, runs=1)
    theirs = measure("theirs", lambda body: pack_decoded(body, 6), pages, runs=1)
    assert min(ours.compression, theirs.compression) > 1.5
