"""Every setting of the platform, and the only place that reads the environment.

Each field is the variable `SLUICE_<FIELD>`; docs/settings.md lists them. Names of other programs' variables
(`DAGSTER_HOME`) do not belong here.
"""

import math
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from dotenv import load_dotenv
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from platform_assets.core.errors import RefusedError
from platform_assets.core.processes.owner import MOST_DEATHS

KOREA = ((124.0, 132.0), (33.0, 39.5))
"""Longitudes and latitudes: two numbers that were given in the wrong order are outside."""


class Gear(StrEnum):
    """Whether several queries go in one request."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Settings(BaseSettings):
    """Settings with defaults that work on one machine without any service."""

    model_config = SettingsConfigDict(
        env_prefix="SLUICE_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    home: Path = Field(default=Path(".sluice"), description="Folder for everything local.")
    state_url: str = Field(
        default="",
        repr=False,
        description="State database: `sqlite:////abs/path.db` or `postgresql://...`. "
        "Default: `state.db` in SLUICE_HOME.",
    )
    objects_url: str = Field(
        default="",
        description="Object store: `file:///abs/path`, `s3://bucket/prefix` or `gs://bucket/prefix`. "
        "Default: `objects` in SLUICE_HOME.",
    )
    s3_endpoint_url: str | None = Field(
        default=None, description="Endpoint of an S3-compatible store; AWS itself when empty."
    )
    log_file: Path | None = Field(
        default=None,
        description="JSON log, one line per unit. Default: `logs/sluice.jsonl` in SLUICE_HOME.",
    )

    proxy: SecretStr = Field(
        default=SecretStr("environment"),
        description="The proxy that requests leave through: `environment` (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY), "
        "`none`, or its URL. NO_PROXY and this machine are asked directly.",
    )
    http_body_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=64 * 1024 * 1024,
        description="What the body of an upstream's reply may unpack to; a larger one fails as `body_too_large`.",
    )
    http_exchange_seconds: Annotated[float, Field(gt=0)] = Field(
        default=120.0,
        description="Seconds that one request may take, from the connection to the last byte of the reply.",
    )

    igdb_api_url: str = Field(
        default="https://api.igdb.com/v4", description="IGDB API, or a sandbox."
    )
    igdb_token_url: str = Field(
        default="https://id.twitch.tv/oauth2/token",
        description="Twitch token endpoint, or a sandbox.",
    )
    igdb_client_id: str = Field(default="", description="Client id of the Twitch application.")
    igdb_client_secret: SecretStr = Field(
        default=SecretStr(""), description="Client secret of the Twitch application."
    )
    igdb_requests_per_second: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Requests per second that the account allows. Default: the caps table (4).",
    )
    igdb_open_requests: Annotated[int, Field(gt=0)] | None = Field(
        default=None,
        description="Open requests that the account allows. Default: the caps table (8).",
    )
    igdb_multiquery: Gear = Field(
        default=Gear.AUTO,
        description="Up to ten queries in one request: `auto` uses it until the server refuses, `on` always, "
        "`off` never.",
    )
    igdb_mode: str = Field(
        default="concurrent",
        pattern="^(concurrent|sequential)$",
        description="`concurrent` reads many id ranges at once, `sequential` one page after another.",
    )
    games_schedule_hour: Annotated[int, Field(ge=0, le=23)] = Field(
        default=4, description="Hour (Asia/Seoul) of the daily incremental collection."
    )
    games_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        default=3600.0, description="Seconds that one try of a range of ids may take."
    )
    games_safety_margin_seconds: Annotated[int, Field(ge=0)] = Field(
        default=300,
        description="How far an incremental collection reaches back behind the watermark.",
    )
    games_future_margin_seconds: Annotated[int, Field(ge=0)] = Field(
        default=300,
        description="How far IGDB's clock may be ahead: a record that changed later than now and this is not believed.",
    )
    games_count_tolerance: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.001,
        description="Share by which a full collection may differ from IGDB's own count; one that differs more fails "
        "its check and marks no row as deleted.",
    )
    games_mass_deletion: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.3,
        description="Share of an entity's rows that a full collection may find deleted; one that finds more is not "
        "merged until a person accepts it.",
    )
    tenants_first_month: str = Field(
        default="2024-01",
        pattern="^[12][0-9]{3}-(0[1-9]|1[0-2])$",
        description="First month (`YYYY-MM`) that tenants can be processed for: where month partitions begin.",
    )
    tenants_in_flight: Annotated[int, Field(gt=0)] = Field(
        default=20, description="Tenant-months that are processed at the same time, over all runs."
    )
    tenants_queued: Annotated[int, Field(ge=0)] = Field(
        default=100,
        description="Tenants that the orchestrator hands to runs beyond those in flight; the rest waits for a tick.",
    )
    tenants_concurrency: Annotated[int, Field(gt=0)] = Field(
        default=5, description="Tenant-months that one run processes at the same time."
    )
    tenants_slice: Annotated[int, Field(gt=0)] = Field(
        default=20, description="Tenants that the orchestrator hands to one run."
    )
    tenants_slice_records: Annotated[int, Field(gt=0, le=1000)] = Field(
        default=1000, description="Most events per read from a tenant's source."
    )
    tenants_chunk_records: Annotated[int, Field(gt=0)] = Field(
        default=50, description="Events per write while a month is processed."
    )
    tenants_grace_days: Annotated[int, Field(ge=0)] = Field(
        default=3, description="Days after its end that a month stays open for late events."
    )
    tenants_stale_minutes: Annotated[float, Field(gt=0)] = Field(
        default=30.0,
        description="Minutes without a heartbeat after which a running tenant-month counts as failed.",
    )
    tenants_month_timeout_minutes: Annotated[float, Field(gt=0)] = Field(
        default=120.0, description="Minutes that one attempt at a tenant-month may take."
    )
    tenants_orchestrator_seconds: Annotated[int, Field(ge=5)] = Field(
        default=300, description="Seconds between two ticks of the tenants' orchestrator."
    )
    tenants_stale_check_seconds: Annotated[int, Field(ge=5)] = Field(
        default=600, description="Seconds between two looks for stale tenant-months."
    )

    tenants_lost_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5,
        description="Share of a month's rows that may become dead letters before its check fails and an alert is told.",
    )
    sources_schemes: str = Field(
        default="",
        description="Kinds of databases that tenants' events may be in, with commas between, such as "
        "`postgresql,sqlite`; empty: any.",
    )
    sources_hosts: str = Field(
        default="",
        description="Hosts that they may be on, with commas between: names, `*.example.com`, addresses, networks "
        "(`10.0.0.0/8`); empty: any but link-local and metadata addresses.",
    )
    sources_folders: str = Field(
        default="",
        description="Folders that SQLite files of events may be in, with commas between; empty: any but the platform's "
        "and the system's own.",
    )
    sources_clear_passwords: bool = Field(
        default=False,
        description="Whether the password of a source may go to another machine as it is, without TLS.",
    )

    shop_ably_url: str | None = Field(
        default=None,
        description="Base URL of ably, such as a sandbox's; the shop itself if not set.",
    )
    shop_hwahae_url: str | None = Field(
        default=None,
        description="Base URL of hwahae, such as a sandbox's; the shop itself if not set.",
    )
    shop_kurly_url: str | None = Field(
        default=None,
        description="Base URL of kurly, such as a sandbox's; the shop itself if not set.",
    )
    shop_musinsa_url: str | None = Field(
        default=None,
        description="Base URL of musinsa, such as a sandbox's; the shop itself if not set.",
    )
    shop_oliveyoung_url: str | None = Field(
        default=None,
        description="Base URL of oliveyoung, such as a sandbox's; the shop itself if not set.",
    )
    shop_zigzag_url: str | None = Field(
        default=None,
        description="Base URL of zigzag, such as a sandbox's; the shop itself if not set.",
    )
    shops_file: Path | None = Field(
        default=None, description="A TOML or JSON file that declares one more shop."
    )
    chromium: Path | None = Field(
        default=None, description="Chromium for shops that need a browser; the one on the PATH."
    )
    products_platforms: str = Field(
        default="",
        description="Platforms whose schedules run by themselves, with commas between.",
    )
    products_schedule_hour: Annotated[int, Field(ge=0, le=23)] = Field(
        default=2, description="Hour (Asia/Seoul) at which the day of a platform begins."
    )
    products_parallel_batches: Annotated[int, Field(gt=0)] = Field(
        default=1, description="Batches of one platform that are scanned at the same time."
    )
    products_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="Seconds that one try of a product may take."
    )
    products_read_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5,
        description="Share of a batch, or of a day, that must be read for it to be believed.",
    )
    products_sensor_seconds: Annotated[int, Field(ge=5)] = Field(
        default=30, description="Seconds between two looks for batches that wait."
    )
    naver_url: str = Field(
        default="https://search.naver.com", description="Naver's search, or a sandbox."
    )
    naver_map_url: str = Field(
        default="https://pcmap.place.naver.com",
        description="Naver's lists of places, or a sandbox.",
    )
    naver_openapi_url: str = Field(
        default="https://openapi.naver.com", description="Naver's Open API, or a sandbox."
    )
    naver_client_id: str = Field(default="", description="Client id of the Open API's application.")
    naver_client_secret: SecretStr = Field(
        default=SecretStr(""), description="Client secret of the Open API's application."
    )
    rank_source: Literal["http", "browser", "openapi"] = Field(
        default="http",
        description="What fetches pages of results: plain HTTP, a browser, or the Open API (places: still HTTP).",
    )
    rank_view: Literal["tab", "integrated"] = Field(
        default="tab",
        description="Where blogs and cafes are looked for: in their tab, or among those of the integrated page.",
    )
    rank_location: str = Field(
        default="",
        description="Where lists of places are looked at from, as `longitude,latitude` in Korea; empty: Naver decides.",
    )
    rank_schedule: bool = Field(
        default=False, description="Whether the daily schedule of ranks runs by itself."
    )
    ranks_first_day: str = Field(
        default="2026-01-01",
        pattern="^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        description="First day (`YYYY-MM-DD`) of ranks: days before it are not shown as missing.",
    )
    rank_pages_days: Annotated[int, Field(gt=0)] = Field(
        default=90, description="Days that stored pages of results are kept, to be read again."
    )
    rank_again_minutes: str = Field(
        default="60,120,240,480",
        pattern=r"^[0-9]{1,4}(,[0-9]{1,4})*$",
        description="Minutes after which a day that is incomplete or was blocked is tried again, each time that much "
        "later, until midnight in Seoul; 0: never.",
    )
    rank_read_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5, description="Share of a day's trackings without whose ranks its check fails."
    )
    crawl_schedule_hour: Annotated[int, Field(ge=0, le=23)] = Field(
        default=1,
        validation_alias="CRAWL_SCHEDULE_HOUR",
        description="Hour (Asia/Seoul) of the daily capture of ranks.",
    )
    crawl_schedule_minute: Annotated[int, Field(ge=0, le=59)] = Field(
        default=0, validation_alias="CRAWL_SCHEDULE_MINUTE", description="Its minute."
    )
    crawl_delay_seconds: Annotated[float, Field(gt=0)] = Field(
        default=2.0,
        validation_alias="CRAWL_DELAY_SECONDS",
        description="Seconds between the starts of two requests to one host of Naver, over all processes.",
    )
    crawl_retry_seconds: Annotated[float, Field(gt=0)] = Field(
        default=60.0,
        validation_alias="CRAWL_RETRY_SECONDS",
        description="Seconds before a page is tried the second time; twice as many before the third and last time.",
    )
    crawl_batch_timeout: Annotated[float, Field(gt=0)] = Field(
        default=3600.0,
        validation_alias="CRAWL_BATCH_TIMEOUT",
        description="Seconds after which the day's fetching ends, finished or not.",
    )
    tags_runner: Literal["local", "cloud_run_job", "http_service"] = Field(
        default="local",
        description="What runs the tasks of tenants that were given no runner of their own.",
    )
    tags_parallelism: Annotated[int, Field(gt=0)] | None = Field(
        default=None,
        description="Tasks at the same time: cores of the machine (local) or 20 (http_service) if not set; a Cloud Run "
        "job has it in its definition.",
    )
    tags_shards: Annotated[int, Field(gt=0, le=100)] = Field(
        default=100, description="Shards of a tenant-source that is planned for the first time."
    )
    tags_table_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        default=900.0, description="Seconds that one try of a table may take."
    )
    tags_dead_letter_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5,
        description="Share of a table's rows that may be unreadable; a table with more fails. Its options can say "
        "another one.",
    )
    tags_tokenizer: Literal["plain", "kiwi"] = Field(
        default="plain", description="How words are found; `kiwi` needs the extra `korean`."
    )
    tags_sources_seconds: Annotated[int, Field(ge=5)] = Field(
        default=60,
        description="Seconds between two looks for new tenant-sources among the raw tables.",
    )
    tags_service_url: str = Field(
        default="http://127.0.0.1:8090",
        description="Where the service of the runner http_service listens, and where it is called.",
    )
    tags_service_token: SecretStr = Field(
        default=SecretStr(""), description="Bearer token of that service; empty: none is asked for."
    )
    cloud_run_project: str = Field(default="", description="Project of the Cloud Run job.")
    cloud_run_region: str = Field(
        default="asia-northeast3", description="Region of the Cloud Run job."
    )
    cloud_run_job: str = Field(default="sluice-tags", description="Name of the Cloud Run job.")
    cloud_run_api_url: str | None = Field(
        default=None, description="Another endpoint of Cloud Run's API, such as an emulator."
    )

    api_url: str = Field(
        default="http://127.0.0.1:8000",
        description="Where the REST API listens, and where its clients look.",
    )
    api_tokens: SecretStr = Field(
        default=SecretStr(""),
        description="Tokens of the REST API: `name:role:sha256`, separated by commas; the role is `read` or `operate`. "
        "`python -m api token NAME ROLE` makes one.",
    )
    api_open_reads: bool = Field(
        default=False, description="Whether reading over the REST API needs no token."
    )
    api_requests_per_minute: Annotated[int, Field(gt=0)] = Field(
        default=6000, description="Requests per minute that the REST API takes from one client."
    )
    api_connections: Annotated[int, Field(gt=0)] = Field(
        default=512, description="Connections that the REST API holds at the same time."
    )
    api_proxies: str = Field(
        default="",
        description="Addresses or networks of the proxies whose X-Forwarded-For the REST API believes, with commas "
        "between.",
    )
    dagster_url: str = Field(
        default="http://127.0.0.1:3000",
        description="Dagster's webserver, which the REST API starts runs through.",
    )
    dagster_hosts: str = Field(
        default="",
        description="Names that Dagster's webserver is asked by, with commas between, besides this machine's own and "
        "the one in SLUICE_DAGSTER_URL.",
    )
    alert_webhook_url: SecretStr = Field(
        default=SecretStr(""),
        description="Where alerts are posted, besides the log; empty: nowhere.",
    )
    alert_webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Signs what is posted there, as Standard Webhooks has it; empty: it is not signed.",
    )
    most_deaths: Annotated[int, Field(ge=1)] = Field(
        default=MOST_DEATHS,
        description="Workers that may die of a unit or tenant-month that each had alone in hand, before it fails.",
    )
    unit_lease_seconds: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="How long a lease on a unit lasts without a heartbeat."
    )
    audit_days: Annotated[int, Field(gt=0)] = Field(
        default=365, description="Days that the audit trail of the REST API is kept."
    )
    retention_days: Annotated[int, Field(gt=0)] = Field(
        default=7, description="Days that dead letters and finished plans are kept."
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("rank_location")
    @classmethod
    def _inside_korea(cls, location: str) -> str:
        parts = [part.strip() for part in location.split(",")] if location.strip() else []
        try:
            numbers = [float(part) for part in parts]
        except ValueError:
            numbers = [math.nan]
        inside = [
            low <= number <= high for number, (low, high) in zip(numbers, KOREA, strict=False)
        ]
        if parts and (len(parts) != len(KOREA) or not all(inside)):
            raise ValueError(
                "write longitude and latitude of a place in Korea, such as 127.0276,37.4979 (longitude first)"
            )
        return ",".join(parts)

    @field_validator("proxy")
    @classmethod
    def _usable_proxy(cls, proxy: SecretStr) -> SecretStr:
        text = proxy.get_secret_value()
        if text in {"environment", "none"}:
            return proxy
        try:
            parts = urlsplit(text)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(
                "write `environment`, `none`, or a URL such as http://proxy.example:3128"
            )
        return proxy

    @property
    def state_database_url(self) -> str:
        """The state database, with the default filled in."""
        return self.state_url or f"sqlite:///{quote(str(self.home / 'state.db'))}"

    @property
    def object_store_url(self) -> str:
        """The object store, with the default filled in."""
        return self.objects_url or (self.home / "objects").as_uri()

    @property
    def log_path(self) -> Path:
        """The JSON log, with the default filled in."""
        return self.log_file or self.home / "logs" / "sluice.jsonl"


def list_variables() -> dict[str, str]:
    """The variable of each setting, by its field."""
    return {
        field: str(info.validation_alias or f"SLUICE_{field.upper()}")
        for field, info in Settings.model_fields.items()
    }


def load_settings() -> Settings:
    """Settings from the environment.

    Raises:
        RefusedError: kind `bad_setting`: a variable has no usable value; all such variables are named.
    """
    try:
        return Settings()
    except ValidationError as error:
        names = (
            list_variables()
        )  # an error names a field, or the variable where that has a name of its own
        wrong = "; ".join(
            f"{names.get('_'.join(map(str, item['loc'])), item['loc'][0])}: {item['msg']}"
            for item in error.errors()
        )
        raise RefusedError(f"settings: {wrong}", kind="bad_setting") from None


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that this one starts: its own, with `variables` on top."""
    return {**os.environ, **variables}


