"""Alerts: what a person should know of soon, told once while its cause lasts.

An alert is a line of the structured log, at level error, event `alert`, with `kind`, `subject` and `message`.
"""

from collections.abc import Mapping

import structlog

from resources.state.notes import SqlNotes

log = structlog.get_logger(__name__)


class Alerts:
    """Tells alerts, and remembers in the state database which causes last.

    Two processes that look at the same moment can tell an alert twice; none is lost: it is told first, then remembered.

    Args:
        notes: Keeps what was told.
    """

    def __init__(self, notes: SqlNotes) -> None:
        self._notes = notes

    def update(self, kind: str, causes: Mapping[str, str]) -> list[str]:
        """Tells the causes that are new, and forgets those that are gone: if one comes back, it is told again.

        Args:
            kind: What has happened, such as `tenant_disabled`.
            causes: All that last now: subject -> message.

        Returns:
            The subjects that were told.
        """
        name = f"alerts/{kind}"
        note = self._notes.get(name)
        known = set(note[0]["subjects"]) if note else set[str]()
        told = [subject for subject in causes if subject not in known]
        for subject in told:
            log.error("alert", kind=kind, subject=subject, message=causes[subject])
        if known != set(causes):
            self._notes.put(name, {"subjects": sorted(causes)})
        return told
