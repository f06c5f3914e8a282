"""The upstream without its HTTP: judges a request, prepares the reply with its delay and its fault, counts everything.

The order is that of the real one: size, authorization, caps (which only accepted requests use up), then the answer. The
answer is prepared on arrival and sent after its latency: work on pages then falls right behind an arrival, where it
delays no other one's time stamp.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from platform_assets.core.clock import Clock
from sandbox.igdb import errors
from sandbox.igdb.apicalypse import parse_multiquery
from sandbox.igdb.errors import WireError
from sandbox.igdb.exchange import Call, Reply
from sandbox.igdb.faults import Fault, FaultDice, FaultPlan
from sandbox.igdb.latency import Latency
from sandbox.igdb.limits import Gate, Verdict
from sandbox.igdb.pages import Answer, Pages
from sandbox.igdb.stats import Stats
from sandbox.igdb.table import Change, Changed, Table
from sandbox.igdb.tokens import Tokens

MAX_REQUEST_BYTES = 32 * 1024
"""Size of a query text at most; the error says 32 KB."""
MULTIQUERY = "multiquery"
_FAULTY_STATUSES = {
    Fault.HTTP_500: errors.server_error(500),
    Fault.HTTP_503: errors.server_error(503),
    Fault.HTTP_429: errors.too_many_requests(),
    Fault.HTTP_401: errors.unauthorized(),
}


class MultiqueryMode(StrEnum):
    """How long a multiquery takes: as its slowest part, as all parts in turn; or it is refused."""

    PARALLEL = "parallel"
    SERIAL = "serial"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the upstream behaves beyond its caps.

    Attributes:
        faults: Injected faults.
        multiquery: How a multiquery is answered.
        pretty: Whether JSON is indented, as the real API sends it.
        time_scale: Windows and delays are divided by it.
    """

    faults: FaultPlan
    multiquery: MultiqueryMode = MultiqueryMode.PARALLEL
    pretty: bool = False
    time_scale: float = 1.0