def task_environment() -> dict[str, str]:
    """How a task of a job is told who it is, as far as it is: `index`, `count`, `attempt`, `manifest`.

    The names of the first three are Cloud Run's: cloud.google.com/run/docs/container-contract#jobs-env-vars.
    """
    names = ("INDEX", "COUNT", "ATTEMPT")
    variables = {name.lower(): os.environ.get(f"CLOUD_RUN_TASK_{name}") for name in names}
    variables["manifest"] = os.environ.get("SLUICE_TAGS_MANIFEST")
    return {name: value for name, value in variables.items() if value}


def read_dotenv() -> None:
    """Takes `.env` of the current folder into the environment, as `dagster` does; what is exported wins."""
    load_dotenv(Path.cwd() / ".env")


def network_environment() -> dict[str, str]:
    """The variables for proxies and certificate authorities that are set; in lower case they win, as for curl."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    found = {name: os.environ.get(name.lower()) or os.environ.get(name) for name in names}
    found |= {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
    return {name: value for name, value in found.items() if value}


def source_secret(name: str) -> str | None:
    """What `${NAME}` in the URL of a tenant's source stands for: the variable SLUICE_SOURCE_<NAME>; None if not set."""
    return os.environ.get(f"SLUICE_SOURCE_{name}")


def source_secret_hosts(name: str) -> list[str]:
    """The hosts that the secret may be sent to: the variable SLUICE_SOURCE_<NAME>_HOSTS, with commas between."""
    return split_list(os.environ.get(f"SLUICE_SOURCE_{name}_HOSTS", ""))


def split_list(text: str) -> list[str]:
    """The entries of a setting with commas between them."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def dagster_home() -> Path | None:
    """Where Dagster keeps its instance; None when DAGSTER_HOME is not set and the instance is a temporary one."""
    home = os.environ.get("DAGSTER_HOME")
    return Path(home) if home else None
