"""The hosts without their HTTP: judges a request's pace, draws its fault, and prepares the reply.

The order is: the host's pace (a block, or with `strict` a 429), the fault, then the page. A reply is prepared on
arrival and sent after its latency.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from platform_assets.core.clock import Clock
from sandbox.igdb.latency import Latency
from sandbox.naver.candidates import RankType
from sandbox.naver.exchange import JSON, Call, Reply
from sandbox.naver.faults import Fault, FaultDice, FaultPlan, PageKind
from sandbox.naver.markup import Look
from sandbox.naver.notices import (
    change_structure,
    write_block_page,
    write_error_page,
    write_login_page,
    write_login_url,
    write_refusal_page,
)
from sandbox.naver.open_api import (
    OVER_QUOTA,
    OVER_RATE,
    QUOTA,
    Account,
    ApiError,
    answer_call,
    check_account,
    find_search,
    find_today,
    name_error,
    read_call,
)
from sandbox.naver.pace import Host, Pace, PaceRules, Verdict
from sandbox.naver.page_requests import Page, find_page
from sandbox.naver.place_pages import write_unrendered_page
from sandbox.naver.ranking import View
from sandbox.naver.real_pages import RealPages
from sandbox.naver.search_pages import write_integrated, write_places, write_tab
from sandbox.naver.stats import HostStats

ACCOUNT = Account("sandbox-client", "sandbox-secret")  # opens nothing but this sandbox
_REFUSED = {
    Fault.HTTP_403: 403,
    Fault.HTTP_429: 429,
    Fault.HTTP_429_RETRY_AFTER: 429,
    Fault.HTTP_500: 500,
    Fault.HTTP_503: 503,
}
_SENT_ODDLY = frozenset({Fault.SLOW, Fault.DROP, Fault.TRUNCATE})


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the hosts behave.

    Attributes:
        seed: Of everything generated.
        rules: The pace of each host.
        strict: Whether a request that starts too early is answered with 429; it is counted anyway.
        account: Who may ask the open API.
        quota: Calls of the open API in a day.
        real_pages: Served instead of generated ones.
    """

    seed: int
    rules: Mapping[Host, PaceRules]
    strict: bool = False
    account: Account = ACCOUNT
    quota: int = QUOTA
    real_pages: RealPages = field(default_factory=dict)


