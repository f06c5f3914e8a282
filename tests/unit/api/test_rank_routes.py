"""Trackings of ranks and their days over the API."""

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import httpx
import pytest

from platform_assets.core.engine.units import Attempt, Scope, Unit, UnitOutcome, UnitState
from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from platform_assets.ranks.day_state import DayState, write_state
from platform_assets.ranks.glue import TRACKINGS_TAG
from platform_assets.ranks.jobs import build_jobs
from platform_assets.ranks.tracking import Capture, Tracking, TrackingStatus
from platform_assets.services import Services
from platform_assets.settings import Settings
from tests.fakes.clock import FakeClock
from tests.unit.api.rig import BATCH, NO_ANSWER, FakeRuns, audited
from tests.unit.api.test_months import kind_of

TRACKINGS, RANK_DAYS = f"{BATCH}/rank-trackings", f"{BATCH}/rank-days"
TODAY = "2026-11-20"
AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
BODY = {
    "rank_type": "blog",
    "keyword": "동네 빵집",
    "target": "https://m.blog.naver.com/PostView.naver?blogId=baker&logNo=220000000001",
    "customer": "bakery",
}
IDENTITY = "blog.naver.com/baker/220000000001"
ME = Attempt("me", "here")


def track(services: Services, keyword: str = "bread", customer: str = "bakery") -> Tracking:
    return services.ranks.register("place", keyword, "place/10001", customer)


def record(
    services: Services, tracking: Tracking, rank: int | None = 3, day: str = TODAY, count: int = 30
) -> None:
    capture = Capture(tracking.tracking_id, day, rank, count, f"pages/{day}", AT)
    services.ranks.histories.record(capture)


def end_units(
    services: Services,
    pipeline: str,
    kinds: dict[str, str | None],
    group: str = "",
    day: str = TODAY,
) -> None:
    """A plan of a day with these units: done, or failed with that kind."""
    ledger = services.ledger
    plan = ledger.open_plan(
        Scope(pipeline, group, day), [Unit(unit_id, {}) for unit_id in kinds], {}
    )
    ledger.claim(plan, list(kinds), ME, 60)
    ledger.record(
        plan,
        ME,
        [
            UnitOutcome(unit_id, UnitState.DONE)
            if kind is None
            else UnitOutcome(unit_id, UnitState.FAILED, error_kind=kind, error_message="why")
            for unit_id, kind in kinds.items()
        ],
    )


async def list_ids(client: httpx.AsyncClient, **wanted: str | int) -> Sequence[int]:
    response = await client.get(TRACKINGS, params=wanted)
    assert response.status_code == 200, response.text
    return [item["tracking_id"] for item in response.json()["items"]]


async def test_a_registration_stores_the_tracking_and_starts_its_first_capture(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    response = await client.post(TRACKINGS, json=BODY)
    assert response.status_code == 201
    assert response.headers["location"] == f"{TRACKINGS}/1"
    assert response.json() == {
        "tracking_id": 1,
        "rank_type": "blog",
        "keyword": "동네 빵집",
        "target": IDENTITY,
        "customer": "bakery",
        "status": "active",
        "status_at": "2026-11-20T09:00:00Z",
        "current_session": 1,
        "created_at": "2026-11-20T09:00:00Z",
        "last": None,
        "run_id": "run-of-daily_ranks-1",
        "first_rank": "is captured by the run run-of-daily_ranks-1",
    }
    assert services.ranks.trackings.get(1).target == IDENTITY
    ((job, tags, assets),) = runs.jobs
    assert job in {each.name for each in build_jobs(Settings())}
    assert assets == []
    assert tags == {
        "dagster/partition": TODAY,
        TRACKINGS_TAG: "1",
        "sluice/started_by": "api",
        "sluice/actor": "olga",
    }
    (entry,) = audited(services)
    assert (entry.actor, entry.status) == ("olga", 201)
    assert entry.detail["tracking_id"] == 1
    assert entry.detail["run_id"] == "run-of-daily_ranks-1"


async def test_the_first_capture_is_of_the_day_in_seoul(
    client: httpx.AsyncClient, runs: FakeRuns, clock: FakeClock
):
    clock.advance(7 * 3600)
    await client.post(TRACKINGS, json=BODY)
    assert runs.jobs[0][1]["dagster/partition"] == "2026-11-21"


class NoRuns(FakeRuns):
    """A Dagster that takes no run."""

    def __init__(self, error: PlatformError) -> None:
        super().__init__()
        self.error = error

    def launch_job(self, job: str, tags: object, assets: object = ()) -> str:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        NO_ANSWER,
        TransientError("it broke off", kind="launch_unknown"),
        RefusedError("the job is another", kind="launch_refused"),
    ],
    ids=lambda error: error.kind,
)
class TestWithoutDagster:
    @pytest.fixture
    def runs(self, error: PlatformError) -> FakeRuns:
        return NoRuns(error)

    async def test_a_tracking_is_registered_and_the_answer_says_when_its_rank_comes(
        self, client: httpx.AsyncClient, services: Services, error: PlatformError
    ):
        response = await client.post(TRACKINGS, json=BODY)
        assert response.status_code == 201
        assert response.json()["run_id"] is None
        expected = f"comes with the next run of the day: {error.message}"
        assert response.json()["first_rank"] == expected
        assert services.ranks.trackings.get(1).status is TrackingStatus.ACTIVE


