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
from platform_assets.core.errors import PermanentError, PlatformError, TransientError
from platform_assets.core.retry import RetryPolicy
from resources.http_errors import parse_retry_after
from resources.http_wire import HttpTimeouts

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
        default_factory=lambda: HttpTimeouts(connect=3.0, read=5.0, write=3.0, pool=3.0)
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
        transport: Callable[[], httpx.BaseTransport] | None = None,
    ) -> None:
        self._url = url
        self._secret = secret
        self._policy = policy or WebhookPolicy()
        self._clock = clock or SystemClock()
        self._sleep = sleep or _sleep
        self._draw = draw
        self._transport = transport or _open_network

    def post(self, message_id: str, document: Mapping[str, object]) -> Delivery:
        """Posts the document, again and again as the policy says.

        Args:
            message_id: The same for each time that this document is posted, so that the receiver can tell.
            document: What JSON can hold.
        """
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        started, failures = self._clock.monotonic(), 0
        with self._transport() as transport:
            while True:
                error = self._try_once(transport, message_id, body)
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
        self, transport: httpx.BaseTransport, message_id: str, body: bytes
    ) -> PlatformError | None:
        """What went wrong, without a word of the address; None if nothing did."""
        try:
            # Not by httpx's client: that one writes the address into the log.
            response = transport.handle_request(self._make_request(message_id, body))
            response.close()
        except httpx.TransportError as error:
            return TransientError(type(error).__name__)
        except (httpx.InvalidURL, binascii.Error) as error:
            return PermanentError(type(error).__name__)
        return self._judge(response)

    def _judge(self, response: httpx.Response) -> PlatformError | None:
        status = response.status_code
        if response.is_success:
            return None
        said = f"HTTP {status}"
        if status >= 500 or status in _MAY_PASS:
            asked = parse_retry_after(response.headers.get("retry-after"), self._clock.now())
            return TransientError(said, retry_after=asked)
        return PermanentError(said)

    def _make_request(self, message_id: str, body: bytes) -> httpx.Request:
        stamp = str(int(self._clock.now().timestamp()))
        headers = {
            "content-type": "application/json",
            "user-agent": "sluice",
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
        }
        if secret := self._secret.get_secret_value():
            headers["webhook-signature"] = sign(secret, message_id, stamp, body)
        timeouts = self._policy.timeouts
        timeout = httpx.Timeout(
            connect=timeouts.connect,
            read=timeouts.read,
            write=timeouts.write,
            pool=timeouts.pool,
        )
        url = httpx.URL(self._url.get_secret_value())
        if url.scheme not in {"http", "https"} or not url.host:
            raise httpx.InvalidURL("no http or https address")
        request = httpx.Request(
            "POST", url, headers=headers, content=body, extensions={"timeout": timeout.as_dict()}
        )
        if not url.userinfo:
            return request
        return next(httpx.BasicAuth(url.username, url.password).auth_flow(request))


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


def _open_network() -> httpx.BaseTransport:
    return httpx.HTTPTransport(trust_env=False)


def _sleep(seconds: float) -> None:
    threading.Event().wait(seconds)