class Upstream:
    """Naver's hosts.

    Args:
        behaviour: How they behave.
        latency: How long answers take.
        clock: For arrivals, and for the day.
        faults: Injected faults.
        day: The day that it is; None for today's in Asia/Seoul.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        *,
        latency: Latency,
        clock: Clock,
        faults: FaultPlan | None = None,
        day: date | None = None,
    ) -> None:
        self.behaviour = behaviour
        self._latency = latency
        self._clock = clock
        self._started_at = clock.monotonic()
        self._fixed_day = day
        self._paces = {host: Pace(rules) for host, rules in behaviour.rules.items()}
        self._stats = {host: HostStats() for host in behaviour.rules}
        self._calls: Counter[date] = Counter()
        self.set_faults(faults or FaultPlan())

    @property
    def day(self) -> date:
        """The day that it is."""
        return self._fixed_day or find_today(self._clock.now())

    def set_day(self, day: date | None) -> None:
        """Makes it another day at once; None for today's."""
        self._fixed_day = day

    def set_faults(self, plan: FaultPlan) -> None:
        """Injects other faults from now on; those of a page begin anew."""
        self._dice = FaultDice(plan)

    def describe(self) -> dict[str, Any]:
        """The counters of all hosts, as `HostStats.describe`, and the use of the quota."""
        hosts = {
            host.value: stats.describe(self._paces[host]) for host, stats in self._stats.items()
        }
        return {
            "day": self.day.isoformat(),
            "requests": sum(told["requests"] for told in hosts.values()),
            "violations": sum(told["violations"] for told in hosts.values()),
            "quota": {"limit": self.behaviour.quota, "used": self._calls[self.day]},
            "hosts": hosts,
        }

    def reset(self) -> None:
        """Sets all counters to zero, the quota's too, and ends blocks; the day and faults stay."""
        for pace in self._paces.values():
            pace.reset()
        self._stats = {host: HostStats() for host in self._stats}
        self._calls.clear()

    def answer(self, call: Call) -> Reply:
        """The reply to a request, with its delay."""
        page = find_page(call)
        if page is None:
            return Reply(404, write_error_page(404).encode())
        stats, now = self._stats[page.host], self._clock.monotonic()
        stats.count_arrival(page.kind, page.keyword, now - self._started_at)
        verdict = self._paces[page.host].judge(now)
        reply = self._refuse_pace(page, verdict) or self._answer_in_time(call, page)
        if reply.fault is not Fault.DROP:
            stats.statuses[str(reply.status)] += 1
        return replace(reply, delay_seconds=self._latency.draw(f"{call.path} {page.keyword}"))

    def _refuse_pace(self, page: Page, verdict: Verdict) -> Reply | None:
        if verdict is Verdict.BLOCKED:
            self._stats[page.host].blocked += 1
            return _show(write_block_page())
        if verdict is Verdict.TOO_EARLY and self.behaviour.strict:
            return _refuse(page, 429)
        return None

    def _answer_in_time(self, call: Call, page: Page) -> Reply:
        day, plan = self.day, self._dice.plan
        fault = self._dice.draw(page.kind, page.keyword, day)
        if fault is None:
            return self._tell(call, page, day)
        self._stats[page.host].faults[fault] += 1
        if fault in _REFUSED:
            wait = str(plan.retry_after_seconds) if fault is Fault.HTTP_429_RETRY_AFTER else None
            return _refuse(page, _REFUSED[fault], wait)
        instead = _replace_page(Look(self.behaviour.seed, page.keyword, day), fault)
        return instead or _spoil(self._tell(call, page, day), fault, plan.slow_seconds)

    def _tell(self, call: Call, page: Page, day: date) -> Reply:
        if page.kind is PageKind.API:
            return self._tell_api(call, day)
        real = self.behaviour.real_pages.get((page.kind, page.keyword))
        if real is not None:
            return Reply(200, real.body)
        look = Look(self.behaviour.seed, page.keyword, day)
        if page.kind is PageKind.PLACE:
            return _show(write_places(look, page.start))
        if page.kind in (PageKind.BLOG, PageKind.CAFE):
            return _show(write_tab(look, RankType(page.kind)))
        return _show(write_integrated(look, View(page.kind)))

    def _tell_api(self, call: Call, day: date) -> Reply:
        try:
            rank_type = find_search(call.path)
            check_account(call.headers, self.behaviour.account)
            if self._calls[day] >= self.behaviour.quota:
                raise ApiError(429, OVER_QUOTA)
            self._calls[day] += 1
            asked = read_call(rank_type, call.query)
        except ApiError as error:
            return _tell_json(error.body, error.status)
        return _tell_json(answer_call(asked, self.behaviour.seed, day))


def _replace_page(look: Look, fault: Fault) -> Reply | None:
    """What comes instead of a page; None for faults that leave it there."""
    match fault:
        case Fault.BLOCK_PAGE:
            return _show(write_block_page())
        case Fault.LOGIN_WALL:
            return _show(write_login_page(look))
        case Fault.REDIRECT:
            return Reply(302, b"", headers={"Location": write_login_url(look)})
        case Fault.NOT_RENDERED:
            return _show(write_unrendered_page(look))
        case _:
            return None


def _refuse(page: Page, status: int, retry_after: str | None = None) -> Reply:
    """A reply with a status from 400 on."""
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    if page.kind is PageKind.API:
        body = name_error("SE99").body if status >= 500 else OVER_RATE
        return replace(_tell_json(body, status), headers=headers)
    document = write_error_page(status) if status >= 500 else write_refusal_page()
    return Reply(status, document.encode(), headers=headers)


def _spoil(reply: Reply, fault: Fault, slow_seconds: float) -> Reply:
    """A reply after a fault that concerns the page or its sending."""
    if fault in _SENT_ODDLY:
        return replace(reply, fault=fault, slow_seconds=slow_seconds)
    if fault is Fault.CUT_PAGE:
        return replace(reply, body=reply.body[: len(reply.body) // 2])
    text = reply.body.decode(errors="replace")
    if reply.content_type == JSON:
        return replace(reply, body=text.replace('"items"', '"results"').encode())
    return replace(reply, body=change_structure(text).encode())


def _show(document: str) -> Reply:
    return Reply(200, document.encode())


def _tell_json(body: Mapping[str, Any], status: int = 200) -> Reply:
    return Reply(status, json.dumps(body, ensure_ascii=False).encode(), JSON)