async def test_a_capture_that_is_not_wanted_is_not_started(
    client: httpx.AsyncClient, runs: FakeRuns
):
    document = (await client.post(TRACKINGS, json={**BODY, "capture": False})).json()
    assert document["run_id"] is None
    assert document["first_rank"].startswith("comes with the next run of the day")
    assert runs.jobs == []


async def test_a_tracking_that_is_there_already_is_a_conflict_that_names_it(
    client: httpx.AsyncClient, services: Services, runs: FakeRuns
):
    track(services)
    first = (await client.post(TRACKINGS, json=BODY)).json()["tracking_id"]
    same = {**BODY, "keyword": " 동네  빵집 ", "target": f"https://{IDENTITY}"}
    response = await client.post(TRACKINGS, json=same)
    assert kind_of(response) == (409, "already_tracked")
    assert f"tracking {first}" in response.json()["detail"]
    assert len(runs.jobs) == 1
    other = await client.post(TRACKINGS, json={**BODY, "customer": "miller"})
    assert other.status_code == 201


@pytest.mark.parametrize(
    ("field", "value", "kind", "said"),
    [
        ("rank_type", "news", "bad_rank_type", "'news'"),
        ("keyword", "  ", "bad_keyword", "0 characters"),
        ("keyword", "k" * 201, "bad_keyword", "201 characters"),
        ("keyword", "a\u200bb", "bad_keyword", "invisible"),
        ("target", "https://naver.me/abc", "bad_target", "short link"),
        ("target", "place/10001", "bad_target", "blog"),
        ("customer", "", "bad_customer", "0 characters"),
        ("customer", "a\x00b", "bad_customer", "control"),
    ],
)
async def test_what_cannot_be_tracked_is_refused_with_the_reason(
    client: httpx.AsyncClient,
    services: Services,
    runs: FakeRuns,
    field: str,
    value: str,
    kind: str,
    said: str,
):
    response = await client.post(TRACKINGS, json={**BODY, field: value})
    assert kind_of(response) == (422, kind)
    assert said in response.json()["detail"]
    assert services.ranks.trackings.list() == []
    assert runs.jobs == []


@pytest.mark.parametrize(
    "body",
    [{**BODY, "note": "x"}, {"keyword": "bread"}, {**BODY, "keyword": 7}, {**BODY, "capture": 7}],
)
async def test_a_body_of_another_shape_is_refused(client: httpx.AsyncClient, body: object):
    response = await client.post(TRACKINGS, json=body)
    assert kind_of(response) == (422, "bad_request")


async def test_half_of_a_surrogate_pair_is_refused(client: httpx.AsyncClient):
    content = b'{"rank_type":"blog","keyword":"\\ud800","target":"x","customer":"y"}'
    headers = {"content-type": "application/json"}
    response = await client.post(TRACKINGS, content=content, headers=headers)
    assert response.status_code == 422


async def test_who_may_only_read_registers_and_ends_nothing(
    reader: httpx.AsyncClient, stranger: httpx.AsyncClient, services: Services
):
    one = track(services).tracking_id
    assert kind_of(await reader.post(TRACKINGS, json=BODY)) == (403, "role_too_small")
    for path in ("pause", "resume", "end"):
        assert (await reader.post(f"{TRACKINGS}/{one}/{path}")).status_code == 403
    for path in (TRACKINGS, f"{TRACKINGS}/{one}/chart.svg", f"{RANK_DAYS}/{TODAY}"):
        assert kind_of(await stranger.get(path)) == (401, "no_token")
    assert [each.status for each in services.ranks.trackings.list()] == [TrackingStatus.ACTIVE]


