"""The games half of the demo: a local IGDB with IGDB's limits, the job `games_full`, and what came out of it."""

import subprocess
import sys
import time
from collections.abc import Iterator

from tqdm import tqdm

from platform_assets.core.clock import SystemClock
from platform_assets.core.engine.units import UnitState
from platform_assets.demo.home import DemoHome
from platform_assets.games.entities import ENTITIES
from platform_assets.games.landing import Day, read_manifest
from platform_assets.games.merge import current_key
from platform_assets.partitions import today
from platform_assets.services import Services
from resources.state.ledger_queries import LedgerQueries, UnitFilter
from sandbox.process import SandboxProcess

GAMES = 20_000
"""Games that the sandbox has: 40 pages, ten seconds at IGDB's 4 requests a second, one with multiqueries."""

POLL_SECONDS = 0.5


JOB = "games_full"


def show_games(home: DemoHome) -> None:
    """Collects every entity from the sandbox and prints a table of it.

    Raises:
        DemoError: The job failed.
    """
    with SandboxProcess(("--games", str(GAMES))) as sandbox:
        print(f"sandbox: {GAMES} games and {len(ENTITIES) - 1} more entities at {sandbox.url}")
        print(f"job:     dagster job execute -j {JOB}")
        started = time.monotonic()
        upstreams = {
            "SLUICE_IGDB_API_URL": f"{sandbox.url}/v4",
            "SLUICE_IGDB_TOKEN_URL": f"{sandbox.url}/oauth2/token",
            "SLUICE_IGDB_CLIENT_ID": "sandbox-client",
            "SLUICE_IGDB_CLIENT_SECRET": "sandbox-secret",
        }
        services = Services(home.settings)
        _follow(home.start_job(JOB, upstreams), home, services)
        seconds = time.monotonic() - started
        stats = sandbox.stats()
    _print_table(services)
    print(
        f"\n{seconds:.0f} s in all, Dagster included; the sandbox saw {stats['requests']} requests and refused "
        f"{stats['violations']} for going too fast.\n"
        f"raw days:  {home.folder}/objects/games/raw/<entity>/dt=<date>/\n"
        f"tables:    {home.folder}/objects/{current_key(ENTITIES[0])} and its neighbours"
    )


def _follow(job: subprocess.Popen[bytes], home: DemoHome, services: Services) -> None:
    """Shows a progress bar on a terminal until the job ends."""
    with tqdm(total=len(ENTITIES), unit="entity", disable=not sys.stderr.isatty()) as bar:
        for finished, units in _watch(job, services):
            bar.update(finished - bar.n)
            bar.set_postfix_str(f"{units} pages landed")
    home.check_job(JOB, job.wait())


def _watch(job: subprocess.Popen[bytes], services: Services) -> Iterator[tuple[int, int]]:
    """(entities published, units done) now and then, until the job ends."""
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
