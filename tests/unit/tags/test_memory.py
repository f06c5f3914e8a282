"""Memory stays flat: a table several times as large takes no more of it. Measured in processes of their own."""

from pathlib import Path

import pytest

from tests.unit.peak_memory import measure

PROGRAM = r"""
import random, sys
from pathlib import Path
from platform_assets.tags.convert.columns import TableOptions
from platform_assets.tags.convert.table import TablePlace, convert_table
from platform_assets.tags.prep.table import PrepResult, prepare_table
from platform_assets.tags.prep.tokens import load_tokenizer
from tests.unit.peak_memory import peak_kib

count, folder = int(sys.argv[1]), Path(sys.argv[2])
draw = random.Random(7)
raw, out, letters, prepared = (folder / name for name in ("raw.csv", "converted", "letters", "prepared"))
with raw.open("w", encoding="utf-8") as file:
    file.write("id,date,author,title,body\n")
    for n in range(count):
        date = "broken" if n % 100 == 0 else "2024-01-15 10:00"
        words = (f"{draw.choice(('좋은', '영화', '감동'))}{draw.randint(1, 9)}" for _ in range(12))
        body = f"<p>{' '.join(words)}.</p>\n<p>또 볼래요</p>"
        file.write(f'{draw.getrandbits(80):x},{date},author {n % 5000},제목 {n},"{body}"\n')
with raw.open("rb") as file:
    result = convert_table(file, "raw.csv", TableOptions(), TablePlace("acme", "board", "big"), out, letters)
assert (result.rows, result.unread_dates) == (count, count // 100), result
converted_kib = peak_kib()
assert prepare_table(out, prepared, load_tokenizer("plain")) == PrepResult(result.rows)
print(converted_kib, peak_kib())
"""

ROOM_KIB = 32 * 1024
"""What fills up before memory is flat: the cache of ids, row groups, what an allocator keeps. The tokens of 20,000 rows
take twice as much as Python values."""

SMALL, LARGE, SOAKED = 10_000, 30_000, 160_000


@pytest.mark.slow
def test_a_table_several_times_as_large_takes_the_same_memory(tmp_path: Path, soak: bool):
    small, large = (
        measure(PROGRAM, SMALL, tmp_path / "small"),
        measure(PROGRAM, SOAKED if soak else LARGE, tmp_path / "large"),
    )
    print(f"peak KiB: convert {small[0]} and {large[0]}, prep {small[1]} and {large[1]}")
    assert large[0] - small[0] < ROOM_KIB
    assert large[1] - small[1] < ROOM_KIB
