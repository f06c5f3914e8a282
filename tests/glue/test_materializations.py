# pyright: standard
"""A batch of materializations leaves in Dagster what the same events leave one by one."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster import AssetRecordsFilter
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from sqlalchemy import Engine, event

from resources.dagster.materializations import (
    STORED_TOGETHER,
    _make_entry,
    _store_in_sqlite,
    tell_materializations,
)
from tests.contract.state.postgres import temporary_schema

ONE, TWO = dg.AssetKey(["shop", "one"]), dg.AssetKey(["shop", "two"])
PARTITIONS = dg.StaticPartitionsDefinition([f"p{number}" for number in range(30)])
TELLING = [
    dg.AssetMaterialization(
        key,
        partition=partition,
        metadata={"rows": number, "note": f"{key.path[-1]} 행"},
        tags={"dagster/data_version": f"{key.path[-1]}-{number}"},
    )
    for key in (ONE, TWO)
    for number, partition in enumerate(PARTITIONS.get_partition_keys())
]

Tell = Callable[[Any, list[dg.AssetMaterialization]], None]


def one_by_one(context: Any, materializations: list[dg.AssetMaterialization]) -> None:
    for materialization in materializations:
        context.log_event(materialization)


@contextmanager
def sqlite_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@contextmanager
def postgres_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    home.mkdir()
    with temporary_schema() as url:
        config = {"telemetry": {"enabled": False}, "storage": {"postgres": {"postgres_url": url}}}
        (home / "dagster.yaml").write_text(yaml.dump(config))
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance


@contextmanager
def ephemeral_instance(_home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run_job(instance: dg.DagsterInstance, tell: Tell) -> str:
    @dg.op
    def work(context: dg.OpExecutionContext) -> None:
        tell(context, TELLING[:40])
        tell(context, [])
        tell(context, TELLING[40:])
        tell(context, TELLING[:1])

    @dg.job
    def shop() -> None:
        work()

    return shop.execute_in_process(instance=instance).run_id


def read_pages(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Partitions of the run's events, seven a page."""
    found: list[str] = []
    cursor, more = None, True
    while more:
        page = instance.get_records_for_run(
            run_id, cursor, dg.DagsterEventType.ASSET_MATERIALIZATION, limit=7
        )
        cursor, more = page.cursor, page.has_more
        ids = [record.storage_id for record in page.records]
        assert ids == sorted(ids)
        found += [record.partition_key or "" for record in page.records]
    return found


def describe(instance: dg.DagsterInstance, run_id: str) -> dict[str, Any]:
    """All that Dagster reads of it, but for times, ids and process ids."""
    found: dict[str, Any] = {}
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    found["run"] = sorted(  # a batch is stored asset by asset
        str(
            (e.step_key, e.job_name, e.level, e.user_message, e.get_dagster_event()._replace(pid=0))
        ).replace(run_id, "run")
        for e in events
    )
    found["pages"] = sorted(read_pages(instance, run_id))
    for key in (ONE, TWO):
        records = instance.fetch_materializations(
            AssetRecordsFilter(key, asset_partitions=["p3", "p29"]), limit=10
        ).records
        found[f"records {key}"] = [record.asset_materialization for record in records]
        found[f"partitions {key}"] = instance.get_materialized_partitions(key)
        found[f"status {key}"] = instance.get_status_by_partition(
            key, list(PARTITIONS.get_partition_keys()), PARTITIONS
        )
        latest = instance.get_latest_materialization_event(key)
        assert latest is not None
        found[f"latest {key}"] = latest.asset_materialization
        (record,) = instance.get_asset_records([key])
        entry = record.asset_entry
        assert entry.last_materialization is not None
        found[f"asset {key}"] = (
            entry.last_materialization.asset_materialization,
            entry.last_run_id,
        )
        found[f"tags {key}"] = sorted(
            str(dict(tags)) for tags in instance.get_event_tags_for_asset(key)
        )
        cached = get_and_update_asset_status_cache_value(instance, key, PARTITIONS)
        assert cached is not None
        found[f"cached {key}"] = cached.deserialize_materialized_partition_subsets(PARTITIONS)
        latest_ids = instance.event_log_storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        found[f"order {key}"] = sorted(latest_ids, key=latest_ids.__getitem__)
        version = instance.get_latest_data_version_record(key, partition_key="p7")
        assert version is not None
        found[f"version {key}"] = version.event_log_entry.tags
    return {
        name: value if "asset" not in name else (value[0], value[1] == run_id)
        for name, value in found.items()
    }


