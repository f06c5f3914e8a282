"""The gate that every request passes before the app sees it: who asks, how often, with which right, how much.

It knows methods and a few open paths, no routes: a new route is guarded before anybody thinks of it.
"""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.auth import Actor, Role, TokenEntry, find_actor
from api.limits import BODY_SECONDS, MAX_BODY_BYTES, BodyTooLargeError, RequestRate, read_body
from api.problems import Problem

HEALTH_PATH = "/api/v2/batch/health"
OPEN_PATHS = frozenset({HEALTH_PATH, "/openapi.json"})
"""Paths whose reading needs no token."""

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing; all others are writes."""

_CHALLENGE = 'Bearer realm="sluice"'


class Gate:
    """ASGI middleware.

    Args:
        app: What is behind the gate.
        tokens: The entries of the settings.
        open_reads: Whether reading needs no token.
        rate: Counts requests per client.
    """

    def __init__(
        self, app: ASGIApp, *, tokens: Sequence[TokenEntry], open_reads: bool, rate: RequestRate
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._open_reads = open_reads
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the request pass, or answers it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = await self._examine(scope, headers.get("authorization"))
        if problem is None and scope["method"] not in READING:
            try:
                receive = await read_body(receive, headers.get("content-length"))
            except BodyTooLargeError:
                problem = _refuse_size()
            except TimeoutError:
                problem = _refuse_pace()
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await problem.respond(scope)(scope, receive, send)

    async def _examine(self, scope: Scope, authorization: str | None) -> Problem | None:
        """What speaks against the request; leaves the actor in the scope's state for the audit."""
        actor = self._recognise(authorization)
        scope.setdefault("state", {})["actor"] = actor
        wait = await self._rate.admit(_name_client(scope, actor))
        if wait is not None:
            return Problem(
                "too_many_requests",
                f"more than {self._rate.per_minute} requests in a minute; try again in {wait} s",
                headers={"retry-after": str(wait)},
            )
        return self._authorise(scope, actor, given=authorization is not None)

    def _recognise(self, authorization: str | None) -> Actor | None:
        scheme, _, token = (authorization or "").partition(" ")
        return find_actor(self._tokens, token.strip()) if scheme.lower() == "bearer" else None

    def _authorise(self, scope: Scope, actor: Actor | None, *, given: bool) -> Problem | None:
        reading = scope["method"] in READING
        if reading and (self._open_reads or scope["path"] in OPEN_PATHS):
            return None
        if actor is None:
            return _refuse_stranger(given=given)
        if reading or actor.role is Role.OPERATE:
            return None
        return Problem(
            "role_too_small",
            f"the token of {actor.name} has the role {actor.role}; this needs {Role.OPERATE}",
            headers={"www-authenticate": f'{_CHALLENGE}, error="insufficient_scope"'},
        )


def _name_client(scope: Scope, actor: Actor | None) -> str:
    """Whose requests are counted together: a token's, or else an address's."""
    if actor is not None:
        return f"token {actor.name}"
    client = scope.get("client")
    return f"address {client[0] if client else 'unknown'}"


def _refuse_stranger(*, given: bool) -> Problem:
    if given:
        return Problem(
            "bad_token",
            "the Authorization header holds no token that this API knows; send `Authorization: Bearer <token>`",
            headers={"www-authenticate": f'{_CHALLENGE}, error="invalid_token"'},
        )
    return Problem(
        "no_token",
        "this needs a token; send `Authorization: Bearer <token>`",
        headers={"www-authenticate": _CHALLENGE},
    )


def _refuse_size() -> Problem:
    return Problem(
        "body_too_large",
        f"a body may have {MAX_BODY_BYTES} bytes",
        headers={"connection": "close"},
    )


def _refuse_pace() -> Problem:
    return Problem(
        "slow_body",
        f"the body did not arrive within {BODY_SECONDS:g} s",
        headers={"connection": "close"},
    )
