"""A request and its reply as values, between the HTTP server and the upstream's behaviour."""

from dataclasses import dataclass

from sandbox.igdb.faults import Fault
from sandbox.sending import Delivery, find_mishap


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the API with its body read.

    Attributes:
        method: HTTP method.
        endpoint: Path below `/v4/`: `games`, `games/count`, `multiquery`.
        body: The query text as received.
        client_id: Value of the `Client-ID` header; empty without one.
        authorization: Value of the `Authorization` header; empty without one.
        sender: Value of the `X-Sandbox-Client` header; empty without one.
    """

    method: str
    endpoint: str
    body: bytes
    client_id: str = ""
    authorization: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send, and how.

    Attributes:
        status: HTTP status.
        body: JSON, or text for a 404.
        is_text: Whether the body is plain text.
        count: Value of `x-count`; None where it is not sent.
        delay_seconds: Time until the first byte.
        fault: An injected fault that concerns the sending (drop, slow, truncate).
        slow_seconds: How long the body takes if the fault is slow.
    """

    status: int
    body: bytes
    is_text: bool = False
    count: int | None = None
    delay_seconds: float = 0.0
    fault: Fault | None = None
    slow_seconds: float = 0.0

    def deliver(self) -> Delivery:
        """The reply as it is sent."""
        return Delivery(
            self.status,
            self.body,
            "text/plain" if self.is_text else "application/json",
            headers={} if self.count is None else {"x-count": str(self.count)},
            delay_seconds=self.delay_seconds,
            mishap=find_mishap(self.fault),
            slow_seconds=self.slow_seconds,
        )
