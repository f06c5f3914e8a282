"""Keeps the leases of a run alive from a thread of its own: work that starves the event loop cannot lose them."""

import threading
from collections.abc import Callable

from platform_assets.core.clock import Clock
from platform_assets.core.errors import PlatformError

BEATS_PER_LEASE = 3
"""Renewals per lease time: two may fail before a lease runs out."""


class Heartbeat:
    """Renews leases a few times per lease time and says which were lost.

    Args:
        renew: Extends all leases; returns the unit ids that are still held. Called from the thread.
        held: A snapshot of the unit ids that should be held. Called from the thread.
        on_lost: Called from the thread with the ids that are not held any more.
        on_dead: Called from the thread, once, when no renewal worked for a whole lease time.
        lease_seconds: How long a renewal lasts.
        clock: For the age of the last renewal.
    """

    def __init__(
        self,
        *,
        renew: Callable[[], set[str]],
        held: Callable[[], set[str]],
        on_lost: Callable[[set[str]], None],
        on_dead: Callable[[PlatformError], None],
        lease_seconds: float,
        clock: Clock,
    ) -> None:
        self._renew = renew
        self._held = held
        self._on_lost = on_lost
        self._on_dead = on_dead
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._renewed_at = clock.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sluice-heartbeat", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; returns at once, a renewal in progress may still finish."""
        self._stopped.set()

    def beat(self) -> None:
        """Renews once."""
        expected = self._held()
        try:
            held = self._renew()
        except PlatformError as error:
            if self._clock.monotonic() - self._renewed_at > self._lease_seconds:
                self._stopped.set()
                self._on_dead(error)
            return
        self._renewed_at = self._clock.monotonic()
        if lost := expected - held:
            self._on_lost(lost)

    def _run(self) -> None:
        while not self._stopped.wait(self._lease_seconds / BEATS_PER_LEASE):
            self.beat()
