"""What the upstreams answer when they refuse: one function per reply, bodies as recorded from IGDB and Twitch.

The shapes differ on purpose: IGDB's 401 and 429 are objects, its 400, 403 and 413 are lists, a 404 is plain text,
Twitch repeats the status in the body. Bodies that were not found in any record are marked so.
"""

from typing import Any


class WireError(Exception):
    """A refusal that goes out as a reply.

    Args:
        status: HTTP status.
        body: What is sent: text goes out as `text/plain`, anything else as JSON.
    """

    def __init__(self, status: int, body: object) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body: Any = body


def _listed(status: int, title: str, cause: str | None = None) -> WireError:
    entry: dict[str, Any] = {"title": title, "status": status}
    return WireError(status, [entry | {"cause": cause} if cause is not None else entry])


def syntax_error(cause: str | None = None) -> WireError:
    """The query cannot be read."""
    return _listed(400, "Syntax Error", cause)


def invalid_field(name: str) -> WireError:
    """The entity has no such field."""
    return _listed(400, "Invalid Field", f"Invalid field name: '{name}'")


def limit_too_high(limit: int, maximum: int) -> WireError:
    """More rows asked for than a page holds; the spelling is the upstream's."""
    cause = f"You typed in {limit} as limit but your maximum is {maximum}"
    return _listed(403, "Request limit to high", cause)


def too_many_queries(count: int, maximum: int) -> WireError:
    """More queries in a multiquery than allowed. The body is our guess: none was recorded."""
    return _listed(
        400, "Too Many Queries", f"You sent {count} queries but your maximum is {maximum}"
    )


def forbidden_endpoint() -> WireError:
    """The account may not use this endpoint."""
    tier = "This data is not available in your API tier"
    return _listed(403, "Forbidden", f"Trying to access a forbidden endpoint: {tier}")


def endpoint_not_found(method: str, name: str) -> WireError:
    """No such entity."""
    return WireError(404, f"Endpoint {method} /{name} not found")


def response_too_large() -> WireError:
    """The rows of the answer exceed 10 MB."""
    return _listed(413, "Payload Too Large", "Response exceeds 10MB limit.")


def request_too_large() -> WireError:
    """The query text exceeds 32 KB."""
    body = {
        "title": "Request Too Large",
        "status": 413,
        "cause": "Your request body exceeds the maximum allowed size of 32KB.",
    }
    return WireError(413, body)


def too_many_requests() -> WireError:
    """A cap of the account is exceeded. The upstream sends no Retry-After with it."""
    return WireError(429, {"message": "Too Many Requests"})


def unauthorized() -> WireError:
    """Header missing, token unknown or expired."""
    body = {
        "message": "Authorization Failure. Have you tried:",
        "Tip 1": "Ensure you are sending Authorization and Client-ID as headers.",
        "Tip 2": "Ensure Authorization value starts with 'Bearer ', including the space",
        "Tip 3": "Ensure Authorization value ends with the App Access Token you generated, "
        "NOT your Client Secret.",
        "Docs": "https://api-docs.igdb.com/#authentication",
        "Discord": "https://discord.gg/igdb",
    }
    return WireError(401, body)


def server_error(status: int) -> WireError:
    """An injected 5xx; upstream's own bodies vary, so this one is plain."""
    names = {500: "Internal Server Error", 503: "Service Unavailable"}
    return WireError(status, {"message": names[status]})


def token_refused(status: int, message: str) -> WireError:
    """A refusal of the token endpoint (Twitch)."""
    return WireError(status, {"status": status, "message": message})
