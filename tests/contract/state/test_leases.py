import pytest

from platform_assets.core.engine.units import Attempt
from resources.state.database import StateDatabase
from resources.state.leases import SqlLeases
from tests.fakes.clock import FakeClock

ONE = Attempt("attempt-1", "owner-1")
TWO = Attempt("attempt-2", "owner-2")


@pytest.fixture
def dead() -> set[str]:
    return set()


@pytest.fixture
def leases(database: StateDatabase, dead: set[str]) -> SqlLeases:
    return SqlLeases(database, dead.__contains__)


def test_a_free_lease_is_taken_by_one(leases: SqlLeases):
    assert leases.acquire("merge", ONE, 60) == 1
    assert leases.acquire("merge", TWO, 60) is None
    assert leases.acquire("other", TWO, 60) == 1


def test_the_holder_extends_its_lease_under_the_same_fence(leases: SqlLeases, clock: FakeClock):
    leases.acquire("merge", ONE, 60)
    clock.advance(50)
    assert leases.acquire("merge", ONE, 60) == 1
    clock.advance(50)
    assert leases.acquire("merge", TWO, 60) is None


def test_an_expired_lease_goes_to_the_next_under_a_higher_fence(
    leases: SqlLeases, clock: FakeClock
):
    leases.acquire("merge", ONE, 60)
    clock.advance(60)
    assert leases.acquire("merge", TWO, 60) == 2
    assert leases.renew("merge", ONE, 60) is False
    assert leases.release("merge", ONE) is False
    assert leases.acquire("merge", ONE, 60) is None


def test_renewing_keeps_a_lease(leases: SqlLeases, clock: FakeClock):
    leases.acquire("merge", ONE, 60)
    clock.advance(59)
    assert leases.renew("merge", ONE, 60) is True
    clock.advance(59)
    assert leases.acquire("merge", TWO, 60) is None


def test_a_released_lease_is_free_at_once_and_its_fence_still_grows(leases: SqlLeases):
    leases.acquire("merge", ONE, 60)
    assert leases.release("merge", ONE) is True
    assert leases.release("merge", ONE) is False
    assert leases.acquire("merge", TWO, 60) == 2


def test_a_dead_owners_lease_is_taken_over_at_once(leases: SqlLeases, dead: set[str]):
    leases.acquire("merge", ONE, 3600)
    dead.add(ONE.owner)
    assert leases.acquire("merge", TWO, 60) == 2


def test_a_lease_that_never_was_cannot_be_renewed(leases: SqlLeases):
    assert leases.renew("merge", ONE, 60) is False
