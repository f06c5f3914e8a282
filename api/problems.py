"""Errors as RFC 9457 problem documents: the one table from kinds to statuses, and the handlers that apply it.

A kind is stable and documented in docs/api.md; a detail is for people. Nothing here decides what is an error.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from api.schemas import PATTERN_WORDS
from platform_assets.core.errors import PermanentError, PlatformError, TransientError

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:sluice:problem:"
RETRY_SECONDS = 5
"""What a client is asked to wait when the error itself does not say."""

KINDS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "bad_body": (400, "The body cannot be read"),
        "no_token": (401, "A token is needed"),
        "bad_token": (401, "The token is not known"),
        "role_too_small": (403, "The token may only read"),
        "unknown_path": (404, "There is nothing at this path"),
        "unknown_tenant": (404, "There is no such tenant"),
        "unknown_month": (404, "The tenant has no such month"),
        "unknown_search": (404, "There is no such search request"),
        "unknown_tracking": (404, "There is no such tracking"),
        "wrong_method": (405, "This path has other methods"),
        "slow_body": (408, "The body did not arrive in time"),
        "tenant_exists": (409, "There is a tenant of that id already"),
        "tenant_busy": (409, "The tenant is being processed, or about to be"),
        "tenant_disabled": (409, "The tenant is not active"),
        "not_failed": (409, "The month has not failed"),
        "exhausted": (409, "The month has failed too often"),
        "month_order": (409, "An earlier month must be completed first"),
        "already_tracked": (409, "The customer has this tracking already"),
        "tracking_ended": (409, "The tracking has ended"),
        "body_too_large": (413, "The body is too large"),
        "bad_request": (422, "The request is not valid"),
        "bad_tenant_id": (422, "That is no tenant id"),
        "bad_name": (422, "That is no name of a tenant"),
        "bad_month": (422, "That is no month to process"),
        "unknown_pipeline": (422, "There is no such pipeline"),
        "bad_source": (422, "The source settings are not valid"),
        "bad_keyword": (422, "That is no keyword"),
        "bad_rank_type": (422, "That is no type of rank"),
        "bad_target": (422, "That is no target to track"),
        "bad_customer": (422, "That is no name of a customer"),
        "bad_day": (422, "That is no day to ask for"),
        "unknown_platform": (422, "There is no such shop platform"),
        "no_search": (422, "The shop cannot be searched"),
        "too_many_requests": (429, "Too many requests"),
        "internal_error": (500, "A fault of the API"),
        "busy": (503, "The API is busy"),
        "state_unreachable": (503, "The state database does not answer"),
        "state_busy": (503, "The state database is busy"),
        "state_unusable": (503, "The state database cannot be used"),
        "dagster_unreachable": (503, "Dagster's webserver does not answer"),
        "dagster_job_missing": (503, "Dagster has not loaded the job"),
        "dagster_storage": (503, "Dagster's instance cannot be read"),
        "launch_failed": (503, "Dagster could not start the run"),
        "launch_refused": (503, "Dagster does not accept the run"),
        "launch_unknown": (503, "Dagster did not say whether the run was started"),
    }
)
"""Kind of an error -> status and title."""

_PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
"""Names of RFC 9110; those of the standard library differ between versions of Python."""

_STATUS_KINDS = {400: "bad_body", 404: "unknown_path", 405: "wrong_method"}
"""What the framework itself refuses."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem document.

    Attributes:
        kind: Key of `KINDS`; other kinds get `status`.
        detail: What was wrong this time, for people; no secrets.
        errors: Each part of the request that is wrong: `where`, `detail` and `kind`.
        headers: Headers of the response.
        status: Status for a kind that the table does not have.
    """

    kind: str
    detail: str
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    status: int = 500

    def respond(self, scope: Scope) -> Response:
        """The response, of media type application/problem+json."""
        status, title = KINDS.get(self.kind, (self.status, "The request could not be served"))
        document: dict[str, Any] = {
            "type": f"{TYPE_PREFIX}{self.kind}",
            "title": title,
            "status": status,
            "detail": self.detail,
            "instance": _read_path(scope),
        }
        if self.errors:
            document["errors"] = list(self.errors)
        headers = dict(self.headers)
        if status == 503:
            headers.setdefault("retry-after", str(RETRY_SECONDS))
        # ASCII only: what clients sent may hold half of a surrogate pair, which UTF-8 cannot encode.
        content = json.dumps(document).encode()
        _tell_audit(scope, self.kind)
        return Response(content, status, headers, MEDIA_TYPE)


def explain(error: PlatformError) -> Problem:
    """The problem that an error of the platform is.

    A kind that the table does not have is 503 if a wait or a person can help, and a fault of ours otherwise.
    """
    headers: dict[str, str] = {}
    if isinstance(error, TransientError) and error.retry_after is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after)))
    status = 500 if isinstance(error, PermanentError) else 503
    return Problem(error.kind, error.message, headers=headers, status=status)


def install_handlers(app: FastAPI) -> None:
    """Makes every error of the app a problem document."""
    app.add_exception_handler(PlatformError, _handle_platform_error)
    app.add_exception_handler(RequestValidationError, _handle_invalid)
    app.add_exception_handler(HTTPException, _handle_http)
    app.add_exception_handler(Exception, _handle_fault)


def document_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI text of problem responses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    return {status: {"description": _PHRASES[status], "content": content} for status in statuses}


async def _handle_platform_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PlatformError)
    return explain(error).respond(request.scope)


async def _handle_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {
            "where": ".".join(str(part) for part in item["loc"]),
            "detail": _word(item),
            "kind": str(item["type"]),
        }
        for item in cast("Sequence[Mapping[str, Any]]", error.errors())
    ]
    detail = "; ".join(f"{item['where']}: {item['detail']}" for item in errors[:5])
    return Problem("bad_request", detail, errors=errors).respond(request.scope)


def _word(item: Mapping[str, Any]) -> str:
    """What is wrong with a value, in words: a pattern is for programs."""
    pattern = item.get("ctx", {}).get("pattern")
    words = PATTERN_WORDS.get(pattern)
    return f"{str(item.get('input'))[:60]!r} is no {words}" if words else str(item["msg"])


async def _handle_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _STATUS_KINDS.get(error.status_code, "internal_error")
    return Problem(kind, str(error.detail), headers=error.headers or {}).respond(request.scope)


async def _handle_fault(request: Request, error: Exception) -> Response:
    """A bug: the log has the error, the client gets no internals."""
    structlog.get_logger().error("api_fault", path=_read_path(request.scope), error=repr(error))
    detail = "the request failed by a fault of the API; its log says more"
    return Problem("internal_error", detail).respond(request.scope)


def _read_path(scope: Scope) -> str:
    """The path as it was sent, percent-encoded."""
    raw: bytes = scope.get("raw_path") or b""
    return raw.partition(b"?")[0].decode("ascii", "replace")[:500]


def _tell_audit(scope: Scope, kind: str) -> None:
    """Leaves the kind for the audit trail (`audit.py`)."""
    notes = scope.setdefault("state", {}).setdefault("audit", {})
    notes["kind"] = kind
