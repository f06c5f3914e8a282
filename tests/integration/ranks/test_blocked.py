"""A host that turns everything away: the crawl becomes slower and ends, and no rank is made of it.

That somebody is told once is `tests/glue/test_ranks.py`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_assets.ranks.crawl import STOP_AFTER
from platform_assets.ranks.open import PAGES_AT_ONCE
from sandbox.naver.faults import Fault, FaultPlan, PageKind
from sandbox.process import SandboxProcess
from tests.integration.ranks.rig import MAP, SEARCH, Rig

pytestmark = pytest.mark.slow

TRACKINGS = 45
DELAY = 0.005
OPEN = 2 * PAGES_AT_ONCE
"""Pages that are asked for or looked at, at most; one more request may have its turn while a pause is being told."""


@pytest.fixture
def rig(tmp_path: Path, sandbox: SandboxProcess) -> Iterator[Rig]:
    rig = Rig(tmp_path / "home", sandbox, crawl_delay_seconds=DELAY)
    rig.track_many(TRACKINGS)
    yield rig
    rig.close()


def block_search(fault: Fault) -> FaultPlan:
    return FaultPlan(kinds={kind: {fault: 1.0} for kind in (PageKind.BLOG, PageKind.CAFE)}, first=0)


@pytest.mark.parametrize("fault", [Fault.HTTP_403, Fault.BLOCK_PAGE])
async def test_a_host_that_blocks_for_good_is_asked_ever_more_slowly_and_then_no_more(
    rig: Rig, fault: Fault
):
    rig.set_faults(block_search(fault))
    crawl = await rig.crawl()
    assert crawl.report.stop is not None
    assert crawl.report.refused
    assert f"search has turned {STOP_AFTER} requests in a row away" in crawl.report.stop.message
    assert STOP_AFTER <= crawl.turned_away < STOP_AFTER + OPEN

    starts = rig.list_starts(SEARCH)
    assert STOP_AFTER <= len(starts) < STOP_AFTER + OPEN
    for number, start in enumerate(starts[OPEN:STOP_AFTER], start=OPEN):
        assert start - starts[0] >= DELAY * 2 ** (number - OPEN), number

    result = await rig.read()
    mine = {each.tracking_id for each in rig.trackings if each.rank_type == "place"}
    assert {failure.kind for failure in result.failures} <= {"blocked"}
    assert {record.capture.tracking_id for record in result.records} <= mine
    assert len(result.records) + len(result.failures) + len(result.left) == TRACKINGS
    truth = rig.find_ranks()
    assert rig.read_history() == {number: truth[number] for number in rig.read_history()}
    assert not rig.read_history().keys() - mine

    rig.set_faults(FaultPlan())
    fetched = rig.name_stored_pages()
    rig.sandbox.reset()
    assert (await rig.crawl()).report.complete
    assert rig.count_requests() == dict.fromkeys(rig.name_pages() - fetched, 1)
    assert (await rig.read()).complete
    assert rig.read_history() == truth


async def test_the_time_that_a_host_asks_for_is_waited_by_all(rig: Rig):
    late = 1
    kinds = {PageKind.PLACE: {Fault.HTTP_429_RETRY_AFTER: 1.0}}
    rig.set_faults(FaultPlan(kinds=kinds, retry_after_seconds=late))
    rig.trackings = [each for each in rig.trackings if each.rank_type == "place"][:3]
    crawl = await rig.ranks.crawl(rig.today, [each.tracking_id for each in rig.trackings])
    assert crawl.report.complete
    assert rig.count_requests() == dict.fromkeys(rig.name_pages(), 2)
    starts = rig.list_starts(MAP)
    assert starts[OPEN] - starts[0] >= late
