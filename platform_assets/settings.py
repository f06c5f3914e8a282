"""Every setting of the platform, and the only place that reads the environment.

Each field is the variable `SLUICE_<FIELD>`; docs/settings.md lists them. Names of other programs' variables
(`DAGSTER_HOME`) do not belong here.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from platform_assets.core.errors import RefusedError


class Gear(StrEnum):
    """Whether several queries go in one request."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Settings(BaseSettings):
    """Settings with defaults that work on one machine without any service."""

    model_config = SettingsConfigDict(
        env_prefix="SLUICE_", env_ignore_empty=True, extra="ignore", frozen=True
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
    games_safety_margin_seconds: Annotated[int, Field(ge=0)] = Field(
        default=300,
        description="How far an incremental collection reaches back behind the watermark.",
    )
    unit_lease_seconds: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="How long a lease on a unit lasts without a heartbeat."
    )
    retention_days: Annotated[int, Field(gt=0)] = Field(
        default=7, description="Days that dead letters and finished plans are kept."
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

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


def load_settings() -> Settings:
    """Settings from the environment.

    Raises:
        RefusedError: kind `bad_setting`: a variable has no usable value; all such variables are named.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"SLUICE_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}"
            for item in error.errors()
        )
        raise RefusedError(f"settings: {wrong}", kind="bad_setting") from None


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that this one starts: its own, with `variables` on top."""
    return {**os.environ, **variables}


def dagster_home() -> Path | None:
    """Where Dagster keeps its instance; None when DAGSTER_HOME is not set and the instance is a temporary one."""
    home = os.environ.get("DAGSTER_HOME")
    return Path(home) if home else None
