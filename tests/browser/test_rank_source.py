"""A day of ranks whose pages a real Chromium fetches from the sandbox: the ranks are true, and the browser is gone."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from platform_assets.core.engine.units import Progress
from platform_assets.ranks.search_page import RankSource
from sandbox.process import SandboxProcess
from tests.browser.conftest import CHROMIUM
from tests.integration.processes import list_family, wait_until_gone
from tests.integration.ranks.rig import UNHURRIED, Rig

TRACKINGS = 12


@pytest.fixture
def rig(tmp_path: Path, give_up: Callable[[str], NoReturn]) -> Iterator[Rig]:
    if not CHROMIUM.exists():
        give_up(f"there is no {CHROMIUM}; install chromium")
    with SandboxProcess(UNHURRIED, upstream="naver") as sandbox:
        rig = Rig(tmp_path, sandbox, rank_source="browser", chromium=CHROMIUM)
        rig.track_many(TRACKINGS)
        yield rig
        rig.close()


async def test_ranks_by_a_browser_are_true_and_its_processes_end_with_the_crawl(rig: Rig):
    before, during = set(list_family(os.getpid())), set[int]()

    def look(_: Progress) -> None:
        during.update(list_family(os.getpid()))

    assert rig.ranks.source is RankSource.BROWSER
    crawl = await rig.ranks.crawl(rig.today, on_progress=look)
    assert crawl.report.complete, crawl.report.failures
    assert len(during - before) >= 3, "no driver, no browser, no page was seen"
    wait_until_gone(during - before)
    assert rig.count_requests() == dict.fromkeys(rig.name_pages(), 1)

    assert (await rig.read()).complete
    assert {each.rank_type.value for each in rig.trackings} == {"blog", "cafe", "place"}
    assert rig.read_history() == rig.find_ranks()
    assert None in rig.read_history().values()
