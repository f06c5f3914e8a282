"""Alerts by webhook: what is posted, what waits, and that nothing is posted twice. The log: tests/contract/state."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.alerts.outbox import HOLD_SECONDS, MOST_WAITING, REST_SECONDS, SEND_SECONDS, Alerts
from resources.alerts.webhook import Delivery
from resources.state.database import StateDatabase, open_state
from resources.state.notes import SqlNotes
from tests.fakes.clock import START, FakeClock

KIND = "tenant_disabled"
CAUSE = {"acme": "2026-10 failed 4 times"}


@dataclass
class FakeWebhook:
    """Satisfies `resources.alerts.outbox.Post`."""

    clock: FakeClock
    answer: Delivery = Delivery.DELIVERED
    seconds: float = 0.0
    posted: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])
    meanwhile: Callable[[], object] = lambda: None

    def post(self, message_id: str, document: Mapping[str, object]) -> Delivery:
        assert document["id"] == message_id
        self.posted.append(document)
        self.clock.advance(self.seconds)
        self.meanwhile()
        return self.answer

    @property
    def subjects(self) -> list[object]:
        return [document["subject"] for document in self.posted]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def database(tmp_path: Path, clock: FakeClock) -> Iterator[StateDatabase]:
    database = open_state(f"sqlite:///{tmp_path}/state.db", clock)
    yield database
    database.close()


@pytest.fixture
def webhook(clock: FakeClock) -> FakeWebhook:
    return FakeWebhook(clock)


@pytest.fixture
def make(database: StateDatabase, webhook: FakeWebhook, clock: FakeClock) -> Callable[[], Alerts]:
    """Another process each time."""
    return lambda: Alerts(SqlNotes(database), webhook, clock)


@pytest.fixture
def alerts(make: Callable[[], Alerts]) -> Alerts:
    return make()


def waiting(database: StateDatabase, kind: str = KIND) -> list[str]:
    note = SqlNotes(database).get(f"alerts/{kind}")
    return [each["alert"]["subject"] for each in note[0]["waiting"]] if note else []


def test_an_alert_is_posted_once_while_its_cause_lasts(
    alerts: Alerts, make: Callable[[], Alerts], webhook: FakeWebhook
):
    alerts.update(KIND, CAUSE)
    alerts.update(KIND, CAUSE)
    make().update(KIND, CAUSE)
    (document,) = webhook.posted
    assert document == {
        "kind": KIND,
        "subject": "acme",
        "message": CAUSE["acme"],
        "at": START.isoformat(),
        "id": document["id"],
    }


def test_a_cause_that_comes_back_later_is_another_alert(
    alerts: Alerts, webhook: FakeWebhook, clock: FakeClock
):
    alerts.update(KIND, CAUSE)
    alerts.update(KIND, {})
    clock.advance(60)
    alerts.update(KIND, CAUSE)
    first, second = webhook.posted
    assert first["id"] != second["id"]
    assert second["at"] == (START + timedelta(seconds=60)).isoformat()


def test_what_could_not_be_posted_is_posted_by_the_next_update_as_it_was(
    alerts: Alerts, make: Callable[[], Alerts], webhook: FakeWebhook, clock: FakeClock
):
    webhook.answer = Delivery.UNREACHABLE
    with capture_logs() as lines:
        assert alerts.update(KIND, CAUSE) == ["acme"]
    assert [line["event"] for line in lines] == ["alert"], "the log has it whatever happens"
    clock.advance(300)
    webhook.answer = Delivery.DELIVERED
    with capture_logs() as lines:
        assert make().update(KIND, CAUSE) == []
    assert lines == []
    first, second = webhook.posted
    assert first == second
    make().update(KIND, CAUSE)
    assert len(webhook.posted) == 2


def test_an_alert_of_a_kind_that_nobody_looks_at_again_is_posted_with_another_kind(
    alerts: Alerts, webhook: FakeWebhook, database: StateDatabase, clock: FakeClock
):
    webhook.answer = Delivery.UNREACHABLE
    alerts.tell_once("mass_change", "shop-a", "half of the products changed")
    webhook.answer = Delivery.DELIVERED
    clock.advance(REST_SECONDS)
    alerts.update(KIND, {})
    assert webhook.subjects == ["shop-a", "shop-a"]
    assert waiting(database, "mass_change") == []


def test_what_the_receiver_refuses_does_not_wait(
    alerts: Alerts, webhook: FakeWebhook, database: StateDatabase
):
    webhook.answer = Delivery.REFUSED
    alerts.update(KIND, {**CAUSE, "beta": "too"})
    assert webhook.subjects == ["acme", "beta"]
    assert waiting(database) == []


def test_a_webhook_that_is_down_is_tried_with_one_alert_of_many(
    alerts: Alerts, webhook: FakeWebhook, database: StateDatabase
):
    webhook.answer = Delivery.UNREACHABLE
    causes = {f"t{n}": "gone" for n in range(10)}
    with capture_logs() as lines:
        alerts.update(KIND, causes)
    assert len(lines) == 10
    assert webhook.subjects == ["t0"]
    assert waiting(database) == list(causes)


def test_a_run_with_many_alerts_waits_for_a_dead_webhook_once_a_minute(
    alerts: Alerts, webhook: FakeWebhook, database: StateDatabase, clock: FakeClock
):
    webhook.answer = Delivery.UNREACHABLE
    for number in range(28):
        assert alerts.tell_once("batch_failed", f"shop/{number}", "not believed")
    assert webhook.subjects == ["shop/0"]
    webhook.answer = Delivery.DELIVERED
    clock.advance(REST_SECONDS - 1)
    alerts.update(KIND, {})
    assert len(webhook.posted) == 1
    clock.advance(1)
    alerts.update(KIND, {})
    assert webhook.subjects[1:] == [f"shop/{number}" for number in range(28)]
    assert waiting(database, "batch_failed") == []


def test_a_slow_webhook_gets_as_many_as_the_time_allows(
    alerts: Alerts, webhook: FakeWebhook, database: StateDatabase
):
    webhook.seconds = SEND_SECONDS / 2
    alerts.update(KIND, {f"t{n}": "gone" for n in range(5)})
    assert webhook.subjects == ["t0", "t1"]
    assert waiting(database) == ["t2", "t3", "t4"]


def test_of_too_many_that_wait_the_newest_are_kept(
    alerts: Alerts, webhook: FakeWebhook, database: StateDatabase
):
    webhook.answer = Delivery.UNREACHABLE
    with capture_logs() as lines:
        alerts.update(KIND, {f"t{n:03}": "gone" for n in range(MOST_WAITING + 3)})
    assert len([line for line in lines if line["event"] == "alert"]) == MOST_WAITING + 3
    (lost,) = [line for line in lines if line["event"] == "alerts_not_posted"]
    assert lost["count"] == 3
    assert waiting(database)[0] == "t003"


def test_while_one_process_posts_another_leaves_the_alert_to_it(
    alerts: Alerts, make: Callable[[], Alerts], webhook: FakeWebhook
):
    def look_from_elsewhere() -> None:
        webhook.meanwhile = lambda: None
        make().update(KIND, {**CAUSE, "beta": "too"})

    webhook.meanwhile = look_from_elsewhere
    alerts.update(KIND, CAUSE)
    assert webhook.subjects == ["acme", "beta"]


def test_an_alert_of_a_process_that_died_while_it_posted_is_posted_again_later(
    alerts: Alerts, webhook: FakeWebhook, database: StateDatabase, clock: FakeClock
):
    class Died(BaseException):
        pass

    def die(_name: str, _change: object) -> None:
        raise Died

    notes = SqlNotes(database)
    dying = Alerts(notes, webhook, clock)
    # From here on the process writes nothing: not even that it has posted.
    webhook.meanwhile = lambda: setattr(notes, "update", die)
    with pytest.raises(Died):
        dying.update(KIND, CAUSE)
    webhook.meanwhile = lambda: None
    clock.advance(HOLD_SECONDS - 1)
    alerts.update(KIND, CAUSE)
    assert len(webhook.posted) == 1
    clock.advance(1)
    alerts.update(KIND, CAUSE)
    alerts.update(KIND, CAUSE)
    assert len(webhook.posted) == 2
    assert webhook.posted[0] == webhook.posted[1]


def test_one_cause_of_many_is_told_once_until_it_is_cleared(
    alerts: Alerts, make: Callable[[], Alerts], webhook: FakeWebhook
):
    assert alerts.tell_once("mass_change", "shop-a", "half changed")
    assert alerts.tell_once("mass_change", "shop-b", "half changed")
    assert not make().tell_once("mass_change", "shop-a", "two thirds changed")
    make().clear("mass_change", "shop-a")
    assert not alerts.tell_once("mass_change", "shop-b", "half changed")
    assert alerts.tell_once("mass_change", "shop-a", "half changed")
    assert webhook.subjects == ["shop-a", "shop-b", "shop-a"]


def test_clearing_what_was_never_told_changes_nothing(alerts: Alerts, database: StateDatabase):
    alerts.clear("mass_change", "shop-a")
    assert SqlNotes(database).get("alerts/mass_change") is None


def test_without_a_webhook_nothing_waits(database: StateDatabase, clock: FakeClock):
    assert Alerts(SqlNotes(database), None, clock).update(KIND, CAUSE) == ["acme"]
    assert waiting(database) == []


def test_a_note_of_an_older_version_is_understood(
    alerts: Alerts, webhook: FakeWebhook, database: StateDatabase
):
    SqlNotes(database).put(f"alerts/{KIND}", {"subjects": ["acme"]})
    assert alerts.update(KIND, {**CAUSE, "beta": "too"}) == ["beta"]
    assert webhook.subjects == ["beta"]


def test_the_settings_say_whether_there_is_a_webhook(tmp_path: Path):
    def tell(kind: str, url: str) -> list[str]:
        services = Services(Settings(home=tmp_path, alert_webhook_url=SecretStr(url)))
        alerts = services.alerts
        with capture_logs() as lines:
            alerts.update(kind, CAUSE)
        services.state.close()
        return [line["event"] for line in lines]

    assert tell("one", "") == ["alert"]
    assert tell("two", "no-address") == ["alert", "webhook_failed"]
