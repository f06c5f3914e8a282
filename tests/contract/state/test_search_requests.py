"""The search queue over both databases: one open request per keyword, taken by one worker, written by its holder."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from platform_assets.core.engine.units import Attempt, UnitOutcome, UnitState
from platform_assets.core.errors import PermanentError
from platform_assets.products.state.search_ledger import MOST_ATTEMPTS, SqlSearchLedger
from platform_assets.products.state.search_requests import SearchFilter, SqlSearchRequests
from resources.state.database import StateDatabase
from tests.fakes.clock import START, FakeClock

ME, OTHER = Attempt("me", "here"), Attempt("other", "there")


@pytest.fixture
def requests(database: StateDatabase) -> SqlSearchRequests:
    return SqlSearchRequests(database)


@pytest.fixture
def dead() -> set[str]:
    return set()


Open = Callable[[], SqlSearchLedger]


@pytest.fixture
def open_ledger(database: StateDatabase, dead: set[str]) -> Open:
    return lambda: SqlSearchLedger(database, "musinsa", dead.__contains__)


def done(unit_id: str, found: int = 0) -> UnitOutcome:
    return UnitOutcome(unit_id, UnitState.DONE, detail={"found": found, "added": found})


def claim(ledger: SqlSearchLedger, attempt: Attempt = ME) -> list[str]:
    ids = [record.unit.unit_id for record in ledger.read_units(ledger.plan)]
    taken = ledger.claim(ledger.plan, ids, attempt, 60)
    return [record.unit.unit_id for record in taken if record.state is UnitState.RUNNING]


def test_a_request_waits_with_its_keyword(requests: SqlSearchRequests):
    made, new = requests.add("musinsa", "반팔 티")
    assert new
    assert (made.platform, made.keyword, made.state) == ("musinsa", "반팔 티", UnitState.PENDING)
    assert (made.attempts, made.found, made.created_at, made.done_at) == (0, None, START, None)
    assert requests.get(made.request_id) == made
    assert requests.count_waiting() == {"musinsa": 1}


def test_the_same_open_request_is_not_made_twice(requests: SqlSearchRequests, open_ledger: Open):
    first, _ = requests.add("musinsa", "셔츠")
    assert requests.add("musinsa", "셔츠") == (first, False)
    claim(open_ledger())
    assert requests.add("musinsa", "셔츠")[0].request_id == first.request_id, "it is being answered"
    assert requests.add("zigzag", "셔츠")[1], "another shop"
    assert requests.add("musinsa", "셔츠 ")[1], "another keyword"


def test_of_many_that_ask_at_once_one_makes_the_request(requests: SqlSearchRequests):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(requests.add, ["musinsa"] * 24, ["셔츠"] * 24))
    assert len({request.request_id for request, _ in made}) == 1
    assert sum(new for _, new in made) == 1


@pytest.mark.parametrize("state", [UnitState.DONE, UnitState.FAILED])
def test_what_has_ended_can_be_asked_for_anew(
    requests: SqlSearchRequests, open_ledger: Open, state: UnitState
):
    first, _ = requests.add("musinsa", "셔츠")
    ledger = open_ledger()
    ids = claim(ledger)
    ledger.record(ledger.plan, ME, [UnitOutcome(ids[0], state, detail={"found": 0, "added": 0})])
    again, new = requests.add("musinsa", "셔츠")
    assert new
    assert again.request_id > first.request_id


def test_an_answer_is_stored_with_its_counts(
    requests: SqlSearchRequests, open_ledger: Open, clock: FakeClock
):
    made, _ = requests.add("musinsa", "셔츠")
    ledger = open_ledger()
    (unit_id,) = claim(ledger)
    assert requests.get(made.request_id).state is UnitState.RUNNING
    clock.advance(5)
    assert ledger.record(ledger.plan, ME, [done(unit_id, 7)]) == set()
    ended = requests.get(made.request_id)
    assert (ended.state, ended.found, ended.added, ended.attempts) == (UnitState.DONE, 7, 7, 1)
    assert ended.done_at == clock.now()
    assert ledger.read_done(ledger.plan, [unit_id]) == {unit_id}
    assert ledger.read_units(ledger.plan) == []
    assert requests.count_waiting() == {}


def test_a_failure_is_stored_with_its_words_and_tries(
    requests: SqlSearchRequests, open_ledger: Open
):
    made, _ = requests.add("musinsa", "셔츠")
    ledger = open_ledger()
    (unit_id,) = claim(ledger)
    failed = UnitOutcome(
        unit_id, UnitState.FAILED, tries=2, error_kind="http_500", error_message="no\0answer"
    )
    ledger.record(ledger.plan, ME, [failed])
    ended = requests.get(made.request_id)
    assert (ended.state, ended.error_kind, ended.attempts) == (UnitState.FAILED, "http_500", 2)
    assert (ended.error_message or "").startswith("no")
    assert ended.found is None


def test_what_is_given_back_waits_again(requests: SqlSearchRequests, open_ledger: Open):
    made, _ = requests.add("musinsa", "셔츠")
    ledger = open_ledger()
    (unit_id,) = claim(ledger)
    ledger.record(ledger.plan, ME, [UnitOutcome(unit_id, UnitState.PENDING)])
    found = requests.get(made.request_id)
    assert (found.state, found.done_at) == (UnitState.PENDING, None)
    assert claim(open_ledger(), OTHER) == [unit_id]


def test_of_two_workers_one_gets_a_request(requests: SqlSearchRequests, open_ledger: Open):
    requests.add("musinsa", "셔츠")
    requests.add("musinsa", "바지")
    ledger = open_ledger()
    with ThreadPoolExecutor(8) as pool:
        attempts = [Attempt(str(number), "here") for number in range(8)]
        taken = list(pool.map(claim, [ledger] * 8, attempts))
    ids = [unit_id for each in taken for unit_id in each]
    assert len(ids) == len(set(ids)) == 2


def test_other_shops_are_left_alone(requests: SqlSearchRequests, open_ledger: Open):
    other, _ = requests.add("zigzag", "셔츠")
    ledger = open_ledger()
    assert ledger.claim(ledger.plan, [str(other.request_id)], ME, 60) == []
    assert requests.get(other.request_id).state is UnitState.PENDING


def test_a_request_whose_worker_died_is_taken_over_when_its_lease_ends(
    requests: SqlSearchRequests, open_ledger: Open, clock: FakeClock
):
    requests.add("musinsa", "셔츠")
    ids = claim(open_ledger(), OTHER)
    assert claim(open_ledger()) == []
    assert requests.count_waiting() == {}, "nobody could take it yet"
    clock.advance(60)
    assert requests.count_waiting() == {"musinsa": 1}
    assert claim(open_ledger()) == ids


def test_a_worker_that_is_known_to_be_dead_holds_nothing(
    requests: SqlSearchRequests, open_ledger: Open, dead: set[str]
):
    requests.add("musinsa", "셔츠")
    ids = claim(open_ledger(), OTHER)
    dead.add(OTHER.owner)
    assert claim(open_ledger()) == ids


def test_a_late_worker_is_refused_and_changes_nothing(
    requests: SqlSearchRequests, open_ledger: Open, clock: FakeClock
):
    made, _ = requests.add("musinsa", "셔츠")
    ledger = open_ledger()
    (unit_id,) = claim(ledger, OTHER)
    clock.advance(61)
    claim(ledger, ME)
    assert ledger.record(ledger.plan, OTHER, [done(unit_id, 9)]) == {unit_id}
    assert ledger.renew(ledger.plan, OTHER, 60) == set()
    assert ledger.save_checkpoints(ledger.plan, OTHER, {unit_id: {}}) == {unit_id}
    assert requests.get(made.request_id).found is None
    assert ledger.renew(ledger.plan, ME, 60) == {unit_id}
    assert ledger.save_checkpoints(ledger.plan, ME, {unit_id: {}}) == set()


def test_a_lease_that_is_renewed_is_not_taken(
    requests: SqlSearchRequests, open_ledger: Open, clock: FakeClock
):
    requests.add("musinsa", "셔츠")
    ledger = open_ledger()
    claim(ledger, OTHER)
    clock.advance(50)
    ledger.renew(ledger.plan, OTHER, 60)
    clock.advance(50)
    assert claim(ledger, ME) == []


def test_a_request_that_kills_its_workers_is_given_up(
    requests: SqlSearchRequests, open_ledger: Open, clock: FakeClock
):
    made, _ = requests.add("musinsa", "셔츠")
    for number in range(MOST_ATTEMPTS):
        assert claim(open_ledger(), Attempt(str(number), "there")) == [str(made.request_id)]
        clock.advance(61)
    ledger = open_ledger()
    (record,) = ledger.claim(ledger.plan, [str(made.request_id)], ME, 60)
    assert (record.state, record.error_kind) == (UnitState.FAILED, "worker_died")
    ended = requests.get(made.request_id)
    assert (ended.state, ended.error_kind) == (UnitState.FAILED, "worker_died")
    assert ended.attempts == MOST_ATTEMPTS


def test_requests_are_listed_newest_first_filtered_and_paged(
    requests: SqlSearchRequests, open_ledger: Open
):
    for keyword in ("하나", "둘", "셋"):
        requests.add("musinsa", keyword)
    requests.add("zigzag", "넷")
    ledger = open_ledger()
    oldest, *_ = claim(ledger)
    ledger.record(ledger.plan, ME, [done(oldest)])

    def keywords(limit: int = 100, **wanted: object) -> list[str]:
        return [each.keyword for each in requests.find(SearchFilter(**wanted), limit)]  # pyright: ignore[reportArgumentType]

    assert keywords() == ["넷", "셋", "둘", "하나"]
    assert keywords(platform="musinsa") == ["셋", "둘", "하나"]
    assert keywords(state=UnitState.DONE) == ["하나"]
    first, second = requests.find(SearchFilter(), 2)
    assert keywords(2, before_id=second.request_id) == ["둘", "하나"]
    assert first.request_id > second.request_id


def test_a_number_that_is_not_there_is_refused(requests: SqlSearchRequests):
    with pytest.raises(PermanentError, match="no search request 99") as caught:
        requests.get(99)
    assert caught.value.kind == "unknown_search"


def test_the_purge_takes_what_ended_long_ago_and_nothing_open(
    requests: SqlSearchRequests, open_ledger: Open, clock: FakeClock
):
    ended, _ = requests.add("musinsa", "셔츠")
    ledger = open_ledger()
    (unit_id,) = claim(ledger)
    ledger.record(ledger.plan, ME, [done(unit_id)])
    waiting, _ = requests.add("musinsa", "바지")
    clock.advance(1)
    assert requests.purge(clock.now()) == 1
    assert [each.request_id for each in requests.find(SearchFilter())] == [waiting.request_id]
    assert ended.request_id != waiting.request_id
