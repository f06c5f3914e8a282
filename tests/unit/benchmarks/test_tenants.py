from pathlib import Path

import pytest

from benchmarks.backfilling.processes import Found, find_tree, parse_stat
from benchmarks.backfilling.sources import World
from benchmarks.backfilling.summary import Backfill, Row, format_rows, list_goals, take_medians
from benchmarks.tenants import read_options
from platform_assets.tenants.tenant import SourceSettings

UNREACHABLE = ["--postgres", "postgresql://nobody@127.0.0.1:9/none"]


def make_row(
    kind: Backfill, seconds: float, storage: str = "SQLite", verdict: str = "exact"
) -> Row:
    return Row(
        kind=kind,
        storage=storage,
        cells=100,
        window_seconds=seconds,
        cpu_seconds=2 * seconds,
        verdict=verdict,
    )


def test_each_backfill_is_compared_with_the_peer_that_is_as_wide() -> None:
    rows = [
        make_row(Backfill.BARE, 2.0, "none"),
        make_row(Backfill.BARE, 4.0, "none"),
        make_row(Backfill.BARE_MANY, 1.0, "none"),
        make_row(Backfill.ONE_RUN, 6.0),
        make_row(Backfill.DAEMON, 2.5),
    ]
    added = {line.kind: line.added_ms for line in take_medians(rows)}
    assert added[Backfill.ONE_RUN] == pytest.approx(60 - 30)
    assert added[Backfill.DAEMON] == pytest.approx(25 - 10)
    assert added[Backfill.BARE] == 0
    one_run = next(line for line in take_medians(rows) if line.kind is Backfill.ONE_RUN)
    assert (one_run.ratio, one_run.added_cpu_ms) == (pytest.approx(2.0), pytest.approx(60.0))


def test_what_a_cell_may_cost_beyond_bare_processing_is_a_goal_for_each_storage() -> None:
    rows = [
        make_row(Backfill.BARE_MANY, 1.0, "none"),
        make_row(Backfill.DAEMON, 2.9, "SQLite"),
        make_row(Backfill.DAEMON, 3.1, "PostgreSQL"),
    ]
    assert [goal.verdict for goal in list_goals(rows)] == ["yes", "NO", "yes"]


def test_a_backfill_that_lost_something_fails_its_goal_and_shows_in_the_table() -> None:
    rows = [make_row(Backfill.BARE, 1.0, "none"), make_row(Backfill.BARE, 1.0, "none", "9 of 10")]
    assert list_goals(rows)[-1].verdict == "NO"
    assert format_rows(rows).endswith("9 of 10")


def test_no_backfill_no_table_and_only_the_goal_that_nothing_is_wrong() -> None:
    assert [goal.measured for goal in list_goals([])] == [0]


def test_a_process_is_read_from_its_stat_whatever_its_name_is() -> None:
    text = "71 (a ) b 1) S 70 71 71 0 -1 4194560 1 2 3 4 10 20 300 4000 20 0 1 0 5 6 7"
    assert parse_stat(text) == Found(71, 70, 4330)


def test_a_tree_holds_descendants_of_every_generation_and_nobody_else() -> None:
    processes = [Found(4, 3, 0), Found(3, 2, 0), Found(2, 1, 0), Found(9, 1, 0), Found(1, 0, 0)]
    assert {found.pid for found in find_tree(2, processes)} == {2, 3, 4}


def test_slices_hold_whole_tenants_and_every_cell_once() -> None:
    sources = {name: SourceSettings("sqlite:////x.db") for name in ("a", "b", "c")}
    world = World(Path(), sources, ["2026-01", "2026-02"], 0)
    assert world.slices(2) == [
        ["2026-01|a", "2026-02|a", "2026-01|b", "2026-02|b"],
        ["2026-01|c", "2026-02|c"],
    ]
    assert world.cell_count == 6


def test_the_peers_are_measured_whatever_rows_are_chosen() -> None:
    options = read_options(["--kinds", "daemon", *UNREACHABLE])
    assert set(options.kinds) == {Backfill.BARE_MANY, Backfill.DAEMON}


def test_postgresql_is_left_out_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert read_options(["--quick", *UNREACHABLE]).storage == ["SQLite"]
    assert "left out" in capsys.readouterr().err
