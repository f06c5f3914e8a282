"""Naver's hosts without their HTTP, asked by path; and over HTTP in this process."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
from aiohttp.test_utils import TestClient, TestServer

from sandbox.igdb.latency import Latency
from sandbox.naver.command import make_parser, make_server
from sandbox.naver.exchange import Call, Reply
from sandbox.naver.faults import FaultPlan, decode_faults
from sandbox.naver.pace import Host, PaceRules
from sandbox.naver.upstream import Behaviour, Upstream
from tests.fakes.clock import FakeClock

DAY = date(2026, 11, 21)
KEYWORD = "강남 카페"
UNHURRIED = dict.fromkeys(Host, PaceRules(0.0, slack_seconds=0.0, block_after=0))
ACCOUNT = {"x-naver-client-id": "sandbox-client", "x-naver-client-secret": "sandbox-secret"}
BLOG_TAB = f"/search.naver?ssc=tab.blog.all&sm=tab_jum&query={quote(KEYWORD)}"
PLACE_LIST = f"/place/list?query={quote(KEYWORD)}"
PATHS = {
    "integrated": f"/search.naver?where=nexearch&query={quote(KEYWORD)}",
    "mobile": f"/m/search.naver?where=m&query={quote(KEYWORD)}",
    "blog": BLOG_TAB,
    "cafe": f"/search.naver?ssc=tab.cafe.all&sm=tab_jum&query={quote(KEYWORD)}",
    "place": PLACE_LIST,
    "api": f"/v1/search/blog.json?display=100&query={quote(KEYWORD)}",
}


class Visitor:
    """Asks hosts, as time goes by only when it is told to."""

    def __init__(
        self,
        rules: Mapping[Host, PaceRules] = UNHURRIED,
        faults: FaultPlan | None = None,
        **behaviour: Any,
    ) -> None:
        self.clock = FakeClock()
        self.upstream = Upstream(
            Behaviour(1, rules, **behaviour),
            latency=Latency(0.05, 1),
            clock=self.clock,
            faults=faults,
            day=DAY,
        )

    def ask(self, path: str, headers: Mapping[str, str] = ACCOUNT) -> Reply:
        split = urlsplit(path)
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        return self.upstream.answer(Call(split.path, query, headers))

    def stats(self, host: Host) -> dict[str, Any]:
        return self.upstream.describe()["hosts"][host]


def plan(**keys: Any) -> FaultPlan:
    return decode_faults(json.dumps(keys).encode(), "a test")


@asynccontextmanager
async def serve(*options: str) -> AsyncGenerator[TestClient[Any, Any]]:
    """The hosts without limits and latency, unless told otherwise."""
    arguments = ("--port", "0", "--delay", "0", "--api-delay", "0", "--latency", "0", *options)
    server = make_server(make_parser().parse_args(arguments), FakeClock())
    async with TestClient(TestServer(server.make_application())) as client:
        yield client


def read_json(reply: Reply | httpx.Response) -> Any:
    return json.loads(reply.body if isinstance(reply, Reply) else reply.content)
