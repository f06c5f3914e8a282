# pyright: standard
"""What tests of the tenants' glue stand on: sandbox databases, services on a fake clock, an instance, watched sources.

`Rig` runs jobs and sensors as they are defined and reads what Dagster recorded. Fixtures are in the test modules.
"""

import logging
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from platform_assets.core.objects import ObjectMissingError
from platform_assets.definitions import build_definitions
from platform_assets.partitions import tenant_months
from platform_assets.services import Services
from platform_assets.settings import Settings
from platform_assets.tenants.glue import EVENTS, MONTH_NUMBERS
from platform_assets.tenants.outputs import month_key
from platform_assets.tenants.registration import plan_tenant
from platform_assets.tenants.tenant import MonthStatus, SourceSettings, TenantType
from tests.fakes.clock import FakeClock
from tests.glue.tenants_shops import MONTHS, NOW, Shops, WatchedSources

Finished = Mapping[str, Mapping[str, Any]]
"""Partition -> metadata, for one asset."""


@dataclass(frozen=True, slots=True)
class TenantRun:
    """One run of a job, as the instance has it."""

    run_id: str
    instance: dg.DagsterInstance

    @property
    def run(self) -> dg.DagsterRun:
        run = self.instance.get_run_by_id(self.run_id)
        assert run is not None
        return run

    @property
    def success(self) -> bool:
        return self.run.is_success

    @property
    def events(self) -> list[dg.DagsterEvent]:
        entries = self.instance.all_logs(self.run_id)
        return [entry.dagster_event for entry in entries if entry.dagster_event is not None]

    @property
    def messages(self) -> str:
        return "\n".join(entry.user_message for entry in self.instance.all_logs(self.run_id))

    def finished(self, key: dg.AssetKey = EVENTS) -> Finished:
        """What the run materialized of an asset."""
        return {
            event.partition or "": {
                name: value.value
                for name, value in event.step_materialization_data.materialization.metadata.items()
            }
            for event in self.events
            if event.event_type_value == "ASSET_MATERIALIZATION" and event.asset_key == key
        }

    @property
    def failure(self) -> tuple[str, Mapping[str, Any]]:
        """Description and metadata of its only failed step."""
        (event,) = [event for event in self.events if event.is_step_failure]
        data = event.step_failure_data.user_failure_data
        assert data is not None, event.step_failure_data.error
        return data.description or "", {
            label: value.value for label, value in data.metadata.items()
        }


@dataclass
class Tick:
    """What a sensor said."""

    requests: Sequence[dg.RunRequest]
    skipped: str | None
    log: str


