"""How long an answer takes: lognormal, a function of (seed, query), so that every client sees the same latencies."""

from math import exp
from statistics import NormalDist

from sandbox.igdb.hashing import salt_of

SIGMA = 0.45
"""Spread of the logarithm (as measured for IGDB pages: median 1.05 s, mean 1.16 s)."""


class Latency:
    """Draws latencies.

    Args:
        median_seconds: Half of the answers take longer.
        seed: Another seed, other latencies.
    """

    def __init__(self, median_seconds: float, seed: int) -> None:
        self._median_seconds = median_seconds
        self._seed = seed

    def draw(self, query: str) -> float:
        """Seconds that the answer to this query takes."""
        share = (salt_of(self._seed, query) + 0.5) / 2**64
        return self._median_seconds * exp(SIGMA * NormalDist().inv_cdf(share))
