"""How many rows each table has: a few have thousands, hundreds have a few. Pure."""

from collections.abc import Sequence

_EXPONENT = 1.35
_FLATTENING = 3
_EMPTY_EVERY = 100


def spread(total: int, weights: Sequence[float], *, least: int = 0) -> list[int]:
    """Whole numbers that are nearly in proportion to the weights and add up to the total.

    Args:
        total: At least `least` for each weight.
        weights: None of them zero.
        least: No number is smaller.
    """
    free = total - least * len(weights)
    scale = free / sum(weights)
    shares = [int(weight * scale) for weight in weights]
    left = sorted(range(len(weights)), key=lambda n: (shares[n] - weights[n] * scale, n))
    for n in left[: free - sum(shares)]:
        shares[n] += 1
    return [least + share for share in shares]


def list_weights(tables: int) -> list[float]:
    """Zipf's weights: the k-th table has 1/k of the first one."""
    return [1 / rank for rank in range(1, tables + 1)]


def draw_sizes(tables: int, rows: int) -> list[int]:
    """Rows of each table, largest first: 5,922 to 7 for 645 tables with 60,000, and none in every hundredth.

    The weights are Zipf's as Mandelbrot has them, 1 / (rank + 3) ** 1.35: the first tables are not that far apart.
    """
    empty = tables // _EMPTY_EVERY
    filled = tables - empty
    weights = [(rank + _FLATTENING) ** -_EXPONENT for rank in range(1, filled + 1)]
    least = 1 if rows >= filled else 0
    return spread(rows, weights, least=least) + [0] * empty
