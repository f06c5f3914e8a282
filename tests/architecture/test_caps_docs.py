"""docs/caps.md shows the table of caps as the code has it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from resources.caps.limits import CAPS, Cap
from tests.architecture.source_tree import ROOT

HEADER = (
    "cap",
    "requests",
    "per seconds",
    "open requests",
    "pool limit",
    "per day",
    "guard",
    "source",
)


def write_table(caps: Iterable[Cap]) -> str:
    """The Markdown table as docs/caps.md is to hold it."""
    rows = [HEADER, tuple("---" for _ in HEADER), *map(describe, caps)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def describe(cap: Cap) -> tuple[str, ...]:
    per_day = "none" if cap.per_day is None else f"{cap.per_day} from midnight in {cap.day_zone}"
    numbers = (cap.requests, cap.per_seconds, cap.in_flight, cap.pool_limit)
    return (cap.name, *(f"{number:g}" for number in numbers), per_day, f"{cap.guard:g}", cap.source)


def find_tables(text: str) -> Iterator[str]:
    """Runs of lines that start with a bar."""
    table: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            table.append(line)
        elif table:
            yield "\n".join(table)
            table = []


def test_the_docs_show_the_table_of_caps() -> None:
    expected = write_table(CAPS.values())
    found = list(find_tables((ROOT / "docs/caps.md").read_text(encoding="utf-8")))
    assert found == [expected], f"docs/caps.md needs this table:\n{expected}"


def test_another_number_makes_another_table() -> None:
    caps = [replace(cap, per_day=(cap.per_day or 0) + 1) for cap in CAPS.values()]
    assert write_table(caps) != write_table(CAPS.values())


def test_a_table_ends_where_its_lines_end() -> None:
    assert list(find_tables("a\n| b |\n| c |\nd\n| e |")) == ["| b |\n| c |", "| e |"]
