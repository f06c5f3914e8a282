from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from platform_assets.core.engine.units import Scope
from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.core.redrive import (
    Failure,
    FailureCount,
    FailureFilter,
    Redrive,
    Requeued,
    count_failures,
    sum_by_cell,
)
from tests.fakes.clock import START

GAMES = Scope("games/raw_games", "", "2026-11-20")
MONTH = Scope("tenants", "acme", "2026-10|acme")
ANY = FailureFilter()


def fail(scope: Scope, unit_id: str, kind: str = "timeout") -> Failure:
    return Failure(scope, unit_id, kind, f"{kind} of {unit_id}", START)


@dataclass
class FakeRedriver:
    """Satisfies `platform_assets.core.redrive.Redriver`."""

    pipeline: str
    failures: list[Failure]
    next_step: str = "run it"
    limits: list[int] = field(default_factory=list[int])

    def count(self, wanted: FailureFilter) -> list[FailureCount]:
        return count_failures(self._match(wanted))

    def find(self, wanted: FailureFilter, limit: int) -> list[Failure]:
        self.limits.append(limit)
        return self._match(wanted)[:limit]

    def redrive(self, wanted: FailureFilter, *, dry_run: bool) -> list[Requeued]:
        taken = self._match(wanted)
        if not dry_run:
            self.failures = [each for each in self.failures if each not in taken]
        return sum_by_cell(count_failures(taken))

    def _match(self, wanted: FailureFilter) -> list[Failure]:
        return [
            each
            for each in self.failures
            if wanted.matches(each.scope, each.unit_id, each.error_kind)
        ]


@pytest.fixture
def games() -> FakeRedriver:
    return FakeRedriver("games", [fail(GAMES, "1"), fail(GAMES, "2"), fail(GAMES, "3", "schema")])


@pytest.fixture
def tenants() -> FakeRedriver:
    return FakeRedriver("tenants", [fail(MONTH, "2026-10")], next_step="wait for the sensor")


@pytest.fixture
def redrive(games: FakeRedriver, tenants: FakeRedriver) -> Redrive:
    return Redrive([games, tenants])


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (ANY, True),
        (FailureFilter(pipeline="games"), True),
        (FailureFilter(pipeline="games/raw_games"), True),
        (FailureFilter(pipeline="games/raw"), False),
        (FailureFilter(pipeline="game"), False),
        (FailureFilter(tenant=""), True),
        (FailureFilter(tenant="acme"), False),
        (FailureFilter(partition="2026-11-20"), True),
        (FailureFilter(partition="2026-11-2"), False),
        (FailureFilter(error_kind="timeout"), True),
        (FailureFilter(error_kind="schema"), False),
        (FailureFilter(unit_ids=frozenset({"1", "9"})), True),
        (FailureFilter(unit_ids=frozenset({"9"})), False),
        (FailureFilter(pipeline="games", error_kind="schema"), False),
    ],
)
def test_a_filter_takes_what_matches_every_field(wanted: FailureFilter, matches: bool):
    assert wanted.matches(GAMES, "1", "timeout") is matches


def test_a_redrive_takes_what_matches_of_every_pipeline(redrive: Redrive, games: FakeRedriver):
    report = redrive.redrive(FailureFilter(error_kind="timeout"))
    assert report.cells == [Requeued(GAMES, 2), Requeued(MONTH, 1)]
    assert report.units == 3
    assert [failure.unit_id for failure in games.failures] == ["3"]
    assert report.describe() == [
        "units to be done again: 3",
        "  games/raw_games 2026-11-20: 2",
        "  tenants 2026-10|acme: 1",
        "games: run it",
        "tenants: wait for the sensor",
    ]


def test_a_dry_run_says_the_same_and_changes_nothing(redrive: Redrive, games: FakeRedriver):
    report = redrive.redrive(FailureFilter(pipeline="games"), dry_run=True)
    assert report.cells == [Requeued(GAMES, 3)]
    assert report.describe()[0] == "units to be done again: 3 (dry run, nothing was changed)"
    assert len(games.failures) == 3
    assert redrive.redrive(FailureFilter(pipeline="games")).cells == report.cells


def test_nothing_that_matches_is_a_sentence(redrive: Redrive):
    report = redrive.redrive(FailureFilter("games", error_kind="http_500"))
    assert report.units == 0
    assert report.describe() == [
        "nothing to redrive: no failed unit matches (pipeline games; error kind http_500)"
    ]
    assert Redrive([]).redrive(ANY).describe() == ["nothing to redrive: no failed unit matches"]


def test_a_pipeline_with_a_starter_is_started_and_only_for_real(
    games: FakeRedriver, tenants: FakeRedriver
):
    asked: list[Sequence[Requeued]] = []

    def start(cells: Sequence[Requeued]) -> list[str]:
        asked.append(cells)
        return ["run 1234 over 2026-11-20"]

    redrive = Redrive([games, tenants], {"games": start})
    assert redrive.redrive(ANY, dry_run=True).started == []
    assert asked == []
    report = redrive.redrive(ANY)
    assert asked == [[Requeued(GAMES, 3)]]
    assert report.started == ["run 1234 over 2026-11-20"]
    assert report.next_steps == [("tenants", "wait for the sensor")]
    assert redrive.redrive(ANY).started == []
    assert len(asked) == 1, "nothing is started for nothing"


def test_a_run_that_cannot_be_started_is_told_beside_those_that_were(
    games: FakeRedriver, tenants: FakeRedriver
):
    def start(_: Sequence[Requeued]) -> Iterator[str]:
        yield "run 1234 over 2026-11-20"
        raise TransientError("the webserver is away", kind="dagster_unreachable")

    report = Redrive([games, tenants]).starting({"games": start}).redrive(ANY)
    assert report.started == ["run 1234 over 2026-11-20"]
    assert report.next_steps[0] == ("games", "run it; not started: the webserver is away")
    assert games.failures == [], "what was made pending stays so"


def test_a_pipeline_that_is_not_there_is_refused_by_name(redrive: Redrive):
    wanted = FailureFilter(pipeline="gams/x")
    for ask in (redrive.count, redrive.redrive, partial(redrive.find, limit=1)):
        with pytest.raises(PermanentError, match="'gams/x': use one of games, tenants") as caught:
            ask(wanted)
        assert caught.value.kind == "unknown_pipeline"


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_hold_every_failure_once(redrive: Redrive, limit: int):
    pages = [redrive.find(ANY, limit, offset) for offset in range(0, 5, limit)]
    assert [failure.unit_id for page in pages for failure in page] == ["1", "2", "3", "2026-10"]


def test_a_page_asks_for_no_more_than_it_needs(
    redrive: Redrive, games: FakeRedriver, tenants: FakeRedriver
):
    redrive.find(ANY, 2)
    redrive.find(ANY, 2, offset=2)
    assert (games.limits, tenants.limits) == ([2, 4], [1])


def test_failures_are_counted_by_cell_and_kind(games: FakeRedriver):
    later = replace(GAMES, partition="2026-11-21")
    assert count_failures([*games.failures, fail(later, "1")]) == [
        FailureCount(GAMES, "timeout", 2),
        FailureCount(GAMES, "schema", 1),
        FailureCount(later, "timeout", 1),
    ]
