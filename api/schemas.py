"""What goes over the wire: bodies that are taken and documents that are given, and the OpenAPI text about them.

Values of the platform become documents here, field by field: what is not named stays inside (owners, fencing tokens).
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from platform_assets.core.engine.units import UnitState
from platform_assets.tenants.registration import NAME_LENGTH
from platform_assets.tenants.tenant import MonthStatus, TenantType

TENANT_ID_PATTERN = r"^[A-Za-z0-9](\.?[A-Za-z0-9_-])*\.?$"
"""As `check_tenant_id` has it, without a look-ahead; the length is beside it."""

MONTH_PATTERN = r"^[12][0-9]{3}-(0[1-9]|1[0-2])$"

DAY_PATTERN = r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"

PATTERN_WORDS = {
    TENANT_ID_PATTERN: "tenant id: 1 to 50 letters, digits, `_`, `-` and single dots, the first a letter or digit",
    MONTH_PATTERN: "month: months are written YYYY-MM, such as 2026-01",
    DAY_PATTERN: "day: days are written YYYY-MM-DD, such as 2026-11-20",
}
"""What somebody is told whose value does not fit."""

TenantId = Annotated[
    str,
    Field(pattern=TENANT_ID_PATTERN, min_length=1, max_length=50, examples=["acme"]),
]
Month = Annotated[str, Field(pattern=MONTH_PATTERN, examples=["2026-01"])]


MOST_ITEMS = 500
"""Tenants on one page."""

MOST_NUMBER = 2**63 - 1
"""The largest number that a database gives to a row."""


class Taken(BaseModel):
    """A body or query of a request: unknown fields are refused, they are typing errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Given(BaseModel):
    """A document of an answer, read from the attributes of a value."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class SourceIn(Taken):
    """Where a tenant's events are."""

    url: str = Field(
        min_length=1,
        max_length=2000,
        description="SQLAlchemy URL. A password is written `${NAME}`; the variable SLUICE_SOURCE_NAME holds it.",
        examples=["postgresql://reader:${SHOP}@db.internal:5432/shop"],
    )
    table: str = Field(default="events", min_length=1, max_length=130)
    columns: dict[str, Annotated[str, Field(min_length=1, max_length=130)]] = Field(
        default_factory=dict,
        max_length=50,
        description="Canonical column -> the table's own name, for those that differ.",
    )


class RegistrationIn(Taken):
    """A tenant to be registered."""

    tenant_id: TenantId
    name: str = Field(
        default="", max_length=NAME_LENGTH, description="For people; the id if empty."
    )
    tenant_type: TenantType = Field(
        default=TenantType.NEW,
        description="NEW: its history is backfilled by itself. EXISTING: a migration, only current months are kept up.",
    )
    source: SourceIn
    backfill_start_month: Month | None = Field(
        default=None, description="NEW only; 24 months before the current one if omitted."
    )
    last_completed_month: Month | None = Field(
        default=None, description="EXISTING only: what was completed elsewhere."
    )


class TriggerIn(Taken):
    """What to start."""

    month: Month | None = Field(
        default=None, description="One month; what is due, or else the current month, if omitted."
    )


class DeactivationIn(Taken):
    """Why a tenant is switched off."""

    reason: str = Field(min_length=1, max_length=500)


class TagRunnerIn(Taken):
    """Who is to do the tables of a tenant."""

    runner: Literal["local", "cloud_run_job", "http_service"]


FilterText = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\u0000-\u001f]+$")]


class FailureFields(Taken):
    """Which failed units: those that match every field that is there."""

    pipeline: FilterText | None = Field(
        default=None, description="A pipeline, or a part of one.", examples=["games/raw_games"]
    )
    tenant: FilterText | None = Field(default=None, description="Tenant id, or what stands for it.")
    partition: FilterText | None = Field(default=None, description="Partition key.")
    kind: FilterText | None = Field(default=None, description="Kind of the last failure.")
    unit_ids: Sequence[FilterText] = Field(default=(), max_length=MOST_ITEMS)


class FailureQuery(FailureFields):
    """Which failed units are listed, and which page of them."""

    limit: int = Field(default=50, ge=1, le=MOST_ITEMS)
    offset: int = Field(default=0, ge=0, le=100_000, description="`next` of the page before.")


class SearchIn(Taken):
    """What a shop is to be searched for."""

    platform: FilterText = Field(examples=["musinsa"])
    keyword: str = Field(
        max_length=1000,
        description="1 to 100 printable characters; spaces around and between words count once.",
        examples=["반팔 티셔츠"],
    )


