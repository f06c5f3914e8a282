"""Tenants that nobody made: each month's rows are a function of (seed, tenant, month), and of how dirty they shall be.

Sizes follow Zipf's law: the n-th tenant has a share of 1/n. Customers are skewed too, orders have one or two lines, and
the rows of a month come in the order of time, as a program that appends would leave them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from sandbox.igdb.hashing import salt_of
from sandbox.tenants.events import PURCHASE, Event
from sandbox.tenants.months import count_days, written_month
from sandbox.tenants.oddities import OddKind, make_odd
from sandbox.tenants.truth import TenantTruth, Truth

DATASET = "generated"
CENT = 100
"""One hundredth in units of 1/10,000."""

_DAY_SECONDS = 86_400
_MOST_EMPTY = 0.25
_MOODS = (
    "Blue",
    "Bright",
    "Corner",
    "Daily",
    "First",
    "Little",
    "Märchen",
    "North",
    "Open",
    "한빛",
)
_TRADES = (
    "Bakery",
    "Books",
    "Coffee",
    "Flowers",
    "Garden",
    "Market",
    "Outfitters",
    "Toys, Ltd.",
    "상점",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How much there is, and how dirty it is.

    Attributes:
        count: Tenants.
        months: Months of their history, ascending.
        last_days: Days of the last month that have events; 0 for all.
        events_per_month: Events of a tenant-month, on average over all tenants.
        dirt: Share of the events that something is odd about; also the chance of a month to be empty, up to a quarter.
        kinds: What may be odd.
        seed: Everything follows from it.
    """

    count: int
    months: Sequence[str]
    events_per_month: int
    dirt: float
    seed: int
    last_days: int = 0
    kinds: Sequence[OddKind] = tuple(OddKind)


class GeneratedTenants:
    """Source of generated rows.

    Args:
        shape: How many, how large, how dirty.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._harmonic = sum(1 / n for n in range(1, shape.count + 1))

    def names(self) -> dict[str, str]:
        """Tenant id -> its name."""
        return {_name_id(n): _name_tenant(n) for n in range(1, self._shape.count + 1)}

    def read(self, truth: Truth) -> Iterator[tuple[str, Iterable[Event]]]:
        """All rows of one tenant after the other."""
        for n in range(1, self._shape.count + 1):
            yield _name_id(n), self._draw_tenant(n, truth.tenant(_name_id(n)))

    def _draw_tenant(self, number: int, truth: TenantTruth) -> Iterator[Event]:
        shape = self._shape
        mean = shape.events_per_month * shape.count / self._harmonic / number
        customers = [f"C{n:05}" for n in range(max(3, int(mean) // 4))]
        for month in shape.months:
            random = Random(salt_of(shape.seed, DATASET, _name_id(number), month))
            empty = random.random() < min(shape.dirt, _MOST_EMPTY) and month != shape.months[-1]
            count = max(1, round(mean * random.uniform(0.7, 1.3)))
            truth.month(month)
            if not empty:
                yield from self._draw_month(month, count, customers, random, truth)

    def _draw_month(
        self, month: str, count: int, customers: list[str], random: Random, truth: TenantTruth
    ) -> Iterator[Event]:
        """The inner loop: one draw of 96 bits is one event."""
        clock, days = _list_clock(), self._list_days(month)
        span = len(days) * _DAY_SECONDS
        odd_below = round(self._shape.dirt * (1 << 32))
        kinds, letters = self._shape.kinds, month.replace("-", "")
        good = cents_in_all = 0
        customer = customers[0]
        for n in range(count):
            drawn = random.getrandbits(96)
            day, second = divmod((n * span + (drawn & 0xFFFFFF) % span) // count, _DAY_SECONDS)
            if not n & 1:
                customer = customers[(drawn >> 32 & 0xFFFF) ** 2 * len(customers) >> 32]
            quantity = 1 + (drawn >> 24 & 3)
            cents = quantity * (100 + (drawn >> 48 & 0x3FFF))
            event = Event(
                f"E{letters}-{n}",
                customer,
                days[day] + clock[second],
                PURCHASE,
                f"O{letters}-{n >> 1}",
                quantity,
                f"{cents // 100}.{cents % 100:02}",
                None,
            )
            if drawn >> 64 < odd_below:
                yield from _draw_odd(event, kinds[drawn % len(kinds)], drawn >> 24, truth)
            else:
                good += 1
                cents_in_all += cents
                yield event
        known = truth.month(month)
        known.good += good
        known.revenue_units += cents_in_all * CENT

    def _list_days(self, month: str) -> list[str]:
        shape = self._shape
        limited = shape.last_days if month == shape.months[-1] else 0
        return [f"{month}-{day:02} " for day in range(1, (limited or count_days(month)) + 1)]


def _draw_odd(event: Event, kind: OddKind, drawn: int, truth: TenantTruth) -> tuple[Event, ...]:
    odd = make_odd(kind, event, drawn)
    known = truth.month(written_month(odd.rows[0].event_at))
    known.odd[kind] += 1
    if odd.units is None:
        known.bad += 1
    else:
        known.good += 1
        known.duplicates += len(odd.rows) - 1
        known.revenue_units += odd.units
    return odd.rows


def _name_id(number: int) -> str:
    return f"tenant-{number:04}"


def _name_tenant(number: int) -> str:
    mood = _MOODS[number % len(_MOODS)]
    return f"{mood} {_TRADES[number // len(_MOODS) % len(_TRADES)]} {number}"


@lru_cache(maxsize=1)
def _list_clock() -> list[str]:
    """Every second of a day as `HH:MM:SS`."""
    return [f"{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}" for n in range(_DAY_SECONDS)]
