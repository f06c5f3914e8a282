"""What a decision rests on: which tenants are in hand, which sources are asked, and what they answer in time."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.tenants.outlook import look, peek
from platform_assets.tenants.process import EventSource
from platform_assets.tenants.tenant import (
    MonthStatus,
    SourceSettings,
    Tenant,
    TenantMonth,
    TenantType,
)
from tests.unit.tenants.builders import NOW, make_month, make_tenant

CURRENT = "2026-02"
GRACE = 3


@dataclass
class Reader:
    tenants: Sequence[Tenant]
    rows: Sequence[TenantMonth]

    def read_all(self) -> tuple[list[Tenant], list[TenantMonth]]:
        return list(self.tenants), list(self.rows)


@dataclass
class Sources:
    """Sources by table: a text or None to answer, an error to raise, or an event to wait for."""

    answers: dict[str, str | Exception | threading.Event | None] = field(
        default_factory=dict[str, str | Exception | threading.Event | None]
    )
    unopened: set[str] = field(default_factory=set[str])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def open(self, source: SourceSettings) -> EventSource:
        if source.table in self.unopened:
            raise PermanentError("no such table", kind="source_table_missing")
        return _Source(self, source.table)


@dataclass
class _Source:
    sources: Sources
    table: str

    def fingerprint(self, month: str) -> str | None:
        self.sources.asked.append((self.table, month))
        answer = self.sources.answers.get(self.table, f"{self.table} now")
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, threading.Event):
            answer.wait(600)
            return "too late"
        return answer

    def read(self, month: str, slice_records: int):
        raise AssertionError("a decision reads no events")

    def returning(self, month: str):
        raise AssertionError("a decision reads no customers")


def of(tenant_id: str, **said: object) -> Tenant:
    return make_tenant(tenant_id, source=SourceSettings("sqlite:////db", tenant_id), **said)


def completed(tenant_id: str, month: str = CURRENT, watermark: str | None = "seen") -> TenantMonth:
    row = make_month(month, MonthStatus.COMPLETED, tenant_id, read_at=NOW)
    return replace(row, watermark=watermark)


def test_facts_hold_everything_as_of_one_reading():
    reader = Reader([of("acme"), of("beta")], [completed("acme"), completed("beta")])
    facts = look(reader, Sources(), {"beta"}, now=NOW, grace_days=GRACE)
    assert (facts.tenants, facts.months) == (list(reader.tenants), list(reader.rows))
    assert (facts.now, facts.busy) == (NOW, frozenset({"beta"}))


def test_a_running_tenant_and_one_that_only_waits_in_a_run_are_counted_apart():
    rows = [
        make_month(CURRENT, MonthStatus.RUNNING, "acme"),
        make_month(CURRENT, MonthStatus.RUNNING, "alone"),
        make_month(CURRENT, MonthStatus.PENDING, "beta"),
    ]
    reader = Reader([of("acme"), of("alone"), of("beta"), of("idle")], rows)
    facts = look(reader, Sources(), {"acme", "beta"}, now=NOW, grace_days=GRACE)
    assert (facts.running, facts.queued) == (2, 1)


def test_the_open_months_of_idle_existing_tenants_are_asked_for_once_each():
    reader = Reader([of("acme"), of("beta")], [completed("acme"), completed("beta")])
    sources = Sources({"acme": "3 events"})
    facts = look(reader, sources, (), now=NOW, grace_days=GRACE)
    assert sorted(sources.asked) == [("acme", CURRENT), ("beta", CURRENT)]
    assert facts.fingerprints == {("acme", CURRENT): "3 events", ("beta", CURRENT): "beta now"}


def test_nothing_is_asked_of_sources_whose_answer_would_not_matter():
    tenants = [
        of("new", tenant_type=TenantType.NEW),
        of("off", active=False),
        of("busy"),
        of("failed"),
        of("blind"),
        of("closed", last_completed_month="2025-12"),
    ]
    rows = [completed(tenant.tenant_id) for tenant in tenants[:3]]
    rows += [
        make_month(CURRENT, MonthStatus.FAILED, "failed"),
        completed("blind", watermark=None),
        completed("closed", "2025-12"),
    ]
    sources = Sources()
    facts = look(Reader(tenants, rows), sources, {"busy"}, now=NOW, grace_days=GRACE)
    assert sources.asked == []
    assert facts.fingerprints == {}


def test_a_source_that_cannot_tell_is_left_out_and_the_others_answer():
    tenants = [of(name) for name in ("away", "broken", "missing", "mute", "well")]
    rows = [completed(tenant.tenant_id) for tenant in tenants]
    sources = Sources(
        {
            "away": TransientError("away", kind="source_unreachable"),
            "broken": ZeroDivisionError("a defect of one source"),
            "mute": None,
        },
        unopened={"missing"},
    )
    facts = look(Reader(tenants, rows), sources, (), now=NOW, grace_days=GRACE)
    assert facts.fingerprints == {("well", CURRENT): "well now"}


def test_a_source_that_takes_too_long_is_not_waited_for():
    slow = threading.Event()
    tenants = [of("slow"), of("well")]
    ask = [(tenant, [CURRENT]) for tenant in tenants]
    watermarks = {(tenant.tenant_id, CURRENT): "seen" for tenant in tenants}
    try:
        told = peek(Sources({"slow": slow}), ask, watermarks, seconds=0.5)
    finally:
        slow.set()
    assert told == {("well", CURRENT): "well now"}


def test_many_sources_are_asked_at_the_same_time():
    together = threading.Barrier(8, timeout=600)

    class Waiting(Sources):
        def open(self, source: SourceSettings) -> EventSource:
            together.wait()
            return super().open(source)

    tenants = [of(f"tenant-{number}") for number in range(8)]
    watermarks = {(tenant.tenant_id, CURRENT): "seen" for tenant in tenants}
    told = peek(Waiting(), [(tenant, [CURRENT]) for tenant in tenants], watermarks)
    assert len(told) == 8
