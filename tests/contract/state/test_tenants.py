from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from platform_assets.core.errors import PermanentError
from platform_assets.tenants.state.tenants import SqlTenants, TenantFilter
from platform_assets.tenants.tenant import MonthStatus, SourceSettings, TenantType
from resources.state.database import StateDatabase
from resources.state.engines import create_state_engine
from resources.state.urls import parse_state_url
from tests.contract.state.tenant_values import (
    MONTHS,
    TWO,
    World,
    claim,
    count_statements,
    done,
    failed,
    make_tenant,
    record,
    states,
)
from tests.fakes.clock import START, FakeClock


@pytest.fixture
def world(database: StateDatabase) -> World:
    return World(database)


@pytest.fixture
def tenants(world: World) -> SqlTenants:
    return world.tenants


def test_a_registered_tenant_is_read_as_it_was(tenants: SqlTenants):
    for tenant in (
        make_tenant("acme", TenantType.NEW),
        replace(
            make_tenant("zeta", active=False, last="2026-10"),
            customers_at=START - timedelta(days=1),
            backfill_completed=True,
            source=SourceSettings("postgresql://reader:${ZETA}@db/shop"),
        ),
    ):
        tenants.register(tenant, [])
        assert tenants.get(tenant.tenant_id) == tenant


def test_the_months_of_a_new_tenant_are_pending_from_the_start(tenants: SqlTenants):
    tenants.register(make_tenant("acme", TenantType.NEW), ["2026-10", "2026-09"])
    months = tenants.months("acme")
    assert [(row.month, row.status) for row in months] == [
        ("2026-09", MonthStatus.PENDING),
        ("2026-10", MonthStatus.PENDING),
    ]
    assert {(row.retry_count, row.max_retries, row.created_at) for row in months} == {(0, 3, START)}


def test_a_tenant_is_registered_once(tenants: SqlTenants):
    tenants.register(make_tenant("acme"), MONTHS)
    with pytest.raises(PermanentError, match="nothing was changed") as caught:
        tenants.register(make_tenant("acme", TenantType.NEW), ["2025-01"])
    assert caught.value.kind == "tenant_exists"
    assert tenants.get("acme").tenant_type is TenantType.EXISTING
    assert [row.month for row in tenants.months("acme")] == list(MONTHS)


def test_an_import_adds_what_is_missing_and_can_be_repeated(tenants: SqlTenants):
    tenants.register(make_tenant("acme", TenantType.NEW), MONTHS)
    wanted = [make_tenant(name, last="2026-10") for name in ("zeta", "acme", "beta")]
    assert tenants.import_tenants(wanted) == ["zeta", "beta"]
    assert tenants.import_tenants(wanted) == []
    assert tenants.import_tenants([]) == []
    assert tenants.ids() == ["acme", "beta", "zeta"]
    assert tenants.get("acme").tenant_type is TenantType.NEW
    assert tenants.get("beta") == wanted[2]
    missed = [(row.month, row.status) for row in tenants.months("beta")]
    assert missed[0] == ("2026-11", MonthStatus.PENDING)


def test_an_import_of_thousands_is_one_call(tenants: SqlTenants):
    wanted = [make_tenant(f"t{i:04}") for i in range(3000)]
    assert tenants.import_tenants(wanted) == [tenant.tenant_id for tenant in wanted]
    assert tenants.count(TenantFilter()) == 3000


Ask = Callable[[SqlTenants], object]
ASK_FOR_NOBODY: list[Ask] = [
    lambda t: t.get("nobody"),
    lambda t: t.months("nobody"),
    lambda t: t.activate("nobody"),
    lambda t: t.deactivate("nobody", "why"),
    lambda t: t.delete("nobody"),
    lambda t: t.update_source("nobody", SourceSettings("sqlite:////x.db")),
    lambda t: t.mark_customers("nobody", START),
    lambda t: t.get("no\0body\ud800"),
]


