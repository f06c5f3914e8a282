"""`Webhook`: posts a small JSON document to an address, signed, and says whether it arrived. It never raises.

Headers and signature are those of Standard Webhooks (github.com/standard-webhooks/standard-webhooks, v1). What is
posted, and what happens to a document that did not arrive, is the caller's business.
"""

import base64
import binascii
import hashlib
import hmac
import json
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import httpx
import structlog
from pydantic import SecretStr

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.errors import (
    PermanentError,
    PlatformError,
    RefusedError,
    TransientError,
)
from resources.http.errors import parse_retry_after
from resources.http.messages import HttpReply, HttpRequest
from resources.http.network import Network
from resources.http.wire import BlockingExchange, HttpTimeouts, HttpWire, open_blocking

log = structlog.get_logger(__name__)

SECRET_PREFIX = "whsec_"  # noqa: S105 - no secret, but how one begins
"""A secret that begins so goes on in base64, as Standard Webhooks has it; any other is taken as it is written."""

_MAY_PASS = frozenset({408, 429})
"""Statuses of the class 4xx after which another try can work."""


class Delivery(StrEnum):
    """How it went."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """The receiver does not want it, or the address is none: another try gives the same result."""
    UNREACHABLE = "unreachable"
    """Nobody answered, or the receiver is out of order: later it may work."""


@dataclass(frozen=True, slots=True)
class WebhookPolicy:
    """How long a post may take.

    Attributes:
        timeouts: Of one try.
        retry: Tries and waits.
        give_up_seconds: After this time no further try is begun.
    """

    timeouts: HttpTimeouts = field(
        default_factory=lambda: HttpTimeouts(
            connect=3.0, read=5.0, write=3.0, pool=3.0, exchange=10.0
        )
    )
    retry: RetryPolicy = field(
        default_factory=lambda: RetryPolicy(
            attempts=3,
            first_wait_seconds=0.5,
            longest_wait_seconds=2.0,
            longest_retry_after_seconds=5.0,
        )
    )
    give_up_seconds: float = 10.0


class Webhook:
    """An address that takes documents. Safe to use from several threads.

    Args:
        url: Where to; it may hold a token, so it is in no message and no log.
        secret: Signs the posts; nothing is signed when it is empty.
        policy: Timeouts and retries.
        clock: Stamps the posts.
        sleep: Waits so many seconds.
        draw: Random numbers in [0, 1) for the jitter of waits.
        transport: Instead of the network, for tests.
        network: The way out; straight to the host if None.
    """

    def __init__(
        self,
        url: SecretStr,
        secret: SecretStr,
        *,
        policy: WebhookPolicy | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], None] | None = None,
        draw: Callable[[], float] = random.random,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
        network: Network | None = None,
    ) -> None:
        self._url = url
        self._secret = secret
        self._policy = policy or WebhookPolicy()
        self._clock = clock or SystemClock()
        self._sleep = sleep or _sleep
        self._draw = draw
        self._transport = transport
        self._network = network

    def post(self, message_id: str, document: Mapping[str, object]) -> Delivery:
        """Posts the document, again and again as the policy says.

        Args:
            message_id: The same for each time that this document is posted, so that the receiver can tell.
            document: What JSON can hold.
        """
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        wire = HttpWire(
            self._policy.timeouts,
            1,
            {},
            self._transport() if self._transport else None,
            network=self._network,
        )
        try:
            with open_blocking(wire) as exchange:
                return self._post(exchange, message_id, body)
        except RefusedError as error:
            return _give_up(message_id, error, 0)

    def _post(self, exchange: BlockingExchange, message_id: str, body: bytes) -> Delivery:
        started, failures = self._clock.monotonic(), 0
        while True:
            error = self._try_once(exchange, message_id, body)
            if error is None:
                return Delivery.DELIVERED
            failures += 1
            wait = self._policy.retry.next_wait(failures, error, self._draw())
            if wait is None or self._is_late(started, wait):
                return _give_up(message_id, error, failures)
            self._sleep(wait)

    def _is_late(self, started: float, wait: float) -> bool:
        return self._clock.monotonic() - started + wait > self._policy.give_up_seconds

    def _try_once(
        self, exchange: BlockingExchange, message_id: str, body: bytes
    ) -> PlatformError | None:
        """What went wrong, without a word of the address; None if nothing did."""
        try:
            # What a receiver says besides its status is not read: it may be of any size.
            reply = exchange(self._make_request(message_id, body), with_body=False)
        except httpx.HTTPError as error:
            return TransientError(type(error).__name__)
        except (httpx.InvalidURL, binascii.Error) as error:
            return PermanentError(type(error).__name__)
        return self._judge(reply)

    def _judge(self, reply: HttpReply) -> PlatformError | None:
        if 200 <= reply.status < 300:
            return None
        said = f"HTTP {reply.status}"
        if reply.status >= 500 or reply.status in _MAY_PASS:
            asked = parse_retry_after(reply.headers.get("retry-after"), self._clock.now())
            return TransientError(said, retry_after=asked)
        return PermanentError(said)

    def _make_request(self, message_id: str, body: bytes) -> HttpRequest:
        stamp = str(int(self._clock.now().timestamp()))
        headers = {
            "content-type": "application/json",
            "user-agent": "sluice",
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
        }
        if secret := self._secret.get_secret_value():
            headers["webhook-signature"] = sign(secret, message_id, stamp, body)
        url = httpx.URL(self._url.get_secret_value())
        if url.scheme not in {"http", "https"} or not url.host:
            raise httpx.InvalidURL("no http or https address")
        return HttpRequest("POST", str(url), headers=headers, content=body)


def sign(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    """The value of `webhook-signature`: HMAC-SHA256 over `id.timestamp.body`, in base64, behind its version.

    Raises:
        binascii.Error: What follows `whsec_` is no base64.
    """
    key = (
        base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        if secret.startswith(SECRET_PREFIX)
        else secret.encode()
    )
    signed = b".".join((message_id.encode(), stamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _give_up(message_id: str, error: PlatformError, tries: int) -> Delivery:
    delivery = Delivery.UNREACHABLE if isinstance(error, TransientError) else Delivery.REFUSED
    log.warning(
        "webhook_failed", message=message_id, end=delivery, reason=error.message, tries=tries
    )
    return delivery


def _sleep(seconds: float) -> None:
    threading.Event().wait(seconds)
