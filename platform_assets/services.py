"""The adapters as the settings say, opened when first used and shared by all that runs in this process.

This is where adapters and domains meet: assets, the command line, the API and the tests get a `Services`; a test gives
it other settings. No logic of its own.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cached_property

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.engine import OnProgress, RunPolicy
from platform_assets.core.objects import ObjectStore
from platform_assets.core.retry import RetryPolicy
from platform_assets.games.collect import Collector
from platform_assets.settings import Gear, Settings
from resources.caps import Cap, find_cap, override_cap
from resources.igdb import TwitchCredentials
from resources.igdb_source import IgdbSource
from resources.logs import open_log
from resources.object_store import open_store
from resources.objects.s3_client import S3Access
from resources.state.cap_states import SqlCapStates
from resources.state.database import StateDatabase, open_state
from resources.state.ledger import SqlLedger
from resources.state.watermarks import SqlWatermarks

SPARE_LANES = 2
"""Ranges read per open request: while one waits for a retry or is being landed, another keeps the slot busy."""

SKIP_LIMIT = 20
"""Failed pages after which a collection ends: the upstream is down, and the next run does the rest."""


class Services:
    """Adapters by name.

    Args:
        settings: Where things are and what upstreams allow.
        clock: The wall clock.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()

    @cached_property
    def state(self) -> StateDatabase:
        """The state database, migrated."""
        return open_state(self.settings.state_database_url, self.clock)

    @cached_property
    def objects(self) -> ObjectStore:
        """The object store."""
        s3 = S3Access(endpoint_url=self.settings.s3_endpoint_url)
        return open_store(
            self.settings.object_store_url, s3_client_factory=s3.connect, clock=self.clock
        )

    @cached_property
    def ledger(self) -> SqlLedger:
        """Plans and units."""
        return SqlLedger(self.state)

    @cached_property
    def igdb_cap(self) -> Cap:
        """What the IGDB account allows."""
        return override_cap(
            find_cap("igdb"),
            requests_per_second=self.settings.igdb_requests_per_second,
            open_requests=self.settings.igdb_open_requests,
        )

    @cached_property
    def igdb(self) -> IgdbSource:
        """Opens clients of the IGDB account."""
        gears = {Gear.AUTO: None, Gear.ON: True, Gear.OFF: False}
        return IgdbSource(
            api_url=self.settings.igdb_api_url,
            credentials=TwitchCredentials(
                self.settings.igdb_token_url,
                self.settings.igdb_client_id,
                self.settings.igdb_client_secret,
            ),
            cap=self.igdb_cap,
            states=SqlCapStates(self.state),
            clock=self.clock,
            multiquery=gears[self.settings.igdb_multiquery],
        )

    @property
    def igdb_rate(self) -> float:
        """Requests per second that the IGDB account allows."""
        return self.igdb_cap.requests / self.igdb_cap.per_seconds

    @asynccontextmanager
    async def open_collector(
        self, on_progress: OnProgress | None = None
    ) -> AsyncGenerator[Collector]:
        """A games collector; its client is closed at the end."""
        open_log(self.settings.log_path)
        async with self.igdb.open() as source:
            yield Collector(
                source=source,
                objects=self.objects,
                ledger=self.ledger,
                watermarks=SqlWatermarks(self.state),
                clock=self.clock,
                policy=RunPolicy(
                    concurrency=self._igdb_lanes(source.queries_per_request),
                    skip_limit=SKIP_LIMIT,
                    retry=RetryPolicy(attempts=2),
                    lease_seconds=self.settings.unit_lease_seconds,
                ),
                safety_margin_seconds=self.settings.games_safety_margin_seconds,
                on_progress=on_progress,
            )

    def _igdb_lanes(self, queries_per_request: int) -> int:
        """Ranges read at the same time; as many more as a request carries when queries are packed."""
        if self.settings.igdb_mode == "sequential":
            return 1
        return self.igdb_cap.in_flight * max(SPARE_LANES, queries_per_request)
