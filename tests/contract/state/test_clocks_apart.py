"""Hosts whose clocks are minutes apart share a PostgreSQL: whose lease has run out is judged by the server's clock."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from platform_assets.core.clock import SystemClock
from platform_assets.core.engine.units import Attempt, Scope, Unit
from platform_assets.products.state.search_ledger import SqlSearchLedger
from platform_assets.products.state.search_requests import SqlSearchRequests
from platform_assets.tenants.state.ledger import SqlTenantLedger
from platform_assets.tenants.state.months import SqlTenantMonths
from platform_assets.tenants.tenant import MonthStatus
from resources.alerts.outbox import Alerts
from resources.alerts.webhook import Delivery
from resources.state.database import StateDatabase, open_state
from resources.state.diagnosis import SqlDiagnosis
from resources.state.leases import SqlLeases
from resources.state.ledger import SqlLedger
from resources.state.notes import SqlNotes
from tests.contract.state.conftest import empty_tables
from tests.contract.state.tenant_values import World, done

APART = 300.0
LEASE = 60.0
AHEAD, BEHIND = Attempt("attempt-ahead", "host-a/1"), Attempt("attempt-behind", "host-b/1")
CELL = "2026-08|acme"


class WrongClock(SystemClock):
    """A host's clock that is so many seconds ahead."""

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._seconds)


Hosts = tuple[StateDatabase, StateDatabase]


@pytest.fixture
def hosts(postgresql_url: str) -> Iterator[Hosts]:
    """The database as the host that is ahead sees it, and as the one that is behind does."""
    with ExitStack() as stack:
        ahead, behind = (
            stack.enter_context(open_state(postgresql_url, WrongClock(seconds)))
            for seconds in (APART, -APART)
        )
        yield ahead, behind
        empty_tables(ahead)


@dataclass
class Posts:
    """A receiver; while it answers one host, another one looks for alerts that wait."""

    posts: list[str] = field(default_factory=list[str])
    others: Alerts | None = None

    def post(self, message_id: str, document: Mapping[str, object]) -> Delivery:
        self.posts.append(f"{message_id} {document['message']}")
        others, self.others = self.others, None
        if others:
            others.clear("another", "look")
        return Delivery.DELIVERED


def nobody(_owner: str) -> bool:
    return False


def open_ledgers(hosts: Hosts) -> tuple[SqlLedger, SqlLedger]:
    ahead, behind = (SqlLedger(database, nobody) for database in hosts)
    behind.open_plan(Scope("games/raw", "", "2026-11-20"), [Unit("one", {})], {})
    return ahead, behind


def test_a_host_that_is_ahead_takes_no_living_unit(hosts: Hosts):
    ahead, behind = open_ledgers(hosts)
    plan = behind.find_plan(Scope("games/raw", "", "2026-11-20"))
    assert plan is not None
    assert behind.claim(plan, ["one"], BEHIND, LEASE)
    assert ahead.claim(plan, ["one"], AHEAD, LEASE) == []
    assert SqlDiagnosis(hosts[0], nobody).find_held_units() == []
    assert behind.renew(plan, BEHIND, LEASE) == {"one"}
    assert ahead.claim(plan, ["one"], AHEAD, LEASE) == []


def test_a_host_that_is_behind_takes_a_unit_whose_lease_ran_out(hosts: Hosts):
    ahead, behind = open_ledgers(hosts)
    plan = ahead.find_plan(Scope("games/raw", "", "2026-11-20"))
    assert plan is not None
    assert ahead.claim(plan, ["one"], AHEAD, 0.0)
    # What ran out is first noted as a death, then had alone.
    taken = behind.claim(plan, ["one"], BEHIND, LEASE) or behind.claim(plan, ["one"], BEHIND, LEASE)
    assert [record.unit.unit_id for record in taken] == ["one"]
    assert ahead.renew(plan, AHEAD, LEASE) == set()


