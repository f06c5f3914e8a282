import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from resources.alerts.webhook import Delivery, Webhook, sign
from tests.fakes.clock import START, FakeClock

TOKEN = "t0ken-in-the-path"
SECRET = "s3cret-of-the-webhook"
DOCUMENT = {"kind": "tenant_disabled", "subject": "acme", "message": "꺼짐"}
STAMP = str(int(START.timestamp()))


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A real server on this machine that remembers what it got."""

    url: str = ""
    status: int = 200
    received: list[Received] = field(default_factory=list[Received])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            self.send_response(receiver.status)
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/{TOKEN}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()


@dataclass
class Rig:
    """A webhook over a network that the test plays, on a clock that only waits move."""

    webhook: Webhook
    clock: FakeClock
    waits: list[float]
    requests: list[httpx.Request]


def make_rig(
    answer: Callable[[int], httpx.Response | Exception],
    *,
    draw: float = 0.0,
    seconds_per_try: float = 0.0,
) -> Rig:
    """`answer` gets the number of the request, from 1."""
    clock, waits, requests = FakeClock(), list[float](), list[httpx.Request]()

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        clock.advance(seconds_per_try)
        given = answer(len(requests))
        if isinstance(given, Exception):
            raise given
        return given

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds)

    webhook = Webhook(
        SecretStr(f"https://hooks.example/{TOKEN}"),
        SecretStr(SECRET),
        clock=clock,
        sleep=sleep,
        draw=lambda: draw,
        transport=lambda: httpx.MockTransport(handle),
    )
    return Rig(webhook, clock, waits, requests)


def always(status: int, **headers: str) -> Callable[[int], httpx.Response]:
    return lambda _: httpx.Response(status, headers=headers)


def test_a_post_on_the_wire_is_signed_json_with_its_id(receiver: Receiver):
    webhook = Webhook(SecretStr(receiver.url), SecretStr(SECRET), clock=FakeClock())
    assert webhook.post("alert_1", DOCUMENT) is Delivery.DELIVERED
    (got,) = receiver.received
    assert got.path == f"/{TOKEN}"
    assert json.loads(got.body) == DOCUMENT
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-id"] == "alert_1"
    assert got.headers["webhook-timestamp"] == STAMP
    assert got.headers["webhook-signature"] == sign(SECRET, "alert_1", STAMP, got.body)


def test_without_a_secret_nothing_is_signed(receiver: Receiver):
    Webhook(SecretStr(receiver.url), SecretStr("")).post("alert_1", DOCUMENT)
    assert "webhook-signature" not in receiver.received[0].headers


def test_user_and_password_of_the_address_become_a_header(receiver: Receiver):
    url = receiver.url.replace("//", "//me:pass@")
    assert Webhook(SecretStr(url), SecretStr("")).post("alert_1", DOCUMENT) is Delivery.DELIVERED
    expected = "Basic " + base64.b64encode(b"me:pass").decode()
    assert receiver.received[0].headers["authorization"] == expected


def test_a_redirect_is_not_followed(receiver: Receiver):
    receiver.status = 302
    webhook = Webhook(SecretStr(receiver.url), SecretStr(SECRET))
    assert webhook.post("alert_1", DOCUMENT) is Delivery.REFUSED
    assert len(receiver.received) == 1


def test_the_signature_is_that_of_standard_webhooks():
    # The example of its specification, checked there by the reference libraries.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_without_the_prefix_is_taken_as_it_is_written():
    encoded = "whsec_" + base64.b64encode(SECRET.encode()).decode()
    assert sign(SECRET, "a", "1", b"{}") == sign(encoded, "a", "1", b"{}")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_may_pass_is_tried_three_times_with_growing_waits(status: int):
    rig = make_rig(always(status))
    assert rig.webhook.post("alert_1", DOCUMENT) is Delivery.UNREACHABLE
    assert len(rig.requests) == 3
    assert rig.waits == [0.5, 1.0]


def test_waits_are_spread_by_chance():
    rig = make_rig(always(500), draw=0.8)
    rig.webhook.post("alert_1", DOCUMENT)
    assert rig.waits == pytest.approx([0.4, 0.8])


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 413, 422])
def test_what_the_receiver_does_not_want_is_posted_once(status: int):
    rig = make_rig(always(status))
    assert rig.webhook.post("alert_1", DOCUMENT) is Delivery.REFUSED
    assert (len(rig.requests), rig.waits) == (1, [])


def test_a_second_try_can_work_and_has_the_same_id_and_its_own_time():
    rig = make_rig(lambda n: httpx.ConnectError("refused") if n == 1 else httpx.Response(204))
    assert rig.webhook.post("alert_1", DOCUMENT) is Delivery.DELIVERED
    first, second = rig.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "alert_1"
    assert first.content == second.content
    rig.clock.advance(3600)
    rig.webhook.post("alert_1", DOCUMENT)
    later = rig.requests[-1]
    assert int(later.headers["webhook-timestamp"]) >= int(STAMP) + 3600
    assert later.headers["webhook-signature"] != first.headers["webhook-signature"]


def test_retry_after_is_honoured_up_to_a_bound():
    rig = make_rig(always(429, **{"retry-after": "3"}))
    rig.webhook.post("alert_1", DOCUMENT)
    assert rig.waits == [3.0, 3.0]
    rig = make_rig(always(503, **{"retry-after": "3600"}))
    rig.webhook.post("alert_1", DOCUMENT)
    assert rig.waits == [5.0, 5.0]


def test_after_the_time_is_up_no_further_try_is_begun():
    rig = make_rig(lambda _: httpx.ReadTimeout("slow"), seconds_per_try=9.8)
    assert rig.webhook.post("alert_1", DOCUMENT) is Delivery.UNREACHABLE
    assert (len(rig.requests), rig.waits) == (1, [])


def test_a_server_that_is_not_there_is_unreachable(receiver: Receiver):
    clock, waits = FakeClock(), list[float]()
    webhook = Webhook(
        SecretStr("http://127.0.0.1:1/"), SecretStr(""), clock=clock, sleep=waits.append
    )
    assert webhook.post("alert_1", DOCUMENT) is Delivery.UNREACHABLE
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        (TOKEN, SECRET),
        (f"ftp://hooks.example/{TOKEN}", SECRET),
        (f"http://hooks.example:{TOKEN}/", SECRET),
        (f"http:///{TOKEN}", SECRET),
        (f"https://hooks.example/{TOKEN}", f"whsec_{SECRET}"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_being_shown(url: str, secret: str):
    webhook = Webhook(SecretStr(url), SecretStr(secret), sleep=lambda _: None)
    with capture_logs() as lines:
        assert webhook.post("alert_1", DOCUMENT) is Delivery.REFUSED
    (line,) = lines
    assert line["event"] == "webhook_failed"
    assert TOKEN not in str(line)
    assert SECRET not in str(line)


def test_neither_address_nor_secret_is_in_any_log(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    receiver.status = 500
    webhook = Webhook(SecretStr(receiver.url), SecretStr(SECRET), sleep=lambda _: None)
    with capture_logs() as lines:
        webhook.post("alert_1", DOCUMENT)
    assert len(receiver.received) == 3
    assert [(line["reason"], line["tries"]) for line in lines] == [("HTTP 500", 3)]
    for text in (str(lines), caplog.text, repr(webhook), str(vars(webhook))):
        assert TOKEN not in text
        assert SECRET not in text
