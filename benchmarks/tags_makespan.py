"""How long do shards of tables take, against the least that any plan can take? Ours, round-robin and by hash.

    python -m benchmarks.tags_makespan [--tables 645] [--shards 100] [--draws 20] [--json FILE]

A simulation by size: a table takes as long as it is large, a worker does one shard after another, nothing else costs
anything. Sizes follow Zipf's law: the table of rank k has 1 / k^exponent of the largest; which id has which rank is
drawn anew `--draws` times, and of each plan the worst draw counts. The bound is max(total / workers, longest table):
where the longest table alone takes longer than an even share, nothing helps but to cut that table.

Ours is `plan_shards`, its heaviest shard started first. The peers deal tables in the order of their ids: one after the
other, or by the CRC-32 of the id; their shards start in the order of their numbers.
"""

import argparse
import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from zlib import crc32

from benchmarks.tables import Goal, describe_goals, format_goals, format_table, write_json
from platform_assets.tags.shards.dealing import plan_shards

TABLES = 645
SHARDS = 100
DRAWS = 20
WORKERS = (100, 2)
EXPONENTS = (0.3, 0.4, 0.7, 1.0)
"""At 0.3 the mean is the bound for 100 workers, beyond it the largest table; at 1 that has a seventh of everything."""

EVEN = 0.0
"""All tables of the same size: of 645 the fullest of 100 shards has 7, the mean is 6.45, whatever the plan. It is shown
and has no goal; the less even tables are, the closer to the bound they get."""

TOTAL_BYTES = 4_000_000_000
GOAL = 1.05
HEADERS = ("sizes", "longest", "workers", "bound by", "ours", "round-robin", "hash")

Deal = Callable[[Mapping[str, int], int], Sequence[int]]
"""Sizes of tables by id, and a number of shards -> the sizes of the shards in the order in which they are started."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One law of sizes at one number of workers.

    Attributes:
        exponent: Of Zipf's law.
        longest_share: The largest table's part of everything.
        workers: Shards at the same time.
        bound_by: `longest` table or `mean` of the workers.
        ours: Makespan / bound in the worst draw.
        round_robin: Likewise.
        by_hash: Likewise.
    """

    exponent: float
    longest_share: float
    workers: int
    bound_by: str
    ours: float
    round_robin: float
    by_hash: float


def draw_sizes(tables: int, exponent: float, random: Random) -> dict[str, int]:
    """Sizes in bytes by table id."""
    weights = [1 / rank**exponent for rank in range(1, tables + 1)]
    scale = TOTAL_BYTES / sum(weights)
    random.shuffle(weights)
    return {
        f"board_{number:04d}": max(1, round(weight * scale))
        for number, weight in enumerate(weights)
    }


def deal_ours(sizes: Mapping[str, int], shards: int) -> list[int]:
    """By `plan_shards`; the heaviest first, as a manifest has them."""
    plan = plan_shards(sizes, shards)
    loads = Counter[str]()
    for table_id, shard in plan.shards.items():
        loads[shard] += sizes[table_id]
    return sorted(loads.values(), reverse=True)


def deal_in_turn(sizes: Mapping[str, int], shards: int) -> list[int]:
    """One after the other, in the order of their ids."""
    loads = [0] * shards
    for number, table_id in enumerate(sorted(sizes)):
        loads[number % shards] += sizes[table_id]
    return loads


def deal_by_hash(sizes: Mapping[str, int], shards: int) -> list[int]:
    """By the CRC-32 of the id."""
    loads = [0] * shards
    for table_id, size in sizes.items():
        loads[crc32(table_id.encode()) % shards] += size
    return loads


def find_makespan(loads: Sequence[int], workers: int) -> int:
    """When the last shard ends, if each goes to the worker that is free first."""
    ends = [0] * workers
    for load in loads:
        heapq.heapreplace(ends, ends[0] + load)
    return max(ends)


def find_bound(sizes: Mapping[str, int], workers: int) -> tuple[float, str]:
    """What no plan gets below, and what of the two it is."""
    mean, longest = sum(sizes.values()) / workers, max(sizes.values())
    return (mean, "mean") if mean >= longest else (longest, "longest")


def compare(tables: int, shards: int, exponent: float, workers: int, draws: int) -> Outcome:
    """The worst of several draws, of each plan by itself."""
    bound, bound_by, share = 0.0, "", 0.0
    ratios: dict[Deal, list[float]] = {deal_ours: [], deal_in_turn: [], deal_by_hash: []}
    for seed in range(draws):
        sizes = draw_sizes(tables, exponent, Random(seed))  # noqa: S311 - repeatable, and no secret
        bound, bound_by = find_bound(sizes, workers)
        share = max(sizes.values()) / sum(sizes.values())
        for deal, found in ratios.items():
            found.append(find_makespan(deal(sizes, shards), workers) / bound)
    return Outcome(
        exponent=exponent,
        longest_share=share,
        workers=workers,
        bound_by=bound_by,
        ours=max(ratios[deal_ours]),
        round_robin=max(ratios[deal_in_turn]),
        by_hash=max(ratios[deal_by_hash]),
    )


def format_outcomes(outcomes: Sequence[Outcome]) -> str:
    """One line each; the last three columns are makespan / bound."""
    return format_table(
        HEADERS,
        [
            (
                f"Zipf {each.exponent:g}",
                f"{each.longest_share:.1%}",
                str(each.workers),
                each.bound_by,
                f"{each.ours:.3f}",
                f"{each.round_robin:.2f}",
                f"{each.by_hash:.2f}",
            )
            for each in outcomes
        ],
    )


def list_goals(outcomes: Sequence[Outcome], shards: int) -> list[Goal]:
    """Makespan / bound, where every shard has a worker."""
    return [
        Goal(f"Zipf {each.exponent:g}, {each.workers} workers: makespan / bound", GOAL, each.ours)
        for each in outcomes
        if each.workers >= shards and each.exponent != EVEN
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=TABLES)
    parser.add_argument("--shards", type=int, default=SHARDS)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    outcomes = [
        compare(options.tables, options.shards, exponent, workers, options.draws)
        for workers in WORKERS
        for exponent in (EVEN, *EXPONENTS)
    ]
    goals = list_goals(outcomes, options.shards)
    print(f"{options.tables} tables, {options.shards} shards, worst of {options.draws} draws\n")
    print(f"{format_outcomes(outcomes)}\n\n{format_goals(goals)}")
    write_json(
        options.json,
        {
            "tables": options.tables,
            "shards": options.shards,
            "draws": options.draws,
            "outcomes": [asdict(outcome) for outcome in outcomes],
            "goals": describe_goals(goals),
        },
    )


if __name__ == "__main__":
    main()
