"""The adapters as the settings say, opened when first used and shared by all that runs in this process.

This is where adapters and domains meet: assets, the command line, the API and the tests get a `Services`; a test gives
it other settings. No logic of its own.
"""

import os
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.errors import PermanentError, RefusedError
from platform_assets.core.jobs import JobRunner
from platform_assets.core.objects import ObjectStore
from platform_assets.core.redrive import Redrive
from platform_assets.games.collect import Collector
from platform_assets.games.entities import Entity
from platform_assets.http_services import find_network, make_policy
from platform_assets.products.open import ShopServices
from platform_assets.products.state.redrive import ProductRedriver
from platform_assets.ranks.open import RankServices
from platform_assets.settings import (
    Gear,
    Settings,
    child_environment,
    dagster_home,
    source_secret,
    source_secret_hosts,
    split_list,
)
from platform_assets.tags.dictionary.publishing import PublishedDictionary, publish_dictionary
from platform_assets.tags.keys import TenantSource
from platform_assets.tags.shards.failures import TagRedriver
from platform_assets.tags.shards.manifest import WorkSettings
from platform_assets.tags.shards.run import (
    IgnoredObjects,
    JobProgress,
    ShardOutcome,
    run_shards,
)
from platform_assets.tags.shards.runner_choices import RUNNERS, RunnerChoices
from platform_assets.tenants.advertiser_rows import decode_csv
from platform_assets.tenants.customers import CustomersResult, build_customers
from platform_assets.tenants.cycle import Processor
from platform_assets.tenants.decide import (
    Decision,
    Limits,
    decide,
    due_customers,
    list_backfilled,
    list_disabled,
    list_lossy,
)
from platform_assets.tenants.importing import ImportPlan, read_advertisers, read_advertisers_csv
from platform_assets.tenants.outlook import look
from platform_assets.tenants.state.dead_letters import PIPELINE as EVENT_LETTERS
from platform_assets.tenants.state.dead_letters import SqlEventLetters
from platform_assets.tenants.state.ledger import SqlTenantLedger
from platform_assets.tenants.state.months import SqlTenantMonths
from platform_assets.tenants.state.redrive import TenantRedriver
from platform_assets.tenants.state.tenants import SqlTenants
from platform_assets.tenants.tenant import Tenant, TenantMonth
from resources.alerts.outbox import Alerts
from resources.alerts.webhook import Webhook
from resources.caps.limits import Cap, find_cap, override_cap
from resources.dagster.webserver import DagsterWebserver
from resources.event_databases.reach import SourceReach
from resources.event_databases.source import EventSources
from resources.http.network import Network
from resources.igdb.client import IGDB_ERRORS, TwitchCredentials
from resources.igdb.source import IgdbSource
from resources.logs import open_log
from resources.objects.s3_client import S3Access
from resources.objects.store import open_store
from resources.runners.cloud_run_api import CloudRunApi
from resources.runners.cloud_run_job import CloudRunJobRunner
from resources.runners.cloud_run_replies import CloudRunPlace
from resources.runners.http_service import HttpServicePolicy, HttpServiceRunner
from resources.runners.local import LocalPolicy, LocalRunner
from resources.state.cap_states import SqlCapStates
from resources.state.database import StateDatabase, open_state
from resources.state.dead_letters import DeadLetterFilter, SqlDeadLetters
from resources.state.ledger import SqlLedger
from resources.state.ledger_redrive import LedgerRedriver
from resources.state.notes import SqlNotes
from resources.state.watermarks import SqlWatermarks

if TYPE_CHECKING:  # it loads Arrow, which most commands do without
    from platform_assets.games.merge import Merged

SPARE_LANES = 2
"""Ranges read per open request: while one waits for a retry or is being landed, another keeps the slot busy."""

HTTP_IN_FLIGHT = 20
"""Tasks at a time that a service for tags is asked for: what such services were sized for."""

TASK_COMMAND = (sys.executable, "-m", "platform_assets.tags.task")

GAMES_NEXT_STEP = (
    "run games_full or games_incremental for these partitions; a run does only what is not done"
)

RANKS_NEXT_STEP = (
    "run the job daily_ranks for today, or reparse_ranks for another day: pages that were not fetched on their day "
    "cannot be fetched any more"
)

SKIP_LIMIT = 20
"""Failed pages after which a collection ends: the upstream is down, and the next run does the rest."""


