"""The HTTP side: the paths of Naver's hosts, and the sandbox's own endpoints under `/sandbox/`.

    GET  /search.naver?where=nexearch&query=Q             integrated page
    GET  /search.naver?ssc=tab.blog.all&query=Q           tab of blogs; of cafes with tab.cafe.all
    GET  /m/search.naver?query=Q                          integrated page for phones (also by Host: m.search...)
    GET  /place/list?query=Q                              the map's list of places
    GET  /v1/search/blog.json?query=Q                     open API; cafearticle.json, local.json

    GET  /sandbox/day, POST /sandbox/day {"day": "2026-11-21"}   the day; null for today's in Asia/Seoul
    GET  /sandbox/truth?type=blog&keyword=Q&day=D&view=tab       identities in order; view: see `ranking.View`
    GET  /sandbox/targets?type=blog&keyword=Q                    identities that move in and out
    GET  /sandbox/stats, POST /sandbox/reset                     counters by host
    POST /sandbox/faults {...}                                   another plan of faults, as in a faults file
    GET  /sandbox/pages                                          the real pages that are served

The sandbox's own endpoints are outside all limits.
"""

from datetime import date
from typing import TypeVar

import msgspec
from aiohttp import web

from platform_assets.core.errors import RefusedError
from sandbox.naver.candidates import RankType, tidy_keyword
from sandbox.naver.exchange import Call
from sandbox.naver.faults import PageKind, decode_faults
from sandbox.naver.ranking import View, find_truth, list_targets
from sandbox.naver.upstream import Upstream
from sandbox.own_endpoints import reply_json, tell_mistakes
from sandbox.sending import send

_Choice = TypeVar("_Choice", RankType, View)
_KINDS = {
    (RankType.PLACE, View.TAB): PageKind.PLACE,
    (RankType.BLOG, View.TAB): PageKind.BLOG,
    (RankType.CAFE, View.TAB): PageKind.CAFE,
}


class DayOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /sandbox/day`."""

    day: date | None


class Server:
    """An aiohttp application around the hosts."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def make_application(self) -> web.Application:
        """The application, ready to be served on one or more ports."""
        application = web.Application(middlewares=[tell_mistakes])
        router = application.router
        router.add_get("/sandbox/day", self._show_day)
        router.add_post("/sandbox/day", self._set_day)
        router.add_get("/sandbox/truth", self._show_truth)
        router.add_get("/sandbox/targets", self._show_targets)
        router.add_get("/sandbox/stats", self._show_stats)
        router.add_post("/sandbox/reset", self._reset)
        router.add_post("/sandbox/faults", self._set_faults)
        router.add_get("/sandbox/pages", self._show_pages)
        router.add_get("/{path:.*}", self._serve)
        return application

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        call = Call(
            path=request.path,
            query={name: request.query[name] for name in request.query},
            headers={name.lower(): value for name, value in request.headers.items()},
        )
        return await send(request, self._upstream.answer(call).deliver())

    async def _show_day(self, request: web.Request) -> web.Response:
        del request
        return reply_json({"day": self._upstream.day})

    async def _set_day(self, request: web.Request) -> web.Response:
        self._upstream.set_day(msgspec.json.decode(await request.read(), type=DayOrder).day)
        return await self._show_day(request)

    async def _show_truth(self, request: web.Request) -> web.Response:
        rank_type, keyword = _read_search(request)
        view = _read_choice(View, request.query.get("view", View.TAB), "view")
        day = self._read_day(request)
        found = find_truth(self._upstream.behaviour.seed, rank_type, keyword, day, view)
        told = {"type": rank_type, "keyword": keyword, "day": day, "view": view}
        kind = _KINDS.get((rank_type, view)) or PageKind(view)
        if (kind, keyword) in self._upstream.behaviour.real_pages:
            # What a real page shows, the sandbox does not know.
            return reply_json({**told, "is_real": True, "identities": None})
        return reply_json({**told, "is_real": False, "identities": found})

    async def _show_targets(self, request: web.Request) -> web.Response:
        rank_type, keyword = _read_search(request)
        targets = list_targets(self._upstream.behaviour.seed, rank_type, keyword)
        return reply_json({"type": rank_type, "keyword": keyword, "identities": targets})

    async def _show_stats(self, request: web.Request) -> web.Response:
        del request
        return reply_json(self._upstream.describe())

    async def _reset(self, request: web.Request) -> web.Response:
        self._upstream.reset()
        return await self._show_stats(request)

    async def _set_faults(self, request: web.Request) -> web.Response:
        plan = decode_faults(await request.read(), "the faults")
        self._upstream.set_faults(plan)
        return reply_json(plan)

    async def _show_pages(self, request: web.Request) -> web.Response:
        del request
        pages = self._upstream.behaviour.real_pages.values()
        told = [
            {"file": page.file, "kind": page.kind, "keyword": page.keyword, "path": page.path}
            for page in pages
        ]
        return reply_json({"pages": told})

    def _read_day(self, request: web.Request) -> date:
        text = request.query.get("day")
        try:
            return self._upstream.day if text is None else date.fromisoformat(text)
        except ValueError as error:
            raise RefusedError(f"no day {text!r}: give it as YYYY-MM-DD") from error


def _read_search(request: web.Request) -> tuple[RankType, str]:
    keyword = tidy_keyword(request.query.get("keyword", ""))
    if not keyword:
        raise RefusedError("no keyword: give one as keyword=...")
    return _read_choice(RankType, request.query.get("type", ""), "type"), keyword


def _read_choice(choices: type[_Choice], text: str, name: str) -> _Choice:
    try:
        return choices(text)
    except ValueError as error:
        raise RefusedError(f"no {name} {text!r}: there are {', '.join(choices)}") from error
