"""What is lost, done twice, stuck or switched off when real processes of a pipeline are killed again and again?

    python -m benchmarks.reliability [--pipelines games ...] [--by command daemon] [--storage SQLite PostgreSQL]
        [--kills 10] [--seed N] [--home DIR] [--json FILE]

Each pipeline does a day's work against its sandbox, once undisturbed and then while its processes are killed (SIGKILL).
What came out is compared row by row with the undisturbed work. Exit status 1: any count is not 0, or the work was over
before all kills had come.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.backfilling.storage import POSTGRESQL, SQLITE, open_home
from benchmarks.reliability.contents import count_differences, name_differences
from benchmarks.reliability.killing import (
    Attack,
    Ground,
    kill_commands,
    kill_under_daemon,
    work_undisturbed,
)
from benchmarks.reliability.subjects import SUBJECTS, Subject
from benchmarks.tables import format_table, write_json

POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"
WAYS = {"command": kill_commands, "daemon": kill_under_daemon}
HEADERS = ("attack", "kills", "starts", "requests", "lost", "twice", "stuck", "disabled")


@dataclass(frozen=True, slots=True)
class Row:
    """One attacked home beside the undisturbed one. Counts are rows, pieces and tenants; `asked` are kills."""

    name: str
    attack: Attack
    calm_requests: int | None
    lost: int
    twice: int
    asked: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong, after all the kills that were asked for."""
        wrong = self.lost or self.twice or self.attack.stuck or self.attack.disabled
        return not wrong and self.attack.kills >= self.asked

    def cells(self) -> tuple[str, ...]:
        """As the table shows it."""
        asked = self.attack.requests
        requests = "-" if asked is None else f"{asked} of {self.calm_requests}"
        kills = str(self.attack.kills)
        counts = (self.lost, self.twice, self.attack.stuck, self.attack.disabled)
        return (
            self.name,
            kills if self.attack.kills >= self.asked else f"{kills} of {self.asked}",
            str(self.attack.starts),
            requests,
            *map(str, counts),
        )


def main() -> int:
    """The command line."""
    options = read_options()
    rows = list[Row]()
    with ExitStack() as stack:
        folder = options.home or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-reliability-"))
        )
        for name in options.pipelines:
            for row in attack_pipeline(name, folder.absolute() / name, options):
                rows.append(row)
                print(format_table(HEADERS, [row.cells()]), flush=True)
                for note in row.attack.notes:
                    print(f"    {note}", flush=True)
    print(f"\n{format_table(HEADERS, [row.cells() for row in rows])}")
    write_json(options.json, [dict(zip(HEADERS, row.cells(), strict=True)) for row in rows])
    return 0 if all(row.clean for row in rows) else 1


def attack_pipeline(name: str, folder: Path, options: argparse.Namespace) -> Generator[Row]:
    """The undisturbed work once, then each way of killing on each storage."""
    folder.mkdir(parents=True)
    with SUBJECTS[name](folder) as subject:
        with open_ground(subject, folder / "calm", SQLITE, options.postgres) as ground:
            total, calm = work_undisturbed(ground)
        for storage in options.storage:
            for way in options.by:
                draw = random.Random(f"{options.seed}/{name}/{storage}/{way}")  # noqa: S311 - moments of kills, to be drawn again
                place = folder / f"{way}-{storage}"
                with open_ground(subject, place, storage, options.postgres) as ground:
                    attack = WAYS[way](ground, total, options.kills, draw)
                lost, twice = count_differences(calm.contents, attack.contents)
                attack.notes += name_differences(calm.contents, attack.contents)[:10]
                title = f"{name}, {way}, {storage}"
                yield Row(title, attack, calm.requests, lost, twice, options.kills)


@contextmanager
def open_ground(subject: Subject, folder: Path, storage: str, server: str) -> Generator[Ground]:
    """A prepared home; its processes end with the block."""
    with open_home(folder, storage, server) as home:
        ground = Ground(home, subject)
        try:
            yield ground
        finally:
            ground.close()


def read_options() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    add = parser.add_argument
    add("--pipelines", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS))
    add("--by", nargs="+", choices=list(WAYS), default=list(WAYS))
    add("--storage", nargs="+", choices=[SQLITE, POSTGRESQL], default=[SQLITE, POSTGRESQL])
    add("--kills", type=int, default=10)
    add("--seed", type=int, default=1, help="of the moments of the kills")
    add("--postgres", default=POSTGRES, help="a database whose user may create others")
    add("--home", type=Path, help="an empty folder that is kept, instead of a temporary one")
    add("--json", type=Path, help="also write the rows to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
