"""The tables of the state database as SQLAlchemy Core sees them. Migrations create them; a test compares the two.

To change a table: edit it here, then `python -m migrations "what changes"` writes the revision. No queries here.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from resources.state.columns import ForeignText, JsonText, UtcDateTime

NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
}
"""Names that a later migration can rely on, on both databases."""

metadata = MetaData(naming_convention=NAMING)

# SQLite counts by itself only in a column whose type is exactly INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")

plans = Table(
    "plans",
    metadata,
    Column("plan_id", _Id, primary_key=True),
    Column("pipeline", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("context", JsonText, nullable=False),
    Column("unit_count", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime, index=True),
    UniqueConstraint("pipeline", "tenant", "partition", "generation"),
    # A purged plan's id is never given out again: a late writer of that plan must not hit another one.
    sqlite_autoincrement=True,
)

units = Table(
    "units",
    metadata,
    Column("plan_id", ForeignKey("plans.plan_id", ondelete="CASCADE"), primary_key=True),
    Column("unit_id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("attempt_id", Text),
    Column("owner", Text),
    Column("lease_until", UtcDateTime),
    Column("payload", JsonText, nullable=False),
    Column("checkpoint", JsonText),
    Column("detail", JsonText),
    Column("error_kind", Text),
    Column("error_message", ForeignText),
    Column("seconds", Float, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deaths", Integer, nullable=False, server_default=text("0")),
    # Serves "what failed, anywhere", "is anything of this plan not done" and, alone, the counts.
    Index("ix_units_state", "state", "plan_id", "error_kind"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text),
    Column("attempt_id", Text),
    Column("fence", BigInteger, nullable=False),
    Column("until", UtcDateTime),
)

cap_states = Table(
    "cap_states",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", JsonText),
    Column("updated_at", UtcDateTime, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("pipeline", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("unit_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("message", ForeignText, nullable=False),
    Column("record", ForeignText),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Index("ix_dead_letters_scope", "pipeline", "tenant", "partition"),
    sqlite_autoincrement=True,
)

watermarks = Table(
    "watermarks",
    metadata,
    Column("pipeline", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

tenants = Table(
    "tenants",
    metadata,
    # Foreign: callers ask for any id; one that no database could hold is not found, which is no error.
    Column("tenant_id", ForeignText, primary_key=True),
    Column("name", ForeignText, nullable=False),
    Column("tenant_type", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("disabled_reason", ForeignText),
    Column("current_processing_month", Text),
    Column("backfill_start_month", Text),
    Column("backfill_completed", Boolean, nullable=False),
    Column("last_completed_month", Text),
    Column("customers_at", UtcDateTime),
    Column("source_url", ForeignText, nullable=False),
    Column("source_table", ForeignText, nullable=False),
    Column("source_columns", JsonText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

tenant_month_states = Table(
    "tenant_month_states",
    metadata,
    Column("tenant_id", ForeignKey("tenants.tenant_id", ondelete="CASCADE"), primary_key=True),
    Column("processing_month", ForeignText, primary_key=True),
    Column("status", Text, nullable=False),
    Column("started_at", UtcDateTime),
    Column("heartbeat_at", UtcDateTime),
    Column("completed_at", UtcDateTime),
    Column("processed_records", BigInteger, nullable=False),
    Column("failed_records", BigInteger, nullable=False),
    Column("error_message", ForeignText),
    Column("retry_count", Integer, nullable=False),
    Column("max_retries", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("attempt_id", Text),
    Column("owner", Text),
    Column("run_id", Text),
    Column("watermark", ForeignText),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deaths", Integer, nullable=False, server_default=text("0")),
    Column("faults", Integer, nullable=False, server_default=text("0")),
    # Holds all that "what is RUNNING" and the counts by status ask for.
    Index("ix_tenant_month_states_status", "status", "tenant_id", "processing_month"),
    # Serves "what of this tenant is not COMPLETED".
    Index("ix_tenant_month_states_tenant_id", "tenant_id", "status"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", ForeignText, nullable=False),
    Column("role", ForeignText),
    Column("method", ForeignText, nullable=False),
    Column("path", ForeignText, nullable=False),
    Column("tenant", ForeignText),
    Column("status", Integer, nullable=False),
    Column("detail", JsonText, nullable=False),
    sqlite_autoincrement=True,
)

notes = Table(
    "notes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", JsonText, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

known_products = Table(
    "known_products",
    metadata,
    Column("platform", Text, primary_key=True),
    Column("product_id", ForeignText, primary_key=True),
    Column("name", ForeignText, nullable=False),
    Column("found_by", Text, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("listed_at", UtcDateTime, nullable=False),
)

_IS_OPEN = text("state IN ('pending', 'running')")

search_requests = Table(
    "search_requests",
    metadata,
    Column("request_id", _Id, primary_key=True),
    Column("platform", Text, nullable=False),
    Column("keyword", ForeignText, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("attempt_id", Text),
    Column("owner", Text),
    Column("lease_until", UtcDateTime),
    Column("found", Integer),
    Column("added", Integer),
    Column("error_kind", Text),
    Column("error_message", ForeignText),
    Column("created_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
    # Serves "what is open of a platform", too. One that has ended may be asked for anew.
    Index(
        "ix_search_requests_open",
        "platform",
        "keyword",
        unique=True,
        sqlite_where=_IS_OPEN,
        postgresql_where=_IS_OPEN,
    ),
    sqlite_autoincrement=True,
)

_IN_FORCE = text("status <> 'ended'")

rank_trackings = Table(
    "rank_trackings",
    metadata,
    Column("tracking_id", _Id, primary_key=True),
    Column("rank_type", Text, nullable=False),
    Column("keyword", ForeignText, nullable=False),
    Column("target", ForeignText, nullable=False),
    Column("customer", ForeignText, nullable=False),
    Column("status", Text, nullable=False),
    Column("status_at", UtcDateTime, nullable=False),
    Column("current_session", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # One that has ended may be registered anew, and begins at session 1 again.
    Index(
        "ix_rank_trackings_in_force",
        "customer",
        "rank_type",
        "keyword",
        "target",
        unique=True,
        sqlite_where=_IN_FORCE,
        postgresql_where=_IN_FORCE,
    ),
    sqlite_autoincrement=True,
)

rank_histories = Table(
    "rank_histories",
    metadata,
    Column(
        "tracking_id",
        ForeignKey("rank_trackings.tracking_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("checked_on", Text, primary_key=True),
    Column("rank", Integer),
    Column("session_number", Integer, nullable=False),
    Column("result_count", Integer, nullable=False),
    Column("page_key", Text, nullable=False),
    Column("captured_at", UtcDateTime, nullable=False),
    Index("ix_rank_histories_checked_on", "checked_on"),
)
