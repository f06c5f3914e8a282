"""Memory stays flat: a month several times as large takes no more of it. Measured in processes of their own."""

from pathlib import Path

import pytest

from tests.unit.peak_memory import measure

PROGRAM = r"""
import random, sys
from pathlib import Path
from platform_assets.tenants.customers import build_customers
from platform_assets.tenants.process import process_month
from resources.objects.local import LocalObjectStore
from tests.fakes.event_source import MemoryLetters, make_row, refuse_nothing
from tests.unit.peak_memory import peak_kib

count, folder = int(sys.argv[1]), Path(sys.argv[2])
draw = random.Random(7)

class Source:
    def fingerprint(self, month):
        return None
    def read(self, month, slice_records):
        for start in range(0, count, slice_records):
            yield [
                make_row(f"event-{draw.getrandbits(96):x}", f"2024-02-{draw.randint(1, 29):02} {n % 24:02}:00:00",
                         customer_id=f"customer-{draw.randint(1, count // 3)}", order_id=f"order-{n // 2}",
                         amount="broken" if n % 100 == 0 else f"{n % 977}.25")
                for n in range(start, start + slice_records)
            ]
    def returning(self, month):
        yield from (f"customer-{n}" for n in range(count // 6))

class Letters(MemoryLetters):
    def add(self, tenant, month, bad):
        self.sizes.append(len(bad))

objects, letters = LocalObjectStore(folder), Letters()
result = process_month("acme", "2024-02", Source(), objects, letters, check_held=refuse_nothing, last=None)
assert (result.processed_records, result.failed_records) == (count - count // 100, count // 100), result
assert sum(letters.sizes) == count // 100
month_kib = peak_kib()
customers = build_customers("acme", objects)
assert customers.customers == result.customers
print(month_kib, peak_kib())
"""

ROOM_KIB = 32 * 1024
"""What fills up before memory is flat: 8 MiB for each sort, row groups of columns, and what an allocator keeps. 120,000
events as Python values take 42 MiB more, 300,000 106 MiB."""

SMALL, LARGE, SOAKED = 30_000, 150_000, 300_000


@pytest.mark.slow
def test_a_month_several_times_as_large_takes_the_same_memory(tmp_path: Path, soak: bool):
    small, large = (
        measure(PROGRAM, SMALL, tmp_path / "small"),
        measure(PROGRAM, SOAKED if soak else LARGE, tmp_path / "large"),
    )
    print(f"peak KiB: month {small[0]} and {large[0]}, customers {small[1]} and {large[1]}")
    assert large[0] - small[0] < ROOM_KIB
    assert large[1] - small[1] < ROOM_KIB
