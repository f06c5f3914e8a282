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
    """

    records: int = 0
    new: Counter[str] = field(default_factory=Counter[str])
    missing: Counter[str] = field(default_factory=Counter[str])
    changed: dict[str, str] = field(default_factory=dict[str, str])

    def vanished(self) -> list[str]:
        """Named fields that no record had."""
        return sorted(name for name, count in self.missing.items() if 0 < self.records == count)
