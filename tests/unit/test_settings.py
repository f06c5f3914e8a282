"""Settings from the environment: what is set wrongly is named, what is secret stays so."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from platform_assets.core.errors import RefusedError
from platform_assets.settings import (
    Gear,
    Settings,
    child_environment,
    dagster_home,
    list_variables,
    load_settings,
)

SECRET = "s3cret-of-the-application"
PASSWORD = "pa55word-of-the-database"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours is set, and the current folder is an empty one."""
    for name in os.environ:
        if name.startswith(("SLUICE_", "CRAWL_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def set_all(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    names = list_variables()
    for name, value in variables.items():
        monkeypatch.setenv(names.get(name, f"SLUICE_{name.upper()}"), value)


def refusal() -> str:
    with pytest.raises(RefusedError) as caught:
        load_settings()
    assert caught.value.kind == "bad_setting"
    return str(caught.value)


def test_without_any_variable_everything_is_in_one_folder_here(tmp_path: Path):
    settings = load_settings()
    home = tmp_path / ".sluice"
    assert settings.home == home
    assert settings.state_database_url == f"sqlite:///{home}/state.db"
    assert settings.object_store_url == f"file://{home}/objects"
    assert settings.log_path == home / "logs" / "sluice.jsonl"


def test_the_defaults_point_at_the_real_api_with_the_caps_of_the_table():
    settings = load_settings()
    assert settings.igdb_api_url == "https://api.igdb.com/v4"
    assert settings.igdb_token_url == "https://id.twitch.tv/oauth2/token"
    assert (settings.igdb_requests_per_second, settings.igdb_open_requests) == (None, None)
    assert (settings.igdb_multiquery, settings.igdb_mode) == (Gear.AUTO, "concurrent")


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    set_all(
        monkeypatch,
        home=str(tmp_path / "elsewhere"),
        state_url="postgresql+psycopg2://me@db:5432/sluice",
        objects_url="s3://bucket/prefix",
        s3_endpoint_url="http://127.0.0.1:9000",
        log_file=str(tmp_path / "log.jsonl"),
        igdb_api_url="http://127.0.0.1:1/v4",
        igdb_token_url="http://127.0.0.1:1/token",
        naver_url="http://127.0.0.1:1/naver",
        naver_map_url="http://127.0.0.1:1/map",
        naver_openapi_url="http://127.0.0.1:1/openapi",
        naver_client_id="naver-id",
        naver_client_secret=SECRET,
        rank_source="browser",
        rank_view="integrated",
        rank_location="127.0276,37.4979",
        ranks_first_day="2026-11-20",
        rank_again_minutes="5,10",
        rank_read_share="0.9",
        rank_schedule="true",
        rank_pages_days="30",
        crawl_schedule_hour="5",
        crawl_schedule_minute="59",
        crawl_delay_seconds="0.5",
        crawl_retry_seconds="6",
        crawl_batch_timeout="60",
        igdb_client_id="id",
        igdb_client_secret=SECRET,
        igdb_requests_per_second="3.5",
        igdb_open_requests="7",
        igdb_multiquery="off",
        igdb_mode="sequential",
        games_schedule_hour="23",
        games_safety_margin_seconds="0",
        games_future_margin_seconds="0",
        games_count_tolerance="0.5",
        games_mass_deletion="1",
        tenants_first_month="2020-02",
        tenants_in_flight="7",
        tenants_queued="0",
        tenants_concurrency="3",
        tenants_slice="4",
        tenants_slice_records="999",
        tenants_chunk_records="10",
        tenants_grace_days="0",
        tenants_stale_minutes="0.5",
        tenants_month_timeout_minutes="1.5",
        tenants_orchestrator_seconds="5",
        tenants_stale_check_seconds="6",
        tenants_lost_share="0.1",
        sources_schemes="postgresql",
        sources_hosts="db.example",
        sources_folders="/srv/sources",
        sources_clear_passwords="true",
        shop_ably_url="http://127.0.0.1:1/ably",
        shop_hwahae_url="http://127.0.0.1:1/hwahae",
        shop_kurly_url="http://127.0.0.1:1/kurly",
        shop_musinsa_url="http://127.0.0.1:1/musinsa",
        shop_oliveyoung_url="http://127.0.0.1:1/oliveyoung",
        shop_zigzag_url="http://127.0.0.1:1/zigzag",
        shops_file=str(tmp_path / "shop.toml"),
        chromium="/usr/bin/chromium",
        products_platforms="musinsa,zigzag",
        products_schedule_hour="3",
        products_parallel_batches="2",
        products_timeout_seconds="30",
        products_read_share="0.8",
        products_sensor_seconds="5",
        tags_runner="http_service",
        tags_parallelism="9",
        tags_shards="50",
        tags_table_timeout_seconds="60",
        tags_tokenizer="kiwi",
        tags_dead_letter_share="0.1",
        tags_sources_seconds="5",
        tags_service_url="http://127.0.0.1:2345",
        tags_service_token=SECRET,
        cloud_run_project="project",
        cloud_run_region="europe-west1",
        cloud_run_job="tagging",
        cloud_run_api_url="http://127.0.0.1:3456",
        api_url="http://127.0.0.1:1234",
        api_tokens=f"ops:operate:{SECRET}",
        api_open_reads="true",
        api_requests_per_minute="60",
        dagster_url="http://127.0.0.1:4321",
        alert_webhook_url=f"http://127.0.0.1:5432/{SECRET}",
        alert_webhook_secret=SECRET,
        most_deaths="5",
        unit_lease_seconds="2.5",
        api_connections="99",
        dagster_hosts="dagster.example",
        api_proxies="10.0.0.1, 10.1.0.0/16",
        audit_days="30",
        proxy=f"http://me:{SECRET}@127.0.0.1:3128",
        http_body_bytes="2048",
        http_exchange_seconds="7.5",
        games_timeout_seconds="90",
        retention_days="30",
    )
    settings = load_settings()
    assert settings.home == tmp_path / "elsewhere"
    assert settings.state_database_url == "postgresql+psycopg2://me@db:5432/sluice"
    assert settings.object_store_url == "s3://bucket/prefix"
    assert settings.log_path == tmp_path / "log.jsonl"
    assert settings.dagster_hosts == "dagster.example"
    assert (settings.api_connections, settings.audit_days) == (99, 30)
    assert settings.api_proxies == "10.0.0.1, 10.1.0.0/16"
    assert settings.proxy.get_secret_value() == f"http://me:{SECRET}@127.0.0.1:3128"
    assert (settings.http_body_bytes, settings.http_exchange_seconds) == (2048, 7.5)
    assert settings.games_timeout_seconds == 90.0
    assert settings.igdb_client_secret.get_secret_value() == SECRET
    assert (settings.igdb_requests_per_second, settings.igdb_open_requests) == (3.5, 7)
    assert (settings.igdb_multiquery, settings.igdb_mode) == (Gear.OFF, "sequential")
    assert (settings.games_schedule_hour, settings.unit_lease_seconds) == (23, 2.5)
    assert (settings.tenants_first_month, settings.tenants_queued) == ("2020-02", 0)
    assert (settings.tenants_in_flight, settings.tenants_stale_minutes) == (7, 0.5)
    assert settings.shop_musinsa_url == "http://127.0.0.1:1/musinsa"
    assert (settings.products_platforms, settings.products_schedule_hour) == ("musinsa,zigzag", 3)
    assert (settings.rank_source, settings.rank_view) == ("browser", "integrated")
    assert (settings.crawl_schedule_hour, settings.crawl_schedule_minute) == (5, 59)
    assert (settings.crawl_delay_seconds, settings.crawl_batch_timeout) == (0.5, 60.0)
    assert settings.naver_client_secret.get_secret_value() == SECRET
    assert (settings.tags_runner, settings.tags_parallelism) == ("http_service", 9)
    assert settings.tags_service_token.get_secret_value() == SECRET
    assert (settings.cloud_run_job, settings.cloud_run_region) == ("tagging", "europe-west1")
    assert settings.api_tokens.get_secret_value() == f"ops:operate:{SECRET}"
    assert (settings.api_open_reads, settings.dagster_url) == (True, "http://127.0.0.1:4321")
    assert settings.alert_webhook_url.get_secret_value() == f"http://127.0.0.1:5432/{SECRET}"
    assert settings.alert_webhook_secret.get_secret_value() == SECRET
    assert set(Settings.model_fields) == settings.model_fields_set, "the test sets every variable"


def test_a_relative_home_and_a_tilde_become_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("HOME", str(tmp_path / "somebody"))
    set_all(monkeypatch, home="~/sluice")
    assert load_settings().home == tmp_path / "somebody" / "sluice"
    set_all(monkeypatch, home="state/here")
    assert load_settings().home == tmp_path / "state" / "here"


def test_all_bad_values_are_named_in_one_refusal(monkeypatch: pytest.MonkeyPatch):
    bad = {
        "igdb_requests_per_second": "0",
        "igdb_open_requests": "many",
        "igdb_multiquery": "perhaps",
        "igdb_mode": "parallel",
        "proxy": "socks5://127.0.0.1:1",
        "http_body_bytes": "10",
        "http_exchange_seconds": "0",
        "games_timeout_seconds": "0",
        "games_schedule_hour": "24",
        "games_safety_margin_seconds": "-1",
        "tenants_first_month": "2024-13",
        "tenants_in_flight": "0",
        "tenants_slice_records": "1001",
        "tenants_stale_minutes": "0",
        "tenants_orchestrator_seconds": "4",
        "products_schedule_hour": "24",
        "products_parallel_batches": "0",
        "products_timeout_seconds": "0",
        "products_read_share": "1.5",
        "products_sensor_seconds": "4",
        "rank_source": "rss",
        "rank_view": "mobile",
        "rank_pages_days": "0",
        "crawl_schedule_hour": "24",
        "crawl_schedule_minute": "60",
        "crawl_delay_seconds": "0",
        "crawl_retry_seconds": "0",
        "crawl_batch_timeout": "0",
        "tags_runner": "kubernetes",
        "tags_parallelism": "0",
        "tags_shards": "101",
        "tags_tokenizer": "mecab",
        "tags_sources_seconds": "4",
        "api_requests_per_minute": "0",
        "unit_lease_seconds": "nan",
        "retention_days": "0",
    }
    set_all(monkeypatch, **bad)
    message = refusal()
    names = list_variables()
    assert [name for name in bad if f"{names[name]}: " not in message] == []
    assert "; CRAWL_DELAY_SECONDS: " in message
    assert "'auto', 'on' or 'off'" in message


def test_a_refusal_shows_no_secret(monkeypatch: pytest.MonkeyPatch):
    set_all(
        monkeypatch,
        igdb_client_secret=SECRET,
        state_url=f"postgresql+psycopg2://me:{PASSWORD}@db/sluice",
        retention_days="x",
    )
    message = refusal()
    assert "SLUICE_RETENTION_DAYS" in message
    assert SECRET not in message
    assert PASSWORD not in message


def test_no_secret_is_in_the_repr():
    settings = Settings(
        igdb_client_secret=SecretStr(SECRET),
        alert_webhook_url=SecretStr(f"https://hooks.example/{SECRET}"),
        alert_webhook_secret=SecretStr(SECRET),
        state_url=f"postgresql+psycopg2://me:{PASSWORD}@db/sluice",
    )
    for shown in (repr(settings), str(settings)):
        assert SECRET not in shown
        assert PASSWORD not in shown, "a database's URL holds its password"


def test_a_variable_that_is_set_to_nothing_counts_as_not_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    set_all(
        monkeypatch, home="", s3_endpoint_url="", log_file="", igdb_open_requests="", igdb_mode=""
    )
    settings = load_settings()
    assert settings.home == tmp_path / ".sluice"
    assert settings.s3_endpoint_url is None
    assert settings.log_path == tmp_path / ".sluice" / "logs" / "sluice.jsonl"
    assert settings.igdb_open_requests is None
    assert settings.igdb_mode == "concurrent"


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    set_all(monkeypatch, test_data="/somewhere")
    assert load_settings() == Settings()


@pytest.mark.parametrize("location", ["127.0276,37.4979", " 127.0276 , 37.4979 "])
def test_a_location_is_longitude_and_latitude_in_korea(
    monkeypatch: pytest.MonkeyPatch, location: str
):
    set_all(monkeypatch, rank_location=location)
    assert load_settings().rank_location == "127.0276,37.4979"


@pytest.mark.parametrize("location", ["37.4979,127.0276", "127", "127,37,1", "강남역", "nan,nan"])
def test_a_location_that_is_none_in_korea_is_refused(
    monkeypatch: pytest.MonkeyPatch, location: str
):
    set_all(monkeypatch, rank_location=location)
    with pytest.raises(RefusedError, match=r"SLUICE_RANK_LOCATION: .*longitude first"):
        load_settings()


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().retention_days = 1  # pyright: ignore[reportAttributeAccessIssue]


def test_every_setting_says_what_it_is_for():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_child_gets_this_environment_and_the_variables_on_top(monkeypatch: pytest.MonkeyPatch):
    set_all(monkeypatch, igdb_mode="sequential", retention_days="3")
    environment = child_environment({"SLUICE_IGDB_MODE": "concurrent"})
    assert environment["SLUICE_IGDB_MODE"] == "concurrent"
    assert environment["SLUICE_RETENTION_DAYS"] == "3"
    assert os.environ["SLUICE_IGDB_MODE"] == "sequential"


def test_dagsters_home_is_none_when_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert dagster_home() == tmp_path
    monkeypatch.setenv("DAGSTER_HOME", "")
    assert dagster_home() is None
    monkeypatch.delenv("DAGSTER_HOME")
    assert dagster_home() is None
