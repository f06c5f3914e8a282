import asyncio

from platform_assets.core.engine.units import Attempt
from platform_assets.core.errors import TransientError
from platform_assets.products.turns import LEASE_SECONDS, LOOK_SECONDS, take_turn
from tests.fakes.virtual_time import virtual_time


class MemoryLeases:
    """Leases under the time of the loop."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[str, float]] = {}
        self.renewals = 0
        self.away = False

    def acquire(self, name: str, attempt: Attempt, seconds: float) -> int | None:
        now = asyncio.get_running_loop().time()
        holder, until = self.held.get(name, ("", 0.0))
        if holder not in ("", attempt.attempt_id) and until > now:
            return None
        self.held[name] = attempt.attempt_id, now + seconds
        return 1

    def renew(self, name: str, attempt: Attempt, seconds: float) -> bool:
        if self.away:
            raise TransientError("the database is away", kind="state_unreachable")
        if self.held.get(name, ("", 0.0))[0] != attempt.attempt_id:
            return False
        self.renewals += 1
        return self.acquire(name, attempt, seconds) is not None

    def release(self, name: str, attempt: Attempt) -> bool:
        if self.held.get(name, ("", 0.0))[0] != attempt.attempt_id:
            return False
        del self.held[name]
        return True


class Shop:
    """Counts who is in."""

    def __init__(self, leases: MemoryLeases, turns: int) -> None:
        self.leases, self.turns = leases, turns
        self.inside = self.most = 0
        self.taken: list[int] = []

    async def visit(self, seconds: float, platform: str = "musinsa") -> float:
        async with take_turn(self.leases, platform, self.turns) as turn:
            self.taken.append(turn)
            self.inside += 1
            self.most = max(self.most, self.inside)
            await asyncio.sleep(seconds)
            self.inside -= 1
        return asyncio.get_running_loop().time()


@virtual_time
async def test_with_one_turn_one_comes_after_the_other():
    shop = Shop(MemoryLeases(), 1)
    ends = await asyncio.gather(*(shop.visit(10) for _ in range(3)))
    assert shop.most == 1
    assert max(ends) <= 30 + 3 * LOOK_SECONDS
    assert shop.leases.held == {}


@virtual_time
async def test_as_many_are_in_as_there_are_turns():
    shop = Shop(MemoryLeases(), 3)
    await asyncio.gather(*(shop.visit(10) for _ in range(7)))
    assert shop.most == 3
    assert set(shop.taken) == {1, 2, 3}


@virtual_time
async def test_platforms_do_not_wait_for_each_other():
    shop = Shop(MemoryLeases(), 1)
    await asyncio.gather(shop.visit(10, "musinsa"), shop.visit(10, "zigzag"))
    assert shop.most == 2


@virtual_time
async def test_a_turn_is_kept_for_as_long_as_it_is_needed():
    shop = Shop(MemoryLeases(), 1)
    await asyncio.gather(shop.visit(10 * LEASE_SECONDS), shop.visit(1))
    assert shop.most == 1
    assert shop.leases.renewals > 10


@virtual_time
async def test_a_turn_outlives_a_database_that_is_away_for_a_moment():
    leases = MemoryLeases()
    shop = Shop(leases, 1)
    visit = asyncio.ensure_future(shop.visit(120))
    await asyncio.sleep(1)
    leases.away = True
    await asyncio.sleep(30)
    leases.away = False
    await asyncio.gather(visit, shop.visit(1))
    assert shop.most == 1


@virtual_time
async def test_a_turn_is_given_back_by_one_that_fails_or_is_cancelled():
    leases = MemoryLeases()
    visit = asyncio.ensure_future(Shop(leases, 1).visit(100))
    await asyncio.sleep(1)
    visit.cancel()
    await asyncio.gather(visit, return_exceptions=True)
    assert leases.held == {}


@virtual_time
async def test_the_turn_of_a_process_that_died_is_free_after_its_lease():
    leases = MemoryLeases()
    leases.held["products/musinsa/1"] = "a dead one", LEASE_SECONDS
    assert await Shop(leases, 1).visit(0) <= LEASE_SECONDS + LOOK_SECONDS
