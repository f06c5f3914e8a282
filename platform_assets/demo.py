"""`make demo`: starts the sandbox, runs the job `games_full` as a user would, and prints what came out.

Everything happens in the folder `demo` of SLUICE_HOME, made anew each time; nothing leaves this machine.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from tqdm import tqdm

from platform_assets.core.clock import SystemClock
from platform_assets.core.units import UnitState
from platform_assets.games.entities import ENTITIES
from platform_assets.games.landing import Day, read_manifest
from platform_assets.games.merge import current_key
from platform_assets.partitions import today
from platform_assets.services import Services
from platform_assets.settings import Settings, child_environment, load_settings
from resources.state.ledger_queries import LedgerQueries, UnitFilter
from sandbox.process import SandboxProcess

GAMES = 20_000
"""Games that the sandbox has: 40 pages, ten seconds at IGDB's 4 requests a second, one with multiqueries."""

POLL_SECONDS = 0.5


def main() -> int:
    """Runs the demo; returns the exit status of the job."""
    project = Path.cwd()
    home = load_settings().home / "demo"
    shutil.rmtree(home, ignore_errors=True)
    dagster_home = home / "dagster_home"
    dagster_home.mkdir(parents=True)
    shutil.copy(project / "dagster.yaml", dagster_home)
    with SandboxProcess(("--games", str(GAMES))) as sandbox:
        settings = Settings(
            home=home,
            state_url=f"sqlite:///{quote(str(home))}/state.db",
            objects_url=(home / "objects").as_uri(),
            log_file=home / "logs" / "sluice.jsonl",
        )
        variables = {
            "DAGSTER_HOME": str(dagster_home),
            "SLUICE_HOME": str(home),
            "SLUICE_STATE_URL": settings.state_url,
            "SLUICE_OBJECTS_URL": settings.objects_url,
            "SLUICE_LOG_FILE": str(settings.log_file),
            "SLUICE_IGDB_API_URL": f"{sandbox.url}/v4",
            "SLUICE_IGDB_TOKEN_URL": f"{sandbox.url}/oauth2/token",
            "SLUICE_IGDB_CLIENT_ID": "sandbox-client",
            "SLUICE_IGDB_CLIENT_SECRET": "sandbox-secret",
        }
        print(f"sandbox: {GAMES} games and {len(ENTITIES) - 1} more entities at {sandbox.url}")
        print("job:     dagster job execute -j games_full")
        started = time.monotonic()
        log = home / "job.log"
        status = _run_job(variables, settings, log)
        seconds = time.monotonic() - started
        stats = sandbox.stats()
    if status:
        print(f"the job failed; its log: {log}", file=sys.stderr)
        return status
    _print_table(Services(settings))
    print(
        f"\n{seconds:.0f} s in all, Dagster included; the sandbox saw {stats['requests']} requests and refused "
        f"{stats['violations']} for going too fast.\n"
        f"raw days:  {home}/objects/games/raw/<entity>/dt=<date>/\n"
        f"tables:    {home}/objects/{current_key(ENTITIES[0])} and its neighbours\n"
        f"state:     {home}/state.db (ledger of units, caps, watermarks)\n"
        f"item log:  {home}/logs/sluice.jsonl\n"
        "look at it in the Dagster UI: make dev DEMO=1"
    )
    return 0


def _run_job(variables: dict[str, str], settings: Settings, log: Path) -> int:
    """Runs the job in a process of its own, with a progress bar on a terminal; returns its exit status."""
    dagster = str(Path(sys.executable).with_name("dagster"))
    environment = child_environment(variables)
    with log.open("w") as output:
        subprocess.run(  # noqa: S603 - our own program
            [dagster, "instance", "info"], env=environment, stdout=output, stderr=output, check=True
        )
        job = subprocess.Popen(  # noqa: S603 - our own program
            [dagster, "job", "execute", "-j", "games_full"],
            env=environment,
            stdout=output,
            stderr=output,
        )
        with tqdm(total=len(ENTITIES), unit="entity", disable=not sys.stderr.isatty()) as bar:
            for finished, units in _watch(job, settings):
                bar.update(finished - bar.n)
                bar.set_postfix_str(f"{units} pages landed")
    return job.wait()


def _watch(job: subprocess.Popen[bytes], settings: Settings) -> Iterator[tuple[int, int]]:
    """(entities published, units done) now and then, until the job ends."""
    services = Services(settings)
    queries = LedgerQueries(services.state)
    day = today(SystemClock().now())
    while True:
        ended = job.poll() is not None
        published = [
            entity
            for entity in ENTITIES
            if services.objects.head(Day(entity.name, day).manifest_key)
        ]
        counts = queries.count_units(UnitFilter(state=UnitState.DONE))
        yield len(published), sum(count.count for count in counts)
        if ended:
            return
        time.sleep(POLL_SECONDS)  # noqa: TID251 - a program for a terminal, waiting for another process


def _print_table(services: Services) -> None:
    day = today(services.clock.now())
    print(f"\n{'entity':<22}{'records':>9}{'parts':>7}{'seconds':>9}{'requests/s':>12}{'429s':>6}")
    for entity in ENTITIES:
        manifest = read_manifest(services.objects, Day(entity.name, day))
        for segment in manifest.segments if manifest else []:
            seconds = (segment.finished_at - segment.started_at).total_seconds()
            rate = segment.requests / seconds if seconds else 0.0
            print(
                f"{entity.name:<22}{segment.records:>9}{len(segment.parts):>7}{seconds:>9.1f}{rate:>12.1f}"
                f"{segment.throttled:>6}"
            )


if __name__ == "__main__":
    raise SystemExit(main())
