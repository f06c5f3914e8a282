"""Every change of a tenant-month's status or attempt, written down by a trigger in the state database itself.

What a test looks at now and then may miss something; the trigger is part of the transaction that changes the row.
"""

from dataclasses import dataclass

from sqlalchemy import text

from resources.state.database import StateDatabase

_STATEMENTS = (
    "CREATE TABLE trail (cell TEXT, status TEXT, attempt_id TEXT, owner TEXT, error_message TEXT)",
    """CREATE TRIGGER keep_trail AFTER UPDATE ON tenant_month_states
    WHEN old.status <> new.status OR old.attempt_id IS NOT new.attempt_id
    BEGIN
        INSERT INTO trail VALUES (
            new.processing_month || '|' || new.tenant_id, new.status, new.attempt_id, new.owner, new.error_message);
    END""",
)
LOST = ("dead: ", "gone: ", "stale: ", "worker_died: ")
"""How the message of a month begins that was taken from whoever worked on it."""


@dataclass(frozen=True)
class Step:
    """A tenant-month after a change."""

    cell: str
    status: str
    attempt_id: str | None
    owner: str | None
    error_message: str | None

    @property
    def pid(self) -> int:
        """The process of the attempt."""
        return read_pid(self.owner)


def keep_trail(database: StateDatabase) -> None:
    """From now on, in an SQLite state database."""
    with database.write() as connection:
        for statement in _STATEMENTS:
            connection.execute(text(statement))


def read_trail(database: StateDatabase) -> list[Step]:
    """All changes, in the order of their transactions."""
    with database.read() as connection:
        return [
            Step(*row) for row in connection.execute(text("SELECT * FROM trail ORDER BY rowid"))
        ]


def list_takeovers(trail: list[Step]) -> list[tuple[Step, Step]]:
    """(attempt that was RUNNING, what followed) wherever the attempt did not end by its own word."""
    found: list[tuple[Step, Step]] = []
    running: dict[str, Step] = {}
    for step in trail:
        before = running.pop(step.cell, None)
        if before is not None and _is_taken(before, step):
            found.append((before, step))
        if step.status == "RUNNING":
            running[step.cell] = step
    return found


def read_pid(owner: str | None) -> int:
    """The process of an owner as `core/processes/owner.py` describes it; 0 for none."""
    return int(owner.split("|")[-2]) if owner else 0


def _is_taken(before: Step, after: Step) -> bool:
    if after.status == "RUNNING":
        return after.attempt_id != before.attempt_id
    lost = after.status in {"PENDING", "FAILED"}
    return lost and (after.error_message or "").startswith(LOST)