class _SourceSecrets:
    """Secrets of sources, from the environment."""

    def find(self, name: str) -> str | None:
        """Its value; None if it is not set."""
        return source_secret(name)

    def hosts(self, name: str) -> list[str]:
        """The hosts that it may be sent to."""
        return source_secret_hosts(name)


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
        return SqlLedger(self.state, most_deaths=self.settings.most_deaths)

    @cached_property
    def network(self) -> Network:
        """The way out of this machine."""
        return find_network(self.settings)

    @cached_property
    def dagster_webserver(self) -> DagsterWebserver:
        """Dagster's webserver, which runs are launched through."""
        return DagsterWebserver(self.settings.dagster_url, network=self.network)

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
            policy=replace(make_policy(self.settings), table=IGDB_ERRORS),
            network=self.network,
        )

    @property
    def igdb_rate(self) -> float:
        """Requests per second that the IGDB account allows."""
        return self.igdb_cap.requests / self.igdb_cap.per_seconds

    @asynccontextmanager
    async def open_collector(self) -> AsyncGenerator[Collector]:
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
                    unit_timeout_seconds=self.settings.games_timeout_seconds,
                    skip_limit=SKIP_LIMIT,
                    retry=RetryPolicy(attempts=2),
                    lease_seconds=self.settings.unit_lease_seconds,
                ),
                safety_margin_seconds=self.settings.games_safety_margin_seconds,
                future_margin_seconds=self.settings.games_future_margin_seconds,
                count_tolerance=self.settings.games_count_tolerance,
            )

    def merge_games(self, entity: Entity, *, accepted: bool = False) -> "Merged":
        """Merges an entity's published segments into its table.

        Args:
            entity: Which one.
            accepted: Whether a person says that rows which vanish in a mass are really gone.
        """
        from platform_assets.games.merge import MergePolicy, merge_current  # noqa: PLC0415 (Arrow)

        settings = self.settings
        policy = MergePolicy(
            mass_deletion=settings.games_mass_deletion,
            count_tolerance=settings.games_count_tolerance,
            future_margin_seconds=settings.games_future_margin_seconds,
            accepted=accepted,
        )
        return merge_current(self.objects, entity, policy)

    @cached_property
    def redrive(self) -> Redrive:
        """The failures of every pipeline; docs/redrive.md says how one is added."""
        return Redrive(
            [
                LedgerRedriver(self.state, "games", GAMES_NEXT_STEP),
                TenantRedriver(self.tenant_months),
                TagRedriver(self.objects),
                ProductRedriver(self.state),
                LedgerRedriver(self.state, "ranks", RANKS_NEXT_STEP),
            ]
        )

    @cached_property
    def tenants(self) -> SqlTenants:
        """Tenants and their months."""
        return SqlTenants(self.state)

    @cached_property
    def tenant_months(self) -> SqlTenantMonths:
        """Questions about tenant-months, and changes outside a run."""
        return SqlTenantMonths(self.state, most_deaths=self.settings.most_deaths)

    @cached_property
    def notes(self) -> SqlNotes:
        """What sensors write down for the REST API."""
        return SqlNotes(self.state)

    @cached_property
    def alerts(self) -> Alerts:
        """Tells people what they should know of."""
        open_log(self.settings.log_path)
        settings = self.settings
        webhook = Webhook(
            settings.alert_webhook_url,
            settings.alert_webhook_secret,
            clock=self.clock,
            network=self.network,
        )
        is_set = bool(settings.alert_webhook_url.get_secret_value())
        return Alerts(self.notes, webhook if is_set else None, self.clock)

    @cached_property
    def sources(self) -> EventSources:
        """Opens tenants' events."""
        return EventSources(_SourceSecrets(), self._source_reach)

    @property
    def _source_reach(self) -> SourceReach:
        """What tenants' sources may reach: never what is the platform's own."""
        settings, dagster = self.settings, dagster_home()
        state, objects = urlsplit(settings.state_database_url), urlsplit(settings.object_store_url)
        own = [settings.log_path]
        own += [
            Path(unquote(place.path.removeprefix("/") if place.scheme != "file" else place.path))
            for place in (state, objects)
            if place.scheme == "file" or place.scheme.startswith("sqlite")
        ]
        return SourceReach(
            schemes=split_list(settings.sources_schemes),
            hosts=split_list(settings.sources_hosts),
            folders=[Path(name) for name in split_list(settings.sources_folders)],
            homes=[settings.home],
            own=[*own, *([dagster] if dagster else [])],
            clear_passwords=settings.sources_clear_passwords,
        )

    @cached_property
    def month_processor(self) -> Processor:
        """What the work of tenant-months needs."""
        open_log(self.settings.log_path)
        settings = self.settings
        return Processor(
            tenants=self.tenants,
            sources=self.sources,
            objects=self.objects,
            letters=SqlEventLetters(self.state, settings.retention_days),
            clock=self.clock,
            policy=RunPolicy(
                concurrency=settings.tenants_concurrency,
                hold_limit=settings.tenants_concurrency,
                unit_timeout_seconds=settings.tenants_month_timeout_minutes * 60,
                retry=RetryPolicy(attempts=1),
                lease_seconds=settings.unit_lease_seconds,
            ),
            slice_records=settings.tenants_slice_records,
            chunk_records=settings.tenants_chunk_records,
        )

    def month_ledger(
        self, cells: Sequence[str], run_id: str, *, skip: Collection[str], in_order: bool
    ) -> SqlTenantLedger:
        """The ledger over the cells of one run."""
        return SqlTenantLedger(
            self.state,
            cells,
            run_id=run_id,
            limit=self.settings.tenants_in_flight,
            stale_seconds=self.settings.tenants_stale_minutes * 60,
            skip=skip,
            in_order=in_order,
            most_deaths=self.settings.most_deaths,
        )

    def decide_tenants(self, busy: Collection[str]) -> Decision:
        """What of the tenants is due now, written down as the last decision; tenants disabled since are alerted of.

        Args:
            busy: Ids of the tenants that a queued or running run has in hand.
        """
        settings, now = self.settings, self.clock.now()
        facts = look(
            self.tenants, self.sources, busy, now=now, grace_days=settings.tenants_grace_days
        )
        limits = Limits(
            settings.tenants_in_flight, settings.tenants_queued, settings.tenants_grace_days
        )
        decision = decide(facts, limits)
        self._alert_tenants(facts.tenants, facts.months)
        self.alerts.update("backfill_finished", list_backfilled(facts.tenants, facts.months))
        self.notes.put(
            "tenants/orchestrator",
            {
                "at": now.isoformat(),
                "due": sum(verdict.due for verdict in decision.verdicts),
                "handed": len(decision.lanes),
                "waiting": len(decision.waiting),
            },
        )
        return decision

    def alert_tenants(self) -> dict[str, str]:
        """Alerts of tenants that are disabled and of months that lost rows, as soon as a run knows; the latter.

        Returns:
            `YYYY-MM|tenant` -> what was lost.
        """
        return self._alert_tenants(*self.tenants.read_all())

    def _alert_tenants(
        self, tenants: Sequence[Tenant], months: Sequence[TenantMonth]
    ) -> dict[str, str]:
        self.alerts.update("tenant_disabled", list_disabled(tenants, months))
        lossy = list_lossy(months, self.settings.tenants_lost_share)
        self.alerts.update("records_lost", lossy)
        return lossy

    def lost_kinds(self, cell: str) -> dict[str, int]:
        """Kind -> dead letters of a tenant-month, as far as they are kept."""
        return SqlDeadLetters(self.state).count_kinds(
            DeadLetterFilter(pipeline=EVENT_LETTERS, unit_id=cell)
        )

    def plan_import(self, place: str, table: str) -> ImportPlan:
        """Which tenants a legacy table becomes.

        Args:
            place: A CSV file, or the SQLAlchemy URL of a database.
            table: Table of that database.

        Raises:
            TransientError: The database does not answer.
            PermanentError: The file or table cannot be read.
        """
        now, first_month = self.clock.now(), self.settings.tenants_first_month
        if "://" in place:
            rows = self.sources.read_table(place, table)
            return read_advertisers(
                rows, now=now, first_month=first_month, check=self.sources.check
            )
        try:
            text = decode_csv(Path(place).read_bytes())
        except OSError as error:
            raise PermanentError(
                f"cannot read {place} as a CSV file: {error.strerror or error}. Name a CSV file here, or the "
                "URL of a database",
                kind="bad_import",
            ) from error
        return read_advertisers_csv(
            text, now=now, first_month=first_month, check=self.sources.check
        )

    def due_customers(self, busy: Collection[str] = ()) -> list[str]:
        """Tenants whose table of customers is older than their newest month, those that are busy left out."""
        tenants, months = self.tenants.read_all()
        return due_customers(tenants, months, busy)

    def build_customers(self, tenant_id: str) -> CustomersResult:
        """Builds the table of a tenant's customers and remembers when.

        Raises:
            PermanentError: kind `unknown_tenant`.
        """
        self.tenants.get(tenant_id)
        began = self.clock.now()
        result = build_customers(tenant_id, self.objects)
        self.tenants.mark_customers(tenant_id, began)
        return result

    @cached_property
    def shops(self) -> ShopServices:
        """Shops, and what is known of their products."""
        return ShopServices(self.settings, self.state, self.objects, self.ledger, self.clock)

    @cached_property
    def ranks(self) -> RankServices:
        """Trackings, their pages and their history."""
        return RankServices(self.settings, self.state, self.objects, self.ledger, self.clock)

    @cached_property
    def runner_choices(self) -> RunnerChoices:
        """Which runner does the tasks of which tenant."""
        return RunnerChoices(self.notes, self.settings.tags_runner)

    def publish_dictionary(self) -> PublishedDictionary:
        """The tag dictionary as it is now, stored under its version."""
        return publish_dictionary(self.objects)

    async def run_shards(
        self,
        job_id: str,
        place: TenantSource,
        shards: Sequence[str],
        dictionary_version: str,
        tell: Callable[[ShardOutcome | JobProgress | IgnoredObjects], None],
    ) -> None:
        """Runs shards of a tenant-source as one job, on the tenant's runner.

        Args:
            job_id: Names the job.
            place: The tenant-source.
            shards: Which shards.
            dictionary_version: From `publish_dictionary`.
            tell: Called in the event loop with each shard that ended, how the job is doing, and what lies beside the
                tables.
        """
        settings = self.settings
        await run_shards(
            job_id,
            place,
            shards,
            objects=self.objects,
            runner=self.tags_runner(place.tenant_id),
            work=WorkSettings(
                dictionary_version=dictionary_version,
                table_timeout_seconds=settings.tags_table_timeout_seconds,
                tokenizer=settings.tags_tokenizer,
                dead_letter_share=settings.tags_dead_letter_share,
            ),
            on_shard=tell,
            on_progress=tell,
            on_ignored=lambda keys: tell(IgnoredObjects(tuple(keys))),
            count=settings.tags_shards,
        )

    def tags_runner(self, tenant_id: str) -> JobRunner:
        """What runs the tasks of a tenant.

        Raises:
            RefusedError: It is not configured.
        """
        settings = self.settings
        match self.runner_choices.find(tenant_id):
            case "cloud_run_job":
                return CloudRunJobRunner(CloudRunApi(self._cloud_run_place, clock=self.clock))
            case "http_service":
                policy = HttpServicePolicy(settings.tags_parallelism or HTTP_IN_FLIGHT)
                token = settings.tags_service_token.get_secret_value() or None
                return HttpServiceRunner(
                    settings.tags_service_url,
                    token,
                    policy,
                    clock=self.clock,
                    network=self.network,
                )
            case "local":
                cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
                processes = settings.tags_parallelism or cores or os.cpu_count() or 1
                return LocalRunner(TASK_COMMAND, self._task_environment, LocalPolicy(processes))
            case other:
                raise RefusedError(
                    f"tenant {tenant_id} was moved to the runner {other!r}, which this version does not have: move it "
                    f"to one of {', '.join(RUNNERS)} (python -m platform_assets.tags move)",
                    kind="unknown_runner",
                )

    @property
    def _cloud_run_place(self) -> CloudRunPlace:
        settings = self.settings
        if not settings.cloud_run_project:
            raise RefusedError(
                "there is no Cloud Run project: set SLUICE_CLOUD_RUN_PROJECT, or move the tenant to another runner",
                kind="bad_setting",
            )
        return CloudRunPlace(
            settings.cloud_run_project,
            settings.cloud_run_region,
            settings.cloud_run_job,
            settings.cloud_run_api_url,
        )

    @property
    def _task_environment(self) -> dict[str, str]:
        """Of a task on this machine: the store is the one of these settings, wherever they came from."""
        settings = self.settings
        variables = {
            "SLUICE_HOME": str(settings.home),
            "SLUICE_OBJECTS_URL": settings.object_store_url,
            "SLUICE_LOG_FILE": str(settings.log_path),
        }
        if settings.s3_endpoint_url:
            variables["SLUICE_S3_ENDPOINT_URL"] = settings.s3_endpoint_url
        return child_environment(variables)

    def _igdb_lanes(self, queries_per_request: int) -> int:
        """Ranges read at the same time; as many more as a request carries when queries are packed."""
        if self.settings.igdb_mode == "sequential":
            return 1
        return self.igdb_cap.in_flight * max(SPARE_LANES, queries_per_request)
