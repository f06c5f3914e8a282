"""Our collector as a measured process: landing, ledger (SQLite), caps and item log included.

python -m benchmarks.collecting.ours '<Job as JSON>'
"""

from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pydantic import SecretStr

from benchmarks.collecting.job import GAMES, Job, Measured, Stopwatch, serve
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.games.collect import Collector, collect
from platform_assets.games.entities import find_entity
from platform_assets.games.plan import Mode
from platform_assets.services import Services
from platform_assets.settings import Gear, Settings
from resources.caps.limits import Cap
from resources.http.client import HttpPolicy
from resources.igdb.client import IGDB_ERRORS
from resources.igdb.source import IgdbSource


class ScaledServices(Services):
    """The adapters as in production, but with the cap of a sandbox whose time runs faster, and waits as short.

    A setting can say "16 requests a second"; only a `Cap` can say "4 in a quarter of a second".
    """

    def __init__(self, job: Job) -> None:
        super().__init__(make_settings(job))
        self._job = job

    @cached_property
    def igdb_cap(self) -> Cap:
        """What the sandbox allows."""
        return self._job.cap

    @cached_property
    def igdb(self) -> IgdbSource:
        """Opens clients of the sandbox."""
        policy = HttpPolicy(table=IGDB_ERRORS)
        retry = scale_waits(policy.retry, self._job.time_scale)
        return replace(super().igdb, policy=replace(policy, retry=retry))

    def scale(self, collector: Collector) -> Collector:
        """The collector with its waits scaled."""
        retry = scale_waits(collector.policy.retry, self._job.time_scale)
        return replace(collector, policy=replace(collector.policy, retry=retry))


def scale_waits(retry: RetryPolicy, time_scale: float) -> RetryPolicy:
    """The same policy where time runs `time_scale` times faster."""
    return replace(
        retry,
        first_wait_seconds=retry.first_wait_seconds / time_scale,
        longest_wait_seconds=retry.longest_wait_seconds / time_scale,
    )


def make_settings(job: Job) -> Settings:
    """Everything that decides where the collection reads and writes; the environment decides nothing of it."""
    return Settings(
        home=Path(job.home),
        state_url="",
        objects_url="",
        log_file=None,
        igdb_api_url=f"{job.url}/v4",
        igdb_token_url=f"{job.url}/oauth2/token",
        igdb_client_id=job.client_id,
        igdb_client_secret=SecretStr(job.client_secret),
        igdb_multiquery=Gear.ON if job.multiquery else Gear.OFF,
        igdb_mode="concurrent" if job.concurrent else "sequential",
    )


async def collect_all(job: Job) -> Measured:
    """Collects all games once.

    Raises:
        RuntimeError: Some units were not done; the text says which.
    """
    watch = Stopwatch.start()
    services = ScaledServices(job)
    async with services.open_collector() as collector:
        collection = await collect(
            services.scale(collector), find_entity(GAMES), job.date, Mode.FULL
        )
    if collection.segment is None:
        raise RuntimeError(f"nothing was published: {collection.report}")
    return watch.stop()


if __name__ == "__main__":
    serve(collect_all)
