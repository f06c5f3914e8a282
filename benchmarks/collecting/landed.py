"""What was collected, read back from where it lies, and compared with what the sandbox serves."""

from array import array
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from benchmarks.collecting.job import GAMES, Job
from platform_assets.games.landing import Day, read_manifest, read_part
from resources.objects.local import LocalObjectStore


class _Head(msgspec.Struct):
    id: int


_read_heads = msgspec.json.Decoder(_Head)


def read_landed_ids(job: Job) -> "array[int]":
    """Ids of every record that the day's manifest leads to, in the order in which a reader gets them.

    Raises:
        PlatformError: The manifest or a part is missing, corrupt or not the one that was published.
    """
    objects = LocalObjectStore(Path(job.home) / "objects")
    manifest = read_manifest(objects, Day(GAMES, job.date))
    ids = array("q")
    for part in manifest.parts() if manifest else ():
        ids.extend(head.id for head in _read_heads.decode_lines(read_part(objects, part)))
    return ids


def read_listed_ids(job: Job) -> "array[int]":
    """Ids that a collector without a landing left behind, in its order."""
    ids = array("q")
    ids.frombytes(job.ids_path.read_bytes())
    return ids


def judge_ids(found: Sequence[int], served: Sequence[int]) -> str:
    """`exact` when every served id was found once and in ascending order; else what is wrong."""
    wrong: list[str] = []
    if descents := sum(after < before for before, after in pairwise(found)):
        wrong.append(f"{descents} out of order")
    unique = set(found)
    if repeated := len(found) - len(unique):
        wrong.append(f"{repeated} repeated")
    if missing := len(set(served) - unique):
        wrong.append(f"{missing} missing")
    if unknown := len(unique - set(served)):
        wrong.append(f"{unknown} never served")
    return ", ".join(wrong) or "exact"
