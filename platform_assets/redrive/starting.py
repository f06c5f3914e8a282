"""Which runs do again what was redriven, as values for whoever launches them. No Dagster here.

Pipelines are missing whose sensors start by themselves what is pending: tenants, products.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol

from platform_assets.core.redrive import Requeued, StartRuns

MOST_RUNS = 20
"""Runs that one redrive starts per pipeline: more would hold up what is scheduled."""

PLACE_TAG = "sluice/redrive/place"
"""What a started run is for; while one goes on, no second one is started for the same."""

_PARTITION = "dagster/partition"
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")

Run = tuple[str, str, Mapping[str, str], Sequence[Sequence[str]]]
"""Place, job, tags, and the keys of its assets; no keys for all of the job."""


class Launcher(Protocol):
    """Launches runs. Blocks; raises TransientError or RefusedError if it cannot."""

    def find_unfinished(self, tags: Mapping[str, str]) -> str | None:
        """Id of a queued or running run that has these tags; None if there is none."""
        ...

    def launch_job(
        self, job: str, tags: Mapping[str, str], assets: Sequence[Sequence[str]] = ()
    ) -> str:
        """Starts a run of a job over these of its assets, or over all; its id."""
        ...


def make_starters(launcher: Launcher, tags: Mapping[str, str], today: str) -> dict[str, StartRuns]:
    """What starts the runs of each pipeline that needs it.

    Args:
        launcher: Launches them.
        tags: Of every run, such as who has asked for it.
        today: The day, which alone can be fetched of some pipelines.
    """

    def start_games(cells: Sequence[Requeued]) -> Iterator[str]:
        return _launch(launcher, tags, list_days(cells))

    def start_shards(cells: Sequence[Requeued]) -> Iterator[str]:
        return _launch(launcher, tags, list_ranges(cells))

    def start_ranks(cells: Sequence[Requeued]) -> Iterator[str]:
        return _launch(launcher, tags, list_rank_days(cells, today))

    return {"games": start_games, "tags": start_shards, "ranks": start_ranks}


def list_days(cells: Sequence[Requeued]) -> list[Run]:
    """A run per day of games, over the raw records and the tables of the entities that failed.

    A collection that was begun is finished as it was begun, whatever the job's mode is.
    """
    days: dict[str, list[str]] = {}
    for cell in cells:
        days.setdefault(cell.scope.partition, []).append(cell.scope.pipeline)
    return [
        (
            f"games/{day}",
            "games_incremental",
            {_PARTITION: day},
            [key for name in sorted(names) for key in _list_keys(name)],
        )
        for day, names in sorted(days.items())
    ]


def list_ranges(cells: Sequence[Requeued]) -> list[Run]:
    """A run per row of neighbouring shards of a tenant-source: shards between two that failed are left alone."""
    places: dict[str, set[str]] = {}
    for cell in cells:
        shard, _, place = cell.scope.partition.partition("|")
        places.setdefault(place, set()).add(shard)
    return [
        (
            f"tags/{first}-{last}|{place}",
            "tags",
            dict(zip(_RANGE, (f"{first}|{place}", f"{last}|{place}"), strict=True)),
            (),
        )
        for place, shards in sorted(places.items())
        for first, last in _group_neighbours(shards)
    ]


def _group_neighbours(shards: Iterable[str]) -> list[tuple[str, str]]:
    """First and last of each row of shards without a gap."""
    rows: list[tuple[str, str]] = []
    for shard in sorted(shards):
        if rows and int(shard) == int(rows[-1][1]) + 1:
            rows[-1] = rows[-1][0], shard
        else:
            rows.append((shard, shard))
    return rows


def list_rank_days(cells: Sequence[Requeued], today: str) -> list[Run]:
    """A run per day of ranks: today is fetched and read, another day is read again from what it has."""
    return [
        (
            f"ranks/{day}",
            "daily_ranks" if day == today else "reparse_ranks",
            {_PARTITION: day},
            (),
        )
        for day in sorted({cell.scope.partition for cell in cells})
    ]


def _list_keys(pipeline: str) -> list[Sequence[str]]:
    """`games/raw_genres`: the raw records, and the table that is merged from them."""
    group, _, raw = pipeline.partition("/")
    return [(group, raw), (group, raw.removeprefix("raw_"))]


def _launch(launcher: Launcher, tags: Mapping[str, str], runs: Sequence[Run]) -> Iterator[str]:
    for place, job, own_tags, assets in islice(runs, MOST_RUNS):
        mark = {PLACE_TAG: place}
        run_id = launcher.find_unfinished(mark)
        if run_id is not None:
            yield f"{place}: run {run_id} is at it already"
            continue
        run_id = launcher.launch_job(job, {**tags, **own_tags, **mark}, assets)
        yield f"{place}: run {run_id} of {job}"
    if len(runs) > MOST_RUNS:
        rest = ", ".join(place for place, *_ in runs[MOST_RUNS:])
        yield f"not started, since {MOST_RUNS} runs are enough at once: {rest}"