@pytest.mark.parametrize("ask", ASK_FOR_NOBODY)
def test_an_unknown_tenant_is_said_to_be_unknown(tenants: SqlTenants, ask: Ask):
    with pytest.raises(PermanentError, match="there is no tenant") as caught:
        ask(tenants)
    assert caught.value.kind == "unknown_tenant"


FIND = [
    (TenantFilter(), ["a", "b", "c", "d"]),
    (TenantFilter(tenant_type=TenantType.NEW), ["b", "d"]),
    (TenantFilter(active=False), ["c"]),
    (TenantFilter(active=True), ["a", "b", "d"]),
    (TenantFilter(status=MonthStatus.PENDING), ["b", "d"]),
    (TenantFilter(status=MonthStatus.FAILED), ["b"]),
    (TenantFilter(TenantType.NEW, active=True, status=MonthStatus.RUNNING), ["d"]),
    (TenantFilter(TenantType.EXISTING, status=MonthStatus.RUNNING), []),
]


@pytest.mark.parametrize(("wanted", "ids"), FIND)
def test_a_filter_takes_what_matches_every_field(
    world: World, wanted: TenantFilter, ids: list[str]
):
    world.add_existing("a")
    world.add_new("b")
    world.tenants.register(make_tenant("c", active=False), [])
    world.add_new("d")
    ledger = world.run("2026-09|b", "2026-09|d")
    assert len(claim(ledger, "2026-09|b", "2026-09|d")) == 2
    record(ledger, failed("2026-09|b"))
    found = world.tenants.find(wanted, limit=10)
    assert [tenant.tenant_id for tenant in found] == ids
    assert world.tenants.count(wanted) == len(ids)
    assert world.tenants.find_page(wanted, limit=10) == (found, len(ids))
    assert world.tenants.find_page(wanted, limit=1, after="zzz") == ([], len(ids))


def test_pages_continue_behind_the_last_id(tenants: SqlTenants):
    ids = ["A-b", "A.b", "A_b", "Ab", "a", "a-1", "a1", "b"]
    tenants.import_tenants([make_tenant(name) for name in ids])
    pages: list[list[str]] = []
    after = ""
    while page := tenants.find(TenantFilter(), limit=3, after=after):
        pages.append([tenant.tenant_id for tenant in page])
        after = pages[-1][-1]
    assert [len(page) for page in pages] == [3, 3, 2]
    assert sorted(name for page in pages for name in page) == sorted(ids)