@dataclass
class Rig:
    """Everything between a registered tenant and what Dagster shows of it."""

    services: Services
    clock: FakeClock
    instance: dg.DagsterInstance
    shops: Shops
    watch: WatchedSources
    definitions: dg.Definitions = field(init=False)

    def __post_init__(self) -> None:
        self.definitions = build_definitions(self.services.settings, {"services": self.services})

    @classmethod
    @contextmanager
    def opened(
        cls,
        home: Path,
        shops: Shops,
        instance: dg.DagsterInstance | None = None,
        **settings: Any,
    ) -> Generator[Self]:
        """A rig with a home of its own; without an instance it has an ephemeral one."""
        defaults = {"home": home, "log_file": Path("/dev/null"), "tenants_first_month": "2026-01"}
        clock = FakeClock(NOW)
        services = Services(Settings.model_validate({**defaults, **settings}), clock)
        watch = WatchedSources(services.sources)
        services.month_processor = replace(services.month_processor, sources=watch)
        with ExitStack() as opened:
            opened.callback(services.state.close)
            opened.callback(services.sources.close)
            instance = instance or opened.enter_context(dg.DagsterInstance.ephemeral())
            yield cls(services, clock, instance, shops, watch)

    # Tenants.

    def add_new(self, tenant_id: str, shop: str = "", start: str = MONTHS[0]) -> None:
        self._add(tenant_id, shop, TenantType.NEW, backfill_start=start)

    def add_existing(self, *tenant_ids: str, shop: str = "", last: str | None = None) -> None:
        for tenant_id in tenant_ids:
            self._add(tenant_id, shop, TenantType.EXISTING, last_completed_month=last)

    def _add(self, tenant_id: str, shop: str, tenant_type: TenantType, **months: Any) -> None:
        tenant, pending = plan_tenant(
            tenant_id,
            "",
            tenant_type,
            SourceSettings(self.shops.url(shop or tenant_id)),
            now=self.clock.now(),
            first_month=self.services.settings.tenants_first_month,
            **months,
        )
        self.services.tenants.register(tenant, pending)
        self.instance.add_dynamic_partitions("tenants", [tenant_id])

    def states(self, *tenant_ids: str) -> dict[str, MonthStatus]:
        """Cell -> status of all months of the tenants, of all tenants if none is named."""
        return {
            f"{month.month}|{month.tenant_id}": month.status
            for month in self.services.tenants.read_all()[1]
            if not tenant_ids or month.tenant_id in tenant_ids
        }

    def has_tables(self, tenant_id: str, month: str) -> bool:
        try:
            self.services.objects.get(month_key(tenant_id, month, "month_summary"))
        except ObjectMissingError:
            return False
        return True

    # Runs.

    def run_job(
        self,
        name: str,
        tags: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
        repeats: TenantRun | None = None,
    ) -> TenantRun:
        """Runs a job to its end, as a worker process would: failures are in what the instance recorded."""
        job = self.definitions.resolve_job_def(name)
        parent = repeats.run if repeats else None
        run = self.instance.create_run_for_job(
            job,
            run_config=config,
            tags={**job.run_tags, **(tags or {})},
            parent_run_id=parent.run_id if parent else None,
            root_run_id=(parent.root_run_id or parent.run_id) if parent else None,
        )
        execute_run(InMemoryJob(job), run, self.instance, raise_on_error=False)
        return TenantRun(run.run_id, self.instance)

    def run_range(self, first: str, last: str, repeats: TenantRun | None = None) -> TenantRun:
        """The job over a rectangle of cells, as a backfill starts it."""
        return self.run_job("tenant_months", range_tags(first, last), repeats=repeats)

    def run_cell(self, cell: str) -> TenantRun:
        return self.run_job("tenant_months", {"dagster/partition": cell})

    def run_cycle(
        self, cells: Sequence[str] = (), *, force: bool = False, repeats: TenantRun | None = None
    ) -> TenantRun:
        return self.run_job("tenant_cycle", config=cycle_config(cells, force), repeats=repeats)

    def queue_run(
        self,
        job: str,
        status: dg.DagsterRunStatus = dg.DagsterRunStatus.QUEUED,
        tags: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> str:
        """A run that nothing executes; its id."""
        definition = self.definitions.resolve_job_def(job)
        repository = RemoteRepositoryOrigin(
            RegisteredCodeLocationOrigin("sluice"), "__repository__"
        )
        run = self.instance.create_run_for_job(
            definition,
            run_config=config,
            tags=tags,
            status=status,
            remote_job_origin=RemoteJobOrigin(repository, job),
        )
        return run.run_id

    # What Dagster shows.

    def shown(
        self, cells: Iterable[str], keys: Iterable[dg.AssetKey] = tuple(MONTH_NUMBERS)
    ) -> dict[str, str | None]:
        """Cell -> status, which must be the same in all of the assets."""
        cells = list(cells)
        partitions = tenant_months(self.services.settings.tenants_first_month)
        found = [self.instance.get_status_by_partition(key, cells, partitions) for key in keys]
        assert all(other == found[0] for other in found), found
        return {cell: status.value if status else None for cell, status in (found[0] or {}).items()}

    def tick(self, name: str) -> Tick:
        """Evaluates a sensor."""
        context = dg.build_sensor_context(
            instance=self.instance,
            definitions=self.definitions,
            resources={"services": self.services},
            sensor_name=name,
        )
        lines: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
        with context:
            context.log.addHandler(handler)
            said = self.definitions.resolve_sensor_def(name).evaluate_tick(context)
        return Tick(said.run_requests or [], said.skip_message, "\n".join(lines))


def range_tags(first: str, last: str) -> dict[str, str]:
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def cycle_config(
    cells: Sequence[str] = (), force: bool = False, customers: Sequence[str] = ()
) -> dict[str, Any]:
    config = {"cells": list(cells), "customers": list(customers), "force": force}
    return {"ops": {"run_cycle": {"config": config}}}


def cells_of(tenant_id: str, months: Sequence[str] = MONTHS) -> list[str]:
    return [f"{month}|{tenant_id}" for month in months]