async def test_a_tracking_is_given_with_its_newest_record(
    reader: httpx.AsyncClient, services: Services
):
    tracking = track(services)
    record(services, tracking, 5, "2026-11-19")
    record(services, tracking, None, TODAY, count=0)
    one = (await reader.get(f"{TRACKINGS}/1")).json()
    assert one["last"] == {
        "checked_on": TODAY,
        "rank": None,
        "session_number": 1,
        "result_count": 0,
        "captured_at": "2026-11-20T01:00:00Z",
    }
    (listed,) = (await reader.get(TRACKINGS)).json()["items"]
    assert listed == one


async def test_a_list_is_filtered(reader: httpx.AsyncClient, services: Services):
    bread = track(services, "bread").tracking_id
    cake = track(services, "caf\u00e9 cake").tracking_id
    mill = track(services, "bread", "miller").tracking_id
    post = services.ranks.register("blog", "bread", IDENTITY, "miller").tracking_id
    services.ranks.trackings.set_status(cake, TrackingStatus.PAUSED)
    assert await list_ids(reader) == [bread, cake, mill, post]
    assert await list_ids(reader, rank_type="blog") == [post]
    assert await list_ids(reader, status="paused") == [cake]
    assert await list_ids(reader, customer="miller") == [mill, post]
    assert await list_ids(reader, customer="miller", rank_type="place") == [mill]
    assert await list_ids(reader, keyword="brea") == []
    # As a keyword is written down, however it is typed.
    assert await list_ids(reader, keyword=" cafe\u0301  cake ") == [cake]


async def test_a_list_is_paged(reader: httpx.AsyncClient, services: Services):
    ids = [track(services, f"bread {number}").tracking_id for number in range(5)]
    pages: list[list[int]] = []
    offset: int | None = 0
    while offset is not None:
        page = (await reader.get(TRACKINGS, params={"limit": 2, "offset": offset})).json()
        pages.append([item["tracking_id"] for item in page["items"]])
        offset = page["next"]
    assert pages == [ids[:2], ids[2:4], ids[4:]]


@pytest.mark.parametrize(
    "query",
    ["limit=501", "limit=0", "offset=-1", "status=gone", "rank_type=news", "keyword=", "page=2"],
)
async def test_a_question_that_makes_no_sense_is_refused(reader: httpx.AsyncClient, query: str):
    assert kind_of(await reader.get(f"{TRACKINGS}?{query}")) == (422, "bad_request")


async def test_a_tracking_is_paused_resumed_and_ended(
    client: httpx.AsyncClient, services: Services, clock: FakeClock
):
    one = f"{TRACKINGS}/{track(services).tracking_id}"
    clock.advance(60)
    paused = (await client.post(f"{one}/pause")).json()
    assert (paused["status"], paused["status_at"]) == ("paused", "2026-11-20T09:01:00Z")
    clock.advance(60)
    again = (await client.post(f"{one}/pause")).json()
    assert again == paused
    assert (await client.post(f"{one}/resume")).json()["status"] == "active"
    assert (await client.post(f"{one}/end")).json()["status"] == "ended"
    assert (await client.post(f"{one}/end")).json()["status"] == "ended"
    for path in ("pause", "resume"):
        assert kind_of(await client.post(f"{one}/{path}")) == (409, "tracking_ended")


@pytest.mark.parametrize("number", [2, 2**63 - 1])
@pytest.mark.parametrize("path", ["", "/history", "/history?format=csv", "/chart.svg"])
async def test_what_is_not_there_is_not_found(reader: httpx.AsyncClient, path: str, number: int):
    response = await reader.get(f"{TRACKINGS}/{number}{path}")
    assert kind_of(response) == (404, "unknown_tracking")


@pytest.mark.parametrize("path", ["pause", "resume", "end"])
async def test_what_is_not_there_is_not_changed(client: httpx.AsyncClient, path: str):
    assert kind_of(await client.post(f"{TRACKINGS}/2/{path}")) == (404, "unknown_tracking")


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**63)])
async def test_a_number_that_no_tracking_has_is_refused(reader: httpx.AsyncClient, number: str):
    assert kind_of(await reader.get(f"{TRACKINGS}/{number}")) == (422, "bad_request")


def record_month(services: Services) -> Tracking:
    """30 days of November, exposed but on the 2nd: a session of 25 and a second one."""
    tracking = track(services)
    for number in range(1, 31):
        record(services, tracking, None if number == 2 else number, f"2026-11-{number:02}")
    return tracking


