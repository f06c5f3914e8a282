"""`HttpClient`: sends requests through the gate of a cap and brings back whole replies, or an error of our tree.

    gate -> send -> read the body -> leave the gate -> table of errors -> wait outside the gate -> again

What is sent belongs to the clients of the upstreams (`resources/igdb/client.py`, ...); what a failure means to
`errors.py`.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Protocol, Self

import httpx

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.errors import TransientError
from resources.caps.gate import Gate
from resources.http.errors import (
    DEFAULT_TABLE,
    SAID_LENGTH,
    Action,
    ErrorTable,
    Failure,
    Rule,
    describe_exception,
    describe_status,
    parse_retry_after,
    quote_upstream,
)
from resources.http.messages import HARMLESS, HttpReply, HttpRequest
from resources.http.network import Network
from resources.http.wire import BODY_BYTES, HttpTimeouts, HttpWire


class Auth(Protocol):
    """Credentials of an upstream. Renewing once for many refused requests is the auth's business."""

    async def headers(self) -> Mapping[str, str]:
        """Headers that authorize a request. Called inside the gate, too: quick when they are known."""
        ...

    async def renew(self, refused: Mapping[str, str]) -> None:
        """The upstream answered 401 to these headers: get new ones, unless somebody did already."""
        ...


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """How a client waits and tries again.

    Attributes:
        timeouts: Of one exchange.
        retry: Tries and waits after failures that may pass. 429s do not count as tries.
        throttle_limit: 429s in a row, for one request, after which it fails.
        connections: Open connections when the gate has no bound.
        body_bytes: What a body may unpack to.
        table: What a failure means.
    """

    timeouts: HttpTimeouts = field(default_factory=HttpTimeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    throttle_limit: int = 20
    connections: int = 32
    body_bytes: int = BODY_BYTES
    table: ErrorTable = DEFAULT_TABLE


@dataclass(frozen=True, slots=True)
class HttpStats:
    """What a client did so far.

    Attributes:
        requests: Requests sent, repeated ones included.
        retries: Those sent again after a failure other than 429 and 401.
        throttled: 429s.
        renewals: 401s after which the credentials were renewed.
        failures: Failed tries by kind.
        bytes_received: Bytes of bodies, decompressed.
        wait_seconds: Time spent waiting before a repetition, summed over tasks; the gate counts its own.
    """

    requests: int
    retries: int
    throttled: int
    renewals: int
    failures: Mapping[str, int]
    bytes_received: int
    wait_seconds: float


@dataclass(slots=True)
class _Tries:
    """How one request fared so far."""

    failed: int = 0
    throttled: int = 0
    renewed: bool = False
    authorized_by: Mapping[str, str] = field(default_factory=dict[str, str])


class HttpClient:
    """Sends requests to one upstream. Open it with `async with`; safe to share between tasks of one event loop.

    Args:
        gate: The gate of the upstream's cap; opened and closed by who made it.
        policy: Timeouts and retries.
        auth: Credentials; None when the upstream wants none.
        headers: Sent with every request.
        transport: Instead of the network, for tests.
        network: The way out; straight to the hosts if None.
        clock: For Retry-After dates.
        draw: Random numbers in [0, 1) for the jitter of waits.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        policy: HttpPolicy | None = None,
        auth: Auth | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        network: Network | None = None,
        clock: Clock | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._gate = gate
        self._policy = policy or HttpPolicy()
        self._auth = auth
        self._wire = HttpWire(
            self._policy.timeouts,
            gate.in_flight or self._policy.connections,
            headers or {},
            transport,
            body_bytes=self._policy.body_bytes,
            network=network,
        )
        self._secrets = [v for name, v in (headers or {}).items() if name.lower() not in HARMLESS]
        self._clock = clock or SystemClock()
        self._draw = draw
        self._requests = self._retries = self._throttled = self._renewals = 0
        self._failures = Counter[str]()
        self._bytes_received = 0
        self._wait_seconds = 0.0

    @property
    def stats(self) -> HttpStats:
        """Counters so far."""
        return HttpStats(
            requests=self._requests,
            retries=self._retries,
            throttled=self._throttled,
            renewals=self._renewals,
            failures=MappingProxyType(dict(self._failures)),
            bytes_received=self._bytes_received,
            wait_seconds=self._wait_seconds,
        )

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._wire.__aexit__(kind, error, trace)

    async def send(self, request: HttpRequest) -> HttpReply:
        """Sends a request, again and again as the table says, and returns the whole reply.

        Raises:
            TransientError: It failed too often; its kind says how. Kind `throttled`: nothing but 429s.
            PermanentError: This request cannot work.
            RefusedError: No request can work until a person acts.
        """
        tries = _Tries()
        while True:
            outcome = await self._try_once(request, tries)
            if isinstance(outcome, HttpReply):
                return outcome
            self._failures[outcome.rule.kind] += 1
            await self._prepare_next(outcome, tries)

    async def _try_once(self, request: HttpRequest, tries: _Tries) -> HttpReply | Failure:
        if self._auth is not None:
            # A token that has to be fetched is fetched before the gate; inside, it is only read.
            await self._auth.headers()
        async with self._gate.enter() as grant:
            if self._auth is not None:
                tries.authorized_by = await self._auth.headers()
            self._requests += 1
            try:
                reply = await self._wire.exchange(request, tries.authorized_by, grant)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                return self._judge_exception(request, tries, error)
        self._bytes_received += len(reply.content)
        if rule := self._policy.table.find_reply(reply.status, reply.headers, reply.content):
            return self._judge_status(request, tries, reply, rule)
        return self._check_body(request, tries, reply)

    def _check_body(
        self, request: HttpRequest, tries: _Tries, reply: HttpReply
    ) -> HttpReply | Failure:
        if request.check is None:
            return reply
        try:
            request.check(reply)
        except TransientError as error:
            rule = Rule(Action.RETRY, error.kind, "Run it again.")
            return Failure(rule, request.describe(), error.message, retry_after=error.retry_after)
        except ValueError as error:
            return self._judge_exception(request, tries, error)
        return reply

    def _judge_status(
        self, request: HttpRequest, tries: _Tries, reply: HttpReply, rule: Rule
    ) -> Failure:
        body = reply.content[: 4 * SAID_LENGTH].decode("utf-8", errors="replace")
        return Failure(
            rule,
            request.describe(),
            describe_status(reply.status, reply.headers.get("location")),
            quote_upstream(body, self._list_secrets(request, tries)),
            parse_retry_after(reply.headers.get("retry-after"), self._clock.now()),
        )

    def _judge_exception(self, request: HttpRequest, tries: _Tries, error: Exception) -> Failure:
        rule = self._policy.table.find_exception(error)
        if rule is None:
            raise error
        # Texts about what we sent may hold it: h11 quotes a header that it refuses, httpx a URL.
        text = "" if rule.action is Action.REFUSE else str(error)
        said = quote_upstream(text, self._list_secrets(request, tries))
        return Failure(rule, request.describe(), describe_exception(error, said))

    def _list_secrets(self, request: HttpRequest, tries: _Tries) -> list[str]:
        values = [*tries.authorized_by.values(), *self._secrets, *request.list_secrets()]
        # "Bearer abc": the token alone, too.
        return values + [value.rpartition(" ")[2] for value in values]

    async def _prepare_next(self, failure: Failure, tries: _Tries) -> None:
        """Waits, or renews the credentials, so that the request can be sent again; raises when it is over."""
        match failure.rule.action:
            case Action.THROTTLE:
                await self._wait(self._count_throttle(failure, tries))
            case Action.RENEW_AUTH if self._auth is not None and not tries.renewed:
                tries.renewed = True
                self._renewals += 1
                await self._auth.renew(tries.authorized_by)
            case _:
                await self._wait(self._count_failure(failure, tries))
                self._retries += 1

    def _count_throttle(self, failure: Failure, tries: _Tries) -> float:
        """Tells the gate and returns the seconds to wait."""
        tries.throttled += 1
        self._throttled += 1
        longest = self._policy.retry.longest_retry_after_seconds
        asked = None if failure.retry_after is None else min(failure.retry_after, longest)
        self._gate.throttled(asked)
        if tries.throttled >= self._policy.throttle_limit:
            raise failure.to_error(tries.throttled)
        if asked is not None:
            return asked
        window = self._gate.window_seconds
        return min(
            window * 2.0 ** (tries.throttled - 1),
            max(window, self._policy.retry.longest_wait_seconds),
        )

    def _count_failure(self, failure: Failure, tries: _Tries) -> float:
        tries.failed += 1
        error = failure.to_error(tries.failed)
        wait = self._policy.retry.next_wait(tries.failed, error, self._draw())
        if wait is None:
            raise error
        return wait

    async def _wait(self, seconds: float) -> None:
        self._wait_seconds += seconds
        await asyncio.sleep(seconds)
