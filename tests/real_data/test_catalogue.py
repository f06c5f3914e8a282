"""The real catalogue of 276,711 games, served by the sandbox, collected and merged."""

import gzip
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from platform_assets.games.entities import ENTITIES
from platform_assets.games.quality import check_segment
from platform_assets.settings import Gear, Settings
from sandbox.process import SandboxProcess
from tests.integration.games.rig import (
    make_settings,
    merge,
    read_records,
    read_table,
    run_day,
)

GAMES = 276_711


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, catalogue: SandboxProcess) -> Settings:
    return make_settings(
        tmp_path_factory.mktemp("catalogue"), catalogue.url, igdb_multiquery=Gear.ON
    )


def read_catalogue_ids(data: Path) -> list[int]:
    with gzip.open(data / "igdb_catalog" / "games_2026-02-02_after.jsonl.gz") as lines:
        return [json.loads(line)["igdb_id"] for line in lines]


@pytest.mark.slow
def test_the_whole_catalogue_is_collected_and_merged_and_a_second_time_gives_the_same_bytes(
    settings: Settings, catalogue: SandboxProcess, games_data: Path
):
    done = run_day(settings)
    assert done.report.complete
    assert done.published.records == GAMES
    assert all(finding.passed for finding in check_segment(done.published, GAMES))
    first = merge(settings)
    table = pq.read_table(io.BytesIO(read_table(settings)), columns=["id", "rest", "genres"])
    assert table["id"].to_pylist() == catalogue.ids()
    assert (first.rows, first.deleted) == (GAMES, 0)
    # The records drift as they did over the years, and nothing of it breaks the table.
    assert first.drift.changed == {}
    assert {"category", "genre_names", "external_ids"} <= set(first.drift.new)
    assert 0 < table["genres"].null_count < GAMES
    before = read_table(settings)
    catalogue.reset()
    again = run_day(settings)
    assert again.published.records == GAMES
    assert catalogue.stats()["by_endpoint"]["multiquery"] <= 65, "554 pages, ten a request"
    assert len(merge(settings).applied) == 1
    assert read_table(settings) == before
    assert table["id"].to_pylist() == sorted(read_catalogue_ids(games_data))


def test_of_every_other_entity_each_real_row_is_collected_the_one_with_id_0_too(
    settings: Settings, catalogue: SandboxProcess
):
    lost: dict[str, set[int]] = {}
    for name in (entity.name for entity in ENTITIES if entity.name != "games"):
        run_day(settings, entity=name)
        found = [record["id"] for record in read_records(settings, entity=name)]
        assert merge(settings, name).rows == len(found) > 0, name
        if found != catalogue.ids(name):
            lost[name] = set(catalogue.ids(name)) - set(found)
    assert lost == {}
    assert 0 in catalogue.ids("game_types"), "the game type `Main Game` has id 0"
