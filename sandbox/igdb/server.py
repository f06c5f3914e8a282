"""The HTTP side: routes to the upstream's behaviour, and the sandbox's own endpoints under `/_sandbox/`.

`GET /_sandbox/stats`, `POST /_sandbox/reset`, `POST /_sandbox/mutate` and `GET /_sandbox/ids?entity=games` need no
token and are outside the caps.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec
from aiohttp import web

from platform_assets.core.clock import Clock
from sandbox.igdb.exchange import Call
from sandbox.igdb.faults import Drift
from sandbox.igdb.table import Change, as_mapping
from sandbox.igdb.upstream import MAX_REQUEST_BYTES, Upstream
from sandbox.own_endpoints import reply_json
from sandbox.sending import send

_DRIFT_STEP_SECONDS = 0.05
_QUIET_SECONDS = 5.0
"""Rows change by themselves only while somebody reads: until this long after the last accepted request (scaled)."""


class Mutation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /_sandbox/mutate`: rows to delete, change and add, by id or at random."""

    entity: str
    delete: tuple[int, ...] = ()
    delete_random: int = 0
    change: tuple[int, ...] = ()
    change_random: int = 0
    add: int = 0


class Server:
    """An aiohttp application around an upstream.

    Args:
        upstream: The behaviour.
        drift: Changes of games by themselves.
        time_scale: Factor by which time runs faster.
        clock: For the drift.
    """

    def __init__(self, upstream: Upstream, drift: Drift, time_scale: float, clock: Clock) -> None:
        self._upstream = upstream
        self._drift = drift
        self._time_scale = time_scale
        self._clock = clock

    def make_application(self) -> web.Application:
        """The application, ready to be served."""
        # A body over the limit is read all the same, up to 32 times of it: the upstream's own refusal is the answer.
        application = web.Application(client_max_size=MAX_REQUEST_BYTES * 32)
        application.router.add_post("/oauth2/token", self._issue_token)
        application.router.add_route("*", "/v4/{endpoint:.+}", self._serve_api)
        application.router.add_get("/_sandbox/stats", self._show_stats)
        application.router.add_post("/_sandbox/reset", self._reset)
        application.router.add_post("/_sandbox/mutate", self._mutate)
        application.router.add_get("/_sandbox/ids", self._list_ids)
        application.cleanup_ctx.append(self._run_drift)
        return application

    async def _serve_api(self, request: web.Request) -> web.StreamResponse:
        call = Call(
            method=request.method,
            endpoint=request.match_info["endpoint"],
            body=await request.read(),
            client_id=request.headers.get("Client-ID", ""),
            authorization=request.headers.get("Authorization", ""),
            sender=request.headers.get("X-Sandbox-Client", ""),
        )
        refusal = self._upstream.judge(call)
        if refusal is not None:
            return await send(request, refusal.deliver())
        try:
            return await send(request, self._upstream.answer(call).deliver())
        finally:
            self._upstream.release()

    async def _issue_token(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        return await send(request, self._upstream.issue_token({**request.query, **form}).deliver())

    async def _show_stats(self, request: web.Request) -> web.Response:
        del request
        return reply_json(self._upstream.stats.describe(self._upstream.gate))

    async def _reset(self, request: web.Request) -> web.Response:
        del request
        self._upstream.reset()
        return reply_json({})

    async def _mutate(self, request: web.Request) -> web.Response:
        try:
            mutation = msgspec.json.decode(await request.read(), type=Mutation)
        except msgspec.MsgspecError as error:
            return reply_json({"message": str(error)}, status=400)
        if mutation.entity not in self._upstream.tables:
            return reply_json({"message": f"no entity {mutation.entity}"}, status=404)
        values = msgspec.structs.asdict(mutation)
        del values["entity"]
        return reply_json(as_mapping(self._upstream.change(mutation.entity, Change(**values))))

    async def _list_ids(self, request: web.Request) -> web.Response:
        entity = request.query.get("entity", "games")
        if entity not in self._upstream.tables:
            return reply_json({"message": f"no entity {entity}"}, status=404)
        return reply_json(self._upstream.tables[entity].ids.tolist())

    async def _run_drift(self, application: web.Application) -> AsyncIterator[None]:
        del application
        if self._drift.idle:
            yield
            return
        task = asyncio.create_task(self._drift_on())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _drift_on(self) -> None:
        last = self._clock.monotonic()
        while True:
            await asyncio.sleep(_DRIFT_STEP_SECONDS)
            now = self._clock.monotonic()
            accepted_at = self._upstream.last_accepted_at
            if accepted_at is not None and (now - accepted_at) * self._time_scale < _QUIET_SECONDS:
                change = self._drift.advance((now - last) * self._time_scale)
                if change != Change():
                    self._upstream.change("games", change)
            last = now
