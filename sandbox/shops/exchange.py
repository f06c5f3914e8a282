"""What a shop says to a request, as values, between the HTTP server and the shop's behaviour."""

import json
from dataclasses import dataclass

from sandbox.sending import Delivery, find_mishap
from sandbox.shops.faults import Fault

JSON, HTML = "application/json", "text/html"


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that was taken, until it is released.

    Attributes:
        by_script: Whether a page's script sent it, whose page was counted already.
        fault: What was drawn for that page and concerns its data.
    """

    by_script: bool = False
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send, and how.

    Attributes:
        status: HTTP status.
        body: JSON or a document.
        content_type: Of the body.
        delay_seconds: Time until the first byte.
        fault: One that concerns the sending (drop, slow, truncate).
        slow_seconds: How long the body takes if the fault is slow.
    """

    status: int
    body: bytes
    content_type: str = JSON
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
            headers={"Retry-After": "1"} if self.status == 429 else {},
            delay_seconds=self.delay_seconds,
            mishap=find_mishap(self.fault),
            slow_seconds=self.slow_seconds,
        )


def refuse(status: int, body: object) -> Reply:
    """A reply with a status and JSON."""
    return Reply(status, encode(body))


def encode(value: object) -> bytes:
    """JSON as the shops send it."""
    return json.dumps(value, ensure_ascii=False).encode()