class Upstream:
    """IGDB's API over some tables.

    Args:
        tables: Entity name -> table.
        gate: The caps, with their window already scaled.
        tokens: Who may ask.
        latency: How long answers take, unscaled.
        behaviour: Everything else that may be set.
        clock: For arrivals and for `updated_at` of changed rows.
    """

    def __init__(
        self,
        *,
        tables: Mapping[str, Table],
        gate: Gate,
        tokens: Tokens,
        latency: Latency,
        behaviour: Behaviour,
        clock: Clock,
    ) -> None:
        self.tables = tables
        self.gate = gate
        self.tokens = tokens
        self.stats = Stats()
        self.last_accepted_at: float | None = None
        self._pages = Pages(tables)
        self._latency = latency
        self._behaviour = behaviour
        self._dice = FaultDice(behaviour.faults)
        self._clock = clock

    def judge(self, call: Call) -> Reply | None:
        """Refuses a request, or takes a slot for it: None then, and `release` is due when its reply is sent."""
        now = self._clock.monotonic()
        self.stats.requests += 1
        self.stats.endpoints[self._name_endpoint(call)] += 1
        error = self._find_refusal(call, now)
        if error is not None:
            return self._count_status(self._refuse(error))
        self.stats.accepted += 1
        self.last_accepted_at = now
        if call.sender:
            self.stats.clients[call.sender] += 1
        return None

    def answer(self, call: Call) -> Reply:
        """The reply to an accepted request, with its delay."""
        text = call.body.decode(errors="replace")
        try:
            answer, seconds = self._answer(call, text)
            reply = Reply(200, self._format(answer.body), count=answer.count)
        except WireError as error:
            reply, seconds = self._refuse(error), self._latency.draw(f"{call.endpoint}\n{text}")
        fault = self._dice.draw(call.endpoint, text)
        if fault is not None:
            reply = self._spoil(reply, call, fault)
        scaled = seconds / self._behaviour.time_scale
        return self._count_status(replace(reply, delay_seconds=scaled))

    def release(self) -> None:
        """Gives the slot of an accepted request back."""
        self.gate.release()

    def issue_token(self, form: Mapping[str, str]) -> Reply:
        """The reply of the token endpoint, which is outside the caps."""
        try:
            issued = self.tokens.issue(form)
        except WireError as error:
            return self._refuse(error)
        self.stats.tokens_issued += 1
        return Reply(200, msgspec.json.encode(issued) + b"\n")

    def change(self, entity: str, change: Change) -> Changed:
        """Changes a table at once.

        Raises:
            KeyError: No such entity.
        """
        changed = self.tables[entity].apply(change, int(self._clock.now().timestamp()))
        self.stats.count_rows(changed)
        return changed

    def reset(self) -> None:
        """Sets all counters to zero; tables, tokens, the window and open slots stay."""
        self.stats = Stats()
        self.gate.reset()
        self._dice.reset()

    def _find_refusal(self, call: Call, now: float) -> WireError | None:
        if len(call.body) > MAX_REQUEST_BYTES:
            return errors.request_too_large()
        if not self.tokens.accepts(call.client_id, call.authorization):
            return errors.unauthorized()
        verdict = self.gate.admit(now)
        self.stats.verdicts[verdict] += 1
        return None if verdict is Verdict.ACCEPTED else errors.too_many_requests()

    def _answer(self, call: Call, text: str) -> tuple[Answer, float]:
        """The answer and its unscaled latency in seconds."""
        if call.method != "POST":
            raise errors.endpoint_not_found(call.method, call.endpoint)
        if call.endpoint == MULTIQUERY:
            return self._answer_multiquery(text)
        entity, _, suffix = call.endpoint.partition("/")
        if suffix not in ("", "count"):
            raise errors.endpoint_not_found(call.method, call.endpoint)
        answer = self._pages.answer_count if suffix else self._pages.answer_rows
        return answer(entity, text), self._latency.draw(f"{call.endpoint}\n{text}")

    def _answer_multiquery(self, text: str) -> tuple[Answer, float]:
        mode = self._behaviour.multiquery
        if mode is MultiqueryMode.REFUSE:
            raise errors.forbidden_endpoint()
        parts = parse_multiquery(text)
        draws = [self._latency.draw(repr(part)) for part in parts]
        seconds = sum(draws) if mode is MultiqueryMode.SERIAL else max(draws)
        return self._pages.answer_multiquery(parts), seconds

    def _spoil(self, reply: Reply, call: Call, fault: Fault) -> Reply:
        """The reply after a fault."""
        self.stats.faults[fault] += 1
        if fault is Fault.HTTP_401:
            self.tokens.forget(call.authorization)
        if fault in _FAULTY_STATUSES:
            return self._refuse(_FAULTY_STATUSES[fault])
        if fault is Fault.INVALID_JSON:
            return replace(reply, body=reply.body[: max(1, len(reply.body) // 2)])
        if fault is Fault.NOT_A_LIST:
            return replace(reply, body=self._format(b'{"message":"try again"}'))
        seconds = self._behaviour.faults.slow_seconds / self._behaviour.time_scale
        return replace(reply, fault=fault, slow_seconds=seconds)

    def _refuse(self, error: WireError) -> Reply:
        if isinstance(error.body, str):
            return Reply(error.status, error.body.encode(), is_text=True)
        return Reply(error.status, self._format(msgspec.json.encode(error.body)))

    def _format(self, body: bytes) -> bytes:
        return msgspec.json.format(body, indent=2) if self._behaviour.pretty else body

    def _count_status(self, reply: Reply) -> Reply:
        if reply.fault is not Fault.DROP:
            self.stats.statuses[str(reply.status)] += 1
        return reply

    def _name_endpoint(self, call: Call) -> str:
        entity = call.endpoint.removesuffix("/count")
        known = call.endpoint == MULTIQUERY or entity in self.tables
        return call.endpoint if known else "unknown"