def test_a_named_lease_is_judged_by_the_servers_clock(hosts: Hosts):
    ahead, behind = (SqlLeases(database, nobody) for database in hosts)
    assert behind.acquire("merge", BEHIND, LEASE) == 1
    assert ahead.acquire("merge", AHEAD, LEASE) is None
    assert behind.renew("merge", BEHIND, LEASE) is True
    assert ahead.acquire("merge", AHEAD, LEASE) is None
    assert ahead.acquire("split", AHEAD, 0.0) == 1
    assert behind.acquire("split", BEHIND, LEASE) == 2


def test_a_search_is_judged_by_the_servers_clock(hosts: Hosts):
    requests = [SqlSearchRequests(database) for database in hosts]
    ahead, behind = (SqlSearchLedger(database, "musinsa", nobody) for database in hosts)
    number = str(requests[0].add("musinsa", "bread")[0].request_id)
    assert behind.claim(behind.plan, [number], BEHIND, LEASE)
    assert ahead.claim(ahead.plan, [number], AHEAD, LEASE) == []
    assert behind.renew(behind.plan, BEHIND, LEASE) == {number}
    assert ahead.claim(ahead.plan, [number], AHEAD, LEASE) == []
    assert requests[0].count_waiting() == {}
    assert behind.renew(behind.plan, BEHIND, 0.0) == {number}
    assert requests[1].count_waiting() == {"musinsa": 1}
    assert ahead.claim(ahead.plan, [number], AHEAD, 0.0)
    assert behind.claim(behind.plan, [number], BEHIND, LEASE)


def test_a_tenant_month_is_judged_by_the_servers_clock(hosts: Hosts):
    World(hosts[0]).add_existing()
    ahead, behind = (
        SqlTenantLedger(
            database, [CELL], run_id=run_id, limit=20, stale_seconds=LEASE, is_dead=nobody
        )
        for database, run_id in zip(hosts, ("run-a", "run-b"), strict=True)
    )
    months = SqlTenantMonths(hosts[0], nobody)
    assert behind.claim(behind.plan, [CELL], BEHIND, LEASE)
    assert ahead.claim(ahead.plan, [CELL], AHEAD, LEASE) == []
    assert behind.renew(behind.plan, BEHIND, LEASE) == {CELL}
    assert months.expire(LEASE, lambda _month: False) == []
    assert months.find_silent(LEASE) == []


def test_a_tenant_month_of_a_dead_host_that_was_ahead_is_taken_by_one_that_is_behind(hosts: Hosts):
    World(hosts[0]).add_existing()
    ahead = SqlTenantLedger(hosts[0], [CELL], run_id="run-a", limit=20, stale_seconds=LEASE)
    assert ahead.claim(ahead.plan, [CELL], AHEAD, LEASE)
    (late,) = SqlTenantMonths(hosts[1], nobody).expire(0.0, lambda _month: False)
    assert late.status is not MonthStatus.RUNNING


def test_what_another_host_has_completed_since_a_run_began_is_done_for_that_run(hosts: Hosts):
    world = World(hosts[1])
    world.add_existing()
    ahead, behind = (
        SqlTenantLedger(database, [CELL], run_id="run", limit=20, stale_seconds=LEASE)
        for database in hosts
    )
    assert behind.claim(behind.plan, [CELL], BEHIND, LEASE)
    assert behind.record(behind.plan, BEHIND, [done(CELL)]) == set()
    assert ahead.read_done(ahead.plan, [CELL]) == {CELL}


def test_an_alert_that_one_host_posts_is_left_to_it_by_a_host_that_is_ahead(hosts: Hosts):
    webhook = Posts()
    webhook.others = Alerts(SqlNotes(hosts[0]), webhook)
    Alerts(SqlNotes(hosts[1]), webhook).tell_once("disk", "full", "no room")
    assert len(webhook.posts) == 1
