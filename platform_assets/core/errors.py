"""The one tree of errors.

    PlatformError                 everything that this platform raises on purpose
    |-- TransientError            worth another try; `retry_after` seconds when the upstream said so
    |   `-- LeaseLostError        somebody else holds the unit now; what this attempt writes is refused
    |-- PermanentError            another try gives the same result; the unit is skipped and logged
    `-- RefusedError              a person must look (wrong credentials, wrong query, newer database): stop the run

Raised anywhere, caught in three places only: the HTTP client, the unit engine, the glue's mapper. A message says
what was tried, on what, and what to do next; it never holds a secret. `kind` is a stable word for tables and metrics.
"""

from typing import ClassVar

PLATFORM_KINDS = frozenset(
    {
        # The object store.
        "object_store_bucket_missing",
        "object_store_denied",
        "object_store_full",
        "object_store_io",
        "object_store_library",
        "object_store_path_taken",
        "object_store_unavailable",
        "object_store_url",
        # The state database.
        "bad_cap_state",
        "state_busy",
        "state_migration",
        "state_newer",
        "state_unreachable",
        "state_unusable",
        "state_url",
        # The machine, its programs and its settings.
        "bad_setting",
        "browser_not_started",
        "fork_server_died",
        "missing_browser",
        "missing_extra",
        "no_space",
        "temporary_folder",
        # Dagster.
        "dagster_storage",
        "dagster_unreachable",
        # A process that woke up too late.
        "lease_lost",
    }
)
"""Kinds of faults of the platform itself: they are never counted against the tenant, product or page in hand."""


def is_platform_fault(kind: str | None) -> bool:
    """Whether an error of this kind is a fault of the platform, not of what was worked on."""
    return kind in PLATFORM_KINDS


class PlatformError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: What was tried, on what, and what to do next.
        kind: Stable snake_case word that groups errors in the ledger and the metrics; the class's default if omitted.

    Attributes:
        alerted: Whether somebody was told of it already.
    """

    default_kind: ClassVar[str] = "platform_error"

    def __init__(self, message: str, *, kind: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind or self.default_kind
        self.alerted = False

    @property
    def is_platform_fault(self) -> bool:
        """Whether the platform is to blame, and not what was worked on."""
        return is_platform_fault(self.kind)


class TransientError(PlatformError):
    """Worth another try: a timeout, a 5xx, a dropped connection.

    Args:
        message: See `PlatformError`.
        kind: See `PlatformError`.
        retry_after: Seconds that the upstream asked to wait; None when it did not say.
    """

    default_kind = "transient"

    def __init__(
        self, message: str, *, kind: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, kind=kind)
        self.retry_after = retry_after


class LeaseLostError(TransientError):
    """The unit's lease ran out and another attempt may hold it: nothing more may be written for it."""

    default_kind = "lease_lost"


class PermanentError(PlatformError):
    """Another try would give the same result: a broken record, a missing table, a product that is gone."""

    default_kind = "permanent"


class RefusedError(PlatformError):
    """Nothing of this run can succeed until a person acts: stop at once, say why and what to do."""

    default_kind = "refused"
