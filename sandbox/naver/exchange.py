"""A request and its reply as values, between the HTTP server and the hosts' behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.naver.faults import Fault
from sandbox.sending import Delivery, find_mishap

HTML, JSON = "text/html", "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        path: Without the query.
        query: The first value of each name.
        headers: By lower-case name.
    """

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send, and how.

    Attributes:
        status: HTTP status.
        body: A document or JSON.
        content_type: Of the body.
        headers: Further ones.
        delay_seconds: Time until the first byte.
        fault: One that concerns the sending (drop, slow, truncate).
        slow_seconds: How long the body takes if the fault is slow.
    """

    status: int
    body: bytes
    content_type: str = HTML
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay_seconds: float = 0.0
    fault: Fault | None = None
    slow_seconds: float = 0.0

    def deliver(self) -> Delivery:
        """The reply as it is sent."""
        return Delivery(
            self.status,
            self.body,
            self.content_type,
            charset="utf-8",
            headers=self.headers,
            delay_seconds=self.delay_seconds,
            mishap=find_mishap(self.fault),
            slow_seconds=self.slow_seconds,
        )
