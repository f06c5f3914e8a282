import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.collecting.job import Job, read_peak_bytes
from benchmarks.collecting.measuring import Row, World
from benchmarks.collecting.modes import MODES
from benchmarks.collecting.ours import ScaledServices, make_settings, scale_waits
from benchmarks.collecting.summary import describe, format_rows, list_goals
from benchmarks.collector import choose_modes, read_options
from platform_assets.core.engine.retry import RetryPolicy
from resources.caps.limits import CAPS

WORLD = World(344_000, 1.0, 1.05, 0.02, 1, Path(tempfile.gettempdir()))


def make_row(mode: str, **changes: object) -> Row:
    values: dict[str, object] = {
        "mode": mode,
        "seed": 1,
        "wall_seconds": 175.0,
        "ratio": 1.017,
        "requests": 689,
        "refused": 0,
        "faults": {},
        "cpu_seconds": 6.0,
        "import_cpu_seconds": 0.8,
        "peak_megabytes": 100.0,
        "records": 344_000,
        "verdict": "exact",
        "max_open": 8,
    }
    return Row(**{**values, **changes})  # pyright: ignore[reportArgumentType]


def make_job(home: Path, world: World) -> Job:
    return Job(
        "http://127.0.0.1:1",
        str(home),
        "2026-01-01",
        "id",
        "secret",
        world.cap,
        time_scale=world.time_scale,
    )


def test_the_limit_is_pages_by_rate() -> None:
    assert WORLD.limit_seconds == pytest.approx(688 / 4)
    assert replace(WORLD, records=501, time_scale=4.0).limit_seconds == pytest.approx(2 / 16)


def test_a_scaled_cap_keeps_four_requests_in_a_shorter_window() -> None:
    cap = replace(WORLD, time_scale=4.0).cap
    assert (cap.requests, cap.per_seconds, cap.in_flight) == (4, 0.25, 8)
    assert cap.guard == pytest.approx(4 * CAPS["igdb"].guard)


def test_an_unscaled_cap_is_the_one_of_production() -> None:
    assert WORLD.cap == CAPS["igdb"]


def test_waits_are_scaled_and_tries_are_not() -> None:
    scaled = scale_waits(RetryPolicy(), 4.0)
    assert (scaled.first_wait_seconds, scaled.longest_wait_seconds) == (0.5, 2.5)
    assert scaled.attempts == RetryPolicy().attempts


def test_the_environment_does_not_decide_where_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_STATE_URL", "postgresql://elsewhere/db")
    monkeypatch.setenv("SLUICE_OBJECTS_URL", "s3://elsewhere")
    settings = make_settings(make_job(tmp_path, WORLD))
    assert settings.state_database_url == f"sqlite:///{tmp_path}/state.db"
    assert settings.object_store_url == f"file://{tmp_path}/objects"


def test_the_measured_services_hold_the_sandboxs_cap_and_waits(tmp_path: Path) -> None:
    services = ScaledServices(make_job(tmp_path, replace(WORLD, time_scale=4.0)))
    assert services.igdb.cap.per_seconds == 0.25
    assert services.igdb.policy.retry.first_wait_seconds == RetryPolicy().first_wait_seconds / 4
    services.state.close()


def test_the_peak_is_at_least_what_is_resident_now() -> None:
    assert read_peak_bytes() > 10_000_000


def test_the_peak_is_known_without_proc(tmp_path: Path) -> None:
    assert read_peak_bytes(tmp_path / "missing") > 10_000_000


def test_goals_take_medians_of_times_but_the_worst_of_429s() -> None:
    rows = [make_row("plain", ratio=r, refused=n) for r, n in ((1.01, 0), (1.015, 3), (1.5, 0))]
    goals = {goal.label: goal for goal in list_goals(rows)}
    assert goals["plain: wall / (pages / rate)"].measured == pytest.approx(1.015)
    assert goals["plain: 429s, worst run"].measured == 3
    assert goals["multiquery: wall seconds"].verdict == "-"


def test_one_run_with_wrong_records_misses_a_goal() -> None:
    goals = {goal.label: goal for goal in list_goals([make_row("first", verdict="1 missing")])}
    assert goals["runs with wrong records"].verdict == "NO"
    assert "1 missing" in format_rows([make_row("first"), make_row("first", verdict="1 missing")])


def test_rows_come_in_the_order_of_the_table_of_modes() -> None:
    lines = format_rows([make_row("reference"), make_row("plain")]).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["ours", "reference, batches of 8"]


def test_the_document_holds_runs_failures_and_goals() -> None:
    document = describe([make_row("plain")], ["faults: broke"], {"records": 5})
    assert isinstance(document, dict)
    assert document["options"] == {"records": 5}
    assert (document["runs"][0]["mode"], document["failures"]) == ("plain", ["faults: broke"])
    assert all("met" in goal for goal in document["goals"])


def test_quick_is_small_and_scaled_and_can_be_overridden() -> None:
    quick = read_options(["--quick"])
    assert (quick.records, quick.runs, quick.time_scale) == (40_000, 1, 4.0)
    assert read_options(["--quick", "--records", "500"]).records == 500
    full = read_options([])
    assert (full.records, full.runs, full.time_scale) == (344_000, 3, 1.0)


def test_modes_are_chosen_by_name_in_the_tables_order() -> None:
    assert [mode.name for mode in choose_modes(["faults", "plain"])] == ["plain", "faults"]
    assert choose_modes(None) == list(MODES)
