"""300 trackings over pages of which 5 in 100 have each fault of the sandbox: 300 outcomes, none of them a lie."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.naver.faults import Fault, FaultPlan, KeywordFault
from sandbox.process import SandboxProcess
from tests.integration.ranks.rig import DAY, TYPES, Rig, name_keyword

pytestmark = pytest.mark.slow

TRACKINGS, PAGES = 300, 160
EACH = PAGES * 5 // 100
HEALTHY_END = 16
"""The last pages are well: the last tries of bad ones come between good answers, as on a long day."""

PASSING = {
    Fault.HTTP_403: 1,
    Fault.HTTP_429: 2,
    Fault.HTTP_429_RETRY_AFTER: 1,
    Fault.HTTP_503: 2,
    Fault.TRUNCATE: 1,
    Fault.SLOW: 0,
}
"""Faults that three tries get over, and how many requests have them; 0 for all."""

LASTING = {
    Fault.BLOCK_PAGE: {"blocked"},
    Fault.LOGIN_WALL: {"login_wall"},
    Fault.REDIRECT: {"redirected"},
    Fault.HTTP_500: {"server_error"},
    Fault.CUT_PAGE: {"truncated"},
    Fault.DROP: {"truncated", "dropped"},
    Fault.NOT_RENDERED: {"not_rendered"},
    Fault.CHANGED_STRUCTURE: {"changed_structure"},
}
"""Faults of every request for a page, and what they are called then; a connection may end in two ways."""


def choose_faults() -> dict[str, Fault]:
    """Which keyword's page has which fault; only lists of places can come without being rendered."""
    choose = random.Random(20_261_121)
    numbers = list(range(PAGES - HEALTHY_END))
    choose.shuffle(numbers)
    places = [number for number in numbers if TYPES[number % len(TYPES)] == "place"][:EACH]
    others = iter([number for number in numbers if number not in places])
    chosen = {name_keyword(number): Fault.NOT_RENDERED for number in places}
    for fault in Fault:
        if fault is not Fault.NOT_RENDERED:
            chosen |= {name_keyword(next(others)): fault for _ in range(EACH)}
    return chosen


@pytest.fixture
def rig(tmp_path: Path, sandbox: SandboxProcess) -> Iterator[Rig]:
    rig = Rig(tmp_path / "home", sandbox, log_file=tmp_path / "log.jsonl")
    yield rig
    rig.close()


def read_log(rig: Rig, event: str) -> list[dict[str, Any]]:
    lines = map(json.loads, rig.settings.log_path.read_text().splitlines())
    return [line for line in lines if line["event"] == event]


async def test_300_trackings_with_5_percent_of_each_fault_have_300_true_outcomes(rig: Rig):
    faults = choose_faults()
    assert PASSING.keys() | LASTING.keys() == set(Fault)
    assert len(faults) == EACH * len(Fault)
    keywords = {
        keyword: KeywordFault(fault, first=PASSING.get(fault, 0))
        for keyword, fault in faults.items()
    }
    rig.set_faults(FaultPlan(keywords=keywords, slow_seconds=0.2, retry_after_seconds=0))
    rig.track_many(TRACKINGS, PAGES)
    truth = rig.find_ranks()
    bad = {each.tracking_id for each in rig.trackings if faults.get(each.keyword) in LASTING}
    assert None in truth.values()

    crawl = await rig.crawl()
    assert crawl.report.stop is None
    result = await rig.read()

    assert (result.total, result.left) == (TRACKINGS, ())
    assert len(result.records) + len(result.failures) == TRACKINGS
    assert {int(each.unit_id) for each in result.failures} == bad
    kinds = {int(each.unit_id): each.kind for each in result.failures}
    for each in rig.trackings:
        if each.tracking_id in bad:
            assert kinds[each.tracking_id] in LASTING[faults[each.keyword]], faults[each.keyword]
    assert rig.read_history() == {number: truth[number] for number in truth.keys() - bad}

    (batch,) = read_log(rig, "batch_completed")
    assert (batch["checked_on"], batch["total"]) == (DAY, TRACKINGS)
    assert (batch["success"], batch["failed"]) == (len(rig.read_history()), len(bad))
    assert sorted(batch["failed_items"]) == sorted(bad)
    assert batch["elapsed_seconds"] == round(result.seconds, 3)
    told = {line["tracking_id"]: line for line in read_log(rig, "crawl_result")}
    assert len(read_log(rig, "crawl_result")) == len(told) == len(result.records)
    assert {number: line["rank"] for number, line in told.items()} == rig.read_history()

    # Well again: the rest comes, and nothing else.
    rig.sandbox.tell("faults", {})
    rig.sandbox.reset()
    await rig.crawl()
    result = await rig.read()
    missing = [each for each in rig.trackings if each.tracking_id in bad]
    assert rig.count_requests() == dict.fromkeys(rig.name_pages(missing), 1)
    assert result.complete
    assert rig.read_history() == truth
