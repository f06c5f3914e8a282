"""One row of a tenant's table of events, and what a source of rows for many tenants is."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from sandbox.tenants.truth import Truth

PURCHASE = "purchase"
CANCELLATION = "cancellation"


class Event(NamedTuple):
    """A row as it is written, good or not; a named tuple because drivers take it as it is.

    Attributes:
        event_id: Key; the same in every version of an event.
        customer_id: None for an anonymous customer.
        event_at: `YYYY-MM-DD HH:MM:SS`, if it is not broken.
        event_type: What happened.
        order_id: Order that it is a line of.
        quantity: Pieces; negative when they came back.
        amount: Decimal number as text, for all pieces.
        updated_at: When this version was written, as `event_at`; None for the first one.
    """

    event_id: str | None
    customer_id: str | None
    event_at: str
    event_type: str
    order_id: str
    quantity: int | str
    amount: str
    updated_at: str | None


class Source(Protocol):
    """Where the rows of all tenants come from."""

    def names(self) -> dict[str, str]:
        """Tenant id -> its name for people, in the order in which they are listed."""
        ...

    def read(self, truth: Truth) -> Iterator[tuple[str, Iterable[Event]]]:
        """Rows by tenant, to be used up before the next are taken; a tenant may come again.

        Args:
            truth: Is told what the rows are while they are taken.
        """
        ...
