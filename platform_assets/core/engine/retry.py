"""How often to try again and how long to wait: a value, and one pure function over it."""

from dataclasses import dataclass

from platform_assets.core.errors import PlatformError, TransientError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with jitter.

    Attributes:
        attempts: Tries in all, the first included; 1 means never again.
        first_wait_seconds: Wait after the first failure; doubles with each further one.
        longest_wait_seconds: Upper bound of a wait that we choose ourselves.
        longest_retry_after_seconds: Upper bound of a wait that the upstream asks for.
        jitter: Share of a wait that is random, 0 to 1: 0.25 takes up to a quarter away.
    """

    attempts: int = 3
    first_wait_seconds: float = 2.0
    longest_wait_seconds: float = 10.0
    longest_retry_after_seconds: float = 120.0
    jitter: float = 0.25

    def next_wait(self, failures: int, error: PlatformError, draw: float) -> float | None:
        """Seconds to wait before the next try; None to give up.

        Args:
            failures: Failures so far, this one included (1 or more).
            error: The failure. Only a `TransientError` is tried again; its `retry_after` is honoured.
            draw: A random number in [0, 1), so that many waiters do not come back together.
        """
        if not isinstance(error, TransientError) or failures >= self.attempts:
            return None
        if error.retry_after is not None:
            return min(max(error.retry_after, 0.0), self.longest_retry_after_seconds)
        wait = min(self.first_wait_seconds * 2.0 ** (failures - 1), self.longest_wait_seconds)
        return wait * (1.0 - self.jitter * draw)
