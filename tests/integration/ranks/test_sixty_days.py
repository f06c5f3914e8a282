"""Sixty days and all that goes wrong on days: sessions are those of an independent count, and ranks are true."""

import asyncio
import random
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from platform_assets.ranks.tracking import Capture
from sandbox.naver.faults import Fault, FaultPlan, PageKind
from sandbox.naver.ranking import list_targets
from sandbox.process import SandboxProcess
from tests.integration.ranks.rig import SEED, TYPES, Rig, find_ours

pytestmark = pytest.mark.slow

FIRST, DAYS = date(2026, 9, 1), 60
KEYWORD = "홍대 필라테스"
NEVER_FOUND = "blog.naver.com/nobody/100000000001"
LONGEST_SECONDS = 0.2
"""Until something is cancelled; a day takes about as long."""

FATES = [
    *["captured"] * 8,
    *["repeated"] * 3,
    *["cancelled"] * 3,
    *["lost"] * 2,
    "skipped",
    "broken off",
    "read later",
]
"""What may become of a day; `broken off` and `read later` are read on another day."""


def count_sessions(ranks: dict[str, int | None]) -> tuple[dict[str, int], int]:
    """The session of each day, and the one that comes next: 25 days with a rank each."""
    sessions = dict[str, int]()
    session, exposed = 1, 0
    for day in sorted(ranks):
        sessions[day] = session
        if ranks[day] is not None:
            exposed += 1
        if exposed == 25:
            session, exposed = session + 1, 0
    return sessions, session


@dataclass
class Months:
    """The days so far, and what must be in the history."""

    rig: Rig
    choose: random.Random = field(default_factory=lambda: random.Random(SEED))
    expected: dict[int, dict[str, int | None]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    async def live(self, day: str, fate: str) -> None:
        """One day."""
        rig = self.rig
        rig.set_day(day)
        if fate == "skipped":
            return
        self.fetched.append(day)
        if fate == "lost":
            kind = self.choose.choice([PageKind.BLOG, PageKind.CAFE, PageKind.PLACE])
            rig.set_faults(FaultPlan(kinds={kind: {Fault.BLOCK_PAGE: 1.0}}, first=0))
        if fate in {"cancelled", "broken off"}:
            await self.cancel(rig.crawl())
        if fate == "broken off":
            self.unread.append(day)
            return
        crawl = await rig.crawl()
        assert crawl.report.complete == (fate != "lost")
        rig.set_faults(FaultPlan())
        if fate == "read later":
            self.unread.append(day)
            return
        if fate == "cancelled":
            await self.cancel(rig.read())
        await self.read(day)
        if fate == "repeated":
            await rig.crawl()
            await self.read(day)

    async def cancel(self, work: Coroutine[Any, Any, object]) -> None:
        """Begins something and breaks it off somewhere."""
        task = asyncio.ensure_future(work)
        await asyncio.sleep(self.choose.uniform(0, LONGEST_SECONDS))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def read(self, day: str) -> None:
        """Reads a day, whichever it is; what it has pages for is expected from now on."""
        stored = self.rig.name_stored_pages(day)
        if not stored:
            return
        await self.rig.read(day)
        for each in self.rig.trackings:
            if f"{each.rank_type} {each.keyword}" in stored:
                self.expected[each.tracking_id][day] = self.rig.find_rank(each, day)

    def spoil(self, day: str) -> None:
        """Puts wrong ranks into the history, as a reader with a defect would have."""
        histories = self.rig.ranks.histories
        for record in histories.read_day(day):
            old = record.capture
            rank = self.choose.choice([None, 1, 99])
            histories.record(
                Capture(old.tracking_id, day, rank, old.result_count, old.page_key, old.captured_at)
            )
            self.expected[old.tracking_id][day] = rank

    async def replay(self, days: list[str]) -> None:
        """Reads earlier days again, some of which had been read wrongly."""
        spoilt = [day for day in days if self.choose.random() < 0.5]
        for day in spoilt:
            self.spoil(day)
        self.check()
        for day in self.choose.sample(days, len(days)):
            await self.read(day)

    def check(self) -> None:
        """The history is what is expected, and numbered as if all had come once and in order."""
        for number, ranks in self.expected.items():
            records = self.rig.ranks.histories.read(number)
            sessions, current = count_sessions(ranks)
            assert {each.capture.checked_on: each.capture.rank for each in records} == ranks
            assert {each.capture.checked_on: each.session_number for each in records} == sessions
            assert self.rig.ranks.trackings.get(number).current_session == current


@pytest.fixture
def rig(tmp_path: Path, sandbox: SandboxProcess) -> Iterator[Rig]:
    pace = {"crawl_delay_seconds": 0.005, "crawl_retry_seconds": 0.02}
    rig = Rig(tmp_path / "home", sandbox, FIRST.isoformat(), **pace)
    for rank_type in TYPES:
        restless = list_targets(SEED, rank_type, KEYWORD)
        found = find_ours(rank_type, KEYWORD, rig.today)
        steady = next(each for each in found if each not in restless)
        for target in (*restless[:2], steady):
            rig.track(rank_type, KEYWORD, target)
    rig.track("blog", KEYWORD, NEVER_FOUND)
    yield rig
    rig.close()


async def test_sixty_days_of_everything_are_numbered_as_an_independent_count_says(rig: Rig):
    months = Months(rig)
    months.expected = {each.tracking_id: {} for each in rig.trackings}
    for number in range(DAYS):
        day = (FIRST + timedelta(days=number)).isoformat()
        fate = months.choose.choice(FATES)
        await months.live(day, fate)
        if number % 10 == 9:
            days = months.choose.sample(months.fetched, 4) + months.unread
            months.unread = []
            await months.replay(list(dict.fromkeys(days)))
            months.check()

    for each in rig.trackings:
        ranks = months.expected[each.tracking_id]
        assert ranks == {day: rig.find_rank(each, day) for day in ranks}
        assert len(ranks) >= DAYS * 2 / 3
    sessions = {rig.ranks.trackings.get(number).current_session for number in months.expected}
    assert sessions >= {1, 2}, "no session was closed, or every target was always exposed"