class SearchQuery(Taken):
    """Which search requests are listed, and which page of them."""

    platform: FilterText | None = None
    state: UnitState | None = None
    limit: int = Field(default=50, ge=1, le=MOST_ITEMS)
    before: int | None = Field(
        default=None, ge=1, le=MOST_NUMBER, description="`next` of the page before."
    )


class RedriveIn(FailureFields):
    """Which failed units are to become work again."""

    dry_run: bool = Field(default=False, description="Only say what would be done.")


class TenantQuery(Taken):
    """Which tenants are listed, and which page of them."""

    type: TenantType | None = None
    active: bool | None = None
    status: MonthStatus | None = Field(
        default=None, description="Tenants that have a month in this status."
    )
    limit: int = Field(default=50, ge=1, le=MOST_ITEMS)
    after: TenantId | None = Field(default=None, description="`next` of the page before.")


class SourceOut(Given):
    """Where a tenant's events are; never with a password."""

    url: str
    table: str
    columns: dict[str, str]


class TenantOut(Given):
    """A tenant."""

    tenant_id: str
    name: str
    tenant_type: TenantType
    active: bool
    disabled_reason: str | None
    current_processing_month: str | None
    backfill_start_month: str | None
    backfill_completed: bool
    last_completed_month: str | None
    customers_at: AwareDatetime | None
    source: SourceOut
    created_at: AwareDatetime
    updated_at: AwareDatetime


class TenantPageOut(Given):
    """A page of tenants, by id."""

    items: Sequence[TenantOut]
    total: int = Field(description="Tenants that match, on all pages.")
    next: str | None = Field(description="`after` of the next page; null on the last one.")


class MonthStateOut(Given):
    """The state of one month."""

    month: str
    status: MonthStatus
    started_at: AwareDatetime | None
    heartbeat_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    processed_records: int
    failed_records: int
    error_message: str | None
    retry_count: int
    max_retries: int
    next_attempt_at: AwareDatetime | None
    run_id: str | None
    watermark: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    deaths: int = Field(description="Workers that died in a row while they had it in hand.")
    faults: int = Field(
        description="Attempts in a row that met a fault of the platform; they count as no failures."
    )


class ProcessingStatesOut(Given):
    """All months of a tenant, oldest first."""

    tenant_id: str
    states: Sequence[MonthStateOut]


class BackfillProgressOut(Given):
    """How far a tenant's months are."""

    tenant_id: str
    tenant_type: TenantType
    active: bool
    backfill_completed: bool
    current_month: str | None = Field(description="The month that is processed now, or next.")
    total: int
    completed: int
    failed: int
    running: int
    pending: int
    percent: float = Field(description="Completed months of all, 0 to 100.")
    mean_seconds: float | None = Field(description="Mean time of a completed month.")
    estimated_end_at: AwareDatetime | None = Field(
        description="When the months left will be done if they take as long as the completed ones; null if unknown."
    )


class RunningMonthOut(Given):
    """A tenant-month that is being processed."""

    tenant_id: str
    month: str
    run_id: str | None
    since: AwareDatetime | None
    heartbeat_at: AwareDatetime | None
    months_completed: int = Field(description="Months of this tenant that are complete.")
    months_total: int


class RunOut(Given):
    """A queued or running run of Dagster."""

    run_id: str
    status: Literal["queued", "running"]
    cells: Sequence[str]
    created_at: AwareDatetime
    started_at: AwareDatetime | None


class RunningJobsOut(Given):
    """What is being processed, and the runs that do it or wait for their turn."""

    months: Sequence[RunningMonthOut]
    runs: Sequence[RunOut]


class MonthCountsOut(Given):
    """Tenant-months by status."""

    PENDING: int = 0
    RUNNING: int = 0
    COMPLETED: int = 0
    FAILED: int = 0


class TenantCountsOut(Given):
    """Tenants by type, and whether they are active."""

    total: int
    active: int
    disabled: int
    new: int
    existing: int


class RunCountsOut(Given):
    """Runs of tenant-months in Dagster."""

    running: int
    queued: int


class UsageOut(Given):
    """How much of a limit is in use."""

    used: int
    limit: int


class CapUsageOut(Given):
    """How much of an upstream's cap is in use, over all processes."""

    name: str
    open_requests: UsageOut
    used_today: int | None = Field(description="Requests of today; null where no daily budget is.")
    per_day: int | None
    paused_until: AwareDatetime | None