async def test_a_history_is_given_by_period_and_session(
    reader: httpx.AsyncClient, services: Services
):
    history = f"{TRACKINGS}/{record_month(services).tracking_id}/history"

    async def days(query: str = "") -> list[int]:
        document = (await reader.get(f"{history}{query}")).json()
        assert document["tracking_id"] == 1
        return [int(each["checked_on"][-2:]) for each in document["records"]]

    assert await days() == list(range(1, 31))
    assert await days("?since=2026-11-03&until=2026-11-05") == [3, 4, 5]
    assert await days("?session=2") == [27, 28, 29, 30]
    assert await days("?session=2&until=2026-11-27") == [27]
    assert await days("?session=3") == []
    (first,) = (await reader.get(f"{history}?until=2026-11-01")).json()["records"]
    assert first == {
        "checked_on": "2026-11-01",
        "rank": 1,
        "session_number": 1,
        "result_count": 30,
        "captured_at": "2026-11-20T01:00:00Z",
    }


async def test_a_history_is_given_as_a_file(reader: httpx.AsyncClient, services: Services):
    record_month(services)
    response = await reader.get(f"{TRACKINGS}/1/history?format=csv&until=2026-11-02")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    expected = 'attachment; filename="rank-history-1.csv"'
    assert response.headers["content-disposition"] == expected
    assert response.text == (
        "checked_on,rank,session_number,result_count,captured_at\r\n"
        "2026-11-01,1,1,30,2026-11-20T01:00:00+00:00\r\n"
        "2026-11-02,,1,30,2026-11-20T01:00:00+00:00\r\n"
    )


@pytest.mark.parametrize("query", ["since=2026-02-30", "until=1", "session=0", "format=xml"])
async def test_a_period_that_is_none_is_refused(
    reader: httpx.AsyncClient, services: Services, query: str
):
    track(services)
    response = await reader.get(f"{TRACKINGS}/1/history?{query}")
    assert kind_of(response) == (422, "bad_request")


def read_points(response: httpx.Response) -> list[str]:
    """What the points of a picture say."""
    picture = ET.fromstring(response.text)
    return [title.text or "" for title in picture.iterfind("{*}circle/{*}title")]


async def test_a_chart_shows_the_last_90_days_unless_asked_otherwise(
    reader: httpx.AsyncClient, services: Services
):
    tracking = track(services)
    for day, rank in (("2026-08-22", 9), ("2026-08-23", 4), ("2026-11-19", None), (TODAY, 2)):
        record(services, tracking, rank, day)
    chart = f"{TRACKINGS}/1/chart.svg"
    response = await reader.get(chart)
    assert response.headers["content-type"] == "image/svg+xml"
    last = ["2026-08-23: rank 4", "2026-11-19: not exposed", "2026-11-20: rank 2"]
    assert read_points(response) == last
    assert read_points(await reader.get(f"{chart}?since=2026-08-22&until=2026-11-19")) == [
        "2026-08-22: rank 9",
        *last[:2],
    ]
    assert read_points(await reader.get(f"{chart}?until=2026-11-18")) == [
        "2026-08-22: rank 9",
        last[0],
    ]
    assert "no record yet" in (await reader.get(f"{chart}?until=1000-01-01")).text


async def test_nothing_of_a_keyword_becomes_part_of_a_picture(
    reader: httpx.AsyncClient, services: Services
):
    keyword = """</text><script>alert(1)</script> "&' ]]> <!--"""
    track(services, keyword)
    response = await reader.get(f"{TRACKINGS}/1/chart.svg")
    picture = ET.fromstring(response.text)
    assert {element.tag.partition("}")[2] for element in picture.iter()} <= {
        "svg",
        "title",
        "rect",
        "text",
    }
    assert (picture.findtext("{*}title") or "").startswith(keyword)
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_an_empty_day_is_all_zero(reader: httpx.AsyncClient):
    assert (await reader.get(f"{RANK_DAYS}/{TODAY}")).json() == {
        "day": TODAY,
        "tracked": 0,
        "recorded": 0,
        "exposed": 0,
        "failed": 0,
        "left": 0,
        "failures": [],
        "tries": 0,
        "reason": "",
        "next_try_at": None,
    }


async def test_a_day_that_is_tried_again_tells_when_and_why(
    reader: httpx.AsyncClient, services: Services
):
    state = DayState(TODAY, 2, "3 of 4 trackings have no rank: 3 left", "2026-11-20T05:00:00+00:00")
    write_state(services.notes, state)
    document = (await reader.get(f"{RANK_DAYS}/{TODAY}")).json()
    assert (document["tries"], document["reason"]) == (2, state.reason)
    assert datetime.fromisoformat(document["next_try_at"]) == datetime(2026, 11, 20, 5, tzinfo=UTC)
    assert (await reader.get(f"{RANK_DAYS}/2026-11-19")).json()["next_try_at"] is None