@pytest.mark.parametrize("open_instance", [sqlite_instance, postgres_instance, ephemeral_instance])
def test_a_batch_leaves_what_single_events_leave(open_instance: Any, tmp_path: Path):
    with open_instance(tmp_path / "single") as instance:
        single = describe(instance, run_job(instance, one_by_one))
    with open_instance(tmp_path / "batch") as instance:
        batch = describe(instance, run_job(instance, tell_materializations))
    assert len(single["run"]) == len(TELLING) + 1
    assert set(batch) == set(single)
    for name, value in single.items():
        assert batch[name] == value, name


def tell_in_run(instance: dg.DagsterInstance, materializations: list[dg.AssetMaterialization]):
    @dg.op
    def work(context: dg.OpExecutionContext) -> None:
        tell_materializations(context, materializations)

    @dg.job
    def shop() -> None:
        work()

    return shop.execute_in_process(instance=instance)


def test_a_description_is_the_events_message():
    with dg.DagsterInstance.ephemeral() as instance:
        told = dg.AssetMaterialization(ONE, description="all of it")
        run_id = tell_in_run(instance, [told]).run_id
        (entry,) = instance.all_logs(run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert entry.user_message == "all of it"


def test_no_statement_has_more_values_than_sqlite_takes(tmp_path: Path):
    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 8 * STORED_TOGETHER)

    many = [dg.AssetMaterialization(ONE, partition=str(n)) for n in range(2 * STORED_TOGETHER + 1)]
    with sqlite_instance(tmp_path / "home") as instance:
        event.listen(Engine, "connect", limit)
        try:
            tell_in_run(instance, many)
        finally:
            event.remove(Engine, "connect", limit)
        assert len(instance.get_materialized_partitions(ONE)) == len(many)


def test_writers_of_one_index_wait_for_each_other(tmp_path: Path):
    home, writers = tmp_path / "home", range(4)

    def partitions(writer: int) -> list[str]:
        return [f"{writer}-{number}" for number in range(140)]

    with sqlite_instance(home) as instance, ExitStack() as opened:
        # One after another, and no runs in threads: setting up logging of two at once can block both for ever.
        storages: list[Any] = [
            opened.enter_context(dg.DagsterInstance.from_config(str(home))).event_log_storage
            for _ in writers
        ]

        @dg.op
        def work(context: dg.OpExecutionContext) -> None:
            def store(writer: int) -> None:
                told = [dg.AssetMaterialization(ONE, partition=key) for key in partitions(writer)]
                entries = [_make_entry(context, one) for one in told]
                for start in range(0, len(entries), 7):
                    _store_in_sqlite(
                        storages[writer], context.run.run_id, [entries[start : start + 7]]
                    )

            with ThreadPoolExecutor(len(writers)) as pool:
                assert len(list(pool.map(store, writers))) == len(writers)

        @dg.job
        def shop() -> None:
            work()

        run_id = shop.execute_in_process(instance=instance).run_id
        assert instance.get_materialized_partitions(ONE) == {
            key for writer in writers for key in partitions(writer)
        }
        order = read_pages(instance, run_id)
    for writer in writers:
        assert [key for key in order if key.startswith(f"{writer}-")] == partitions(writer)
