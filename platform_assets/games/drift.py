"""How records differ from what the table of entities says: counted while they become columns, judged afterwards."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Drift:
    """How records differ from the table of entities. Counts are records.

    Attributes:
        records: Records looked at.
        new: Fields that the table of entities does not name; they are kept in `rest`.
        missing: Named fields that a record did not have.
        changed: Named fields whose values have another type, with the reason: these break the table.
        unread: Records that could not be read at all, with the reason; such were landed before records were checked.
    """

    records: int = 0
    new: Counter[str] = field(default_factory=Counter[str])
    missing: Counter[str] = field(default_factory=Counter[str])
    changed: dict[str, str] = field(default_factory=dict[str, str])
    unread: list[str] = field(default_factory=list[str])

    def add(self, other: "Drift") -> None:
        """Takes over what another one has counted."""
        self.records += other.records
        self.new += other.new
        self.missing += other.missing
        self.changed |= other.changed
        self.unread.extend(other.unread)

    def vanished(self) -> list[str]:
        """Named fields that no record had."""
        return sorted(name for name, count in self.missing.items() if 0 < self.records == count)
