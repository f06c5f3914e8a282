from datetime import timedelta
from pathlib import Path

from platform_assets.core.units import Attempt, Scope, Unit, UnitOutcome, UnitState
from platform_assets.definitions import build_definitions
from platform_assets.services import Services
from platform_assets.settings import Settings
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
