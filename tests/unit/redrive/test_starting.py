"""Which runs are started for what was redriven, and that one place gets one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from platform_assets.core.engine.units import Scope
from platform_assets.core.errors import TransientError
from platform_assets.core.redrive import Requeued
from platform_assets.redrive.starting import (
    MOST_RUNS,
    PLACE_TAG,
    list_days,
    list_ranges,
    make_starters,
)

TODAY = "2026-11-21"

Launched = tuple[str, dict[str, str], list[list[str]]]


@dataclass
class Launches:
    """Satisfies `Launcher`; it can launch `most` runs."""

    most: int = 1000
    going_on: set[str] = field(default_factory=set[str])
    launched: list[Launched] = field(default_factory=list[Launched])

    def find_unfinished(self, tags: Mapping[str, str]) -> str | None:
        return "old" if tags[PLACE_TAG] in self.going_on else None

    def launch_job(
        self, job: str, tags: Mapping[str, str], assets: Sequence[Sequence[str]] = ()
    ) -> str:
        if len(self.launched) == self.most:
            raise TransientError("the webserver is away", kind="dagster_unreachable")
        self.launched.append((job, dict(tags), [list(key) for key in assets]))
        return f"r{len(self.launched)}"


def game(entity: str, day: str) -> Requeued:
    return Requeued(Scope(f"games/raw_{entity}", "", day), 1)


def shard(number: int, place: str) -> Requeued:
    return Requeued(Scope("tags", place.partition(":")[0], f"{number:02}|{place}"), 1)


def start(launches: Launches, pipeline: str, *cells: Requeued) -> list[str]:
    return list(make_starters(launches, {"sluice/actor": "olga"}, TODAY)[pipeline](cells))


def test_a_day_of_games_is_one_run_over_the_entities_that_failed():
    cells = [
        game("genres", "2026-11-21"),
        game("games", "2026-11-20"),
        game("genres", "2026-11-20"),
    ]
    first, second = list_days(cells)
    assert first == (
        "games/2026-11-20",
        "games_incremental",
        {"dagster/partition": "2026-11-20"},
        [("games", "raw_games"), ("games", "games"), ("games", "raw_genres"), ("games", "genres")],
    )
    assert second[3] == [("games", "raw_genres"), ("games", "genres")]


def test_today_of_ranks_is_fetched_and_another_day_is_read_again():
    cells = [
        Requeued(Scope(pipeline, "", day), 2)
        for pipeline in ("ranks/pages", "ranks/daily")
        for day in (TODAY, "2026-11-20")
    ]
    launches = Launches()
    assert start(launches, "ranks", *cells) == [
        "ranks/2026-11-20: run r1 of reparse_ranks",
        "ranks/2026-11-21: run r2 of daily_ranks",
    ]
    assert [tags["dagster/partition"] for _, tags, _ in launches.launched] == [
        "2026-11-20",
        TODAY,
    ]


def test_neighbouring_shards_of_a_tenant_source_are_one_run_and_shards_between_are_left_alone():
    numbers = (9, 7, 3, 8)
    cells = [*(shard(number, "acme:review") for number in numbers), shard(3, "beta:board")]
    alone, row, beta = list_ranges(cells)
    assert row == (
        "tags/07-09|acme:review",
        "tags",
        {
            "dagster/asset_partition_range_start": "07|acme:review",
            "dagster/asset_partition_range_end": "09|acme:review",
        },
        (),
    )
    assert set(alone[2].values()) == {"03|acme:review"}
    assert set(beta[2].values()) == {"03|beta:board"}


def test_each_run_is_launched_with_its_place_and_who_asked():
    launches = Launches()
    lines = start(launches, "tags", shard(7, "acme:review"))
    assert lines == ["tags/07-07|acme:review: run r1 of tags"]
    ((job, tags, assets),) = launches.launched
    assert (job, assets) == ("tags", [])
    assert tags[PLACE_TAG] == "tags/07-07|acme:review"
    assert tags["sluice/actor"] == "olga"


def test_a_place_that_a_run_is_at_gets_no_second_one():
    launches = Launches(going_on={"tags/07-07|acme:review"})
    lines = start(launches, "tags", shard(7, "acme:review"), shard(1, "beta:board"))
    assert lines == [
        "tags/07-07|acme:review: run old is at it already",
        "tags/01-01|beta:board: run r1 of tags",
    ]


def test_what_was_started_before_an_error_is_told_first():
    starting = make_starters(Launches(most=1), {}, TODAY)["games"]
    lines = iter(starting([game("games", "2026-11-20"), game("games", "2026-11-21")]))
    assert next(lines) == "games/2026-11-20: run r1 of games_incremental"
    with pytest.raises(TransientError):
        next(lines)


def test_no_more_runs_are_started_at_once_than_a_queue_can_bear():
    launches = Launches()
    cells = [shard(1, f"t{number:02}:board") for number in range(MOST_RUNS + 2)]
    *_, last = start(launches, "tags", *cells)
    assert len(launches.launched) == MOST_RUNS
    assert "not started" in last
    assert last.endswith("tags/01-01|t20:board, tags/01-01|t21:board")


def test_what_a_sensor_starts_has_no_starter():
    assert set(make_starters(Launches(), {}, TODAY)) == {"games", "tags", "ranks"}