async def test_a_day_tells_what_is_recorded_what_failed_and_what_is_left(
    reader: httpx.AsyncClient, services: Services
):
    shown, hidden, broken, mended, waiting, paused, ended = (
        track(services, f"bread {number}") for number in range(7)
    )
    record(services, shown, 3)
    record(services, hidden, None)
    record(services, mended, 1)
    record(services, ended, 1)
    services.ranks.trackings.set_status(paused.tracking_id, TrackingStatus.PAUSED)
    services.ranks.trackings.set_status(ended.tracking_id, TrackingStatus.ENDED)
    number = str(mended.tracking_id)
    # Its first capture failed, and the run of the day did it.
    end_units(services, "ranks/daily", {number: "blocked"}, group=number)
    end_units(services, "ranks/pages", {"blog_tab-1": "timeout"}, group=number)
    end_units(services, "ranks/daily", {number: None, str(broken.tracking_id): "changed_structure"})
    end_units(services, "ranks/pages", {"blog_tab-1": None, "a": "blocked", "b": "blocked"})
    end_units(services, "ranks/daily", {"77": "blocked"}, day="2026-11-19")
    document = (await reader.get(f"{RANK_DAYS}/{TODAY}")).json()
    assert document == {
        "day": TODAY,
        "tracked": 6,
        "recorded": 4,
        "exposed": 3,
        "failed": 1,
        "left": 1,
        "failures": [
            {"pipeline": "ranks/daily", "kind": "changed_structure", "units": 1},
            {"pipeline": "ranks/pages", "kind": "blocked", "units": 2},
        ],
        "tries": 0,
        "reason": "",
        "next_try_at": None,
    }
    assert waiting.tracking_id not in services.ranks.histories.find_recorded(TODAY)


async def test_a_past_day_has_what_it_recorded_and_what_its_run_wanted(
    reader: httpx.AsyncClient, services: Services
):
    yesterday = "2026-11-19"
    recorded, planned, new = (track(services, f"bread {number}") for number in range(3))
    record(services, recorded, 3, yesterday)
    end_units(services, "ranks/daily", {str(planned.tracking_id): "not_captured"}, day=yesterday)
    document = (await reader.get(f"{RANK_DAYS}/{yesterday}")).json()
    counted = [document[name] for name in ("tracked", "recorded", "failed", "left")]
    assert counted == [2, 1, 1, 0]
    assert day_counts((await reader.get(f"{RANK_DAYS}/{TODAY}")).json()) == (3, 0, 3)
    assert new.tracking_id == 3


def day_counts(document: dict[str, int]) -> tuple[int, int, int]:
    return document["tracked"], document["recorded"], document["left"]


@pytest.mark.parametrize(
    ("day", "kind"),
    [("2026-11-21", "bad_day"), ("2026-02-30", "bad_request"), ("today", "bad_request")],
)
async def test_a_day_that_is_none_or_not_yet_is_refused(
    reader: httpx.AsyncClient, day: str, kind: str
):
    assert kind_of(await reader.get(f"{RANK_DAYS}/{day}")) == (422, kind)


async def test_trackings_and_the_day_are_in_the_status_and_gauges(
    reader: httpx.AsyncClient, services: Services
):
    shown, hidden, broken = (track(services, f"bread {number}") for number in range(3))
    record(services, shown, 3)
    record(services, hidden, None)
    services.ranks.trackings.set_status(hidden.tracking_id, TrackingStatus.ENDED)
    end_units(
        services,
        "ranks/daily",
        {str(shown.tracking_id): "blocked", str(broken.tracking_id): "blocked"},
    )
    status = (await reader.get(f"{BATCH}/status")).json()
    assert status["rank_trackings"] == {"active": 2, "paused": 0, "ended": 1}
    assert status["rank_day"] == {"recorded": 2, "exposed": 1, "failed": 1}
    lines = (await reader.get("/metrics")).text.splitlines()
    assert 'sluice_rank_trackings{status="active"} 2.0' in lines
    assert 'sluice_rank_trackings{status="paused"} 0.0' in lines
    assert [line for line in lines if line.startswith("sluice_rank_day{")] == [
        'sluice_rank_day{result="recorded"} 2.0',
        'sluice_rank_day{result="exposed"} 1.0',
        'sluice_rank_day{result="failed"} 1.0',
    ]
