"""dagster.yaml and workspace.yaml as Dagster loads them, with either storage."""

import os
import re
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.instance.config import dagster_instance_config
from sqlalchemy import create_engine, text

from tests.architecture.source_tree import ROOT

CONFIG = (ROOT / "dagster.yaml").read_text(encoding="utf-8")
STORAGE = re.compile(r"^# storage:\n(?:# .*\n)+", re.MULTILINE)


def open_instance(folder: Path, config: str) -> DagsterInstance:
    (folder / "dagster.yaml").write_text(config, encoding="utf-8")
    return DagsterInstance.from_config(str(folder))


def with_postgres(config: str) -> str:
    """The configuration with the comment marks taken off its storage block, as its comment says."""
    return STORAGE.sub(lambda block: re.sub("^# ", "", block[0], flags=re.MULTILINE), config)


@pytest.fixture
def database_url(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of this test's own, named by DAGSTER_POSTGRES_URL."""
    name = f"dagster_config_{uuid.uuid4().hex[:12]}"
    server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = postgres_url.rsplit("/", 1)[0] + f"/{name}"
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    try:
        yield url
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


def test_the_instance_loads_with_its_limits(tmp_path: Path) -> None:
    with open_instance(tmp_path, CONFIG) as instance:
        queue = instance.get_concurrency_config()
        assert queue.pool_config.pool_granularity is not None
        assert queue.pool_config.pool_granularity.value == "op"
        assert queue.pool_config.default_pool_limit == 1
        assert queue.run_queue_config is not None
        assert queue.run_queue_config.max_concurrent_runs == 4
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert not instance.run_retries_max_retries > 2
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled


def test_a_pool_that_nobody_set_gets_one_slot(tmp_path: Path) -> None:
    with open_instance(tmp_path, CONFIG) as instance:
        assert instance.event_log_storage.initialize_concurrency_limit_to_default("new_pool")
        assert [limit.limit for limit in instance.event_log_storage.get_pool_limits()] == [1]


def test_the_default_storage_is_files_under_the_home(tmp_path: Path) -> None:
    with open_instance(tmp_path, CONFIG) as instance:
        assert "Sqlite" in type(instance.event_log_storage).__name__
    assert (tmp_path / "history").is_dir()


def test_the_storage_block_without_its_comment_marks_is_valid() -> None:
    parsed = yaml.safe_load(with_postgres(CONFIG))
    assert parsed["storage"] == {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}
    assert {key for key in parsed if key != "storage"} == set(yaml.safe_load(CONFIG))


def test_the_same_instance_keeps_its_events_in_postgres(tmp_path: Path, database_url: str) -> None:
    assert database_url.startswith("postgresql+psycopg2://")
    with open_instance(tmp_path, with_postgres(CONFIG)) as instance:
        assert "Postgres" in type(instance.event_log_storage).__name__
        assert instance.event_log_storage.initialize_concurrency_limit_to_default("new_pool")
    assert not (tmp_path / "history").exists()


def test_every_key_of_the_configuration_is_known_to_dagster(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(CONFIG.replace("telemetry:", "telemetri:"))
    with pytest.raises(Exception, match="telemetri"):
        dagster_instance_config(str(tmp_path))


def test_the_workspace_names_the_module_that_pyproject_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    workspace = cast("dict[str, Any]", yaml.safe_load((ROOT / "workspace.yaml").read_text()))
    [location] = workspace["load_from"]
    assert location["python_module"] == {
        "module_name": project["tool"]["dagster"]["module_name"],
        "location_name": project["tool"]["dagster"]["code_location_name"],
    }


def test_cloud_libraries_are_told_that_there_is_no_cloud() -> None:
    assert os.environ["NO_GCE_CHECK"] == os.environ["AWS_EC2_METADATA_DISABLED"] == "true"
