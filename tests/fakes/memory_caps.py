"""Cap states in memory, for tests of what stands on them."""

import json
import threading
from collections.abc import Callable
from typing import TypeVar

from platform_assets.core.engine.units import JsonObject

T = TypeVar("T")


class MemoryCapStates:
    """Satisfies `resources.caps.state.CapStates`. Stores text, so that what is no JSON fails here as it would in SQL.

    Args:
        now: Epoch seconds; for virtual time `lambda: START + loop.time()`.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._stored: dict[str, str] = {}
        self._lock = threading.Lock()
        self.changes = 0
        self.failures: list[Exception] = []

    def change(
        self, name: str, decide: Callable[[JsonObject | None, float], tuple[JsonObject, T]]
    ) -> T:
        """Runs `decide` under a lock. Raises the next of `failures` instead while there are any."""
        with self._lock:
            self.changes += 1
            if self.failures:
                raise self.failures.pop(0)
            state, result = decide(self._load(name), self._now())
            self._stored[name] = json.dumps(state)
            return result

    def read(self, name: str) -> JsonObject | None:
        """The stored state; None when there is none yet."""
        with self._lock:
            return self._load(name)

    def _load(self, name: str) -> JsonObject | None:
        stored = self._stored.get(name)
        return None if stored is None else json.loads(stored)
