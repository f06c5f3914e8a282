"""Collecting games over real HTTP from a server that changes, fails, refuses, or is asked by two at once."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from platform_assets.games.collect import Collection
from platform_assets.games.entities import ENTITIES
from platform_assets.games.plan import Mode
from platform_assets.settings import Gear, Settings
from resources.state.watermarks import SqlWatermarks
from sandbox.igdb.faults import Fault
from sandbox.process import SandboxProcess
from tests.contract.state.postgres import temporary_schema
from tests.integration.games.children import (
    Ended,
    collect_games,
    context,
    merge_games,
    started,
)
from tests.integration.games.rig import (
    DAY,
    NEXT_DAY,
    collect_day,
    count_requests,
    find_manifest,
    list_keys,
    make_settings,
    merge,
    opened,
    read_ids,
    read_records,
    read_table,
    read_units,
    run_day,
    wait_until_asked,
)

StartSandbox = Callable[..., SandboxProcess]
FaultsFile = Callable[..., tuple[str, str]]

PAGES = 12
EACH_KIND = {kind.value: 0.03 for kind in Fault}
SEED_WITH_ALL_KINDS = 32
"""With it the 46 queries for 20,000 games meet each kind at least once, and no query fails three times."""


# What changes while it is read.


def test_a_hundred_rows_deleted_during_a_run_cost_no_surviving_record(
    tmp_path: Path, start_sandbox: StartSandbox
):
    sandbox = start_sandbox()
    before = sandbox.ids()
    settings = make_settings(tmp_path, sandbox.url, igdb_requests_per_second=16.0)

    async def delete_now_and_then() -> None:
        for asked in range(2, 12):
            await wait_until_asked(sandbox, asked)
            await asyncio.to_thread(sandbox.mutate, delete_random=10)

    async def both() -> None:
        with opened(settings) as services:
            await asyncio.gather(collect_day(services), delete_now_and_then())

    asyncio.run(both())
    survivors = set(sandbox.ids())
    found = read_ids(settings)
    assert len(survivors) == len(before) - 100
    assert survivors <= set(found) <= set(before)
    assert found == sorted(set(found)), "every record once and in order"


def test_rows_that_come_and_go_all_the_time_cost_no_lasting_record(
    tmp_path: Path, start_sandbox: StartSandbox, faults_file: FaultsFile
):
    changes = {"delete_per_second": 40, "change_per_second": 40, "add_per_second": 20}
    sandbox = start_sandbox(*faults_file(changes=changes))
    before = set(sandbox.ids())
    settings = make_settings(tmp_path, sandbox.url, igdb_requests_per_second=16.0)
    run_day(settings)
    found = read_ids(settings)
    assert before & set(sandbox.ids()) <= set(found)
    assert found == sorted(set(found))
    assert sandbox.stats()["rows"]["deleted"] > 10


def test_changes_are_collected_the_next_day_and_deletions_by_the_next_full_refresh(
    tmp_path: Path, start_sandbox: StartSandbox
):
    sandbox = start_sandbox()
    settings = make_settings(tmp_path, sandbox.url)
    run_day(settings)
    done = sandbox.mutate(delete_random=7, change_random=30, add=5)
    sandbox.reset()
    changes = run_day(settings, NEXT_DAY, Mode.INCREMENTAL)
    assert changes.published.mode == "incremental"
    assert count_requests(sandbox) == 1
    assert {*done["changed"], *done["added"]} <= set(read_ids(settings, NEXT_DAY))
    merged = merge(settings)
    assert (merged.rows, merged.deleted) == (6_005, 0)
    run_day(settings, "2026-03-03")
    merged = merge(settings)
    assert (merged.rows, merged.deleted) == (6_005, 7)


# Two at once.


def test_two_processes_that_collect_one_day_ask_for_no_page_twice_and_publish_once(
    settings: Settings, sandbox: SandboxProcess
):
    run_day(settings)
    sandbox.reset()
    slower = settings.model_copy(update={"igdb_requests_per_second": 10.0})
    barrier = context().Barrier(2)
    with (
        started(collect_games, slower, NEXT_DAY, barrier) as one,
        started(collect_games, slower, NEXT_DAY, barrier) as other,
    ):
        answers = [child.wait() for child in (one, other)]
    assert [(answer.numbers or {}).get("complete") for answer in answers] == [True, True]
    assert sum((answer.numbers or {})["done"] for answer in answers) == PAGES
    assert count_requests(sandbox) == PAGES, "twelve pages, the last one by the open tail"
    manifest = find_manifest(settings, NEXT_DAY)
    assert manifest is not None
    assert [segment.generation for segment in manifest.segments] == [1]
    assert read_ids(settings, NEXT_DAY) == sandbox.ids()
    assert {record.attempts for record in read_units(settings, NEXT_DAY)} == {1}


def test_two_processes_that_merge_at_once_leave_one_whole_table(settings: Settings):
    run_day(settings)
    with started(merge_games, settings) as one, started(merge_games, settings) as other:
        answers = [child.wait() for child in (one, other)]
    assert Ended({"rows": 6_000}) in answers
    assert {answer.kind for answer in answers} <= {"", "object_changed"}
    table = read_table(settings)
    assert merge(settings).applied == ()
    assert read_table(settings) == table


# Faults.


def test_under_every_kind_of_fault_every_record_comes_once_and_in_order(
    tmp_path: Path, start_sandbox: StartSandbox, faults_file: FaultsFile
):
    faults = faults_file(seed=SEED_WITH_ALL_KINDS, rates=EACH_KIND, slow_seconds=0.3)
    sandbox = start_sandbox("--games", "20000", *faults)
    settings = make_settings(tmp_path, sandbox.url)
    assert run_day(settings).report.complete
    stats = sandbox.stats()
    assert set(stats["faults"]) == set(Fault)
    assert stats["tokens_issued"] == 1 + stats["faults"]["http_401"]
    assert read_ids(settings) == sandbox.ids()


def test_under_faults_packed_queries_bring_every_record_once_and_in_order(
    tmp_path: Path, start_sandbox: StartSandbox, faults_file: FaultsFile
):
    # Which queries are packed together depends on the moment, so these are not drawn: two, which no query's three
    # attempts can run out on.
    faults = faults_file(first={"multiquery": ["drop", "http_500"]})
    sandbox = start_sandbox("--games", "40000", *faults)
    settings = make_settings(tmp_path, sandbox.url, igdb_multiquery=Gear.ON)
    assert run_day(settings).report.complete
    stats = sandbox.stats()
    assert stats["faults"] == {"drop": 1, "http_500": 1}
    assert stats["by_endpoint"]["multiquery"] >= 8, "a fault is no refusal"
    assert read_ids(settings) == sandbox.ids()


# Gears.


def test_a_server_that_refuses_multiqueries_gets_plain_queries_now_and_from_the_next_process(
    tmp_path: Path, start_sandbox: StartSandbox
):
    sandbox = start_sandbox("--multiquery", "refuse")
    settings = make_settings(tmp_path, sandbox.url, igdb_multiquery=Gear.AUTO)
    with started(collect_games, settings, DAY) as child:
        assert child.wait().kind == ""
    assert sandbox.stats()["by_endpoint"]["multiquery"] >= 1
    assert read_ids(settings) == sandbox.ids()
    sandbox.reset()
    with started(collect_games, settings, NEXT_DAY) as child:
        assert child.wait() == Ended({"complete": True, "done": PAGES, "skipped": 0})
    assert "multiquery" not in sandbox.stats()["by_endpoint"]
    assert read_ids(settings, NEXT_DAY) == sandbox.ids()


@pytest.mark.parametrize("mode", ["parallel", "serial"])
def test_multiqueries_carry_ten_pages_each(tmp_path: Path, start_sandbox: StartSandbox, mode: str):
    sandbox = start_sandbox("--multiquery", mode, "--games", "20000")
    settings = make_settings(tmp_path, sandbox.url, igdb_multiquery=Gear.AUTO)
    run_day(settings)
    sandbox.reset()
    run_day(settings, NEXT_DAY)
    stats = sandbox.stats()
    assert read_ids(settings, NEXT_DAY) == sandbox.ids()
    assert stats["by_endpoint"]["multiquery"] <= 6, "41 pages by ten, and some company missed"
    assert stats["requests"] <= 7
    assert merge(settings).rows == 20_000


def test_an_indented_api_gives_the_same_bytes_as_a_compact_one(
    settings: Settings, tmp_path: Path, start_sandbox: StartSandbox
):
    indented = make_settings(tmp_path / "indented", start_sandbox("--pretty").url)
    tables: list[bytes] = []
    for of in (settings, indented):
        run_day(of)
        merge(of)
        tables.append(read_table(of))
    assert read_records(settings) == read_records(indented)
    assert tables[0] == tables[1]


def test_one_page_after_another_gives_the_same_bytes_as_many_at_once(
    settings: Settings, tmp_path: Path, sandbox: SandboxProcess
):
    tables: list[bytes] = []
    for mode in ("sequential", "concurrent"):
        of = make_settings(tmp_path / mode, sandbox.url, igdb_mode=mode)
        run_day(of)
        merge(of)
        tables.append(read_table(of))
    assert tables[0] == tables[1]


def test_a_token_that_expires_on_the_way_is_renewed_and_not_more_often_than_it_must(
    tmp_path: Path, start_sandbox: StartSandbox
):
    sandbox = start_sandbox("--token-seconds", "2")
    settings = make_settings(tmp_path, sandbox.url, igdb_requests_per_second=6.0)
    done = run_day(settings)
    assert done.report.complete
    assert read_ids(settings) == sandbox.ids()
    assert 2 <= sandbox.stats()["tokens_issued"] <= 2 + done.seconds


# All entities, other places.


def test_every_entity_of_the_table_is_collected_and_merged(
    settings: Settings, sandbox: SandboxProcess
):
    async def collect_all() -> dict[str, Collection]:
        with opened(settings) as services:
            return {
                entity.name: await collect_day(services, entity=entity.name) for entity in ENTITIES
            }

    done = asyncio.run(collect_all())
    for name, collection in done.items():
        assert collection.published.records == len(sandbox.ids(name)), name
        assert merge(settings, name).rows == collection.published.records, name
    assert sandbox.stats()["tokens_issued"] == 1, "one token for all of them"


@pytest.mark.parametrize("name", ["with space", "한글", "50%25 of it", "a#b", "a?b=c", "q'uote"])
def test_the_home_folder_may_have_any_name(tmp_path: Path, sandbox: SandboxProcess, name: str):
    settings = make_settings(tmp_path / name, sandbox.url)
    run_day(settings, entity="genres")
    assert merge(settings, "genres").rows == 23
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert {path.name for path in settings.home.iterdir()} >= {"state.db", "objects"}


def test_postgresql_keeps_the_state_as_well(settings: Settings, sandbox: SandboxProcess):
    with temporary_schema() as url:
        of = settings.model_copy(update={"state_url": url})
        run_day(of)
        assert read_ids(of) == sandbox.ids()
        assert {unit.state for unit in read_units(of)} == {"done"}
        with opened(of) as services:
            assert SqlWatermarks(services.state).get("games", "games") is not None
        with started(collect_games, of, NEXT_DAY) as child:
            assert child.wait() == Ended({"complete": True, "done": PAGES, "skipped": 0})
    assert not (settings.home / "state.db").exists()


def test_the_manifest_says_what_a_reader_needs_and_nothing_else_lies_about(settings: Settings):
    run_day(settings)
    run_day(settings)
    manifest = find_manifest(settings)
    assert manifest is not None
    named = {part.key for part in manifest.parts()}
    assert {key for key in list_keys(settings) if "/part-" in key} == named
    key = f"games/raw/games/dt={DAY}/manifest.json"
    path = settings.home / "objects" / key
    assert json.loads(path.read_text())["segments"][0]["generation"] == 2
