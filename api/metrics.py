"""The totals as gauges in Prometheus' text format: the state database has the numbers, the API its refusals."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from api.schemas import StatusOut

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class StatusCollector(Collector):
    """Gauges over one status."""

    def __init__(self, status: StatusOut, refusals: Mapping[str, int]) -> None:
        self._status = status
        self._refusals = refusals

    def collect(self) -> Iterator[Metric]:
        """One family per question."""
        status = self._status
        tenants = status.tenants
        yield _gauge(
            "sluice_tenants",
            "Tenants, active or disabled.",
            "state",
            {"active": tenants.active, "disabled": tenants.disabled},
        )
        yield _gauge(
            "sluice_tenants_by_type",
            "Tenants by type.",
            "type",
            {"NEW": tenants.new, "EXISTING": tenants.existing},
        )
        yield _gauge(
            "sluice_tenant_months",
            "Tenant-months by status.",
            "status",
            status.months.model_dump(),
        )
        yield GaugeMetricFamily(
            "sluice_tenant_months_in_flight",
            "Tenant-months that are being processed.",
            value=status.months_in_flight.used,
        )
        yield GaugeMetricFamily(
            "sluice_tenant_months_in_flight_limit",
            "Tenant-months that may be processed at the same time.",
            value=status.months_in_flight.limit,
        )
        yield _gauge(
            "sluice_runs",
            "Runs of tenant-months in Dagster.",
            "status",
            {"running": status.runs.running, "queued": status.runs.queued},
        )
        yield _gauge(
            "sluice_product_batches_waiting",
            "Batches of products that have not ended: what more workers would take.",
            "platform",
            status.product_batches_waiting,
        )
        yield _gauge(
            "sluice_rank_trackings",
            "Trackings of ranks by status.",
            "status",
            status.rank_trackings,
        )
        yield _gauge(
            "sluice_rank_day",
            "Trackings that were recorded today, those of them with a rank, and those that failed.",
            "result",
            status.rank_day,
        )
        refused = CounterMetricFamily(
            "sluice_api_refused_writes",
            "Writes refused for want of a known token or beyond the rate, since the API started.",
            labels=["kind"],
        )
        for kind, count in self._refusals.items():
            refused.add_metric([kind], count)
        yield refused
        if status.last_tick is not None:
            yield GaugeMetricFamily(
                "sluice_orchestrator_last_tick_age_seconds",
                "Seconds since the orchestrator last decided what is due.",
                value=status.last_tick.age_seconds,
            )


def write_metrics(status: StatusOut, refusals: Mapping[str, int]) -> bytes:
    """The gauges of one status, and what was refused by kind, as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(status, dict(refusals)))
    return generate_latest(registry)


def _gauge(name: str, help_text: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family
