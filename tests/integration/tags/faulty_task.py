# pyright: standard
"""The program of a task that does the real steps, but hangs, crashes or breaks at tables that are called so.

`python -m tests.integration.tags.faulty_task`. It imports little: each job of a test waits for it.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import BinaryIO

from platform_assets.tags.convert.table import ConvertResult
from platform_assets.tags.shards.manifest import Manifest
from platform_assets.tags.table.steps import StepInputs, TextSteps, load_steps
from platform_assets.tags.tables import RawTable
from platform_assets.tags.task import main


def hang(_: BinaryIO) -> None:
    while True:  # without a core of its own: the others go on
        signal.pause()


def abort(_: BinaryIO) -> None:
    os.abort()


def quote(raw: BinaryIO) -> None:
    """A defect whose message quotes what customers wrote."""
    text = raw.read().decode()
    print(f"about to fail at a table of {len(text)} characters")
    raise ValueError(f"cannot do {text!r}")


FAULTS: Mapping[str, Callable[[BinaryIO], None]] = {
    "hangs": hang,
    "aborts": abort,
    "quotes": quote,
}
"""By table id."""


class FaultySteps(TextSteps):
    """The real steps, with a fault where a table's id asks for one."""

    def convert(
        self, raw: BinaryIO, table: RawTable, options: bytes | None, out: Path, letters_out: Path
    ) -> ConvertResult:
        if fault := FAULTS.get(table.table_id):
            fault(raw)
        return super().convert(raw, table, options, out, letters_out)


def load_faulty_steps(manifest: Manifest, inputs: StepInputs) -> FaultySteps:
    steps = load_steps(manifest, inputs)
    return FaultySteps(**{each.name: getattr(steps, each.name) for each in fields(steps)})


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], load_faulty_steps))
