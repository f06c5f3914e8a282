import ssl
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from resources.http.errors import (
    DEFAULT_TABLE,
    SAID_LENGTH,
    Action,
    Failure,
    Rule,
    describe_exception,
    parse_retry_after,
    quote_upstream,
)
from resources.http.messages import ExchangeDeadlineError

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "action", "kind"),
    [
        (301, Action.REFUSE, "redirected"),
        (400, Action.REFUSE, "bad_request"),
        (401, Action.RENEW_AUTH, "unauthorized"),
        (403, Action.REFUSE, "forbidden"),
        (404, Action.PERMANENT, "not_found"),
        (405, Action.REFUSE, "bad_method"),
        (408, Action.RETRY, "request_timeout"),
        (410, Action.PERMANENT, "not_found"),
        (413, Action.PERMANENT, "too_large"),
        (418, Action.REFUSE, "bad_request"),
        (422, Action.PERMANENT, "unprocessable"),
        (429, Action.THROTTLE, "throttled"),
        (500, Action.RETRY, "server_error"),
        (599, Action.RETRY, "server_error"),
        (103, Action.RETRY, "bad_reply"),
        (600, Action.RETRY, "bad_reply"),
        (999, Action.RETRY, "bad_reply"),
    ],
)
def test_each_status_has_its_rule(status: int, action: Action, kind: str):
    rule = DEFAULT_TABLE.find_status(status)
    assert rule is not None
    assert (rule.action, rule.kind) == (action, kind)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_success_has_no_rule(status: int):
    assert DEFAULT_TABLE.find_status(status) is None


@pytest.mark.parametrize(
    ("error", "action", "kind"),
    [
        (httpx.ConnectTimeout(""), Action.RETRY, "connect_timeout"),
        (httpx.ReadTimeout(""), Action.RETRY, "timeout"),
        (httpx.PoolTimeout(""), Action.RETRY, "pool_timeout"),
        (httpx.ConnectError(""), Action.RETRY, "connect_failed"),
        (httpx.ReadError(""), Action.RETRY, "dropped"),
        (httpx.RemoteProtocolError(""), Action.RETRY, "truncated"),
        (httpx.DecodingError(""), Action.RETRY, "invalid_body"),
        (ValueError(""), Action.RETRY, "invalid_body"),
        (httpx.LocalProtocolError(""), Action.REFUSE, "bad_request"),
        (httpx.UnsupportedProtocol(""), Action.REFUSE, "bad_url"),
    ],
)
def test_each_exception_has_its_rule(error: Exception, action: Action, kind: str):
    rule = DEFAULT_TABLE.find_exception(error)
    assert rule is not None
    assert (rule.action, rule.kind) == (action, kind)


@pytest.mark.parametrize(
    ("error", "said", "expected"),
    [
        (httpx.ReadError(""), "", "the connection was cut off (ReadError)"),
        (httpx.ReadTimeout(""), "", "no answer in time (ReadTimeout)"),
        (httpx.ConnectError("x"), "all failed", "no connection (ConnectError: all failed)"),
        (ExchangeDeadlineError(2.0), "no end", "ExchangeDeadlineError (no end)"),
        (ValueError(""), "", "ValueError"),
    ],
)
def test_an_exception_without_words_gets_some(error: Exception, said: str, expected: str):
    assert describe_exception(error, said) == expected


def test_a_connection_on_which_tls_fails_says_so_and_no_word_of_the_network():
    failed = httpx.ConnectError("wrong version number")
    failed.__cause__ = ssl.SSLError()
    rule, plain = (
        DEFAULT_TABLE.find_exception(failed),
        DEFAULT_TABLE.find_exception(httpx.ConnectError("")),
    )
    assert rule is not None
    assert plain is not None
    assert rule.kind == plain.kind
    assert "SSL_CERT_FILE" in rule.advice
    assert "SSL_CERT_FILE" not in plain.advice


def test_a_bug_has_no_rule():
    assert DEFAULT_TABLE.find_exception(KeyError("x")) is None


def test_a_client_may_have_other_rules():
    table = DEFAULT_TABLE.override({404: Rule(Action.RETRY, "not_yet", "Wait.")})
    assert table.find_status(404) == Rule(Action.RETRY, "not_yet", "Wait.")
    assert table.find_status(500) == DEFAULT_TABLE.find_status(500)


@pytest.mark.parametrize(
    ("action", "error"),
    [
        (Action.RETRY, TransientError),
        (Action.THROTTLE, TransientError),
        (Action.PERMANENT, PermanentError),
        (Action.REFUSE, RefusedError),
        (Action.RENEW_AUTH, RefusedError),
    ],
)
def test_each_action_has_its_error(action: Action, error: type[Exception]):
    failure = Failure(Rule(action, "some_kind", "Do this."), "GET http://h/p", "HTTP 500")
    raised = failure.to_error()
    assert type(raised) is error
    assert raised.kind == "some_kind"


def test_an_error_says_what_was_tried_what_the_upstream_said_and_what_to_do():
    rule = Rule(Action.RETRY, "server_error", "Run it again.")
    error = Failure(rule, "GET http://h/p", "HTTP 503", "down for repair", 7.0).to_error(3)
    assert isinstance(error, TransientError)
    assert error.retry_after == 7.0
    assert str(error) == (
        "GET http://h/p: HTTP 503 after 3 tries; the upstream says: down for repair. Run it again."
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("-3", 0.0),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("9" * 400, None),
        (f"Fri, 20 Nov {'9' * 400} 12:00:30 GMT", None),
        (f"Fri, 20 Nov 2026 12:00:30 +{'9' * 400}", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None):
    assert parse_retry_after(value, NOW) == seconds


@given(st.text())
def test_no_retry_after_header_breaks_the_parser(value: str):
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0


def test_the_upstreams_words_are_one_short_line():
    assert quote_upstream("  two\n\n lines ") == "two lines"
    assert len(quote_upstream("x" * 1000)) == SAID_LENGTH + 3


def test_what_we_sent_in_secret_is_blacked_out():
    text = "token abcdef123 of app is bad; abcdef123456 too"
    assert quote_upstream(text, ["abcdef123", "abcdef123456", "of"]) == (
        "token *** of app is bad; *** too"
    )
