"""Secrets of sources as mappings: what `resources/event_databases/engines.py` asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FakeSecrets:
    """Secrets by name, and the hosts that each may be sent to."""

    values: Mapping[str, str] = field(default_factory=dict[str, str])
    bound: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    def find(self, name: str) -> str | None:
        return self.values.get(name)

    def hosts(self, name: str) -> Sequence[str]:
        return self.bound.get(name, ())


NO_SECRETS = FakeSecrets()
