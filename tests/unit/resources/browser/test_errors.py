import pytest

from resources.browser.errors import (
    find_load_rule,
    keeps_dying,
    missing_browser,
    read_net_error,
    read_start_error,
)
from resources.http.errors import DEFAULT_TABLE, Action

NET_ERRORS = {
    "ERR_NAME_NOT_RESOLVED": "connect_failed",
    "ERR_CONNECTION_REFUSED": "connect_failed",
    "ERR_ADDRESS_UNREACHABLE": "connect_failed",
    "ERR_INTERNET_DISCONNECTED": "connect_failed",
    "ERR_CERT_DATE_INVALID": "connect_failed",
    "ERR_SSL_PROTOCOL_ERROR": "connect_failed",
    "ERR_CONNECTION_TIMED_OUT": "connect_timeout",
    "ERR_TIMED_OUT": "timeout",
    "ERR_TUNNEL_CONNECTION_FAILED": "proxy_failed",
    "ERR_CONNECTION_RESET": "dropped",
    "ERR_EMPTY_RESPONSE": "dropped",
    "ERR_HTTP2_PROTOCOL_ERROR": "dropped",
    "ERR_CONTENT_LENGTH_MISMATCH": "truncated",
    "ERR_INCOMPLETE_CHUNKED_ENCODING": "truncated",
    "ERR_INVALID_HTTP_RESPONSE": "truncated",
    "ERR_CONTENT_DECODING_FAILED": "invalid_body",
    "ERR_TOO_MANY_REDIRECTS": "redirected",
    "ERR_UNSAFE_PORT": "bad_url",
    "ERR_SOMETHING_NEW": "dropped",
}


@pytest.mark.parametrize(("name", "kind"), NET_ERRORS.items())
def test_chromiums_net_errors_have_the_kinds_of_the_http_client(name: str, kind: str):
    rule = find_load_rule(f"Page.goto: net::{name} at https://shop.example/\nCall log:\n  - x")
    assert rule.kind == kind
    known = {each.kind: each.action for _, each in DEFAULT_TABLE.exceptions}
    of_one_page = Action.PERMANENT if kind == "redirected" else Action.REFUSE
    assert rule.action is known.get(kind, of_one_page)


@pytest.mark.parametrize(
    ("message", "kind", "action"),
    [
        ("Page.goto: Page crashed", "page_crashed", Action.RETRY),
        ("Page.content: Target crashed", "page_crashed", Action.RETRY),
        ("Target page, context or browser has been closed", "page_closed", Action.RETRY),
        ("Connection closed while reading from the driver", "browser_died", Action.RETRY),
        ("Page.goto: Download is starting", "download", Action.PERMANENT),
        ("words that nobody has seen", "dropped", Action.RETRY),
    ],
)
def test_what_playwright_says_in_words_is_understood(message: str, kind: str, action: Action):
    rule = find_load_rule(message)
    assert (rule.kind, rule.action) == (kind, action)


def test_a_net_error_is_read_out_of_a_message():
    assert read_net_error("goto: net::ERR_TIMED_OUT at http://a/") == "ERR_TIMED_OUT"
    assert read_net_error("Page crashed") is None


def test_what_a_browser_printed_is_found_in_the_account_of_its_start():
    account = (
        "BrowserType.launch: has been closed\nBrowser logs:\n\n<launching> /bin/x --a\n"
        "[pid=7] <process did exit: exitCode=1>\n[pid=7][err] No usable\n[pid=7][err] sandbox!\n"
    )
    assert read_start_error(account) == "No usable sandbox!"
    assert read_start_error("Timeout 5 ms\nCall log:") == "Timeout 5 ms"
    assert read_start_error("") == ""


def test_errors_say_what_to_do():
    assert "SLUICE_CHROMIUM" in missing_browser("chromium").message
    assert "3 times in a row" in keeps_dying("/bin/chromium", 3).message
