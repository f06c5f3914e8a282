"""Sessions: 25 exposed records close one. Pure, and a function of nothing but the days and whether each was exposed.

The number of a day follows from the exposed days before it, whatever order they were written in: a day that is written
again, replayed or filled in later leaves every number as if all had come in order (docs/adr/0020).
"""

from collections.abc import Iterable, Iterator

SESSION_LENGTH = 25
"""Exposed records of a session (spec: ranks, Sessions)."""


def session_after(exposed: int) -> int:
    """The session, from 1, of a record that so many exposed ones come before; right after the 25th it is the next."""
    return 1 + exposed // SESSION_LENGTH


def number_sessions(exposures: Iterable[bool], exposed_before: int = 0) -> Iterator[int]:
    """The session of each record, in the order of days.

    Args:
        exposures: Whether each record is exposed (its rank is not null).
        exposed_before: Exposed records of earlier days.
    """
    exposed = exposed_before
    for is_exposed in exposures:
        yield session_after(exposed)
        exposed += is_exposed
