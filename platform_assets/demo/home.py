"""Where the demo lives, and running its jobs there as a user would: `dagster job execute` in a process of its own."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from platform_assets.settings import Settings, child_environment, load_settings


class DemoError(Exception):
    """A job of the demo failed; the message says where its log is."""


@dataclass(frozen=True, slots=True)
class DemoHome:
    """A folder of the demo's own, made anew each time.

    Attributes:
        folder: The folder.
        settings: Settings of a process that looks into it.
    """

    folder: Path
    settings: Settings

    def environment(self, upstreams: Mapping[str, str]) -> dict[str, str]:
        """The environment of the demo's processes.

        Args:
            upstreams: Variables that say where upstreams are.
        """
        return child_environment(
            {
                "DAGSTER_HOME": str(self.folder / "dagster_home"),
                "SLUICE_HOME": str(self.folder),
                "SLUICE_STATE_URL": self.settings.state_url,
                "SLUICE_OBJECTS_URL": self.settings.objects_url,
                "SLUICE_LOG_FILE": str(self.settings.log_file),
                **upstreams,
            }
        )

    def start_job(self, job: str, upstreams: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """Starts `dagster job execute -j JOB`; what it prints goes to `JOB.log`."""
        with self.log_of(job).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own program
                [_dagster(), "job", "execute", "-j", job],
                env=self.environment(upstreams),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def log_of(self, job: str) -> Path:
        """What a job printed."""
        return self.folder / f"{job}.log"

    def check_job(self, job: str, status: int) -> None:
        """Does nothing if the job's exit status is 0.

        Raises:
            DemoError: It failed.
        """
        if status:
            raise DemoError(f"the job {job} failed; its log: {self.log_of(job)}")


def make_home() -> DemoHome:
    """The folder `demo` of SLUICE_HOME, emptied, with a new Dagster instance in it."""
    folder = load_settings().home / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    dagster_home = folder / "dagster_home"
    dagster_home.mkdir(parents=True)
    shutil.copy(Path.cwd() / "dagster.yaml", dagster_home)
    settings = Settings(
        home=folder,
        state_url=f"sqlite:///{quote(str(folder))}/state.db",
        objects_url=(folder / "objects").as_uri(),
        log_file=folder / "logs" / "sluice.jsonl",
    )
    home = DemoHome(folder, settings)
    with home.log_of("dagster").open("wb") as log:
        # Alone and before anything else: parallel first starts on one home break it.
        subprocess.run(  # noqa: S603 - our own program
            [_dagster(), "instance", "info"],
            env=home.environment({}),
            stdout=log,
            stderr=log,
            check=True,
        )
    return home


def _dagster() -> str:
    return str(Path(sys.executable).with_name("dagster"))
