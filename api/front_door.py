"""The guard in front of Dagster's webserver, which itself asks nobody who he is and takes changes from any web page.

It refuses hosts that are not listed (a foreign name that leads here), pages of other origins, and GraphQL by GET.
People are the business of the proxy that stands before it: docs/front-door.md.
"""

from collections.abc import Collection
from fnmatch import fnmatchcase
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class FrontDoor:
    """ASGI middleware.

    Args:
        app: Dagster's webserver.
        hosts: Names that it is asked by, besides this machine's own; `*` stands for any text.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the request pass, or refuses it with the reason."""
        reason = self.find_fault(scope) if scope["type"] in {"http", "websocket"} else None
        if reason is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason[:100]})
        else:
            await PlainTextResponse(f"{reason}\n", 403)(scope, receive, send)

    def find_fault(self, scope: Scope) -> str | None:
        """What speaks against a request; None if nothing does."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._knows(_read_host(f"//{host}")):
            return (
                f"this server is not known as {host[:100]!r}: add the name to SLUICE_DAGSTER_HOSTS"
            )
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin, host):
            return f"pages of {origin[:100]!r} may not use this server: add its name to SLUICE_DAGSTER_HOSTS"
        if _is_query_by_get(scope, headers):
            return "GraphQL is taken by POST only"
        return None

    def _knows(self, name: str) -> bool:
        return name in LOOPBACK or any(fnmatchcase(name, pattern) for pattern in self._hosts)

    def _is_own(self, origin: str, host: str) -> bool:
        """Whether an origin is this server: the address that was asked, or a name that is listed."""
        name = _read_host(origin)
        if not name:
            return False
        return urlsplit(origin).netloc.lower() == host.lower() or any(
            fnmatchcase(name, pattern) for pattern in self._hosts
        )


def _read_host(address: str) -> str:
    """The name in an address, without its port; empty if it cannot be read."""
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_query_by_get(scope: Scope, headers: Headers) -> bool:
    """Whether a request asks for more than the page of the GraphQL playground."""
    if scope["type"] != "http" or scope["method"] == "POST":
        return False
    if not scope["path"].rstrip("/").endswith("/graphql"):
        return False
    return "text/html" not in headers.get("accept", "") and "query" in parse_qs(
        scope["query_string"].decode("latin-1"), keep_blank_values=True
    )
