"""Where state and Dagster's storage are while something is measured: files of its own, or a database of its own."""

import subprocess
import sys
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg2

from benchmarks.backfilling.sources import ROOT
from platform_assets.services import Services
from platform_assets.settings import Settings, child_environment

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


@dataclass(frozen=True, slots=True)
class Home:
    """A platform of its own: nothing in it yet but an initialised Dagster instance.

    Attributes:
        folder: SLUICE_HOME; `dagster_home` in it is DAGSTER_HOME.
        storage: SQLITE or POSTGRESQL.
        state_url: State database.
    """

    folder: Path
    storage: str
    state_url: str

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME."""
        return self.folder / "dagster_home"

    def environment(self, **variables: str) -> dict[str, str]:
        """The environment of its processes; no setting of the caller's is in it."""
        environment = child_environment(
            {
                "DAGSTER_HOME": str(self.dagster_home),
                "SLUICE_HOME": str(self.folder),
                "SLUICE_STATE_URL": self.state_url,
                **variables,
            }
        )
        ours = {"SLUICE_HOME", "SLUICE_STATE_URL", *variables}
        return {
            name: value
            for name, value in environment.items()
            if name in ours or not name.startswith("SLUICE_")
        }

    def open_services(self) -> Services:
        """The adapters, in this process."""
        settings = Settings(
            home=self.folder, state_url=self.state_url, objects_url="", log_file=None
        )
        return Services(settings)


@contextmanager
def open_home(folder: Path, storage: str, server: str) -> Generator[Home]:
    """A new home; its database is dropped at the end, its files stay.

    Args:
        folder: Is made.
        storage: SQLITE or POSTGRESQL.
        server: URL of a PostgreSQL database whose user may create others.
    """
    (folder / "dagster_home").mkdir(parents=True)
    if storage == SQLITE:
        yield _prepare(Home(folder, storage, f"sqlite:///{quote(str(folder))}/state.db"), "")
        return
    name = f"bench_{uuid.uuid4().hex[:12]}"
    execute(server, f"CREATE DATABASE {name}")
    url = urlsplit(server)._replace(scheme="postgresql+psycopg2", path=f"/{name}").geturl()
    try:
        execute(_plain(url), "CREATE SCHEMA sluice")
        block = f"\nstorage:\n  postgres:\n    postgres_url: {url}\n"
        yield _prepare(Home(folder, storage, f"{url}?options=-csearch_path%3Dsluice"), block)
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def execute(url: str, statement: str) -> None:
    """One statement, outside of a transaction.

    Raises:
        psycopg2.OperationalError: The server cannot be reached.
    """
    connection = psycopg2.connect(url, connect_timeout=3)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg2", "postgresql", 1)


def _prepare(home: Home, block: str) -> Home:
    """Writes the project's dagster.yaml with the storage, and lets Dagster make its tables, alone."""
    text = (ROOT / "dagster.yaml").read_text()
    (home.dagster_home / "dagster.yaml").write_text(text + block)
    subprocess.run(
        [program("dagster"), "instance", "info"],
        env=home.environment(),
        cwd=home.folder,
        capture_output=True,
        check=True,
    )
    return home


def program(name: str) -> str:
    """A program of the environment that runs this."""
    return str(Path(sys.executable).with_name(name))