class LastTickOut(Given):
    """The orchestrator's last decision."""

    at: AwareDatetime
    age_seconds: float
    due: int | None
    handed: int | None
    waiting: int | None


class StatusOut(Given):
    """The whole platform at a glance; at most a second old."""

    at: AwareDatetime
    months: MonthCountsOut
    tenants: TenantCountsOut
    runs: RunCountsOut
    months_in_flight: UsageOut
    caps: Sequence[CapUsageOut]
    product_batches_waiting: dict[str, int] = Field(
        description="Batches of yesterday and today that have not ended, by shop platform."
    )
    rank_trackings: dict[str, int] = Field(description="Trackings of ranks by status.")
    rank_day: dict[str, int] = Field(
        description="Trackings that today has so far: `recorded`, those of them `exposed`, and `failed` without record."
    )
    last_tick: LastTickOut | None


class CheckOut(Given):
    """One thing that the platform needs."""

    ok: bool
    detail: str


class HealthOut(Given):
    """Whether this process lives and can do its work."""

    live: Literal[True]
    ready: bool
    checks: dict[str, CheckOut]


class StartedOut(Given):
    """A run that was started."""

    run_id: str
    cells: Sequence[str] = Field(description="Partition keys `YYYY-MM|tenant`.")


class DeletedOut(Given):
    """A tenant that was removed."""

    tenant_id: str
    partition_removed: bool = Field(
        description="False: Dagster's partition goes later by itself, such as after a backfill that is in progress."
    )


class ProblemPartOut(Given):
    """One part of a request that is wrong."""

    where: str
    detail: str
    kind: str


class ProblemOut(Given):
    """A problem document of RFC 9457."""

    type: str = Field(examples=["urn:sluice:problem:unknown_tenant"])
    title: str
    status: int
    detail: str
    instance: str
    errors: Sequence[ProblemPartOut] | None = None


class FailureOut(Given):
    """A failed unit."""

    pipeline: str
    tenant: str
    partition: str
    unit_id: str
    kind: str | None
    message: str | None
    failed_at: AwareDatetime


class FailureCountOut(Given):
    """How many units of a pipeline failed with that kind."""

    pipeline: str
    kind: str | None
    units: int


class FailuresOut(Given):
    """Failed units: how many in all, by pipeline and kind, and one page of them."""

    total: int
    counts: Sequence[FailureCountOut]
    failures: Sequence[FailureOut]
    next: int | None = Field(description="`offset` of the next page; null behind the last one.")


class RequeuedOut(Given):
    """A partition of which failed units are work again."""

    pipeline: str
    tenant: str
    partition: str
    units: int


class RedriveOut(Given):
    """What a redrive did, or would do."""

    dry_run: bool
    units: int
    partitions: Sequence[RequeuedOut]
    next_steps: dict[str, str] = Field(description="Pipeline -> what does the units again.")
    started: Sequence[str] = Field(description="Runs that were started, a line each.")
    told: Sequence[str] = Field(description="The same for people, a line each.")


class TagRunnerOut(Given):
    """Who does the tables of a tenant."""

    tenant_id: str
    runner: str


class TagRunnersOut(Given):
    """Who does the tables of all tenants."""

    default: str = Field(description="Of every tenant that was not moved.")
    moved: dict[str, str] = Field(description="Tenant -> runner, by tenant.")


class SearchOut(Given):
    """A search request."""

    request_id: int
    platform: str
    keyword: str
    state: UnitState
    attempts: int
    found: int | None = Field(description="Products that the shop found; null until it is done.")
    added: int | None = Field(description="Those of them that were not known before.")
    error_kind: str | None
    error_message: str | None
    created_at: AwareDatetime
    done_at: AwareDatetime | None


class SearchesOut(Given):
    """A page of search requests, the newest first."""

    items: Sequence[SearchOut]
    next: int | None = Field(description="`before` of the next page; null on the last one.")


class ProductDayOut(Given):
    """How far a platform's day is."""

    platform: str
    day: str
    batches: int
    waiting: int
    completed: int
    failed: int
    products: int
    products_done: int
    products_failed: int
    percent: float
    updated_at: AwareDatetime
    ends_at: AwareDatetime | None = Field(description="Estimate; null without one.")


class ProductDaysOut(Given):
    """How far the days of all platforms are."""

    days: Sequence[ProductDayOut]
