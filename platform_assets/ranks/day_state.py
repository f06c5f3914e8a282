"""How the newest day of ranks ended last, and when it is tried again: a note that the runs write and the API reads."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from platform_assets.core.engine.units import JsonObject

NOTE = "ranks/day"


class Notes(Protocol):
    """Keeps notes; `SqlNotes` satisfies it. Methods block."""

    def put(self, name: str, value: JsonObject) -> None:
        """Stores the note, in place of the one with this name."""
        ...

    def get(self, name: str) -> tuple[JsonObject, datetime] | None:
        """The note and when it was stored; None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class DayState:
    """How a run over all trackings of a day ended.

    Attributes:
        day: `YYYY-MM-DD`.
        tries: Runs that came before it because an earlier one was incomplete.
        reason: What is missing and why; empty if nothing is.
        next_try_at: When it is tried again, ISO 8601 in UTC; empty: not by itself.
    """

    day: str
    tries: int
    reason: str = ""
    next_try_at: str = ""


def write_state(notes: Notes, state: DayState) -> None:
    """Remembers how the newest run ended."""
    notes.put(NOTE, asdict(state))


def read_state(notes: Notes, day: str) -> DayState | None:
    """How the last run of a day ended; None if it is not the newest day, or there was no run yet."""
    found = notes.get(NOTE)
    if found is None or found[0].get("day") != day:
        return None
    return DayState(**found[0])