def test_everything_is_read_as_it_was_at_one_moment(world: World, state_url: str):
    """A month is completed between the two statements of the reader: it sees neither of the two changes, or both."""
    world.add_new("acme", ["2026-11"])
    world.add_existing("zeta")
    ledger = world.run("2026-11|acme")
    claim(ledger, "2026-11|acme")
    between: list[set[str]] = []

    def complete_between(_con: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "FROM tenant_month_states" in statement and not between:
            between.append(record(ledger, done("2026-11|acme")))

    engine = create_state_engine(parse_state_url(state_url))
    event.listen(engine, "before_cursor_execute", complete_between)
    tenants, months = SqlTenants(StateDatabase(engine, world.database.clock)).read_all()
    engine.dispose()
    assert between == [set()]
    assert [tenant.tenant_id for tenant in tenants] == ["acme", "zeta"]
    assert tenants[0].tenant_type is TenantType.NEW
    assert [(row.tenant_id, row.status) for row in months] == [("acme", MonthStatus.RUNNING)]
    assert world.tenants.get("acme").tenant_type is TenantType.EXISTING


def test_months_are_read_by_tenant_and_month(world: World):
    world.add_new("zeta")
    world.add_new("acme")
    _, months = world.tenants.read_all()
    assert [(row.tenant_id, row.month) for row in months] == [
        (tenant_id, month) for tenant_id in ("acme", "zeta") for month in MONTHS
    ]


def test_a_switched_off_tenant_says_why(tenants: SqlTenants, clock: FakeClock):
    tenants.register(make_tenant("acme"), [])
    clock.advance(60)
    off = tenants.deactivate("acme", "left\0 us" + "!" * 2000)
    assert (off.active, off.updated_at) == (False, START + timedelta(seconds=60))
    stored = tenants.get("acme")
    assert not stored.active
    assert stored.disabled_reason is not None
    assert len(stored.disabled_reason) == 1000


def test_activating_makes_exhausted_months_pending_and_leaves_the_others(
    world: World, clock: FakeClock
):
    world.add_existing("acme", MONTHS)
    world.fail_until_disabled("2026-09|acme")
    assert not world.tenants.get("acme").active
    world.tenants.activate("acme")
    ledger = world.run("2026-10|acme", "2026-11|acme")
    claim(ledger, "2026-10|acme", "2026-11|acme")
    record(ledger, failed("2026-10|acme"))
    tenant = world.tenants.activate("acme")
    assert (tenant.active, tenant.disabled_reason) == (True, None)
    assert world.tenants.get("acme") == tenant
    assert world.statuses() == {
        "2026-09": MonthStatus.PENDING,
        "2026-10": MonthStatus.FAILED,
        "2026-11": MonthStatus.RUNNING,
    }
    assert world.month("2026-09|acme").retry_count == 0
    assert world.month("2026-10|acme").retry_count == 1


def test_a_deleted_tenant_takes_its_months_along_and_may_come_back(world: World):
    world.add_new("acme")
    world.add_new("zeta")
    world.tenants.delete("acme")
    assert world.tenants.ids() == ["zeta"]
    assert world.months.count_by_status()[MonthStatus.PENDING] == 3
    world.add_new("acme", ["2026-11"])
    assert list(world.statuses()) == ["2026-11"]


def test_a_run_of_a_deleted_tenant_can_write_nothing_even_when_it_came_back(world: World):
    world.add_new("acme")
    ledger = world.run("2026-09|acme")
    claim(ledger, "2026-09|acme")
    world.tenants.delete("acme")
    assert ledger.save_checkpoints(ledger.plan, TWO, {"2026-09|acme": {}}) == {"2026-09|acme"}
    assert record(ledger, done("2026-09|acme")) == {"2026-09|acme"}
    assert states(claim(ledger, "2026-09|acme")) == {"2026-09|acme": "unknown_tenant"}
    world.add_new("acme")
    assert record(ledger, done("2026-09|acme")) == {"2026-09|acme"}
    assert set(world.statuses().values()) == {MonthStatus.PENDING}


def test_a_source_can_be_moved(tenants: SqlTenants, clock: FakeClock):
    tenants.register(make_tenant("acme"), [])
    clock.advance(60)
    source = SourceSettings("postgresql://db/shop", "events", {"amount": "won"})
    changed = tenants.update_source("acme", source)
    assert changed == tenants.get("acme")
    assert (changed.source, changed.updated_at) == (source, clock.now())


def test_the_table_of_customers_is_dated(tenants: SqlTenants):
    tenants.register(make_tenant("acme"), [])
    tenants.mark_customers("acme", START - timedelta(hours=1))
    assert tenants.get("acme").customers_at == START - timedelta(hours=1)


def test_everything_is_read_in_two_statements(world: World, state_url: str, clock: FakeClock):
    for number in range(40):
        world.add_new(f"t{number}", [f"20{year}-{m:02}" for year in (24, 25) for m in range(1, 13)])
    engine = create_state_engine(parse_state_url(state_url))
    seen = count_statements(engine)
    tenants, months = SqlTenants(StateDatabase(engine, clock)).read_all()
    assert (len(tenants), len(months)) == (40, 960)
    assert len([statement for statement in seen if statement.startswith("SELECT")]) == 2
    engine.dispose()
