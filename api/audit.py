"""The audit trail: every write, refused ones too, with who asked for what and how it ended.

Not written down, only counted, are the refusals of those without a known token, and requests beyond the rate: they
would let a stranger fill the table. The answer is held back until the entry is written; if the database refuses it, the
log gets it instead.
"""

from collections.abc import Callable, MutableMapping

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import Actor
from api.gate import READING
from api.threads import Threads
from platform_assets.core.clock import Clock
from platform_assets.core.errors import PlatformError
from platform_assets.tenants.tenant import check_tenant_id
from resources.state.audit import AuditEntry

UNTOLD = frozenset({401, 429})
"""The statuses that leave no entry: a stranger, and too many requests."""


class AuditTrail:
    """ASGI middleware; stands outside of the gate.

    Args:
        app: What is audited.
        add: Stores an entry; blocks.
        threads: Where `add` runs.
        clock: Stamps the entries.
        changed: Called after each write that may have changed something.
        refusals: How many were refused without an entry, by kind; counted up.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        add: Callable[[AuditEntry], None],
        threads: Threads,
        clock: Clock,
        changed: Callable[[], None],
        refusals: MutableMapping[str, int],
    ) -> None:
        self._app = app
        self._add = add
        self._threads = threads
        self._clock = clock
        self._changed = changed
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on; writes a write down before its answer goes out."""
        if scope["type"] != "http" or scope["method"] in READING:
            await self._app(scope, receive, send)
            return
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        try:
            await self._app(scope, receive, keep)
        finally:
            # Without an answer the app broke down: the server around it says 500.
            self._changed()
            await self._write_down(scope, answer[0]["status"] if answer else 500)
        for message in answer:
            await send(message)

    async def _write_down(self, scope: Scope, status: int) -> None:
        state = scope.get("state", {})
        if status in UNTOLD:
            kind = str(state.get("audit", {}).get("kind", status))
            self._refusals[kind] = self._refusals.get(kind, 0) + 1
            return
        entry = self._describe(scope, status)
        try:
            await self._threads.write(self._add, entry)
        except PlatformError as error:
            structlog.get_logger().error(
                "audit_not_stored",
                reason=error.kind,
                actor=entry.actor,
                method=entry.method,
                path=entry.path,
                tenant=entry.tenant,
                status=entry.status,
                detail=entry.detail,
            )

    def _describe(self, scope: Scope, status: int) -> AuditEntry:
        state = scope.get("state", {})
        actor: Actor | None = state.get("actor")
        notes: dict[str, object] = state.get("audit", {})
        client = scope.get("client")
        detail = {**notes, "client": client[0] if client else ""}
        return AuditEntry(
            at=self._clock.now(),
            actor=actor.name if actor else "",
            role=str(actor.role) if actor else None,
            method=scope["method"][:20],
            path=scope.get("raw_path", b"").partition(b"?")[0].decode("ascii", "replace")[:500],
            tenant=_read_tenant(scope, detail),
            status=status,
            detail=detail,
        )


def _read_tenant(scope: Scope, detail: dict[str, object]) -> str | None:
    """The tenant of the path or, for a registration, of the body; None if it is no tenant id."""
    said = detail.pop("tenant", None) or scope.get("path_params", {}).get("tenant_id", "")
    try:
        return check_tenant_id(str(said))
    except PlatformError:
        return None
