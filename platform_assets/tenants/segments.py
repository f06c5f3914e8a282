"""Segments of customers by recency, frequency and money (RFM). Pure: scores in, a name out.

Scores are quintiles by rank among a tenant's customers: 1 + floor(5 * b / n), where n is how many customers there are
and b how many of them are strictly worse. Equal values get equal scores; where all are equal, all score 1. The most
recent, the most frequent (orders) and the most revenue are best. FM is the mean of the F and M scores, halves up.

          FM 1             FM 2                  FM 3                  FM 4         FM 5
    R 5   New              Potential Loyalists   Potential Loyalists   Champions    Champions
    R 4   Promising        Potential Loyalists   Potential Loyalists   Loyal        Loyal
    R 3   About to Sleep   About to Sleep        Need Attention        Loyal        Loyal
    R 2   Hibernating      Hibernating           At Risk               At Risk      Can't Lose
    R 1   Lost             Hibernating           At Risk               At Risk      Can't Lose
"""

from collections.abc import Mapping

_GRID: Mapping[int, tuple[str, str, str, str, str]] = {
    5: ("New", "Potential Loyalists", "Potential Loyalists", "Champions", "Champions"),
    4: ("Promising", "Potential Loyalists", "Potential Loyalists", "Loyal", "Loyal"),
    3: ("About to Sleep", "About to Sleep", "Need Attention", "Loyal", "Loyal"),
    2: ("Hibernating", "Hibernating", "At Risk", "At Risk", "Can't Lose"),
    1: ("Lost", "Hibernating", "At Risk", "At Risk", "Can't Lose"),
}

SEGMENTS = tuple(dict.fromkeys(name for row in _GRID.values() for name in row))
"""All segments, from the best recency down."""


def score_sql(order: str) -> str:
    """The SQL expression of a score from 1 to 5.

    Args:
        order: `ORDER BY` list that puts the worst customer first.
    """
    return f"1 + (rank() OVER (ORDER BY {order}) - 1) * 5 / count(*) OVER ()"


def name_segment(recency: int, frequency: int, money: int) -> str:
    """The segment of a customer with these scores, each from 1 to 5."""
    return _GRID[recency][(frequency + money + 1) // 2 - 1]
