"""Steps of the tags pipeline that do what the raw table says, and the program of a task with them.

A raw table is lines of text. A line that begins with a word of `ORDERS` does that; any other one is a row, `bad ...` a
dead letter. Outputs are text too. `python -m tests.fakes.tag_steps` is the program.
"""

import errno
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.tags.shards.manifest import Manifest
from platform_assets.tags.table.receipts import StepVersions
from platform_assets.tags.table.steps import StepInputs
from platform_assets.tags.tables import RawTable

VERSIONS = StepVersions(
    convert="1", options="", prep="1", tokenizer="plain", tag="1", dictionary="v1"
)


@dataclass(frozen=True, slots=True)
class Counts:
    rows: int
    dead_letters: int = 0
    rows_tagged: int = 0
    mentions: int = 0
    personal: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict[str, int])
    unread_dates: int = 0
    unsure_syllables: int = 0
    dead_letter_share: float = 0.9


@dataclass
class FakeSteps:
    versions: StepVersions = VERSIONS
    done: list[str] = field(default_factory=list[str])

    def convert(
        self, raw: BinaryIO, table: RawTable, options: bytes | None, out: Path, letters_out: Path
    ) -> Counts:
        del options
        self.done.append(f"convert {table.table_id}")
        lines = raw.read().decode().splitlines()
        for line in lines:
            obey(line)
        rows = [line for line in lines if not line.startswith("bad")]
        letters = [line for line in lines if line.startswith("bad")]
        out.write_text("\n".join(rows))
        letters_out.write_text("\n".join(letters))
        return Counts(len(rows), len(letters), kinds={"bad": len(letters)})

    def prepare(self, converted: Path, out: Path) -> Counts:
        self.done.append("prep")
        text = converted.read_text()
        out.write_text(text.upper())
        rows = text.splitlines()
        return Counts(len(rows) - ("lose" in rows))

    def tag(self, prepared: Path, out: Path, summary_out: Path) -> Counts:
        self.done.append("tag")
        rows = prepared.read_text().splitlines()
        tagged = [f"{self.versions.dictionary} {row}" for row in rows if row.startswith("A")]
        out.write_text("\n".join(tagged))
        summary_out.write_text(json.dumps({"mentions": len(tagged)}))
        return Counts(
            len(rows),
            rows_tagged=len(tagged),
            mentions=len(tagged),
            personal=sum("010-" in row for row in rows),
        )

    def merge(self, summaries: Sequence[Path], out: Path) -> None:
        self.done.append(f"merge {' '.join(path.stem for path in summaries)}")
        mentions = sum(json.loads(path.read_text())["mentions"] for path in summaries)
        out.write_text(json.dumps({"mentions": mentions}))


def hang(_: str) -> None:
    while True:  # not to be interrupted by anything but a signal
        pass


def abort(_: str) -> None:
    os.abort()


def break_down(text: str) -> None:
    raise ValueError(text or "a defect")


def hiccup(_: str) -> None:
    raise TransientError("the upstream hiccups", kind="hiccup")


def refuse(_: str) -> None:
    raise RefusedError("a person must look", kind="denied")


def give_up(_: str) -> None:
    raise PermanentError("a broken table, call 010-1234-5678", kind="broken")


def fill_disk(_: str) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def take_time(seconds: str) -> None:
    time.sleep(float(seconds))


ORDERS: dict[str, Callable[[str], None]] = {
    "hang": hang,
    "abort": abort,
    "raise": break_down,
    "transient": hiccup,
    "refuse": refuse,
    "permanent": give_up,
    "full": fill_disk,
    "slow": take_time,
}


def obey(line: str) -> None:
    word, _, rest = line.partition(" ")
    if word in ORDERS:
        ORDERS[word](rest)


def load_fake_steps(manifest: Manifest, inputs: StepInputs) -> FakeSteps:
    assert inputs.dictionary == b"a dictionary"
    return FakeSteps(
        StepVersions("1", "", "1", manifest.work.tokenizer, "1", manifest.work.dictionary_version)
    )


if __name__ == "__main__":
    from platform_assets.tags.task import main

    raise SystemExit(main(sys.argv[1:], load_fake_steps))
