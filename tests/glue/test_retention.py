# pyright: standard
from datetime import timedelta
from pathlib import Path

import dagster as dg

from platform_assets.core.engine.units import (
    Attempt,
    PlanState,
    Scope,
    Unit,
    UnitOutcome,
    UnitState,
)
from platform_assets.definitions import build_definitions
from platform_assets.partitions import PRODUCT_BATCHES, today
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.state.audit import AuditEntry, SqlAudit
from resources.state.dead_letters import DeadLetter, DeadLetterFilter, SqlDeadLetters
from tests.fakes.clock import FakeClock

SCOPE = Scope("games/raw_games", "", "2026-11-01")
ME = Attempt("me", "here")


def close_plan(services: Services) -> None:
    plan = services.ledger.open_plan(SCOPE, [Unit("u", {})], {})
    services.ledger.claim(plan, ["u"], ME, 60)
    services.ledger.record(plan, ME, [UnitOutcome("u", UnitState.DONE)])
    assert services.ledger.close_plan(plan)


def test_the_purge_job_keeps_a_week_and_deletes_what_is_older(tmp_path: Path):
    clock = FakeClock()
    services = Services(Settings(home=tmp_path), clock)
    letters = SqlDeadLetters(services.state)
    close_plan(services)
    letters.add(
        [DeadLetter("games/raw_games", "", "2026-11-01", "u", "bad_row", "no id", "{}")],
        retention_days=7,
    )
    job = build_definitions(services.settings, {"services": services}).resolve_job_def("purge")

    clock.advance(timedelta(days=6).total_seconds())
    assert job.execute_in_process().success
    plan = services.ledger.find_plan(SCOPE)
    assert plan is not None
    assert len(services.ledger.read_units(plan)) == 1
    assert letters.count(DeadLetterFilter()) == 1

    clock.advance(timedelta(days=2).total_seconds())
    assert job.execute_in_process().success
    assert services.ledger.read_units(plan) == []
    assert letters.count(DeadLetterFilter()) == 0


def test_the_audit_trail_is_kept_for_as_long_as_the_setting_says(tmp_path: Path):
    clock = FakeClock()
    services = Services(Settings(home=tmp_path, audit_days=30), clock)
    audit = SqlAudit(services.state)
    job = build_definitions(services.settings, {"services": services}).resolve_job_def("purge")
    audit.add(AuditEntry(clock.now(), "olga", "operate", "POST", "/x", None, 202))
    for days, kept in ((29, 1), (2, 0)):
        clock.advance(timedelta(days=days).total_seconds())
        assert job.execute_in_process().success
        assert len(audit.find()) == kept


def test_plans_that_were_left_for_a_week_are_closed_and_then_purged(tmp_path: Path):
    clock = FakeClock()
    services = Services(Settings(home=tmp_path), clock)
    plan = services.ledger.open_plan(SCOPE, [Unit("u", {}), Unit("v", {})], {})
    services.ledger.claim(plan, ["u"], ME, 60)
    services.ledger.record(plan, ME, [UnitOutcome("u", UnitState.FAILED)])
    job = build_definitions(services.settings, {"services": services}).resolve_job_def("purge")

    def is_open() -> bool:
        found = services.ledger.find_plan(SCOPE)
        assert found is not None
        return found.state is PlanState.OPEN

    clock.advance(timedelta(days=6).total_seconds())
    services.ledger.claim(plan, ["v"], ME, 60)
    clock.advance(timedelta(days=6).total_seconds())
    assert job.execute_in_process().success
    assert is_open(), "something has happened six days ago"
    clock.advance(timedelta(days=2).total_seconds())
    assert job.execute_in_process().success
    assert not is_open()
    assert len(services.ledger.read_units(plan)) == 2
    clock.advance(timedelta(days=8).total_seconds())
    assert job.execute_in_process().success
    assert services.ledger.read_units(plan) == []


def test_partitions_of_batches_go_after_a_week(tmp_path: Path):
    clock = FakeClock()
    services = Services(Settings(home=tmp_path), clock)
    job = build_definitions(services.settings, {"services": services}).resolve_job_def("purge")
    name = str(PRODUCT_BATCHES.name)
    with dg.DagsterInstance.ephemeral() as instance:
        days = [today(clock.now() - timedelta(days=back)) for back in range(10)]
        instance.add_dynamic_partitions(name, [f"musinsa/{day}/1-of-1" for day in days])
        assert job.execute_in_process(instance=instance).success
        left = {key.split("/")[1] for key in instance.get_dynamic_partitions(name)}
    assert left == set(days[:8])
