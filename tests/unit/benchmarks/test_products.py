"""What the benchmark of products makes of its measures. Nothing is measured here."""

import pytest

from benchmarks.products import UNCAPPED, format_kills, format_paces, format_pages, list_goals
from benchmarks.products_scanning.kills import Kill
from benchmarks.products_scanning.pace import PaceRun
from benchmarks.products_scanning.pages import PageRun


def make_run(name: str, seconds: float, *, rate: int = 40, refused: int = 0) -> PaceRun:
    return PaceRun(
        name=name,
        products=400,
        rate=rate,
        guard=0.05,
        seconds=seconds,
        batch_seconds=1.3,
        ledger_seconds=0.5,
        checkpoint_seconds=0.1,
        cpu_seconds=2.0,
        refused=refused,
    )


def test_a_cap_is_one_line_with_the_median_over_its_limit_and_the_worst_refusals():
    runs = [make_run("fast", 11), make_run("fast", 10, refused=3), make_run("fast", 12)]
    _, line = format_paces(runs).splitlines()
    assert line.split() == [
        *("fast", "3", "400", "11.0", "1.100", "1.000", "to", "1.200"),
        *("1.30", "0.91", "4.55", "5.0", "3"),
    ]


def test_a_cap_that_is_never_reached_has_no_limit_to_compare_with():
    _, line = format_paces([make_run("open", 4, rate=UNCAPPED)]).splitlines()
    assert line.split() == ["open", "1", "400", "4.0", "1.30", "2.50", "12.50", "5.0", "0"]


def test_the_worst_kill_and_the_median_share_are_held_against_the_goals():
    paces = [make_run("fast", 10), make_run("slow", 100), make_run("open", 1, rate=UNCAPPED)]
    kills = [Kill(100, 19, 2.0), Kill(200, 1, 2.0)]
    share, refused, repeated = list_goals(paces, kills)
    assert share.measured == pytest.approx(0.55), "without a cap nothing waits"
    assert share.verdict == "yes"
    assert (refused.measured, refused.verdict) == (0, "yes")
    assert (repeated.measured, repeated.verdict) == (19, "NO")
    assert [goal.verdict for goal in list_goals([], [])] == ["-", "-", "-"]


def test_kills_and_pages_are_a_line_each():
    kills = [Kill(100, 1, 2.0), Kill(200, 5, 2.5), Kill(300, 4, 4.0)]
    assert format_kills(kills).splitlines()[1].split() == ["3", "4", "5", "8", "2.5"]
    run = PageRun("kurly", 40, 4, 1.0, 10.0, {20: 900.4, 40: 1000.0}, 2000.0)
    headers, line = format_pages([run]).splitlines()
    assert "MB at 20  MB at 40" in headers
    assert line.split() == ["kurly", "40", "4", "240", "1.0", "900", "1000", "2000"]
