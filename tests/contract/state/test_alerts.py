from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from resources.alerts.outbox import Alerts
from resources.state.database import StateDatabase
from resources.state.notes import SqlNotes

CAUSE = {"acme": "2026-10 failed 4 times"}


@pytest.fixture
def alerts(database: StateDatabase) -> Alerts:
    return Alerts(SqlNotes(database))


def test_an_alert_says_what_happened_to_whom(alerts: Alerts):
    with capture_logs() as lines:
        assert alerts.update("tenant_disabled", CAUSE) == ["acme"]
    assert lines == [
        {
            "event": "alert",
            "log_level": "error",
            "kind": "tenant_disabled",
            "subject": "acme",
            "message": "2026-10 failed 4 times",
        }
    ]


def test_an_alert_is_not_repeated_while_its_cause_lasts(alerts: Alerts, database: StateDatabase):
    alerts.update("tenant_disabled", CAUSE)
    with capture_logs() as lines:
        assert alerts.update("tenant_disabled", CAUSE) == []
        assert Alerts(SqlNotes(database)).update("tenant_disabled", CAUSE) == []
        assert alerts.update("tenant_disabled", {**CAUSE, "beta": "too"}) == ["beta"]
    assert [line["subject"] for line in lines] == ["beta"]


def test_a_cause_that_comes_back_is_told_again(alerts: Alerts):
    alerts.update("tenant_disabled", CAUSE)
    assert alerts.update("tenant_disabled", {}) == []
    assert alerts.update("tenant_disabled", CAUSE) == ["acme"]


def test_kinds_do_not_know_of_each_other(alerts: Alerts):
    alerts.update("tenant_disabled", CAUSE)
    assert alerts.update("batch_failed", CAUSE) == ["acme"]


def test_of_many_processes_that_see_a_cause_at_once_one_tells_it(database: StateDatabase):
    def look(_: int) -> list[str]:
        return Alerts(SqlNotes(database)).update("tenant_disabled", CAUSE)

    with capture_logs() as lines, ThreadPoolExecutor(8) as pool:
        told = list(pool.map(look, range(16)))
    assert sorted(told) == [[]] * 15 + [["acme"]]
    assert len(lines) == 1
