"""One shop without its HTTP: judges a request, prepares the reply with its delay and its fault, counts everything."""

from dataclasses import dataclass, replace
from typing import Any

from platform_assets.core.clock import Clock
from sandbox.igdb.hashing import salt_of
from sandbox.igdb.latency import Latency
from sandbox.igdb.limits import Gate, Verdict
from sandbox.shops.exchange import HTML, Admission, Reply, encode, refuse
from sandbox.shops.faults import OF_DATA, Fault, FaultDice, FaultPlan
from sandbox.shops.pages import (
    BLOCK_PAGE,
    CAPTCHA_PAGE,
    PAGE_HEADER,
    write_next_page,
    write_script_page,
)
from sandbox.shops.shelf import Shelf
from sandbox.shops.stats import ShopStats
from sandbox.shops.wires.wire import BadCallError, Call, Form, Kind, Question, Wire

_STATUSES = {
    Fault.HTTP_404: 404,
    Fault.HTTP_500: 500,
    Fault.HTTP_503: 503,
    Fault.HTTP_429: 429,
}
_SENT_ODDLY = frozenset({Fault.SLOW, Fault.DROP, Fault.TRUNCATE})
_KEPT_PAGES = 10_000
_ENDLESS = 1_000_000


@dataclass(frozen=True, slots=True)
class Crowd:
    """A shop that refuses nothing when too many requests are open, but fails: over `limit`, to a `share` of them."""

    limit: int
    share: float


CROWDS = {"hwahae": Crowd(10, 0.13)}
"""Measured: Hwahae answered about 13 % of 30 parallel requests with 500."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a shop takes: requests in any second, and requests at the same time."""

    per_second: int
    open_requests: int


class Shop:
    """One shop.

    A page that a script completes counts as one request to the limits: its script says with a mark which page it
    belongs to, and a mark is good for one request. JSON that is asked for without a page counts itself.

    Args:
        wire: Its format.
        shelf: Its products, in that format.
        limits: What it takes.
        latency: How long answers take.
        clock: For arrivals.
        faults: Injected faults.
    """

    def __init__(
        self,
        wire: Wire,
        shelf: Shelf,
        limits: Limits,
        *,
        latency: Latency,
        clock: Clock,
        faults: FaultPlan | None = None,
    ) -> None:
        self.wire = wire
        self.shelf = shelf
        self.stats = ShopStats()
        self._latency = latency
        self._clock = clock
        self._crowd = CROWDS.get(wire.name)
        self._open_limit = limits.open_requests
        self._open = 0
        # A shop that a crowd makes fail refuses nobody for it.
        allowed = _ENDLESS if self._crowd else limits.open_requests
        self._gate = Gate(rate=limits.per_second, window_seconds=1.0, open_limit=allowed)
        self._pages: dict[str, Fault | None] = {}
        self._page_count = 0
        self.set_faults(faults or FaultPlan())

    def set_faults(self, plan: FaultPlan) -> None:
        """Injects other faults from now on."""
        self._slow_seconds = plan.slow_seconds
        self._dice = FaultDice(plan, self.wire.name)

    def describe(self) -> dict[str, Any]:
        """The counters, as `ShopStats.describe`."""
        return self.stats.describe(self._gate)

    def reset(self) -> None:
        """Sets all counters to zero; the window, open requests and the day stay."""
        self.stats = ShopStats()
        self._gate.reset()

    def judge(self, call: Call) -> Reply | Admission:
        """Refuses a request, or takes it: `release` is due then when its reply is sent."""
        self.stats.requests += 1
        mark = call.headers.get(PAGE_HEADER, "")
        if mark in self._pages:
            self.stats.by_script += 1
            return Admission(by_script=True, fault=self._pages.pop(mark))
        verdict = self._gate.admit(self._clock.monotonic())
        self.stats.verdicts[verdict] += 1
        if verdict is not Verdict.ACCEPTED:
            return self._count(refuse(429, {"message": "too many requests"}))
        self._open += 1
        if self._crowd and self._open > self._open_limit:
            self.stats.verdicts[Verdict.OPEN] += 1
        return Admission()

    def release(self, admission: Admission) -> None:
        """Gives the slot of a taken request back."""
        if not admission.by_script:
            self._open -= 1
            self._gate.release()

    def answer(self, call: Call, admission: Admission) -> Reply:
        """The reply to a taken request, with its delay."""
        words = f"{call.method} {call.path} {sorted(call.query.items())} {call.body!r}"
        try:
            reply = self._answer(self.wire.read(call), words, admission)
        except BadCallError as error:
            reply = refuse(error.status, error.body)
        return self._count(replace(reply, delay_seconds=self._latency.draw(words)))

    def _answer(self, question: Question | None, words: str, admission: Admission) -> Reply:
        if question is None:
            self.stats.kinds["unknown"] += 1
            return refuse(404, {"message": "no such path"})
        if admission.by_script:
            return self._tell(question, admission.fault)
        product_id = question.target if question.kind is Kind.PRODUCT else ""
        self.stats.kinds[question.kind] += 1
        if product_id:
            self.stats.fetches[product_id] += 1
        if self._fails_of_crowd():
            return refuse(500, {"message": "internal server error"})
        fault = self._dice.draw(words, product_id)
        if fault is None or (fault is Fault.NO_PRICE and not product_id):
            return self._show(question, None)
        self.stats.faults[fault] += 1
        return self._answer_faulty(question, fault)

    def _answer_faulty(self, question: Question, fault: Fault) -> Reply:
        if fault in _STATUSES:
            return refuse(_STATUSES[fault], {"message": f"status {_STATUSES[fault]}"})
        if fault is Fault.BLOCKED:
            return Reply(403, BLOCK_PAGE, HTML)
        if fault is Fault.CAPTCHA:
            return Reply(200, CAPTCHA_PAGE, HTML)
        reply = self._show(question, fault if fault in OF_DATA else None)
        if fault in _SENT_ODDLY:
            return replace(reply, fault=fault, slow_seconds=self._slow_seconds)
        return reply

    def _fails_of_crowd(self) -> bool:
        crowd = self._crowd
        if crowd is None or self._open <= crowd.limit:
            return False
        fails = salt_of(self.wire.name, self.stats.requests) / 2**64 < crowd.share
        self.stats.crowded += fails
        return fails

    def _show(self, question: Question, fault: Fault | None) -> Reply:
        if question.form is not Form.SCRIPT:
            return self._tell(question, fault)
        self._page_count += 1
        mark = f"{self.wire.name}-{self._page_count}"
        self._pages[mark] = fault
        if len(self._pages) > _KEPT_PAGES:
            self._pages.pop(next(iter(self._pages)))
        page = write_script_page(f"/{self.wire.name}", self.wire.find_fetch(question), mark)
        return Reply(200, page, HTML)

    def _tell(self, question: Question, fault: Fault | None) -> Reply:
        told = self.shelf.answer(question, fault)
        if told is None:
            return refuse(404, {"message": "not found"})
        if question.form is Form.NEXT_DATA:
            return Reply(200, write_next_page(told), HTML)
        return Reply(200, encode(told))

    def _count(self, reply: Reply) -> Reply:
        if reply.fault is not Fault.DROP:
            self.stats.statuses[str(reply.status)] += 1
        return reply
